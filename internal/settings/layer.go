package settings

import (
	"fmt"
	"slices"
	"strings"

	"github.com/omsgateway/omsgateway/internal/config"
	"github.com/omsgateway/omsgateway/internal/policy"
)

// Value is what a source other than the file says of a setting. On the command line ListenPort may be 0, for any free port.
type Value struct{ Key, Value string }

// fromCommandLine spells the keys as the table does, and refuses what could not be in force.
func fromCommandLine(given []Value) (list []Value, err error) {
	seen := make(map[string]bool, len(given))
	for _, v := range given {
		row, err := config.Lookup(v.Key)
		if err != nil {
			return nil, err
		}
		if seen[row.Key] {
			return nil, fmt.Errorf("reading the command line: setting %s is given twice", row.Key)
		}
		seen[row.Key] = true
		list = append(list, Value{row.Key, v.Value})
	}
	_, _, err = layered(config.DefaultSettings(), Slots{policy.CommandLine: {Settings: list}})
	return list, err
}

// layered is what is in force when the file has stored, and which of it stands before the file, so that nobody can change it there. Of
// the file counts what differs from the default.
func layered(stored config.Settings, slots Slots) (inForce config.Settings, fixed map[string]bool, err error) {
	inForce, fixed = config.DefaultSettings(), map[string]bool{}
	before := false
	for _, row := range slices.Backward(table()) {
		values := slots[row.kind].Settings
		if row.kind == policy.Local {
			values, before = differing(stored), true
		}
		for _, v := range values {
			if row.kind == policy.CommandLine && v.Key == "ListenPort" && strings.TrimSpace(v.Value) == "0" {
				inForce.ListenPort = 0
			} else if err := inForce.Set(v.Key, v.Value); err != nil {
				return config.Settings{}, nil, err
			}
			if before && row.kind != policy.Local {
				fixed[v.Key] = true
			}
		}
	}
	if err := inForce.Conflict(); err != nil {
		return config.Settings{}, nil, err
	}
	return inForce, fixed, nil
}

// differing are the settings that differ from their default.
func differing(s config.Settings) (values []Value) {
	for _, row := range config.Table() {
		if value := s.Get(row.Key); value != row.Default {
			values = append(values, Value{row.Key, value})
		}
	}
	return values
}

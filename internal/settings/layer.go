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

// layered is what is in force when the file has stored, and which source says so of a setting; none of one that has its default since
// nobody has set it.
func layered(stored config.Settings, slots Slots) (inForce config.Settings, layers map[string]policy.SourceKind, err error) {
	inForce, layers = config.DefaultSettings(), map[string]policy.SourceKind{}
	for _, row := range slices.Backward(table()) {
		if row.kind == policy.Local {
			for _, setting := range config.Table() {
				if !stored.IsSet(setting.Key) {
					continue
				}
				if err := inForce.SetAs(stored, setting.Key); err != nil {
					return config.Settings{}, nil, err
				}
				layers[setting.Key] = policy.Local
			}
			continue
		}
		for _, v := range slots[row.kind].Settings {
			if row.kind == policy.CommandLine && v.Key == "ListenPort" && strings.TrimSpace(v.Value) == "0" {
				inForce.ListenPort = 0
			} else if err := inForce.Set(v.Key, v.Value); err != nil {
				return config.Settings{}, nil, err
			}
			layers[v.Key] = row.kind
		}
	}
	if err := inForce.Conflict(); err != nil {
		return config.Settings{}, nil, err
	}
	return inForce.Values(), layers, nil
}

// isFixed reports whether a source stands before the file.
func isFixed(kind policy.SourceKind) bool {
	for _, row := range table() {
		switch row.kind {
		case policy.Local:
			return false
		case kind:
			return true
		}
	}
	return false
}

package settings

import (
	"fmt"
	"strings"

	"github.com/omsgateway/omsgateway/internal/config"
)

// Override is a setting that the command line gives a value for this run, whatever the file says. ListenPort may be 0 here,
// for any free port.
type Override struct{ Key, Value string }

// checkOverrides spells the keys as the table does.
func checkOverrides(given []Override) (list []Override, fixed map[string]bool, err error) {
	fixed = make(map[string]bool, len(given))
	for _, o := range given {
		row, err := config.Lookup(o.Key)
		if err != nil {
			return nil, nil, err
		}
		if fixed[row.Key] {
			return nil, nil, fmt.Errorf("reading the command line: setting %s is given twice", row.Key)
		}
		fixed[row.Key] = true
		list = append(list, Override{row.Key, o.Value})
	}
	_, err = override(config.DefaultSettings(), list)
	return list, fixed, err
}

// override is what is in force when s is stored.
func override(s config.Settings, overrides []Override) (config.Settings, error) {
	for _, o := range overrides {
		if o.Key == "ListenPort" && strings.TrimSpace(o.Value) == "0" {
			s.ListenPort = 0
			continue
		}
		if err := s.Set(o.Key, o.Value); err != nil {
			return config.Settings{}, err
		}
	}
	if err := s.Conflict(); err != nil {
		return config.Settings{}, err
	}
	return s, nil
}

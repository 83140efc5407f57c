package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"omsgateway/internal/hostname"
	"omsgateway/internal/reason"
)

// decodeV1 reads
//
//	{"version": 1, "settings": {KEY: VALUE, ...}, "allowedHosts": [{"host": ..., "addedAt": ..., "addedBy": ...}, ...]}
//
// where only version, and host in its object, must be there.
func decodeV1(r *reader) (Config, error) {
	c := Default()
	err := r.object(func(name string) error {
		switch name {
		case "version":
			return r.skip()
		case "settings":
			return r.object(func(key string) error { return r.setting(&c.Settings, key) })
		case "allowedHosts":
			return r.hosts(&c.AllowedHosts)
		default:
			return r.unknown(name, "version", "settings", "allowedHosts")
		}
	})
	if err != nil {
		return Config{}, err
	}
	return c, nil
}

func (r *reader) setting(s *Settings, key string) error {
	row, err := Lookup(key)
	if err != nil {
		return r.wrong(err)
	}
	if row.Key != key {
		return r.unknown(key, row.Key)
	}
	read := r.text
	if row.Type == Number {
		read = r.number
	}
	value, err := read()
	if err != nil {
		return err
	}
	if err := s.Set(key, value); err != nil {
		return r.wrong(err)
	}
	return nil
}

func (r *reader) hosts(hosts *[]AllowedHost) error {
	seen := map[hostname.Pattern]bool{}
	err := r.array(func() error {
		h, err := r.host()
		switch {
		case err != nil:
			return err
		case seen[h.Pattern]:
			return r.refuse(reason.ConfigDuplicate, fmt.Sprintf("the host %s", h.Pattern), nil)
		case len(*hosts) == MaxHosts:
			return r.wrong(fmt.Errorf("the list has more than %d hosts", MaxHosts))
		}
		seen[h.Pattern] = true
		*hosts = append(*hosts, h)
		return nil
	})
	slices.SortFunc(*hosts, compareHosts)
	return err
}

func (r *reader) host() (h AllowedHost, err error) {
	err = r.object(func(name string) error {
		switch name {
		case "host", "addedAt", "addedBy":
		default:
			return r.unknown(name, "host", "addedAt", "addedBy")
		}
		value, err := r.text()
		if err != nil {
			return err
		}
		switch name {
		case "host":
			h.Pattern, err = hostname.ParsePattern(value)
		case "addedAt":
			h.AddedAt, err = parseTime(value)
		case "addedBy":
			h.AddedBy, err = value, checkAddedBy(value)
		}
		if err != nil {
			return r.wrong(err)
		}
		return nil
	})
	if err == nil && h.Pattern == (hostname.Pattern{}) {
		err = r.wrong(errors.New(`it has no "host"`))
	}
	return h, err
}

func parseTime(value string) (time.Time, error) {
	at, err := time.Parse(time.RFC3339, value)
	if err == nil {
		at = at.UTC().Truncate(time.Second)
		err = checkTime(at)
	}
	if err != nil {
		return time.Time{}, fmt.Errorf(`"%s" is not a time such as 2026-03-31T08:15:00Z`, shown(value))
	}
	return at, nil
}

// unknown refuses the field that was read last; known are those that may stand there.
func (r *reader) unknown(name string, known ...string) error {
	for _, k := range known {
		if strings.EqualFold(k, name) {
			return r.wrong(fmt.Errorf("there is no such field; it is written %s", k))
		}
	}
	return r.wrong(fmt.Errorf("there is no such field here, only %s", strings.Join(known, ", ")))
}

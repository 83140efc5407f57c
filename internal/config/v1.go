package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/omsgateway/omsgateway/internal/clientcert"
	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/reason"
)

// decodeV1 reads
//
//	{
//	  "version": 1,
//	  "settings": {KEY: VALUE, ...},
//	  "allowedHosts": [{"host": ..., "clientCertificatePolicy": ..., "addedAt": ..., "addedBy": ...}, ...],
//	  "allowedClientCertificates": [{"subject": ..., "addedAt": ..., "addedBy": ...}, ...]
//	}
//
// where only version, and host and subject in their objects, must be there.
func decodeV1(r *reader) (Config, error) {
	c := Default()
	err := r.object(func(name string) error {
		switch name {
		case "version":
			return r.skip()
		case "settings":
			return r.settings(&c.Settings)
		case "allowedHosts":
			return r.hosts(&c.AllowedHosts)
		case "allowedClientCertificates":
			return r.certificates(&c.AllowedClientCertificates)
		default:
			return r.unknown(name, "version", "settings", "allowedHosts", "allowedClientCertificates")
		}
	})
	if err != nil {
		return Config{}, err
	}
	return c, nil
}

func (r *reader) settings(s *Settings) error {
	if err := r.object(func(key string) error { return r.setting(s, key) }); err != nil {
		return err
	}
	if err := s.Conflict(); err != nil {
		return r.wrong(err)
	}
	return nil
}

func (r *reader) setting(s *Settings, key string) error {
	row, err := Lookup(key)
	if err != nil {
		return r.wrong(err)
	}
	if row.Key != key {
		return r.unknown(key, row.Key)
	}
	if r.version < row.since {
		return r.wrong(fmt.Errorf("there is no such field in version %d", r.version))
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
	err = r.texts(append([]field{
		{"host", func(value string) (err error) { h.Pattern, err = hostname.ParsePattern(value); return err }},
		{"clientCertificatePolicy", func(value string) error { h.ClientCertificatePolicy = value; return checkWrittenPolicy(value) }},
	}, addedFields(&h.AddedAt, &h.AddedBy)...))
	if err == nil && h.Pattern == (hostname.Pattern{}) {
		err = r.wrong(errors.New(`it has no "host"`))
	}
	return h, err
}

// checkWrittenPolicy refuses "" as well: a host without a policy has no such field.
func checkWrittenPolicy(policy string) error {
	if policy == "" {
		return errors.New("it is empty; leave it out for what the setting says")
	}
	return checkHostPolicy(policy)
}

func (r *reader) certificates(list *[]AllowedClientCertificate) error {
	seen := map[string]bool{}
	err := r.array(func() error {
		a, err := r.certificate()
		switch {
		case err != nil:
			return err
		case seen[keyOf(a)]:
			return r.refuse(reason.ConfigDuplicate, fmt.Sprintf(`the client certificate "%s"`, shown(a.Entry.String())), nil)
		case len(*list) == MaxClientCertificates:
			return r.wrong(fmt.Errorf("the list has more than %d client certificates", MaxClientCertificates))
		}
		seen[keyOf(a)] = true
		*list = append(*list, a)
		return nil
	})
	slices.SortFunc(*list, compareCertificates)
	return err
}

func (r *reader) certificate() (a AllowedClientCertificate, err error) {
	err = r.texts(append([]field{
		{"subject", func(value string) (err error) { a.Entry, err = clientcert.ParseEntry(value); return err }},
	}, addedFields(&a.AddedAt, &a.AddedBy)...))
	if err == nil && a.Entry.String() == "" {
		err = r.wrong(errors.New(`it has no "subject"`))
	}
	return a, err
}

// field is one field of an object, which is a text.
type field struct {
	name string
	set  func(value string) error
}

// addedFields are the fields that tell how an entry came into its list.
func addedFields(at *time.Time, by *string) []field {
	return []field{
		{"addedAt", func(value string) (err error) { *at, err = parseTime(value); return err }},
		{"addedBy", func(value string) error { *by = value; return checkAddedBy(value) }},
	}
}

// texts reads an object that has no other fields than these.
func (r *reader) texts(fields []field) error {
	return r.object(func(name string) error {
		i := slices.IndexFunc(fields, func(f field) bool { return f.name == name })
		if i < 0 {
			var known []string
			for _, f := range fields {
				known = append(known, f.name)
			}
			return r.unknown(name, known...)
		}
		value, err := r.text()
		if err != nil {
			return err
		}
		if err := fields[i].set(value); err != nil {
			return r.wrong(err)
		}
		return nil
	})
}

func parseTime(value string) (time.Time, error) {
	at, err := time.Parse(time.RFC3339, value)
	if err == nil {
		at = wholeSeconds(at)
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

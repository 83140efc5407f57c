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
	"github.com/omsgateway/omsgateway/internal/secret"
)

// file reads
//
//	{
//	  "version": 4,
//	  "settings": {KEY: VALUE, ...},
//	  "relayProxy": {"address": ..., "username": ..., "password": ...},
//	  "allowedHosts": [{"host": ..., "clientCertificatePolicy": ..., "owner": ..., "ticket": ..., "note": ..., "expires": ...,
//	                    "addedAt": ..., "addedBy": ...}, ...],
//	  "allowedClientCertificates": [{"subject": ..., "addedAt": ..., "addedBy": ...}, ...]
//	}
//
// where only version must be there, and address, host and subject in their objects; a password comes with a user name. What the version
// of the file did not have yet is as by default. A setting that is there was set; before version 4, one that differs from its default.
// A document has no password, addedAt and addedBy.
func (r *reader) file() (Config, error) {
	c := Default()
	err := r.members(
		member{name: "version", read: r.skip},
		member{name: "settings", read: func() error { return r.settings(&c.Settings) }},
		member{name: "relayProxy", since: 2, read: func() error { return r.relayProxy(&c.RelayProxy) }},
		member{name: "allowedHosts", read: func() error { return r.hosts(&c.AllowedHosts) }},
		member{name: "allowedClientCertificates", read: func() error { return r.certificates(&c.AllowedClientCertificates) }},
	)
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
	set := s.put
	if value = strings.TrimSpace(value); value == "" && row.Default != "" {
		set = s.Set
	}
	if err := set(key, value); err != nil {
		return r.wrong(err)
	}
	if r.version < sinceSet && !r.document && s.Get(key) == row.Default {
		s.set &^= row.bit()
	}
	return nil
}

// sinceSet is the first version of the file that says which settings were set, to their default, too.
const sinceSet = 4

func (r *reader) relayProxy(p *RelayProxy) error {
	err := r.members(
		r.textMember("address", func(value string) (err error) { p.Address, err = hostname.ParseStoredRelayAddress(value); return err }),
		r.textMember("username", func(value string) error { p.Username = value; return checkUsername(value) }),
		r.textMember("password", func(value string) (err error) {
			if r.document {
				return errors.New("a password does not belong here; leave it out, and give it beside the file where it is asked for")
			}
			p.Password, err = secret.Parse(value)
			return err
		}),
	)
	switch {
	case err != nil:
		return err
	case p.Address == hostname.RelayAddress{}:
		return r.wrong(errors.New(`it has no "address"`))
	case p.Username == "" && p.Password != secret.Sealed{}:
		return r.wrong(reason.New(reason.RelayUsernameMissing))
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
	err = r.members(slices.Concat([]member{
		r.textMember("host", func(value string) (err error) { h.Pattern, err = hostname.ParsePattern(value); return err }),
		r.textMember("clientCertificatePolicy", func(value string) error {
			h.ClientCertificatePolicy = CertificatePolicy(value)
			return checkWrittenPolicy(h.ClientCertificatePolicy)
		}),
	}, r.account(&h.Account), r.added(&h.AddedAt, &h.AddedBy))...)
	if err == nil && h.Pattern == (hostname.Pattern{}) {
		err = r.wrong(errors.New(`it has no "host"`))
	}
	return h, err
}

// checkWrittenPolicy refuses "" as well: a host without a policy has no such field.
func checkWrittenPolicy(policy CertificatePolicy) error {
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
	err = r.members(append([]member{
		r.textMember("subject", func(value string) (err error) { a.Entry, err = clientcert.ParseEntry(value); return err }),
	}, r.added(&a.AddedAt, &a.AddedBy)...)...)
	if err == nil && a.Entry.String() == "" {
		err = r.wrong(errors.New(`it has no "subject"`))
	}
	return a, err
}

// member is what an object may have under a name: since is the first version of the file that has it, 0 for all.
type member struct {
	name  string
	since int
	read  func() error
}

// textMember is a member that is a text.
func (r *reader) textMember(name string, set func(value string) error) member {
	return member{name: name, read: func() error {
		value, err := r.text()
		if err != nil {
			return err
		}
		if err := set(value); err != nil {
			return r.wrong(err)
		}
		return nil
	}}
}

// added are the members that tell how an entry came into its list.
func (r *reader) added(at *time.Time, by *string) []member {
	if r.document {
		return nil
	}
	return []member{
		r.textMember("addedAt", func(value string) (err error) { *at, err = parseTime(value); return err }),
		r.textMember("addedBy", func(value string) error { *by = value; return checkAddedBy(value) }),
	}
}

// members reads an object that has no other members than those of these that the version of the file has.
func (r *reader) members(all ...member) error {
	known := slices.DeleteFunc(all, func(m member) bool { return m.since > r.version })
	return r.object(func(name string) error {
		for _, m := range known {
			if m.name == name {
				return m.read()
			}
		}
		names := make([]string, len(known))
		for i, m := range known {
			names[i] = m.name
		}
		return r.unknown(name, names...)
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

package config

import (
	"errors"

	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/reason"
	"github.com/omsgateway/omsgateway/internal/secret"
)

// decodeV2 reads what decodeV1 reads, with settings that are new, and
//
//	"relayProxy": {"address": ..., "username": ..., "password": ...}
//
// where only the address must be there, and a password comes with a user name.
func decodeV2(r *reader) (Config, error) {
	c := Default()
	err := r.object(func(name string) error {
		switch name {
		case "version":
			return r.skip()
		case "settings":
			return r.settings(&c.Settings)
		case "relayProxy":
			return r.relayProxy(&c.RelayProxy)
		case "allowedHosts":
			return r.hosts(&c.AllowedHosts)
		case "allowedClientCertificates":
			return r.certificates(&c.AllowedClientCertificates)
		default:
			return r.unknown(name, "version", "settings", "relayProxy", "allowedHosts", "allowedClientCertificates")
		}
	})
	if err != nil {
		return Config{}, err
	}
	return c, nil
}

func (r *reader) relayProxy(p *RelayProxy) error {
	err := r.texts([]field{
		{"address", func(value string) (err error) { p.Address, err = hostname.ParseRelayAddress(value); return err }},
		{"username", func(value string) error { p.Username = value; return checkUsername(value) }},
		{"password", func(value string) (err error) { p.Password, err = secret.Parse(value); return err }},
	})
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

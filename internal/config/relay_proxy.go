package config

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/reason"
	"github.com/omsgateway/omsgateway/internal/secret"
)

// RelayProxy is the proxy through which the gateway connects. The zero value is none.
type RelayProxy struct {
	Address  hostname.RelayAddress
	Username string        // for Basic authentication; empty for none
	Password secret.Sealed // of the user
}

// Limits of the credentials, in bytes.
const (
	maxUsername = 256
	maxPassword = 1024
)

// NewRelayProxy reads an address as hostname.ParseRelayAddress does, checks the credentials for Basic authentication (RFC 7617,
// section 2: no control characters, and no colon in the user name), and seals the password. No user name means no credentials.
//
// Errors are those of ParseRelayAddress, RELAY_USERNAME_MISSING, RELAY_USERNAME_INVALID, RELAY_PASSWORD_INVALID, and that of
// secret.Seal. None repeats what was given.
func NewRelayProxy(address, username, password string) (RelayProxy, error) {
	parsed, err := hostname.ParseRelayAddress(address)
	if err != nil {
		return RelayProxy{}, err
	}
	if username == "" && password != "" {
		return RelayProxy{}, reason.New(reason.RelayUsernameMissing)
	}
	if err := checkUsername(username); err != nil {
		return RelayProxy{}, err
	}
	if problem := unsuitable(password, maxPassword); problem != "" {
		return RelayProxy{}, reason.New(reason.RelayPasswordInvalid, "problem", problem)
	}
	sealed, err := secret.Seal(password)
	if err != nil {
		return RelayProxy{}, err
	}
	return RelayProxy{Address: parsed, Username: username, Password: sealed}, nil
}

// IsSet reports whether there is a relay proxy.
func (p RelayProxy) IsSet() bool { return p != RelayProxy{} }

// Same reports whether p and q are the same proxy with the same credentials, whenever these were sealed.
func (p RelayProxy) Same(q RelayProxy) bool {
	a, errA := p.Password.Open()
	b, errB := q.Password.Open()
	return p.Address == q.Address && p.Username == q.Username && errA == nil && errB == nil && a == b
}

func (p RelayProxy) validate() error {
	if !p.IsSet() {
		return nil
	}
	address, err := hostname.ParseRelayAddress(p.Address.String())
	if err == nil && address != p.Address {
		err = fmt.Errorf("its address is not spelled %q", address)
	}
	if err == nil {
		err = checkUsername(p.Username)
	}
	if err == nil && p.Username == "" && p.Password != (secret.Sealed{}) {
		err = reason.New(reason.RelayUsernameMissing)
	}
	if err == nil {
		_, err = secret.Parse(p.Password.Text())
	}
	if err != nil {
		return fmt.Errorf("checking the relay proxy: %w", err)
	}
	return nil
}

func checkUsername(name string) error {
	problem := unsuitable(name, maxUsername)
	if strings.Contains(name, ":") {
		problem = "it has a colon"
	}
	if problem != "" {
		return reason.New(reason.RelayUsernameInvalid, "problem", problem)
	}
	return nil
}

// unsuitable is why text cannot be a part of Basic credentials, or "".
func unsuitable(text string, most int) string {
	switch {
	case len(text) > most:
		return fmt.Sprintf("it has more than %d bytes", most)
	case !utf8.ValidString(text):
		return "it is not UTF-8"
	case strings.ContainsFunc(text, unicode.IsControl):
		return "it has a control character"
	}
	return ""
}

package setup

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/omsgateway/omsgateway/internal/config"
)

// maxInput bounds the properties in bytes; setup hands over 32 Ki characters at most.
const maxInput = 128 << 10

// Properties are those of Windows setup, with the names and the meaning that they have had from the original on. One that is not
// given changes nothing.
type Properties struct {
	port     string // PORTNUMBER
	hasProxy bool   // HASPROXY=1: the three below count
	proxy    string // PROXY
	hasAuth  bool   // HASAUTH=1: the two below count; without it USERNAME is what Windows Installer puts there by itself
	username string // USERNAME
	password string // PASSWORD
}

// ReadProperties reads lines NAME=value. Blanks and quotation marks around a value are dropped, those of word processors too, since
// commands are pasted from documents; a password stays as it is.
//
// Errors name the property and the remedy, and repeat no value but that of HASPROXY and HASAUTH.
func ReadProperties(r io.Reader) (Properties, error) {
	var p Properties
	var hasProxy, hasAuth string
	fields := map[string]*string{
		"PORTNUMBER": &p.port, "HASPROXY": &hasProxy, "PROXY": &p.proxy,
		"HASAUTH": &hasAuth, "USERNAME": &p.username, "PASSWORD": &p.password,
	}
	input, err := io.ReadAll(io.LimitReader(r, maxInput+1))
	switch {
	case err != nil:
		return Properties{}, fmt.Errorf("reading setup's properties: %w", err)
	case len(input) > maxInput:
		return Properties{}, fmt.Errorf("setup's properties have more than %d bytes", maxInput)
	}
	number := 0
	for line := range strings.Lines(string(input)) {
		number++
		name, value, found := strings.Cut(strings.TrimRight(line, "\r\n"), "=")
		field, known := fields[name]
		switch {
		case !found || !known:
			return Properties{}, fmt.Errorf("line %d of setup's properties is not NAME=value with a name that setup has", number)
		case name == "PASSWORD":
			*field = value
		default:
			*field = unquote(value)
		}
	}
	if p.hasProxy, err = readSwitch("HASPROXY", hasProxy); err != nil {
		return Properties{}, err
	}
	if p.hasAuth, err = readSwitch("HASAUTH", hasAuth); err != nil {
		return Properties{}, err
	}
	return p, p.check(hasProxy)
}

// check refuses combinations in which a property would silently have no effect.
func (p Properties) check(hasProxy string) error {
	switch {
	case p.hasProxy && p.proxy == "":
		return errors.New("HASPROXY=1 needs PROXY, the relay proxy's address, for example PROXY=10.0.0.5:3128")
	case p.proxy != "" && hasProxy == "":
		return errors.New("PROXY has no effect without HASPROXY=1; give HASPROXY=1 too, or leave PROXY out")
	case p.hasAuth && !p.hasProxy:
		return errors.New("HASAUTH=1 has no effect without HASPROXY=1; give HASPROXY=1 and PROXY too, or leave HASAUTH out")
	case p.hasAuth && (p.username == "" || p.password == ""):
		return errors.New("HASAUTH=1 needs USERNAME and PASSWORD, with which the gateway logs on at the relay proxy")
	}
	return nil
}

// Given reports whether there is anything for Change to do.
func (p Properties) Given() bool { return p.port != "" || p.hasProxy }

// Change puts the properties into c. Errors are those of the settings and of the relay proxy; c is of no use then.
func (p Properties) Change(c *config.Config) error {
	if p.port != "" {
		if err := c.Settings.Set("ListenPort", p.port); err != nil {
			return fmt.Errorf("reading PORTNUMBER: %w", err)
		}
	}
	if !p.hasProxy {
		return nil
	}
	var username, password string
	if p.hasAuth {
		username, password = p.username, p.password
	}
	relay, err := config.NewRelayProxy(p.proxy, username, password)
	if err != nil {
		return fmt.Errorf("reading PROXY: %w", err)
	}
	c.RelayProxy = relay
	return nil
}

func readSwitch(name, value string) (bool, error) {
	switch value {
	case "", "0":
		return false, nil
	case "1":
		return true, nil
	}
	return false, fmt.Errorf("%s is %q; give 1 for yes, or leave it out", name, value)
}

// unquote drops the quotation marks of keyboards and of word processors in several languages.
func unquote(s string) string {
	return strings.Trim(s, " \t\u00a0\"'\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u2039\u203a\u00ab\u00bb")
}

package hostname

import (
	"strconv"
	"strings"

	"github.com/omsgateway/omsgateway/internal/reason"
)

// RelayAddress is where a relay proxy listens. Addresses are equal (==) if they mean the same; the zero value is none.
type RelayAddress struct {
	Target Target
	TLS    bool // the connection to the relay proxy itself is TLS
}

// String is the canonical spelling, which ParseRelayAddress reads back: http://host:port or https://host:port, "" for none.
func (a RelayAddress) String() string {
	switch {
	case a == RelayAddress{}:
		return ""
	case a.TLS:
		return "https://" + a.Target.String()
	}
	return "http://" + a.Target.String()
}

// ParseRelayAddress reads http://host[:port], https://host[:port], or host[:port], which means http. The port is 80, with https 443,
// if none is given. White space around and one final slash are dropped. IPv6 stands in brackets (RFC 3986, section 3.2.2): what
// follows the last colon could be a port or a part of it.
//
// Errors are *reason.Error RELAY_ADDRESS_EMPTY, RELAY_ADDRESS_HAS_USER, RELAY_ADDRESS_AMBIGUOUS and RELAY_ADDRESS_INVALID. They repeat
// nothing of s, which may have a password in any place, but a valid IPv6 address.
func ParseRelayAddress(s string) (RelayAddress, error) {
	scheme, authority, err := cutRelayScheme(s)
	if err != nil {
		return RelayAddress{}, err
	}
	if err := scheme.checkBrackets(authority); err != nil {
		return RelayAddress{}, err
	}
	return scheme.with(authority)
}

// ParseStoredRelayAddress reads what ParseRelayAddress does, and IPv6 without brackets and port, which was once accepted.
func ParseStoredRelayAddress(s string) (RelayAddress, error) {
	scheme, authority, err := cutRelayScheme(s)
	if err != nil {
		return RelayAddress{}, err
	}
	return scheme.with(authority)
}

// cutRelayScheme parts s into the scheme, as an address without host and with its port, and host[:port].
func cutRelayScheme(s string) (scheme RelayAddress, authority string, err error) {
	s = trim(s)
	if s == "" {
		return RelayAddress{}, "", reason.New(reason.RelayAddressEmpty)
	}
	if strings.Contains(s, "@") {
		return RelayAddress{}, "", reason.New(reason.RelayAddressHasUser)
	}
	scheme = RelayAddress{Target: Target{Port: 80}}
	if name, rest, found := strings.Cut(s, "://"); found {
		switch strings.ToLower(name) {
		case "http":
		case "https":
			scheme = RelayAddress{Target: Target{Port: 443}, TLS: true}
		default:
			return RelayAddress{}, "", refuseRelay("only http:// and https:// are possible")
		}
		s = rest
	}
	s = strings.TrimSuffix(s, "/")
	switch {
	case strings.ContainsAny(s, `/\?#`):
		return RelayAddress{}, "", refuseRelay("it has a path")
	case s == "":
		return RelayAddress{}, "", refuseRelay("it has no host")
	}
	return scheme, s, nil
}

// with is a, which is a scheme, with host[:port].
func (a RelayAddress) with(authority string) (RelayAddress, error) {
	host, port, found := cutPort(authority)
	if found {
		number, ok := parsePort(port)
		if !ok {
			return RelayAddress{}, refuseRelay("the port is not a number from 1 to 65535")
		}
		a.Target.Port = number
	}
	var err error
	if a.Target.Host, err = ParseHost(host); err != nil {
		return RelayAddress{}, refuseRelay("the host is neither a name nor an IP address")
	}
	return a, nil
}

// checkBrackets refuses an authority that is IPv6 without brackets, and spells what it can mean.
func (a RelayAddress) checkBrackets(authority string) error {
	if authority[0] == '[' || strings.Count(authority, ":") < 2 {
		return nil
	}
	last := strings.LastIndexByte(authority, ':')
	withPort, errPort := a.with("[" + authority[:last] + "]" + authority[last:])
	whole, errWhole := a.with("[" + authority + "]")
	switch {
	case errPort == nil && errWhole == nil:
		return reason.New(reason.RelayAddressAmbiguous, "port", strconv.Itoa(int(withPort.Target.Port)),
			"with", withPort.String(), "without", whole.String())
	case errPort == nil:
		return refuseRelay("an IPv6 address stands in brackets, here " + withPort.String())
	case errWhole == nil:
		return refuseRelay("an IPv6 address stands in brackets, here " + whole.String())
	}
	return nil
}

func refuseRelay(problem string) error {
	return reason.New(reason.RelayAddressInvalid, "problem", problem)
}

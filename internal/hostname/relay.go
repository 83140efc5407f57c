package hostname

import (
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
// if none is given. White space around and one final slash are dropped.
//
// Errors are *reason.Error RELAY_ADDRESS_EMPTY, RELAY_ADDRESS_HAS_USER and RELAY_ADDRESS_INVALID. They repeat nothing of s, which may
// have a password in any place.
func ParseRelayAddress(s string) (RelayAddress, error) {
	s = trim(s)
	if s == "" {
		return RelayAddress{}, reason.New(reason.RelayAddressEmpty)
	}
	if strings.Contains(s, "@") {
		return RelayAddress{}, reason.New(reason.RelayAddressHasUser)
	}
	address := RelayAddress{Target: Target{Port: 80}}
	if scheme, rest, found := strings.Cut(s, "://"); found {
		switch strings.ToLower(scheme) {
		case "http":
		case "https":
			address = RelayAddress{Target: Target{Port: 443}, TLS: true}
		default:
			return RelayAddress{}, refuseRelay("only http:// and https:// are possible")
		}
		s = rest
	}
	s = strings.TrimSuffix(s, "/")
	switch {
	case strings.ContainsAny(s, `/\?#`):
		return RelayAddress{}, refuseRelay("it has a path")
	case s == "":
		return RelayAddress{}, refuseRelay("it has no host")
	}
	host, port, found := cutPort(s)
	if found {
		number, ok := parsePort(port)
		if !ok {
			return RelayAddress{}, refuseRelay("the port is not a number from 1 to 65535")
		}
		address.Target.Port = number
	}
	var err error
	if address.Target.Host, err = ParseHost(host); err != nil {
		return RelayAddress{}, refuseRelay("the host is neither a name nor an IP address")
	}
	return address, nil
}

func refuseRelay(problem string) error {
	return reason.New(reason.RelayAddressInvalid, "problem", problem)
}

package hostname

import (
	"cmp"
	"strconv"
	"strings"

	"golang.org/x/net/publicsuffix"

	"github.com/omsgateway/omsgateway/internal/reason"
)

const defaultPort = 443 // the port of a pattern without one

// Pattern is what an administrator allows: a host, or every name below a domain, at one port. Patterns are equal (==) if they
// mean the same.
type Pattern struct {
	Host     Host
	Port     uint16
	Wildcard bool // every name below Host, but not Host itself
}

// ParsePattern reads host, host:port or *.domain[:port], where host is as in ParseHost, and 443 is the port if none is given.
// White space around is dropped. With the "*." a domain has at most 253 octets. A wildcard over a suffix that the Public Suffix
// List has in its ICANN section (publicsuffix.org) is refused.
//
// Errors are *reason.Error with a HOST_ reason, and with the spelling that was probably meant where there is one. User names,
// passwords and queries are masked in them.
func ParsePattern(s string) (Pattern, error) {
	text := trim(s)
	p, err := parsePattern(text)
	if err != nil {
		return Pattern{}, explain(text, err)
	}
	return p, nil
}

// String is the canonical spelling, which ParsePattern reads back: port 443 is left out, and IPv6 stands in brackets only before
// another port.
func (p Pattern) String() string {
	name := p.Host.name
	if p.Wildcard {
		name = "*." + name
	}
	switch {
	case p.Port == defaultPort:
		return name
	case p.Host.addr.Is6():
		name = "[" + name + "]"
	}
	return name + ":" + strconv.Itoa(int(p.Port))
}

// Covers reports whether p allows t.
func (p Pattern) Covers(t Target) bool {
	if p.Port != t.Port {
		return false
	}
	if !p.Wildcard {
		return p.Host == t.Host
	}
	below, ok := strings.CutSuffix(t.Host.name, p.Host.name)
	return ok && strings.HasSuffix(below, ".")
}

// Warning is HOST_WILDCARD_SHARED if p is a wildcard over a suffix below which many customers create names, as the private
// section of the Public Suffix List has them (*.blob.core.windows.net), else nil.
func (p Pattern) Warning() *reason.Error {
	if !p.Wildcard {
		return nil
	}
	suffix, icann, ok := publicSuffix(p.Host.name)
	// A last label that the list does not know (*.corp) is nobody's shared suffix.
	if !ok || icann || !strings.Contains(suffix, ".") {
		return nil
	}
	return reason.New(reason.HostWildcardShared, "host", p.String(), "suffix", suffix)
}

// Compare orders patterns for lists: names by their labels from the last to the first, so that what lies below a domain follows
// it; a domain before its wildcard; IP addresses after names; then by port.
func (p Pattern) Compare(q Pattern) int {
	if p.Host.IsAddr() || q.Host.IsAddr() {
		return cmp.Or(p.Host.addr.Compare(q.Host.addr), cmp.Compare(p.Port, q.Port))
	}
	return cmp.Or(compareDomains(p.Host.name, q.Host.name), compareBool(p.Wildcard, q.Wildcard), cmp.Compare(p.Port, q.Port))
}

func compareDomains(a, b string) int {
	for a != "" && b != "" {
		var lastA, lastB string
		a, lastA = cutLast(a)
		b, lastB = cutLast(b)
		if c := cmp.Compare(lastA, lastB); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(a), len(b))
}

func cutLast(name string) (rest, label string) {
	dot := strings.LastIndexByte(name, '.')
	return name[:max(dot, 0)], name[dot+1:]
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	default:
		return 1
	}
}

// parsePattern is ParsePattern without its forgiveness and its guesses.
func parsePattern(s string) (Pattern, error) {
	p := Pattern{Port: defaultPort}
	host, port, found := cutPort(s)
	if found {
		var ok bool
		if p.Port, ok = parsePort(port); !ok {
			return Pattern{}, refuse(reason.HostPort, s, "port", shown(port))
		}
	}
	var domain string
	domain, p.Wildcard = strings.CutPrefix(host, "*.")
	if host == "*" || p.Wildcard && strings.Trim(domain, "*.") == "" {
		return Pattern{}, refuse(reason.HostWildcardAll, s)
	}
	var err error
	if p.Host, err = ParseHost(domain); err != nil {
		return Pattern{}, err
	}
	if p.Wildcard {
		err = checkWildcard(p.Host, s)
	}
	return p, err
}

func checkWildcard(domain Host, given string) error {
	if domain.IsAddr() {
		return refuse(reason.HostInvalid, given)
	}
	if len("*.")+len(domain.name) > maxName {
		return refuse(reason.HostTooLong, given)
	}
	if suffix, icann, ok := publicSuffix(domain.name); ok && icann {
		return refuse(reason.HostWildcardPublicSuffix, given, "suffix", suffix)
	}
	return nil
}

// publicSuffix reports whether domain is a public suffix, or all names directly below it are (the list's rule "*.kawasaki.jp"), and
// whether it is one of the ICANN section.
func publicSuffix(domain string) (suffix string, icann, ok bool) {
	if suffix, icann = publicsuffix.PublicSuffix(domain); suffix == domain {
		return domain, icann, true
	}
	// No rule names this label, which no name can have, so that only a rule with a wildcard makes it part of a suffix.
	below := "-." + domain
	if suffix, icann = publicsuffix.PublicSuffix(below); suffix == below {
		return "*." + domain, icann, true
	}
	return "", false, false
}

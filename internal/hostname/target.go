package hostname

import (
	"strconv"
	"strings"

	"github.com/omsgateway/omsgateway/internal/reason"
)

// Target is what a client wants to reach. Targets are equal (==) if they mean the same.
type Target struct {
	Host Host
	Port uint16
}

// String is host:port, an IPv6 address in brackets.
func (t Target) String() string {
	port := strconv.Itoa(int(t.Port))
	if t.Host.addr.Is6() {
		return "[" + t.Host.name + "]:" + port
	}
	return t.Host.name + ":" + port
}

// ParseTarget reads the authority of a CONNECT request: host:port, IPv6 in brackets (RFC 9110, section 9.3.6). The port must be
// there, 1 to 65535, in digits without leading zero. There is nothing around it, and no user name.
//
// Errors are *reason.Error AUTHORITY_INVALID, perhaps with a cause. The Target may share the memory of authority; nothing is
// allocated for a canonical one without A-labels.
func ParseTarget(authority string) (Target, error) {
	host, port, found := cutPort(authority)
	number, ok := parsePort(port)
	if !found || !ok {
		return Target{}, reason.New(reason.AuthorityInvalid, "authority", shown(authority))
	}
	h, err := ParseHost(host)
	if err != nil {
		return Target{}, reason.Wrap(err, reason.AuthorityInvalid, "authority", shown(authority))
	}
	return Target{Host: h, Port: number}, nil
}

// cutPort parts host and port, of which a bare IPv6 address has none.
func cutPort(s string) (host, port string, found bool) {
	colon := strings.LastIndexByte(s, ':')
	if colon < 0 || strings.HasSuffix(s, "]") || s[0] != '[' && strings.IndexByte(s, ':') != colon {
		return s, "", false
	}
	return s[:colon], s[colon+1:], true
}

// parsePort reads a port from 1 to 65535, spelled in one way only: digits, without leading zero.
func parsePort(s string) (port uint16, ok bool) {
	if len(s) > 5 || s == "" || s[0] == '0' {
		return 0, false
	}
	number := 0
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return 0, false
		}
		number = 10*number + int(c-'0')
	}
	return uint16(number), number <= 65535
}

// Package hostname gives hosts one canonical form, for the rules of an administrator and the requests of a client alike, so that
// comparing them is comparing values.
package hostname

import (
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"

	"github.com/omsgateway/omsgateway/internal/reason"
)

const (
	maxName  = 253 // octets without the final dot: 255 on the wire (RFC 1035, section 2.3.4) less two length octets
	maxLabel = 63  // octets (RFC 1035, section 2.3.4)

	// maxInput bounds a name outside ASCII before it is mapped: no code point takes fewer octets in an A-label than a quarter of
	// its UTF-8.
	maxInput = 4 * maxName
)

// Host is a canonical host: a name in lower-case A-labels (RFC 5890) without final dot, or an IP address, IPv4-mapped ones as
// IPv4 and without zone. Hosts are equal (==) if they mean the same. The zero Host is none.
type Host struct {
	name string
	addr netip.Addr
}

// Name is the canonical spelling; an IPv6 address has no brackets (RFC 5952).
func (h Host) Name() string { return h.name }

// Addr is the address, or the zero Addr if the host is a name.
func (h Host) Addr() netip.Addr { return h.addr }

// IsAddr reports whether the host is an IP address.
func (h Host) IsAddr() bool { return h.addr.IsValid() }

// Clone is h with memory of its own, for whoever keeps it longer than what it was read from.
func (h Host) Clone() Host { return Host{name: strings.Clone(h.name), addr: h.addr} }

// ParseHost reads a name or an IP address; IPv6 may stand in brackets. A name has at most 253 octets of letters, digits,
// hyphens, underscores (which IDNA would refuse, but the DNS has) and dots; names outside ASCII become A-labels by the mapping
// and the checks of UTS #46, non-transitional. One final dot is dropped.
//
// A name whose last label is a number is refused as the URL Standard does ("ends in a number"), since resolvers read such as
// 127.1 or 0x7f.1 as IPv4 addresses. IPv6 zones are refused.
//
// Errors are *reason.Error with a HOST_ reason. The Host may share the memory of s; nothing is allocated for a canonical s
// without A-labels.
func ParseHost(s string) (Host, error) {
	switch {
	case s == "":
		return Host{}, reason.New(reason.HostEmpty)
	case s[0] == '[':
		inner, closed := strings.CutSuffix(s[1:], "]")
		if !closed || !strings.Contains(inner, ":") {
			return Host{}, refuse(reason.HostInvalid, s)
		}
		return parseIPv6(inner)
	case strings.Contains(s, ":"):
		return parseIPv6(s)
	default:
		return parseName(s)
	}
}

func parseIPv6(s string) (Host, error) {
	bare, _, zone := strings.Cut(s, "%")
	addr, err := netip.ParseAddr(bare)
	switch {
	case err != nil:
		return Host{}, refuse(reason.HostAddress, s)
	case zone:
		return Host{}, refuse(reason.HostZone, s, "meant", addr.Unmap().String())
	}
	return addrHost(addr, s), nil
}

// addrHost is the host of an address whose spelling is perhaps canonical, which then need not be made again.
func addrHost(addr netip.Addr, spelling string) Host {
	addr = addr.Unmap()
	var buf [64]byte
	if canonical := addr.AppendTo(buf[:0]); string(canonical) != spelling {
		spelling = string(canonical)
	}
	return Host{name: spelling, addr: addr}
}

func parseName(s string) (Host, error) {
	name, err := toASCII(s)
	if err != nil {
		return Host{}, err
	}
	if err := checkName(name, s); err != nil {
		return Host{}, err
	}
	if !endsInNumber(name) {
		return Host{name: name}, nil
	}
	if addr, err := netip.ParseAddr(s); err == nil {
		return addrHost(addr, s), nil
	}
	if addr, ok := legacyIPv4(name); ok {
		return Host{}, refuse(reason.HostAddressForm, s, "meant", addr.String())
	}
	return Host{}, refuse(reason.HostAddress, s)
}

// toASCII makes s lower case and its labels outside ASCII A-labels, and drops a final dot. What the answer has in ASCII is not
// checked yet.
func toASCII(s string) (string, error) {
	if !isASCII(s) {
		return mapIDN(s)
	}
	name := strings.TrimSuffix(s, ".")
	if len(name) > maxName {
		return "", refuse(reason.HostTooLong, s)
	}
	name = strings.ToLower(name)
	if !strings.HasPrefix(name, "xn--") && !strings.Contains(name, ".xn--") {
		return name, nil
	}
	if checked, err := aLabels(name, s); err != nil {
		return "", err
	} else if checked != name {
		return "", refuse(reason.HostInvalid, s)
	}
	return name, nil
}

func mapIDN(s string) (string, error) {
	switch {
	case len(s) > maxInput:
		return "", refuse(reason.HostTooLong, s)
	case !utf8.ValidString(s):
		return "", refuseRune(s, s, func(r rune) bool { return r == utf8.RuneError })
	}
	name := s
	if last, size := utf8.DecodeLastRuneInString(s); strings.ContainsRune(".\u3002\uff0e\uff61", last) { // dots to UTS #46
		name = s[:len(s)-size]
	}
	return aLabels(name, s)
}

// lookup maps and checks a name as a client that looks it up should (UTS #46, section 4), with two exceptions that the DNS is
// full of: underscores, and two hyphens in the third and fourth place. What other ASCII characters it lets pass checkName
// refuses.
var lookup = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.StrictDomainName(false), idna.CheckHyphens(false))

// aLabels maps and checks name. UTS #46 would let symbols, dashes and quotation marks pass; IDNA 2008 does not, and in a host
// that was pasted they are mistakes.
func aLabels(name, given string) (string, error) {
	text, err := lookup.ToUnicode(name)
	if err != nil {
		return "", refuseRune(given, name, func(r rune) bool {
			_, err := lookup.ToUnicode(string(r))
			return r >= utf8.RuneSelf && err != nil
		})
	}
	if strings.ContainsFunc(text, notIDNA) {
		return "", refuseRune(given, text, notIDNA)
	}
	ascii, err := lookup.ToASCII(text)
	if err != nil || strings.HasSuffix(ascii, ".") {
		return "", refuse(reason.HostInvalid, given)
	}
	return ascii, nil
}

// notIDNA reports whether r is outside ASCII and no letter, mark or digit, and none of the exceptions either (RFC 5892, section 2
// and appendix A).
func notIDNA(r rune) bool {
	return r >= utf8.RuneSelf && !unicode.In(r, unicode.L, unicode.M, unicode.Nd) &&
		!strings.ContainsRune("\u00b7\u0375\u05f3\u05f4\u06fd\u06fe\u0f0b\u200c\u200d\u3007\u30fb", r)
}

// refuseRune blames the first character of name that is bad, or all of it if none is bad by itself.
func refuseRune(given, name string, bad func(rune) bool) error {
	if i := strings.IndexFunc(name, bad); i >= 0 {
		return refuse(reason.HostCharacter, given, "character", characterName(name[i:]))
	}
	return refuse(reason.HostInvalid, given)
}

// checkName checks the form of a lower-case ASCII name; given is its spelling for the error.
func checkName(name, given string) error {
	if name == "" {
		return refuse(reason.HostInvalid, given)
	}
	label := 0 // octets of the current label so far
	for i := 0; i < len(name); i++ {
		c := name[i]
		switch {
		case c == '.':
			if label == 0 {
				return refuse(reason.HostEmptyLabel, given)
			}
			if name[i-1] == '-' {
				return refuse(reason.HostHyphen, given)
			}
			label = 0
			continue
		case c == '-' && label == 0:
			return refuse(reason.HostHyphen, given)
		case !isNameByte(c):
			return refuse(reason.HostCharacter, given, "character", characterName(name[i:]))
		}
		if label++; label > maxLabel {
			return refuse(reason.HostTooLong, given)
		}
	}
	switch {
	case label == 0:
		return refuse(reason.HostEmptyLabel, given)
	case name[len(name)-1] == '-':
		return refuse(reason.HostHyphen, given)
	case len(name) > maxName:
		return refuse(reason.HostTooLong, given)
	}
	return nil
}

func isNameByte(c byte) bool {
	return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_'
}

func isASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

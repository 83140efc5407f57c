package policy

import (
	"net/netip"
	"strings"
)

// form is a range of IPv6 addresses that stand for IPv4 addresses, and how to read them.
type form struct {
	prefix netip.Prefix
	read   func(octets [16]byte) []netip.Addr
}

var forms = [...]form{
	// IPv4-compatible: RFC 4291, section 2.5.5.1 (deprecated).
	{netip.MustParsePrefix("::/96"), lastFour},
	// IPv4-translated: RFC 2765, section 2.1 (obsolete, still used by translators).
	{netip.MustParsePrefix("::ffff:0:0:0/96"), lastFour},
	// NAT64, the well-known prefix: RFC 6052, section 2.1.
	{netip.MustParsePrefix("64:ff9b::/96"), lastFour},
	// NAT64, for local use: RFC 8215.
	{netip.MustParsePrefix("64:ff9b:1::/48"), localNAT64},
	// 6to4: RFC 3056, section 2.
	{netip.MustParsePrefix("2002::/16"), func(o [16]byte) []netip.Addr { return []netip.Addr{ipv4(o[2], o[3], o[4], o[5])} }},
	// Teredo: RFC 4380, section 4: the server, and the client with all bits inverted.
	{netip.MustParsePrefix("2001::/32"), func(o [16]byte) []netip.Addr {
		return []netip.Addr{ipv4(o[4], o[5], o[6], o[7]), ipv4(^o[12], ^o[13], ^o[14], ^o[15])}
	}},
}

// embedded lists the IPv4 addresses that addr may stand for. IPv4-mapped addresses are not among them: they are IPv4.
func embedded(addr netip.Addr) []netip.Addr {
	if !addr.Is6() {
		return nil
	}
	octets := addr.As16()
	for _, f := range forms {
		if f.prefix.Contains(addr) {
			return f.read(octets)
		}
	}
	// ISATAP, an interface identifier below any prefix: RFC 5214, section 6.1.
	if octets[8]&^2 == 0 && octets[9] == 0 && octets[10] == 0x5e && octets[11] == 0xfe {
		return lastFour(octets)
	}
	return nil
}

func lastFour(o [16]byte) []netip.Addr { return []netip.Addr{ipv4(o[12], o[13], o[14], o[15])} }

// localNAT64 reads an address below the prefix for local use, within which each network chooses the length of its own prefix.
// Zeros follow the IPv4 address, which tells the lengths apart, and octet 8 is never part of it (RFC 6052, section 2.2).
func localNAT64(o [16]byte) []netip.Addr {
	zeroFrom := func(i int) bool { return strings.Trim(string(o[i:]), "\x00") == "" }
	switch {
	case zeroFrom(11):
		return []netip.Addr{ipv4(o[6], o[7], o[9], o[10])}
	case zeroFrom(12):
		return []netip.Addr{ipv4(o[7], o[9], o[10], o[11])}
	case zeroFrom(13):
		return []netip.Addr{ipv4(o[9], o[10], o[11], o[12])}
	default:
		return lastFour(o)
	}
}

func ipv4(a, b, c, d byte) netip.Addr { return netip.AddrFrom4([4]byte{a, b, c, d}) }

package hostname

import (
	"encoding/binary"
	"math"
	"net/netip"
	"strconv"
	"strings"
)

// endsInNumber reports whether the last label of a lower-case name is a decimal or 0x number
// (URL Standard, "ends in a number checker").
func endsInNumber(name string) bool {
	last := name[strings.LastIndexByte(name, '.')+1:]
	if hex, ok := strings.CutPrefix(last, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return strings.Trim(last, "0123456789") == ""
}

// legacyIPv4 reads the spellings of an IPv4 address that inet_aton of the C library accepts besides four decimal numbers: one to
// four numbers, decimal, octal (leading 0) or hexadecimal (leading 0x), the last of which fills all octets that are left.
func legacyIPv4(name string) (netip.Addr, bool) {
	parts := strings.Split(name, ".")
	if len(parts) > 4 {
		return netip.Addr{}, false
	}
	var value uint64
	for i, part := range parts {
		number, ok := legacyNumber(part)
		limit := uint64(math.MaxUint8)
		if i == len(parts)-1 {
			limit = math.MaxUint32 >> (8 * i)
		}
		if !ok || number > limit {
			return netip.Addr{}, false
		}
		if i == len(parts)-1 {
			value |= number
		} else {
			value |= number << (24 - 8*i)
		}
	}
	var octets [4]byte
	binary.BigEndian.PutUint32(octets[:], uint32(value))
	return netip.AddrFrom4(octets), true
}

func legacyNumber(s string) (uint64, bool) {
	base := 10
	if hex, ok := strings.CutPrefix(s, "0x"); ok {
		s, base = "0"+hex, 16
	} else if len(s) > 1 && s[0] == '0' {
		base = 8
	}
	number, err := strconv.ParseUint(s, base, 32)
	return number, err == nil
}

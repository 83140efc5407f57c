package policy_test

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/omsgateway/omsgateway/internal/policy"
	"github.com/omsgateway/omsgateway/internal/reason"
)

const ownPort = 8080

// thisComputer has the addresses of the gateway's computer in these tests.
func thisComputer(addr netip.Addr) (bool, error) {
	for _, own := range []netip.Addr{
		netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.AddrFrom4([4]byte{10, 0, 0, 4}), netip.AddrFrom4([4]byte{10, 0, 0, 5}),
		netip.AddrFrom16([16]byte{0: 0x20, 1: 0x01, 2: 0x0d, 3: 0xb8, 15: 4}),
	} {
		if addr == own {
			return true, nil
		}
	}
	return false, nil
}

func TestGuard(t *testing.T) {
	tests := []struct {
		addr string
		kind string // "" if it is fine
	}{
		{"1.1.1.1", ""},
		{"20.42.65.92", ""},
		{"2606:4700::1111", ""},
		{"10.0.0.1", ""},
		{"10.255.255.255", ""},
		{"172.16.0.1", ""},
		{"192.168.1.1", ""},
		{"100.64.0.1", ""},
		{"fd00::1", ""},
		{"240.0.0.1", ""},
		{"::ffff:10.0.0.1", ""},

		{"127.0.0.1", "a loopback address"},
		{"127.255.255.254", "a loopback address"},
		{"::1", "a loopback address"},
		{"::ffff:127.0.0.1", "a loopback address"},
		{"126.255.255.255", ""},
		{"128.0.0.1", ""},
		{"169.254.0.0", "a link-local address"},
		{"169.254.169.254", "a link-local address"},
		{"169.254.255.255", "a link-local address"},
		{"169.253.255.255", ""},
		{"169.255.0.0", ""},
		{"fe80::1", "a link-local address"},
		{"fe80::1%eth0", "a link-local address"},
		{"febf:ffff::1", "a link-local address"},
		{"fec0::1", ""},
		{"::ffff:169.254.169.254", "a link-local address"},
		{"224.0.0.1", "a multicast address"},
		{"239.255.255.255", "a multicast address"},
		{"ff02::1", "a multicast address"},
		{"ff0e::1", "a multicast address"},
		{"::ffff:224.0.0.1", "a multicast address"},
		{"0.0.0.0", "the unspecified address"},
		{"::", "the unspecified address"},
		{"::ffff:0.0.0.0", "the unspecified address"},
		{"0.0.0.1", "an address of the network 0.0.0.0/8"},
		{"0.255.255.255", "an address of the network 0.0.0.0/8"},
		{"::ffff:0.1.2.3", "an address of the network 0.0.0.0/8"},
		{"1.0.0.0", ""},
		{"255.255.255.255", "the broadcast address"},
		{"::ffff:255.255.255.255", "the broadcast address"},
		{"168.63.129.16", "the address of the Azure platform"},
		{"::ffff:168.63.129.16", "the address of the Azure platform"},
		{"168.63.129.15", ""},
		{"168.63.129.17", ""},

		{"64:ff9b::808:808", ""},
		{"64:ff9b::a00:1", ""},
		{"64:ff9b::7f00:1", "an IPv6 form of 127.0.0.1, a loopback address"},
		{"64:ff9b::a9fe:a9fe", "an IPv6 form of 169.254.169.254, a link-local address"},
		{"64:ff9b::a83f:8110", "an IPv6 form of 168.63.129.16, the address of the Azure platform"},
		{"64:ff9b::", "an IPv6 form of 0.0.0.0, the unspecified address"},
		{"64:ff9b::e000:1", "an IPv6 form of 224.0.0.1, a multicast address"},
		{"64:ff9b::ffff:ffff", "an IPv6 form of 255.255.255.255, the broadcast address"},
		{"64:ff9b::1:0:7f00:1", ""}, // outside the prefix of 96 bits

		// Prefixes of 96, 64, 56 and 48 bits below the one for local use, each with 8.8.127.1 and 127.0.0.1.
		{"64:ff9b:1::808:7f01", ""},
		{"64:ff9b:1::7f00:1", "an IPv6 form of 127.0.0.1, a loopback address"},
		{"64:ff9b:1:fffe::808:7f01", ""},
		{"64:ff9b:1:fffe::a9fe:a9fe", "an IPv6 form of 169.254.169.254, a link-local address"},
		{"64:ff9b:1:0:8:87f:100:0", ""},
		{"64:ff9b:1:0:7f:0:100:0", "an IPv6 form of 127.0.0.1, a loopback address"},
		{"64:ff9b:1:8:8:7f01::", ""},
		{"64:ff9b:1:7f:0:1::", "an IPv6 form of 127.0.0.1, a loopback address"},
		{"64:ff9b:1:808:7f:100::", ""},
		{"64:ff9b:1:7f00:0:100::", "an IPv6 form of 127.0.0.1, a loopback address"},
		{"64:ff9b:1::", "an IPv6 form of 0.0.0.0, the unspecified address"},

		{"::7f00:1", "an IPv6 form of 127.0.0.1, a loopback address"},
		{"::2", "an IPv6 form of 0.0.0.2, an address of the network 0.0.0.0/8"},
		{"::a00:1", ""},
		{"::ffff:0:7f00:1", "an IPv6 form of 127.0.0.1, a loopback address"},
		{"::ffff:0:808:808", ""},
		{"2002:7f00:1::1", "an IPv6 form of 127.0.0.1, a loopback address"},
		{"2002:a83f:8110::1", "an IPv6 form of 168.63.129.16, the address of the Azure platform"},
		{"2002:808:808::1", ""},
		{"2001:0:7f00:1::f7f7:f7f7", "an IPv6 form of 127.0.0.1, a loopback address"},
		{"2001:0:808:808::80ff:fffe", "an IPv6 form of 127.0.0.1, a loopback address"},
		{"2001:0:808:808::f7f7:f7f7", ""},
		{"2001:1::80ff:fffe", ""},
		{"2001:db8::5efe:127.0.0.1", "an IPv6 form of 127.0.0.1, a loopback address"},
		{"2001:db8::200:5efe:169.254.169.254", "an IPv6 form of 169.254.169.254, a link-local address"},
		{"2001:db8::5efe:8.8.8.8", ""},
		{"2001:db8::100:5efe:127.0.0.1", ""},
	}
	for _, test := range tests {
		for _, port := range []uint16{443, ownPort} {
			checkGuard(t, policy.Guard{OwnPort: ownPort}, test.addr, port, test.kind)
		}
		checkGuard(t, policy.Guard{OwnPort: ownPort, Literal: true}, test.addr, 443, "")
	}
}

func TestGuardAllowsLoopbackAlone(t *testing.T) {
	guard := policy.Guard{AllowLoopback: true, OwnPort: ownPort}
	tests := []struct{ addr, kind string }{
		{"127.0.0.1", ""},
		{"127.1.2.3", ""},
		{"::1", ""},
		{"::ffff:127.0.0.1", ""},
		{"::127.0.0.1", "an IPv6 form of 127.0.0.1, a loopback address"},
		{"64:ff9b::7f00:1", "an IPv6 form of 127.0.0.1, a loopback address"},
		{"0.0.0.0", "the unspecified address"},
		{"::", "the unspecified address"},
		{"0.0.0.1", "an address of the network 0.0.0.0/8"},
		{"169.254.169.254", "a link-local address"},
		{"fe80::1", "a link-local address"},
		{"224.0.0.1", "a multicast address"},
		{"255.255.255.255", "the broadcast address"},
		{"168.63.129.16", "the address of the Azure platform"},
	}
	for _, test := range tests {
		checkGuard(t, guard, test.addr, 443, test.kind)
	}
}

func TestGuardRefusesThisComputer(t *testing.T) {
	const itself, computer = "an address of the gateway itself", "an address of the gateway's computer"
	guard := policy.Guard{AllowLoopback: true, OwnPort: ownPort}
	tests := []struct {
		addr string
		port uint16
		kind string
	}{
		{"10.0.0.4", ownPort, itself},
		{"10.0.0.4", 443, computer},
		{"10.0.0.4", 0, computer},
		{"10.0.0.5", ownPort, itself},
		{"::ffff:10.0.0.4", ownPort, itself},
		{"::ffff:10.0.0.4", 22, computer},
		{"10.0.0.6", ownPort, ""},
		{"10.0.0.6", 443, ""},
		{"2001:db8::4", ownPort, itself},
		{"2001:db8::4", 443, computer},
		{"2001:db8::4%eth0", 443, computer},
		{"2001:db8::5", ownPort, ""},
		{"2001:db8::5", 443, ""},
		{"64:ff9b::a00:4", ownPort, itself},
		{"64:ff9b::a00:4", 443, computer},
		{"64:ff9b::a00:6", 443, ""},
		{"127.0.0.1", ownPort, itself},
		{"127.0.0.2", ownPort, itself}, // in no list of addresses, but the gateway answers there
		{"::1", ownPort, itself},
		{"127.0.0.1", 443, ""},
	}
	for _, test := range tests {
		checkGuard(t, guard, test.addr, test.port, test.kind)
	}
	checkGuard(t, policy.Guard{}, "10.0.0.4", 443, computer)
	checkGuard(t, policy.Guard{OwnPort: ownPort, Literal: true}, "10.0.0.4", ownPort, "")
}

func TestGuardRefusesWithoutTheAddressesOfThisComputer(t *testing.T) {
	cause := errors.New("no addresses today")
	unknown := func(netip.Addr) (bool, error) { return false, cause }
	for _, port := range []uint16{443, ownPort} {
		err := policy.Guard{OwnPort: ownPort}.Check(netip.MustParseAddr("10.0.0.6"), port, unknown)
		if reason.Of(err) != reason.AddressNotAllowed || !errors.Is(err, cause) {
			t.Errorf("port %d: %v, want a refusal", port, err)
		}
	}
	for addr, guard := range map[string]policy.Guard{"10.0.0.6": {Literal: true}, "127.0.0.1": {AllowLoopback: true}} {
		if err := guard.Check(netip.MustParseAddr(addr), 443, unknown); err != nil {
			t.Errorf("%s, for which nothing has to be known: %v", addr, err)
		}
	}
}

func TestGuardDoesNotAllocate(t *testing.T) {
	guard, addr := policy.Guard{OwnPort: ownPort}, netip.MustParseAddr("10.0.0.6")
	if n := testing.AllocsPerRun(100, func() { _ = guard.Check(addr, 443, thisComputer) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestGuardRefusesNoAddress(t *testing.T) {
	if err := (policy.Guard{}).Check(netip.Addr{}, 443, thisComputer); reason.Of(err) != reason.AddressNotAllowed {
		t.Errorf("the zero address: %v", err)
	}
}

// checkGuard checks what g says of addr; kind is "" if nothing is to be refused.
func checkGuard(t *testing.T, g policy.Guard, addr string, port uint16, kind string) {
	t.Helper()
	parsed := netip.MustParseAddr(addr)
	err := g.Check(parsed, port, thisComputer)
	if kind == "" {
		if err != nil {
			t.Errorf("%+v: %s at %d: %v", g, addr, port, err)
		}
		return
	}
	want := reason.New(reason.AddressNotAllowed, "address", parsed.WithZone("").Unmap().String(), "kind", kind)
	if diff := cmp.Diff(error(want), err); diff != "" {
		t.Errorf("%+v: %s at %d (-want +got):\n%s", g, addr, port, diff)
	}
}

// FuzzGuard checks that no IPv6 form brings a refused IPv4 address past the guard, and that what is refused has a kind.
func FuzzGuard(f *testing.F) {
	f.Fuzz(func(t *testing.T, octets []byte, loopback bool) {
		addr, ok := netip.AddrFromSlice(octets)
		if !ok {
			return
		}
		guard := policy.Guard{AllowLoopback: loopback, OwnPort: ownPort}
		err := guard.Check(addr, 443, thisComputer)
		if refusal, ok := errors.AsType[*reason.Error](err); err != nil && (!ok || refusal.Parts["kind"] == "") {
			t.Errorf("%s is refused without a kind: %v", addr, err)
		}
		if !addr.Is4() {
			return
		}
		v4 := addr.As4()
		mapped := netip.AddrFrom16(addr.As16())
		if other := guard.Check(mapped, 443, thisComputer); (err == nil) != (other == nil) {
			t.Errorf("%s: %v, but %s: %v", addr, err, mapped, other)
		}
		if err == nil {
			return
		}
		nat64 := netip.AddrFrom16([16]byte{0: 0, 1: 0x64, 2: 0xff, 3: 0x9b, 12: v4[0], 13: v4[1], 14: v4[2], 15: v4[3]})
		sixToFour := netip.AddrFrom16([16]byte{0: 0x20, 1: 0x02, 2: v4[0], 3: v4[1], 4: v4[2], 5: v4[3]})
		for _, form := range []netip.Addr{nat64, sixToFour} {
			if guard.Check(form, 443, thisComputer) == nil {
				t.Errorf("%s is refused, but %s is not", addr, form)
			}
		}
	})
}

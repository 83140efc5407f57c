package ownaddr_test

import (
	"net/netip"
	"testing"

	"go.uber.org/goleak"

	"github.com/omsgateway/omsgateway/internal/ownaddr"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestAddresses has the addresses that Read finds, in each of their forms, and no other. What changes is tried with a gateway in a network
// of its own (cmd/omsgateway).
func TestAddresses(t *testing.T) {
	set, err := ownaddr.Read()
	if err != nil {
		t.Fatal(err)
	}
	watched := ownaddr.Watch(func(err error) { t.Error(err) })
	defer watched.Close()
	has := func(addr netip.Addr, want bool) {
		t.Helper()
		if got, err := watched.Has(addr); got != want || err != nil || set.Has(addr) != want {
			t.Errorf("%v: %v, %v, in the set %v, want %v", addr, got, err, set.Has(addr), want)
		}
	}
	if len(set) == 0 {
		t.Error("this computer has no address")
	}
	for addr := range set {
		has(addr, true)
		if addr.Is6() {
			has(addr.WithZone("eth0"), true)
		} else {
			has(netip.AddrFrom16(addr.As16()), true)
		}
	}
	has(netip.MustParseAddr("198.51.100.77"), false) // nobody's: RFC 5737
	has(netip.MustParseAddr("2001:db8::77"), false)
}

package usage_test

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/reason"
	"github.com/omsgateway/omsgateway/internal/usage"
)

// at is a second of the tests' day.
func at(second int) time.Time { return time.Unix(1_800_000_000+int64(second), 0) }

func pattern(t testing.TB, text string) hostname.Pattern {
	t.Helper()
	p, err := hostname.ParsePattern(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func target(t testing.TB, authority string) hostname.Target {
	t.Helper()
	target, err := hostname.ParseTarget(authority)
	if err != nil {
		t.Fatal(err)
	}
	return target
}

// numbered is the n-th of many hosts.
func numbered(t testing.TB, n int) hostname.Target {
	t.Helper()
	return target(t, fmt.Sprintf("h%d.example.com:443", n))
}

func client(n int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)})
}

// deny has a client refused each target once, one second after the other.
func deny(m *usage.Memory, client netip.Addr, targets ...hostname.Target) {
	for i, target := range targets {
		m.Denied(target, client, reason.HostNotAllowed, at(i))
	}
}

// list compares all refused hosts; times and addresses have their own equality.
func list(t *testing.T, m *usage.Memory, want ...usage.DeniedHost) {
	t.Helper()
	if diff := cmp.Diff(want, m.DeniedHosts(), equal); diff != "" {
		t.Errorf("refused hosts (-want +got):\n%s", diff)
	}
}

var equal = cmp.Options{
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
	cmp.Comparer(func(a, b hostname.Target) bool { return a == b }),
}

func remembered(m *usage.Memory) map[hostname.Target]bool {
	hosts := map[hostname.Target]bool{}
	for _, h := range m.DeniedHosts() {
		hosts[h.Target] = true
	}
	return hosts
}

func TestUses(t *testing.T) {
	m := usage.New()
	a, wildcard, other := pattern(t, "a.example.com"), pattern(t, "*.example.com"), pattern(t, "a.example.com:8443")
	m.Used(a, at(1).Add(time.Second/2))
	m.Used(wildcard, at(2))
	m.Used(a, at(3))
	m.Used(a, at(3))
	for p, want := range map[hostname.Pattern]usage.Use{
		a:        {Count: 3, First: at(1), Last: at(3)},
		wildcard: {Count: 1, First: at(2), Last: at(2)},
		other:    {},
	} {
		if diff := cmp.Diff(want, m.UseOf(p)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", p, diff)
		}
	}
}

// The data path calls Used for each tunnel.
func TestUseOfAKnownEntryAllocatesNothing(t *testing.T) {
	m, p, now := usage.New(), pattern(t, "a.example.com"), at(1)
	m.Used(p, now)
	if n := testing.AllocsPerRun(100, func() { m.Used(p, now) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestTooManyUsedEntries(t *testing.T) {
	m := usage.New()
	entry := func(n int) hostname.Pattern { return pattern(t, fmt.Sprintf("h%d.example.com", n)) }
	for i := range usage.MaxUsed {
		m.Used(entry(i), at(i))
	}
	m.Used(entry(0), at(usage.MaxUsed))
	m.Used(entry(-1), at(usage.MaxUsed))
	for n, want := range map[int]int64{0: 2, 1: 0, usage.MaxUsed / 10: 0, usage.MaxUsed/10 + 1: 1, usage.MaxUsed - 1: 1, -1: 1} {
		if got := m.UseOf(entry(n)).Count; got != want {
			t.Errorf("entry %d was used %d times, want %d", n, got, want)
		}
	}
}

func TestDeniedHosts(t *testing.T) {
	m := usage.New()
	b, other, address := target(t, "b.example.com:443"), target(t, "b.example.com:8443"), target(t, "[2001:db8::1]:443")
	mapped, zoned := netip.MustParseAddr("::ffff:192.0.2.1"), netip.MustParseAddr("fe80::1%eth0")
	m.Denied(address, zoned, reason.HostNotAllowed, at(1))
	m.Denied(other, mapped, reason.HostNotAllowed, at(2))
	m.Denied(b, mapped, reason.HostNotAllowed, at(3).Add(time.Second/2))
	m.Denied(other, zoned, reason.PortNotAllowed, at(4))
	m.Denied(other, mapped, reason.PortNotAllowed, at(5))
	m.Denied(address, netip.Addr{}, reason.AddressNotAllowed, at(6))

	v4, v6 := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("fe80::1")
	list(t, m,
		usage.DeniedHost{Target: b, Count: 1, First: at(3), Last: at(3), Reason: reason.HostNotAllowed,
			Clients: []netip.Addr{v4}, ClientCount: 1},
		usage.DeniedHost{Target: other, Count: 3, First: at(2), Last: at(5), Reason: reason.PortNotAllowed,
			Clients: []netip.Addr{v4, v6}, ClientCount: 2},
		usage.DeniedHost{Target: address, Count: 2, First: at(1), Last: at(6), Reason: reason.AddressNotAllowed,
			Clients: []netip.Addr{netip.IPv6Unspecified(), v6}, ClientCount: 2},
	)
	if n := m.Forget(func(t hostname.Target) bool { return t.Port == 443 }); n != 2 {
		t.Errorf("%d hosts forgotten, want 2", n)
	}
	if got := m.DeniedHosts(); len(got) != 1 || got[0].Target != other {
		t.Errorf("left are %v", got)
	}
	m.Denied(b, mapped, reason.HostNotAllowed, at(7))
	if n := m.Forget(func(hostname.Target) bool { return true }); n != 2 || len(m.DeniedHosts()) != 0 {
		t.Errorf("%d hosts forgotten, want all 2", n)
	}
}

func TestClientsAreCounted(t *testing.T) {
	m, host := usage.New(), numbered(t, 1)
	for i, want := range []struct{ clients, margin int }{
		{1, 0}, {8, 0}, {50, 5}, {200, 20}, {600, 60}, {1000, 120}, {100_000, 100_000},
	} {
		t.Run(fmt.Sprint(want.clients), func(t *testing.T) {
			m.Forget(func(hostname.Target) bool { return true })
			for n := range want.clients {
				deny(m, client(i<<20+n), host)
				deny(m, client(i<<20), host)
			}
			got := m.DeniedHosts()[0]
			if diff := got.ClientCount - want.clients; max(diff, -diff) > want.margin {
				t.Errorf("ClientCount = %d, want %d", got.ClientCount, want.clients)
			}
			if len(got.Clients) != min(want.clients, usage.MaxClients) || got.Clients[0] != client(i<<20) {
				t.Errorf("Clients = %v", got.Clients)
			}
		})
	}
}

// Hosts that differ in nothing else go in the order of their last refusal.
func TestTooManyDeniedHosts(t *testing.T) {
	m := usage.New()
	for i := range usage.MaxDenied {
		deny(m, client(i), numbered(t, i))
	}
	deny(m, client(0), numbered(t, 0))
	deny(m, client(0), numbered(t, -1), numbered(t, -2))
	left := remembered(m)
	if len(left) != usage.MaxDenied {
		t.Errorf("%d hosts, want %d", len(left), usage.MaxDenied)
	}
	for n, want := range map[int]bool{0: true, 1: false, 2: false, 3: true, -1: true, -2: true} {
		if left[numbered(t, n)] != want {
			t.Errorf("host %d: remembered %v, want %v", n, !want, want)
		}
	}
}

// One client that asks for names without end pushes out nothing but those, in IPv6 not from all addresses of its network either.
func TestFloodOfOneClient(t *testing.T) {
	for name, flooder := range map[string]func(n int) netip.Addr{
		"IPv4": func(int) netip.Addr { return netip.MustParseAddr("192.0.2.66") },
		"IPv6": func(n int) netip.Addr {
			return netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 8: 0xff, 14: byte(n >> 8), 15: byte(n)})
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := usage.New()
			for i := range 600 {
				deny(m, client(i), numbered(t, 2*i), numbered(t, 2*i+1))
			}
			for i := range 3 * usage.MaxDenied {
				m.Denied(target(t, fmt.Sprintf("random%d.example.net:443", i)), flooder(i), reason.HostNotAllowed, at(100))
				if i == 2*usage.MaxDenied {
					deny(m, client(3), numbered(t, 5000)) // a new one in the middle
				}
			}
			left := remembered(m)
			for i := range 1200 {
				if !left[numbered(t, i)] {
					t.Fatalf("host %d was forgotten", i)
				}
			}
			if !left[numbered(t, 5000)] || !left[target(t, fmt.Sprintf("random%d.example.net:443", 3*usage.MaxDenied-1))] {
				t.Error("new hosts were forgotten")
			}
			if len(left) != usage.MaxDenied {
				t.Errorf("%d hosts, want %d", len(left), usage.MaxDenied)
			}
		})
	}
}

// Behind a load balancer all clients look like one. What agents ask for again and again stays.
func TestFloodBehindALoadBalancer(t *testing.T) {
	m, balancer := usage.New(), client(1)
	for i := range usage.Eldest - 1 {
		deny(m, balancer, numbered(t, i), numbered(t, i))
	}
	for i := range 3 * usage.MaxDenied {
		deny(m, balancer, target(t, fmt.Sprintf("random%d.example.net:443", i)))
	}
	left := remembered(m)
	for i := range usage.Eldest - 1 {
		if !left[numbered(t, i)] {
			t.Errorf("host %d was forgotten", i)
		}
	}
}

// The largest share shrinks, whoever has it, but not below the fair one.
func TestRoomIsTakenFromTheLargestShare(t *testing.T) {
	m := usage.New()
	brought := map[netip.Addr]int{client(1): 5000, client(2): 3000, client(3): 2000 - usage.FairShare, client(4): usage.FairShare}
	next := 0
	for _, c := range slices.SortedFunc(maps.Keys(brought), netip.Addr.Compare) {
		for range brought[c] {
			deny(m, c, numbered(t, next))
			next++
		}
	}
	for range 4000 {
		deny(m, client(5), numbered(t, next))
		next++
	}
	got := map[netip.Addr]int{}
	for _, h := range m.DeniedHosts() {
		got[h.Clients[0]]++
	}
	// 3,000 of client 2 are reached when client 1 has lost 2,000; from then on both lose in turn, until client 5 has as many.
	if got[client(3)] != 2000-usage.FairShare || got[client(4)] != usage.FairShare {
		t.Errorf("small shares lost hosts: %v", got)
	}
	shares := []int{got[client(1)], got[client(2)], got[client(5)]}
	if slices.Max(shares)-slices.Min(shares) > 2 {
		t.Errorf("large shares are %v", shares)
	}
}

// One computer beside the gateway, with a link-local address, cannot push out what its neighbours were refused.
func TestLinkLocalClientsHaveAShareEach(t *testing.T) {
	m := usage.New()
	neighbour, flooder := netip.MustParseAddr("fe80::1"), netip.MustParseAddr("fe80::2")
	wanted := target(t, "wanted.example.com:443")
	deny(m, neighbour, wanted)
	for i := range usage.MaxDenied + 1_000 {
		deny(m, flooder, numbered(t, i))
	}
	if !slices.ContainsFunc(m.DeniedHosts(), func(h usage.DeniedHost) bool { return h.Target == wanted }) {
		t.Error("the neighbour's host was forgotten")
	}
}

func TestUseFromManySides(t *testing.T) {
	const workers, rounds = 8, 500
	m := usage.New()
	p := pattern(t, "a.example.com")
	hosts := make([]hostname.Target, rounds)
	for i := range hosts {
		hosts[i] = numbered(t, i)
	}
	path := file(t)
	var working sync.WaitGroup
	for w := range workers {
		working.Go(func() {
			for i := range rounds {
				m.Used(p, at(i))
				m.Denied(hosts[i], client(w), reason.HostNotAllowed, at(i))
			}
		})
	}
	working.Go(func() {
		for range 20 {
			m.DeniedHosts()
			m.UseOf(p)
			m.Forget(func(hostname.Target) bool { return false })
			if err := m.Save(path); err != nil {
				t.Error(err)
			}
			if err := usage.New().Load(path); err != nil {
				t.Error(err)
			}
		}
	})
	working.Wait()
	if got := m.UseOf(p).Count; got != workers*rounds {
		t.Errorf("used %d times, want %d", got, workers*rounds)
	}
	for _, h := range m.DeniedHosts() {
		if h.Count != workers || h.ClientCount != min(workers, usage.MaxClients) {
			t.Fatalf("host %s: %d refusals, %d clients", h.Target, h.Count, h.ClientCount)
		}
	}
	if got := restart(t, m, path).UseOf(p).Count; got != workers*rounds {
		t.Errorf("used %d times after a restart", got)
	}
}

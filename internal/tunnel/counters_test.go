package tunnel_test

import (
	"net/netip"
	"runtime"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/omsgateway/omsgateway/internal/policy"
	"github.com/omsgateway/omsgateway/internal/reason"
	"github.com/omsgateway/omsgateway/internal/tunnel"
)

var (
	ann = netip.MustParseAddr("10.0.0.1")
	bob = netip.MustParseAddr("10.0.0.2")
)

func limits(connections, heads, perClient int) policy.Limits {
	return policy.Limits{MaxConnections: connections, MaxRequestHeads: heads, MaxConnectionsPerClient: perClient}
}

func admit(t *testing.T, c *tunnel.Counters, addr netip.Addr, l policy.Limits) *tunnel.Slot {
	t.Helper()
	slot, err := c.Admit(addr, l)
	if err != nil {
		t.Fatal(err)
	}
	return slot
}

func TestAdmitRefuses(t *testing.T) {
	tests := []struct {
		name   string
		limits policy.Limits
		open   []netip.Addr // connections that have sent their head
		heads  []netip.Addr // connections that have not
		from   netip.Addr
		want   error
	}{
		{"under all limits", limits(3, 4, 2), []netip.Addr{ann, bob}, nil, ann, nil},
		{"all connections", limits(2, 100, 0), []netip.Addr{ann}, []netip.Addr{bob}, netip.MustParseAddr("::1"),
			reason.New(reason.TooManyConnections, "limit", "2")},
		{"connections of a client", limits(100, 100, 2), []netip.Addr{ann, ann}, nil, ann,
			reason.New(reason.TooManyClientConnection, "limit", "2", "client", "10.0.0.1")},
		{"another client then", limits(100, 100, 2), []netip.Addr{ann, ann}, nil, bob, nil},
		{"one client, two spellings", limits(100, 100, 2), []netip.Addr{ann, ann}, nil, netip.MustParseAddr("::ffff:10.0.0.1"),
			reason.New(reason.TooManyClientConnection, "limit", "2", "client", "10.0.0.1")},
		{"0 is no limit for a client", limits(100, 100, 0), []netip.Addr{ann, ann, ann, ann}, nil, ann, nil},
		{"heads", limits(100, 2, 0), nil, []netip.Addr{ann, bob}, netip.MustParseAddr("::1"),
			reason.New(reason.TooManyRequestHeads, "limit", "2")},
		{"heads of a client: a quarter", limits(100, 8, 0), nil, []netip.Addr{ann, ann}, ann,
			reason.New(reason.TooManyClientHeads, "limit", "2", "client", "10.0.0.1")},
		{"another client's heads then", limits(100, 8, 0), nil, []netip.Addr{ann, ann}, bob, nil},
		{"a quarter is at least one", limits(100, 2, 0), nil, []netip.Addr{bob}, ann, nil},
		{"heads that were read do not count", limits(100, 4, 0), []netip.Addr{ann, ann, ann}, nil, ann, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var c tunnel.Counters
			var slots []*tunnel.Slot
			for _, addr := range test.open {
				slot := admit(t, &c, addr, limits(100, 100, 0))
				slot.HeadRead()
				slots = append(slots, slot)
			}
			for _, addr := range test.heads {
				slots = append(slots, admit(t, &c, addr, limits(100, 100, 0)))
			}
			slot, err := c.Admit(test.from, test.limits)
			if diff := cmp.Diff(test.want, err); diff != "" {
				t.Fatal(diff)
			}
			if err != nil {
				for _, s := range slots { // what was refused holds no place
					s.Release()
				}
				slot = admit(t, &c, test.from, test.limits)
			}
			slot.Release()
		})
	}
}

func TestConnectionThatSendsNothingIsNoClient(t *testing.T) {
	var c tunnel.Counters
	want := func(step string, active, clients int64) {
		t.Helper()
		if got := c.Snapshot(); got.ActiveConnections != active || got.ConnectedClients != clients {
			t.Errorf("%s: %d connections of %d clients, want %d of %d", step, got.ActiveConnections, got.ConnectedClients, active, clients)
		}
	}
	l := limits(100, 100, 0)
	probe, first, second, other := admit(t, &c, ann, l), admit(t, &c, ann, l), admit(t, &c, ann, l), admit(t, &c, bob, l)
	want("nothing sent", 0, 0)
	first.FirstByte()
	first.FirstByte()
	want("a byte", 1, 1)
	second.FirstByte()
	want("two connections of one client", 2, 1)
	other.FirstByte()
	want("another client", 3, 2)
	probe.Release()
	probe.FirstByte()
	want("the silent one goes", 3, 2)
	first.Release()
	first.Release()
	want("one of two goes", 2, 2)
	second.Release()
	second.FirstByte()
	want("both are gone", 1, 1)
	other.Release()
	want("nobody", 0, 0)
}

// A client that is gone leaves nothing behind, however many there were.
func TestClientsAreForgotten(t *testing.T) {
	var c tunnel.Counters
	before := heap()
	for i := range 100_000 {
		addr := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		admit(t, &c, addr, limits(1, 1, 1)).Release()
	}
	if grown := heap() - before; grown > 1<<20 {
		t.Errorf("%d bytes are left", grown)
	}
	runtime.KeepAlive(&c)
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestLimitsMayShrink(t *testing.T) {
	var c tunnel.Counters
	a, b := admit(t, &c, ann, limits(10, 10, 0)), admit(t, &c, bob, limits(10, 10, 0))
	if _, err := c.Admit(ann, limits(1, 10, 0)); reason.Of(err) != reason.TooManyConnections {
		t.Errorf("error %v, want too many connections", err)
	}
	a.Release()
	b.Release()
	admit(t, &c, ann, limits(1, 10, 0)).Release()
}

func TestCountsByKind(t *testing.T) {
	var c tunnel.Counters
	c.Failed()
	c.Failed()
	c.Rejected()
	c.CertificateNotVisible()
	c.Refused(reason.HostNotAllowed)
	c.Refused(reason.HostNotAllowed)
	c.Refused(reason.TargetTimeout)
	want := tunnel.Snapshot{Errors: 2, Rejections: 1, NotVisible: 1,
		Refused: map[reason.Reason]int64{reason.HostNotAllowed: 2, reason.TargetTimeout: 1}}
	before := c.Snapshot()
	c.Refused(reason.TargetTimeout)
	if diff := cmp.Diff(want, before); diff != "" {
		t.Error(diff)
	}
}

// The limits hold, and nothing is left, however many come and go at once.
func TestAdmitUnderLoad(t *testing.T) {
	var c tunnel.Counters
	l := limits(5, 100, 3)
	var working sync.WaitGroup
	for w := range 8 {
		working.Go(func() {
			addr := []netip.Addr{ann, bob}[w%2]
			for range 500 {
				slot, err := c.Admit(addr, l)
				if err != nil {
					continue
				}
				slot.FirstByte()
				if now := c.Snapshot(); now.ActiveConnections > 5 || now.ConnectedClients > 2 {
					t.Errorf("%d connections of %d clients", now.ActiveConnections, now.ConnectedClients)
				}
				slot.HeadRead()
				slot.Release()
			}
		})
	}
	working.Wait()
	if now := c.Snapshot(); now.ActiveConnections != 0 || now.ConnectedClients != 0 {
		t.Errorf("left: %d connections of %d clients", now.ActiveConnections, now.ConnectedClients)
	}
	for range 3 {
		admit(t, &c, ann, l)
	}
}

func BenchmarkConnection(b *testing.B) {
	var c tunnel.Counters
	l := limits(20_000, 2048, 0)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			slot, err := c.Admit(ann, l)
			if err != nil {
				b.Error(err)
				return
			}
			slot.FirstByte()
			slot.HeadRead()
			slot.Release()
		}
	})
}

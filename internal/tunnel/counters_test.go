package tunnel_test

import (
	"crypto/tls"
	"net/netip"
	"runtime"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/omsgateway/omsgateway/internal/reason"
	"github.com/omsgateway/omsgateway/internal/tunnel"
)

var (
	ann = netip.MustParseAddr("10.0.0.1")
	bob = netip.MustParseAddr("10.0.0.2")
)

func TestConnectedClients(t *testing.T) {
	var c tunnel.Counters
	want := func(step string, active, clients int64) {
		t.Helper()
		if got := c.Snapshot(); got.ActiveConnections != active || got.ConnectedClients != clients {
			t.Errorf("%s: %d connections of %d clients, want %d of %d", step, got.ActiveConnections, got.ConnectedClients, active, clients)
		}
	}
	want("nobody", 0, 0)
	c.Connected(ann)
	want("one", 1, 1)
	c.Connected(netip.MustParseAddr("::ffff:10.0.0.1"))
	want("two connections of one client", 2, 1)
	c.Connected(bob)
	want("another client", 3, 2)
	c.Disconnected(ann)
	want("one of two goes", 2, 2)
	c.Disconnected(ann)
	want("both are gone", 1, 1)
	c.Disconnected(bob)
	want("nobody is left", 0, 0)
}

// A client that is gone leaves nothing behind, however many there were.
func TestClientsAreForgotten(t *testing.T) {
	var c tunnel.Counters
	before := heap()
	for i := range 100_000 {
		addr := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		c.Connected(addr)
		c.Disconnected(addr)
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

func TestCountsByKind(t *testing.T) {
	var c tunnel.Counters
	c.Rejected()
	c.CertificateNotVisible()
	c.Verified(tls.VersionTLS12)
	c.Refused(reason.HostNotAllowed)
	c.Refused(reason.HostNotAllowed)
	c.Refused(reason.TargetTimeout)
	want := tunnel.Snapshot{Rejections: 1, NotVisible: 1, Sessions: map[uint16]int64{tls.VersionTLS12: 1},
		Refused: map[reason.Reason]int64{reason.HostNotAllowed: 2, reason.TargetTimeout: 1}}
	before := c.Snapshot()
	c.Refused(reason.TargetTimeout)
	if diff := cmp.Diff(want, before); diff != "" {
		t.Error(diff)
	}
}

// Nothing is left, however many come and go at once.
func TestCountersUnderLoad(t *testing.T) {
	var c tunnel.Counters
	var working sync.WaitGroup
	for w := range 8 {
		working.Go(func() {
			for range 500 {
				c.Connected([]netip.Addr{ann, bob}[w%2])
				if now := c.Snapshot(); now.ActiveConnections > 8 || now.ConnectedClients > 2 {
					t.Errorf("%d connections of %d clients", now.ActiveConnections, now.ConnectedClients)
				}
				c.Disconnected([]netip.Addr{ann, bob}[w%2])
			}
		})
	}
	working.Wait()
	if now := c.Snapshot(); now.ActiveConnections != 0 || now.ConnectedClients != 0 {
		t.Errorf("left: %d connections of %d clients", now.ActiveConnections, now.ConnectedClients)
	}
}

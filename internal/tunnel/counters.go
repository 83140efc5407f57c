package tunnel

import (
	"maps"
	"net/netip"
	"sync"

	"github.com/omsgateway/omsgateway/internal/reason"
)

// Counters count what the status shows. The zero value is ready. The methods may be called from any goroutine.
type Counters struct {
	mu         sync.Mutex
	active     int64                // connections
	clients    map[netip.Addr]int64 // of them, by address
	rejections int64
	notVisible int64
	sessions   map[uint16]int64 // by version
	refused    map[reason.Reason]int64
}

// Snapshot is the counters at one moment.
type Snapshot struct {
	ActiveConnections int64                   // open client connections that have sent at least one byte
	ConnectedClients  int64                   // distinct addresses among them
	Rejections        int64                   // Rejected
	NotVisible        int64                   // CertificateNotVisible
	Sessions          map[uint16]int64        // Verified
	Refused           map[reason.Reason]int64 // Refused
}

// Connected counts a connection that has sent its first byte. One that never does counts as no client.
func (c *Counters) Connected(addr netip.Addr) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.clients == nil {
		c.clients = make(map[netip.Addr]int64)
	}
	c.active++
	c.clients[addr.Unmap()]++
}

// Disconnected says that a connection is closed that Connected has counted.
func (c *Counters) Disconnected(addr netip.Addr) {
	addr = addr.Unmap()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.active--
	if c.clients[addr]--; c.clients[addr] == 0 {
		delete(c.clients, addr)
	}
}

// Rejected counts a refusal by a TLS check.
func (c *Counters) Rejected() { c.count(&c.rejections) }

// CertificateNotVisible counts a session that passed although no client certificate could be seen in it, where one would have been
// judged.
func (c *Counters) CertificateNotVisible() { c.count(&c.notVisible) }

// Verified counts a TLS session that passed the checks, by its version, a number of crypto/tls.
func (c *Counters) Verified(version uint16) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sessions == nil {
		c.sessions = make(map[uint16]int64)
	}
	c.sessions[version]++
}

// Refused counts a refused or failed request by its reason.
func (c *Counters) Refused(why reason.Reason) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refused == nil {
		c.refused = make(map[reason.Reason]int64)
	}
	c.refused[why]++
}

// Snapshot returns all counters, of the same moment.
func (c *Counters) Snapshot() Snapshot {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Snapshot{
		ActiveConnections: c.active,
		ConnectedClients:  int64(len(c.clients)),
		Rejections:        c.rejections,
		NotVisible:        c.notVisible,
		Sessions:          maps.Clone(c.sessions),
		Refused:           maps.Clone(c.refused),
	}
}

func (c *Counters) count(n *int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	*n++
}

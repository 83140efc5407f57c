package admission

import (
	"net/netip"
	"sync/atomic"
)

// client is who has at least one connection.
type client struct {
	network netip.Prefix // not valid if it is not known
	bytes   atomic.Int64

	// Guarded by the control's lock.
	connections int64
	addresses   map[netip.Addr]int64 // the connections by address, of a network
	shares      [2]share             // of the queues
}

// network is what counts as one client.
func network(a netip.Addr) netip.Prefix {
	bits := a.BitLen()
	if a.Is6() && !a.IsLinkLocalUnicast() {
		bits = 64
	}
	n, _ := a.Prefix(bits) // an address that is none has a network that is none
	return n
}

func (c *client) String() string {
	switch {
	case !c.network.IsValid():
		return "an unknown client"
	case c.network.IsSingleIP():
		return c.network.Addr().String()
	}
	return c.network.String()
}

// from is how many connections there are from one address.
func (c *client) from(a netip.Addr) int64 {
	if c.network.IsSingleIP() {
		return c.connections
	}
	return c.addresses[a]
}

// count counts connections, from an address unless that is not known.
func (c *client) count(a netip.Addr, n int64) {
	c.connections += n
	if c.network.IsSingleIP() || !a.IsValid() {
		return
	}
	if c.addresses == nil {
		c.addresses = make(map[netip.Addr]int64)
	}
	if c.addresses[a] += n; c.addresses[a] == 0 {
		delete(c.addresses, a)
	}
}

package admission

import (
	"net/netip"
	"sync/atomic"
)

// client is who has at least one connection.
type client struct {
	network netip.Addr // see the function network
	bytes   atomic.Int64

	// Guarded by the control's lock.
	connections int64
	addresses   map[netip.Addr]*address // if it may have several
	shares      [2]*share               // of the queues; nil for nothing
}

// networkBits is how many bits of an IPv6 address are those of its network.
const networkBits = 64

// network is what counts as one client: an address, or the first one of a network. An address that is none has one that is none.
func network(a netip.Addr) netip.Addr {
	if !isShared(a) {
		return a
	}
	n, _ := a.Prefix(networkBits) // fails only for fewer bits
	return n.Addr()
}

// isShared reports whether all addresses of a's network count as one client.
func isShared(a netip.Addr) bool { return a.Is6() && !a.IsLinkLocalUnicast() }

func (c *client) String() string {
	switch {
	case !c.network.IsValid():
		return "an unknown client"
	case isShared(c.network):
		return netip.PrefixFrom(c.network, networkBits).String()
	}
	return c.network.String()
}

// address is one of a client that may have several.
type address struct {
	netip.Addr
	connections int64
}

// from is how many connections there are from one address.
func (c *client) from(a netip.Addr) int64 {
	if !isShared(a) {
		return c.connections
	}
	if of := c.addresses[a]; of != nil {
		return of.connections
	}
	return 0
}

// join counts a connection from an address, which it returns if the client may have several.
func (c *client) join(a netip.Addr) *address {
	c.connections++
	if !isShared(a) {
		return nil
	}
	of := c.addresses[a]
	if of == nil {
		of = &address{Addr: a}
		if c.addresses == nil {
			c.addresses = make(map[netip.Addr]*address)
		}
		c.addresses[a] = of
	}
	of.connections++
	return of
}

// part is the opposite of join.
func (c *client) part(of *address) {
	c.connections--
	if of == nil {
		return
	}
	if of.connections--; of.connections == 0 {
		delete(c.addresses, of.Addr)
	}
}

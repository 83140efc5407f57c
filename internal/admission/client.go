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
	addresses   map[netip.Addr]*address // of a network
	shares      [2]share                // of the queues
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

// address is one of several that a client has.
type address struct {
	netip.Addr
	connections int64
}

// from is how many connections there are from one address.
func (c *client) from(a netip.Addr) int64 {
	if c.network.IsSingleIP() {
		return c.connections
	}
	if of := c.addresses[a]; of != nil {
		return of.connections
	}
	return 0
}

// join counts a connection from an address, which it returns if the client has several. An address that is none is not known yet.
func (c *client) join(a netip.Addr) *address {
	c.connections++
	if c.network.IsSingleIP() || !a.IsValid() {
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

package upstream

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/policy"
)

// Cached is a Dialer that keeps the address to which a direct dial has connected, so that the next ones need not look the name up: for
// KnownTime from when the connection stood, as long as Go's resolver keeps the hosts file. The zero value is ready.
type Cached struct {
	Dialer

	mu    sync.Mutex
	known map[hostname.Target]known
}

// KnownTime is how long an address is kept.
const KnownTime = 5 * time.Second

// maxKnown is how many addresses are kept.
const maxKnown = 1024

type known struct {
	addr  netip.Addr
	until time.Time
}

// Dial is that of the Dialer.
func (c *Cached) Dial(ctx context.Context, target hostname.Target, how policy.Decision) (net.Conn, []byte, error) {
	conn, ahead, err := c.Dialer.Dial(ctx, target, how)
	if err == nil && how.Relay == nil && !target.Host.IsAddr() {
		if remote, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
			c.keep(target, known{remote.AddrPort().Addr(), time.Now().Add(KnownTime)})
		}
	}
	return conn, ahead, err
}

// Known returns the address that Dial would connect to, if that takes no look-up and the guard allows it now. It never waits if Own does
// not; without Own it knows none.
func (c *Cached) Known(target hostname.Target, how policy.Decision) (address netip.AddrPort, ok bool) {
	if how.Relay != nil || c.Own == nil {
		return netip.AddrPort{}, false
	}
	addr := target.Host.Addr()
	if !addr.IsValid() {
		addr = c.look(target)
	}
	addr = addr.Unmap()
	if !addr.IsValid() || addr.Zone() != "" || how.Guard.Check(addr, target.Port, c.Own) != nil {
		return netip.AddrPort{}, false
	}
	return netip.AddrPortFrom(addr, target.Port), true
}

// Forget has the next dial look the name up, and try the address that is kept, which could not be connected, after the others.
func (c *Cached) Forget(target hostname.Target) {
	c.mu.Lock()
	k, kept := c.known[target]
	delete(c.known, target)
	c.mu.Unlock()
	if kept {
		c.History.note(netip.AddrPortFrom(k.addr.Unmap(), target.Port), false)
	}
}

// look returns the zero Addr if none is kept.
func (c *Cached) look(target hostname.Target) netip.Addr {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := c.known[target]
	if !time.Now().Before(k.until) {
		return netip.Addr{}
	}
	return k.addr
}

func (c *Cached) keep(target hostname.Target, k known) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil {
		c.known = make(map[hostname.Target]known)
	}
	if len(c.known) >= maxKnown {
		clear(c.known) // rather than to search it each time; it fills again by itself
	}
	c.known[hostname.Target{Host: target.Host.Clone(), Port: target.Port}] = k
}

package upstream

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/policy"
)

// maxAddresses is how many addresses of one name are tried, and told.
const maxAddresses = 50

// Address is one that a target leads to, and what became of it.
type Address struct {
	Addr    netip.Addr
	Refused error // why Dial does not connect to it: *reason.Error ADDRESS_NOT_ALLOWED; nil if it may
	Tried   bool  // whether it was dialled, which needs none after one that has connected
	Err     error // why it has not connected; nil if it has, or was not tried
}

// Checked is what CheckTarget has found.
type Checked struct {
	Addresses  []Address // where the name leads, in the order of their turns; none if it is for a relay proxy alone to resolve
	Unresolved error     // why the name could not be looked up: *reason.Error
	Connected  net.Addr  // of the target, or of the relay proxy; nil if no connection could be opened
	Took       time.Duration
	Failed     error // why no connection could be opened although the name was resolved: *reason.Error
}

// CheckTarget dials target as Dial does, tells what it has found on the way, and closes the connection. The error is that of ctx.
func (d Dialer) CheckTarget(ctx context.Context, target hostname.Target, how policy.Decision) (found Checked, err error) {
	began := time.Now()
	var conn net.Conn
	switch {
	case how.Relay == nil:
		conn, found.Addresses, err = d.direct(ctx, target, how)
		if found.Addresses == nil {
			found.Unresolved, err = err, nil
		}
	case how.Relay.ResolveLocally:
		found.Addresses, found.Unresolved = d.resolve(ctx, target, how)
	}
	if how.Relay != nil && found.Unresolved == nil {
		conn, _, err = d.dialThrough(ctx, target, how)
	}
	found.Addresses = found.Addresses[:min(len(found.Addresses), maxAddresses)]
	found.Failed, found.Took = err, time.Since(began)
	if conn != nil {
		found.Connected = conn.RemoteAddr()
		_ = conn.Close()
	}
	return found, ctx.Err()
}

// resolve looks up and judges the addresses of a name that a relay proxy will look up again. Its errors are those of Dial.
func (d Dialer) resolve(ctx context.Context, target hostname.Target, how policy.Decision) ([]Address, error) {
	limited, cancel := context.WithTimeout(ctx, how.Limits.DialTimeout)
	defer cancel()
	addrs, err := d.lookUp(limited, target, qualified(target.Host))
	if err != nil {
		return nil, explain(ctx, err, target, how.Limits.DialTimeout)
	}
	return judge(addrs, d.guard(target, how)), nil
}

// judge has check judge each address.
func judge(addrs []netip.Addr, check func(netip.Addr) error) []Address {
	addresses := make([]Address, len(addrs))
	for i, addr := range addrs {
		addresses[i] = Address{Addr: addr.Unmap(), Refused: check(addr)}
	}
	return addresses
}

// qualified is the name of a target for the resolver. With a dot in it, it is all of a name: the final dot keeps the resolver from
// completing it by a search list. A name without one may be meant to be completed.
func qualified(host hostname.Host) string {
	if host.IsAddr() || !strings.Contains(host.Name(), ".") {
		return host.Name()
	}
	return host.Name() + "."
}

// lookUp is the addresses of name, which is that of target; there is at least one. Its errors are for explain.
func (d Dialer) lookUp(ctx context.Context, target hostname.Target, name string) ([]netip.Addr, error) {
	if target.Host.IsAddr() {
		return []netip.Addr{target.Host.Addr()}, nil
	}
	resolver := d.Resolver
	if resolver == nil {
		resolver = net.DefaultResolver
	}
	addrs, err := lookUp(ctx, resolver, name)
	if err == nil && len(addrs) == 0 {
		err = &net.DNSError{Err: "no addresses", Name: name, IsNotFound: true}
	}
	if err == nil {
		err = ctx.Err() // the resolver may have an answer all the same
	}
	return addrs, err
}

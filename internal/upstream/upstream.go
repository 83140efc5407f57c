// Package upstream opens the outward connection of a tunnel, directly or through a relay proxy.
package upstream

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"time"

	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/ownaddr"
	"github.com/omsgateway/omsgateway/internal/policy"
	"github.com/omsgateway/omsgateway/internal/reason"
)

// Dialer opens connections. Of several addresses of a name it tries one after another beside each other, over IPv6 and IPv4 in turns,
// as Happy Eyeballs (RFC 8305) has it. The zero value is ready.
//
// A target's name with a dot is looked up as it stands, whatever the search list of the system; its hosts file counts. The name of a
// relay proxy, and one without a dot, is looked up as the system does it.
type Dialer struct {
	Resolver *net.Resolver  // nil is the system's
	Roots    *x509.CertPool // by which the certificate of a relay proxy is verified; nil is the system's
	Name     string         // by which this gateway knows its own requests when they come back, a token; empty for none
	Own      policy.Own     // nil asks the system for the addresses of this computer at each dial
	History  *History       // which addresses connected; nil remembers nothing
}

// Dial connects to target in the way that the policy has decided: directly, or through a relay proxy. ahead are bytes from the target
// that were read already, at most 16 KiB; only a relay proxy makes that happen.
//
// Directly it takes no longer than how.Limits.DialTimeout, and the very addresses that how.Guard has passed are dialled, so that a name
// cannot answer one address to the check and another to the connection. Errors are *reason.Error:
// ADDRESS_NOT_ALLOWED if the guard refused every address, TARGET_NOT_FOUND, TARGET_LOOKUP_FAILED, TARGET_TIMEOUT,
// RESOURCES_EXHAUSTED if the system has no descriptor or memory left for one more connection, else TARGET_UNREACHABLE.
//
// Through a relay proxy DialTimeout is for the connection to it, with its TLS, and RelayTimeout for its answer. Errors are those of the
// RELAY_ family, and with ResolveLocally those of a direct dial for the name, which is then looked up within DialTimeout too.
//
// The connection can be half-closed, and its deadlines cut nothing short for good: what a Write has not taken by then may be written
// later. It is a *net.TCPConn, or has one under NetConn, where the relay proxy is spoken to in TLS.
//
// The error of a context that is cancelled is its own.
func (d Dialer) Dial(ctx context.Context, target hostname.Target, how policy.Decision) (conn net.Conn, ahead []byte, err error) {
	if how.Relay != nil {
		return d.dialThrough(ctx, target, how)
	}
	conn, _, err = d.direct(ctx, target, how)
	return conn, nil, err
}

// direct is Dial without a relay proxy. It also tells what became of each address of the name, if that could be looked up.
func (d Dialer) direct(ctx context.Context, target hostname.Target, how policy.Decision) (net.Conn, []Address, error) {
	return d.connect(ctx, target, qualified(target.Host), how.Limits.DialTimeout, d.guard(target, how))
}

// guard is how.Guard for the addresses of target.
func (d Dialer) guard(target hostname.Target, how policy.Decision) func(netip.Addr) error {
	own := d.own()
	return func(addr netip.Addr) error {
		if err := how.Guard.Check(addr, target.Port, own); err != nil {
			return named(err, target)
		}
		return nil
	}
}

// own reports what is an address of this computer.
func (d Dialer) own() policy.Own {
	if d.Own != nil {
		return d.Own
	}
	addrs, err := ownaddr.Read()
	return func(addr netip.Addr) (bool, error) { return addrs.Has(addr), err }
}

// connect opens a TCP connection to one of the addresses that name leads to. check judges each of them; if it refuses all, its first
// error is the answer. What became of each address comes with errors, too, but for that of the look-up.
func (d Dialer) connect(
	ctx context.Context, to hostname.Target, name string, timeout time.Duration, check func(netip.Addr) error,
) (net.Conn, []Address, error) {
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	addrs, err := d.lookUp(limited, to, name)
	if err != nil {
		return nil, nil, explain(ctx, err, to, timeout)
	}
	addresses := judge(d.History.order(addrs, to.Port), check)
	var passed []*Address
	for i := range addresses {
		if addresses[i].Refused == nil {
			passed = append(passed, &addresses[i])
		}
	}
	if len(passed) == 0 {
		return nil, addresses, addresses[0].Refused
	}
	conn, err := d.race(limited, passed[:min(len(passed), maxAddresses)], to.Port)
	if err != nil {
		return nil, addresses, explain(ctx, err, to, timeout)
	}
	return conn, addresses, nil
}

// named adds the host to a refusal of the guard, which knows only the address.
func named(err error, target hostname.Target) error {
	refusal, ok := errors.AsType[*reason.Error](err)
	if !ok {
		return reason.Wrap(err, reason.TargetUnreachable, "target", target.String())
	}
	return with(refusal, "host", target.Host.Name())
}

// with is err with one part more.
func with(err *reason.Error, part, value string) error {
	parts := map[string]string{part: value}
	for name, value := range err.Parts {
		parts[name] = value
	}
	return &reason.Error{Reason: err.Reason, Parts: parts, Err: err.Err}
}

// explain turns an error of the standard library into one with a reason.
func explain(ctx context.Context, err error, target hostname.Target, timeout time.Duration) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var dns *net.DNSError
	var network net.Error
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return reason.Wrap(err, reason.TargetNotFound, "host", target.Host.Name())
	case errors.As(err, &network) && network.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return reason.Wrap(err, reason.TargetTimeout, "target", target.String(), "seconds", seconds(timeout))
	case exhausted(err):
		return reason.Wrap(err, reason.ResourcesExhausted)
	case dns != nil: // SERVFAIL, REFUSED and the like, or nobody was there to ask
		return reason.Wrap(err, reason.TargetLookupFailed, "host", target.Host.Name())
	default:
		return reason.Wrap(err, reason.TargetUnreachable, "target", target.String())
	}
}

func seconds(d time.Duration) string { return strconv.Itoa(int(d / time.Second)) }

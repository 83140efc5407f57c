// Package upstream opens the outward connection of a tunnel, directly or through a relay proxy.
package upstream

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/policy"
	"github.com/omsgateway/omsgateway/internal/reason"
	"github.com/omsgateway/omsgateway/internal/socket"
)

// Dialer opens connections, over IPv6 and IPv4 as Happy Eyeballs (RFC 8305) has it. The zero value is ready.
type Dialer struct {
	Resolver *net.Resolver  // nil is the system's
	Roots    *x509.CertPool // by which the certificate of a relay proxy is verified; nil is the system's
	Name     string         // by which this gateway knows its own requests when they come back, a token; empty for none
}

// Dial connects to target in the way that the policy has decided: directly, or through a relay proxy. ahead are bytes from the target
// that were read already, at most 16 KiB; only a relay proxy makes that happen.
//
// Directly it takes no longer than how.Limits.DialTimeout, and every address is put to how.Guard when it is dialled, not in a look-up
// before, so that a name cannot answer one address to the check and another to the connection. Errors are *reason.Error:
// ADDRESS_NOT_ALLOWED if the guard refused every address, TARGET_NOT_FOUND, TARGET_TIMEOUT, RESOURCES_EXHAUSTED if the system has no
// descriptor or memory left for one more connection, else TARGET_UNREACHABLE.
//
// Through a relay proxy DialTimeout is for the connection to it, with its TLS, and RelayTimeout for its answer. Errors are those of the
// RELAY_ family, and with ResolveLocally those of a direct dial for the name, which is then looked up within DialTimeout too.
//
// The connection can be half-closed, and its deadlines cut nothing short for good: what a Write has not taken by then may be written
// later. It is a *net.TCPConn, or has one under NetConn, where the relay proxy is spoken to in TLS.
//
// A context that is cancelled is answered with its own error.
func (d Dialer) Dial(ctx context.Context, target hostname.Target, how policy.Decision) (conn net.Conn, ahead []byte, err error) {
	if how.Relay != nil {
		return d.dialThrough(ctx, target, how)
	}
	conn, err = d.connect(ctx, target, how.Limits.DialTimeout, func(addr netip.Addr, port uint16) error {
		return how.Guard.Check(addr, port, interfaceAddrs)
	})
	return conn, nil, err
}

// connect opens a TCP connection. check judges each address that is about to be dialled; if it refuses all, its first error is the
// answer.
func (d Dialer) connect(
	ctx context.Context, to hostname.Target, timeout time.Duration, check func(netip.Addr, uint16) error,
) (net.Conn, error) {
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()

	var refused atomic.Pointer[error]
	var passed atomic.Bool
	dialer := net.Dialer{
		Resolver: d.Resolver,
		ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
			dialled, err := netip.ParseAddrPort(address)
			if err == nil {
				err = check(dialled.Addr(), dialled.Port())
			}
			if err != nil {
				refused.CompareAndSwap(nil, &err)
				return err
			}
			passed.Store(true)
			return nil
		},
		KeepAliveConfig: socket.KeepAlive(),
	}
	conn, err := dialer.DialContext(limited, "tcp", to.String())
	if err == nil {
		return conn, nil
	}
	if cause := refused.Load(); cause != nil && !passed.Load() {
		return nil, named(*cause, to)
	}
	return nil, explain(ctx, err, to, timeout)
}

// interfaceAddrs lists the addresses of this computer.
func interfaceAddrs() ([]netip.Addr, error) {
	list, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	addrs := make([]netip.Addr, 0, len(list))
	for _, a := range list {
		if prefix, err := netip.ParsePrefix(a.String()); err == nil {
			addrs = append(addrs, prefix.Addr().WithZone(""))
		}
	}
	return addrs, nil
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
	default:
		return reason.Wrap(err, reason.TargetUnreachable, "target", target.String())
	}
}

func seconds(d time.Duration) string { return strconv.Itoa(int(d / time.Second)) }

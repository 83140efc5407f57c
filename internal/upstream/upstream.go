// Package upstream opens the outward connection of a tunnel.
package upstream

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"omsgateway/internal/hostname"
	"omsgateway/internal/policy"
	"omsgateway/internal/reason"
)

// Dialer connects directly to targets, over IPv6 and IPv4 as Happy Eyeballs (RFC 8305) has it. The zero value is ready.
type Dialer struct {
	Resolver *net.Resolver // nil is the system's
}

// Dial connects to target within timeout. Every address is put to guard when it is dialled, not in a look-up before, so that a
// name cannot answer one address to the check and another to the connection.
//
// Errors are *reason.Error: ADDRESS_NOT_ALLOWED if guard refused every address, TARGET_NOT_FOUND, TARGET_TIMEOUT,
// RESOURCES_EXHAUSTED if the system has no descriptor or memory left for one more connection, else TARGET_UNREACHABLE. A context
// that is cancelled is answered with its own error.
func (d Dialer) Dial(ctx context.Context, target hostname.Target, guard policy.Guard, timeout time.Duration) (net.Conn, error) {
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()

	var refused atomic.Pointer[error]
	var passed atomic.Bool
	dialer := net.Dialer{
		Resolver: d.Resolver,
		ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
			err := checkAddress(guard, address)
			if err != nil {
				refused.CompareAndSwap(nil, &err)
				return err
			}
			passed.Store(true)
			return nil
		},
		KeepAliveConfig: net.KeepAliveConfig{Enable: true},
	}
	conn, err := dialer.DialContext(limited, "tcp", target.String())
	if err == nil {
		return conn, nil
	}
	if cause := refused.Load(); cause != nil && !passed.Load() {
		return nil, named(*cause, target)
	}
	return nil, explain(ctx, err, target, timeout)
}

func checkAddress(guard policy.Guard, address string) error {
	dialled, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	return guard.Check(dialled.Addr(), dialled.Port(), interfaceAddrs)
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
	parts := map[string]string{"host": target.Host.Name()}
	for name, value := range refusal.Parts {
		parts[name] = value
	}
	return &reason.Error{Reason: refusal.Reason, Parts: parts, Err: refusal.Err}
}

// explain turns an error of net.Dialer into one with a reason.
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
		return reason.Wrap(err, reason.TargetTimeout,
			"target", target.String(), "seconds", strconv.Itoa(int(timeout/time.Second)))
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE), errors.Is(err, syscall.ENOBUFS), errors.Is(err, syscall.ENOMEM):
		return reason.Wrap(err, reason.ResourcesExhausted)
	default:
		return reason.Wrap(err, reason.TargetUnreachable, "target", target.String())
	}
}

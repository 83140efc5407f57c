// Package testnet has peers for tests that behave as no server of the standard library does.
package testnet

import (
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Silent is where a connection neither opens nor fails, until the test ends: as many as may wait to be accepted do, and the system
// answers no more of them.
func Silent(t testing.TB) netip.AddrPort {
	t.Helper()
	return SilentAt(t, "127.0.0.1:0")
}

// SilentAt is Silent at an address of one's own, HOST:PORT.
func SilentAt(t testing.TB, address string) netip.AddrPort {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	raw, err := listener.(*net.TCPListener).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var refused error
	if err := raw.Control(func(fd uintptr) { refused = unix.Listen(int(fd), 0) }); errors.Join(err, refused) != nil {
		t.Fatal(errors.Join(err, refused))
	}
	dialer := net.Dialer{Timeout: time.Second / 4}
	for {
		conn, err := dialer.DialContext(t.Context(), "tcp", listener.Addr().String())
		if err != nil {
			return listener.Addr().(*net.TCPAddr).AddrPort()
		}
		t.Cleanup(func() { _ = conn.Close() })
	}
}

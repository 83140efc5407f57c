package forward_test

import (
	"errors"
	"net"
	"syscall"
	"testing"
)

// small gives what l accepts little room in the system: it inherits that. As in the program, a connection is accepted with its first
// byte, so that the engine need not hand it on.
func small(t *testing.T, l net.Listener) net.Listener {
	t.Helper()
	raw, err := l.(*net.TCPListener).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Control(func(fd uintptr) {
		err = errors.Join(
			syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_SNDBUF, smallBuffer),
			syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_DEFER_ACCEPT, 1),
		)
	}); err != nil {
		t.Fatal(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return l
}

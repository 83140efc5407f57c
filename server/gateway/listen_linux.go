package gateway

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// listenConfig sets on the listener what every connection inherits from it (tcp(7)), which saves the calls for each. A system that
// refuses one of these does without.
//
// A connection is accepted only when its first byte has come, or a second later without one (TCP_DEFER_ACCEPT): the gateway wakes up
// once for a new client instead of twice, and never for the probe of a load balancer that hangs up at once.
func listenConfig() net.ListenConfig {
	return net.ListenConfig{KeepAlive: -1, Control: func(_, _ string, listener syscall.RawConn) error {
		return listener.Control(func(fd uintptr) {
			for _, option := range []struct{ level, name, value int }{
				{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
				{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 15}, // seconds, as the next
				{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 15},
				{unix.IPPROTO_TCP, unix.TCP_KEEPCNT, 9},
				{unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT, 1},
			} {
				_ = unix.SetsockoptInt(int(fd), option.level, option.name, option.value)
			}
		})
	}}
}

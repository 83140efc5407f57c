package gateway

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/omsgateway/omsgateway/internal/socket"
)

// listenConfig sets on the listener what every connection inherits from it (tcp(7)), which saves the calls for each. A system that
// refuses one of these does without.
//
// A connection is accepted only when its first byte has come, or a second later without one (TCP_DEFER_ACCEPT): the gateway wakes up
// once for a new client instead of twice, and never for the probe of a load balancer that hangs up at once.
func listenConfig() net.ListenConfig {
	return net.ListenConfig{KeepAlive: -1, Control: func(_, _ string, listener syscall.RawConn) error {
		return listener.Control(func(fd uintptr) {
			for _, option := range socket.KeepAliveOptions() {
				_ = unix.SetsockoptInt(int(fd), option.Level, option.Name, int(option.Value))
			}
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT, 1)
		})
	}}
}

// Package socket has what is the same for every TCP socket of the gateway, whoever opens it.
package socket

import (
	"net"
	"time"
)

// A peer that has sent nothing for keepAliveIdle is asked whether it is still there, every keepAliveInterval, and its connection fails
// when it has not answered keepAliveCount times. These are also Go's own (net.KeepAliveConfig).
const (
	keepAliveIdle     = 15 * time.Second
	keepAliveInterval = 15 * time.Second
	keepAliveCount    = 9
)

// KeepAlive is the keep-alive of every connection, for dialers and listeners.
func KeepAlive() net.KeepAliveConfig {
	return net.KeepAliveConfig{Enable: true, Idle: keepAliveIdle, Interval: keepAliveInterval, Count: keepAliveCount}
}

package socket

import "golang.org/x/sys/unix"

// Option is what setsockopt(2) sets.
type Option struct {
	Level, Name int
	Value       int32
}

// KeepAliveOptions are KeepAlive for sockets that are not opened by package net.
func KeepAliveOptions() [4]Option {
	return [...]Option{
		{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
		{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, int32(keepAliveIdle.Seconds())},
		{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, int32(keepAliveInterval.Seconds())},
		{unix.IPPROTO_TCP, unix.TCP_KEEPCNT, keepAliveCount},
	}
}

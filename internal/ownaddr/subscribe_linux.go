package ownaddr

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// subscribe calls change whenever an address comes or goes (rtnetlink(7)), until it is ended. An event that found no room in the
// socket's buffer is a change as well.
func subscribe(change func()) (end func(), err error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("opening a netlink socket: %w", err)
	}
	groups := uint32(unix.RTMGRP_IPV4_IFADDR | unix.RTMGRP_IPV6_IFADDR)
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups}); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("binding a netlink socket: %w", err)
	}
	events := os.NewFile(uintptr(fd), "netlink")
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		buf := make([]byte, 4<<10) // what does not fit is cut off, and nobody looks at it
		for {
			if _, err := events.Read(buf); err != nil && !errors.Is(err, unix.ENOBUFS) {
				return
			}
			change()
		}
	}()
	return func() {
		_ = events.Close()
		<-ended
	}, nil
}

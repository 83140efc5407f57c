package splice

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/omsgateway/omsgateway/internal/socket"
)

// The calls that a loop makes for each connection, and for each portion of bytes. None of them waits, so the scheduler is not told
// (RawSyscall): it would start its monitor thread at the first call after each rest, which is a sixth of the CPU time of a gateway
// that is neither idle nor busy. loop.serve sees to it that the monitor runs when a loop is busy.

// accept accepts a connection, and fails with EAGAIN if there is none.
func accept(listener int) (socket int, from netip.AddrPort, err error) {
	var addr unix.RawSockaddrAny
	size := uint32(unsafe.Sizeof(addr))
	socket, err = retried("accept4", func() (uintptr, uintptr, unix.Errno) {
		return unix.RawSyscall6(unix.SYS_ACCEPT4, uintptr(listener), uintptr(unsafe.Pointer(&addr)),
			uintptr(unsafe.Pointer(&size)), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
	})
	return socket, addrPort(&addr), err
}

// addrPort is an address of TCP, an IPv4 address never in its IPv6 form.
func addrPort(addr *unix.RawSockaddrAny) netip.AddrPort {
	switch addr.Addr.Family {
	case unix.AF_INET:
		a := (*unix.RawSockaddrInet4)(unsafe.Pointer(addr))
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), swapped(a.Port))
	case unix.AF_INET6:
		a := (*unix.RawSockaddrInet6)(unsafe.Pointer(addr))
		ip := netip.AddrFrom16(a.Addr)
		if a.Scope_id != 0 { // link-local, which is rare
			zone := strconv.Itoa(int(a.Scope_id))
			if i, err := net.InterfaceByIndex(int(a.Scope_id)); err == nil {
				zone = i.Name
			}
			ip = ip.WithZone(zone)
		}
		return netip.AddrPortFrom(ip.Unmap(), swapped(a.Port))
	}
	return netip.AddrPort{}
}

// swapped takes a port from the order of the network to that of a processor, or back.
func swapped(port uint16) uint16 {
	var b [2]byte
	binary.NativeEndian.PutUint16(b[:], port)
	return binary.BigEndian.Uint16(b[:])
}

// startConnect begins to connect a socket, with the options that package net gives to one.
func startConnect(to netip.AddrPort) (fd int, err error) {
	family := unix.AF_INET
	if to.Addr().Is6() {
		family = unix.AF_INET6
	}
	opened, _, errno := unix.RawSyscall(unix.SYS_SOCKET, uintptr(family), unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if errno != 0 {
		return -1, os.NewSyscallError("socket", errno)
	}
	setOption(opened, socket.Option{Level: unix.IPPROTO_TCP, Name: unix.TCP_NODELAY, Value: 1})
	for _, option := range socket.KeepAliveOptions() {
		setOption(opened, option)
	}
	if to.Addr().Is6() {
		a := unix.RawSockaddrInet6{Family: unix.AF_INET6, Port: swapped(to.Port()), Addr: to.Addr().As16()}
		_, _, errno = unix.RawSyscall(unix.SYS_CONNECT, opened, uintptr(unsafe.Pointer(&a)), unsafe.Sizeof(a))
	} else {
		a := unix.RawSockaddrInet4{Family: unix.AF_INET, Port: swapped(to.Port()), Addr: to.Addr().As4()}
		_, _, errno = unix.RawSyscall(unix.SYS_CONNECT, opened, uintptr(unsafe.Pointer(&a)), unsafe.Sizeof(a))
	}
	if errno != 0 && errno != unix.EINPROGRESS {
		closeSocket(int(opened))
		return -1, os.NewSyscallError("connect", errno)
	}
	return int(opened), nil
}

// setOption sets an option that a socket can do without.
func setOption(fd uintptr, o socket.Option) {
	_, _, _ = unix.RawSyscall6(unix.SYS_SETSOCKOPT, fd, uintptr(o.Level), uintptr(o.Name), uintptr(unsafe.Pointer(&o.Value)),
		unsafe.Sizeof(o.Value), 0)
}

// connectedToItself reports whether a socket was given the very port that it was to connect to, on this computer: TCP then opens a
// connection, although nobody listens there (RFC 9293 section 3.5). Ports below 1024 are not given to anybody (ip_local_port_range).
func connectedToItself(socket int, target netip.AddrPort) bool {
	if target.Port() < 1024 {
		return false
	}
	var addr unix.RawSockaddrAny
	size := uint32(unsafe.Sizeof(addr))
	_, _, errno := unix.RawSyscall(unix.SYS_GETSOCKNAME, uintptr(socket), uintptr(unsafe.Pointer(&addr)), uintptr(unsafe.Pointer(&size)))
	return errno == 0 && addrPort(&addr) == target
}

// pollNow takes up to len(events) events, 0 if there are none.
func pollNow(epoll int, events []unix.EpollEvent) (int, error) {
	return retried("epoll_pwait", func() (uintptr, uintptr, unix.Errno) {
		return unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(epoll), uintptr(unsafe.Pointer(unsafe.SliceData(events))),
			uintptr(len(events)), 0, 0, 0)
	})
}

// pollBusy is pollNow as an ordinary call.
func pollBusy(epoll int, events []unix.EpollEvent) (int, error) {
	return ignoringEINTR(func() (int, error) { return unix.EpollWait(epoll, events, 0) })
}

// read reads what is there into b, which is not empty.
func read(fd int, b []byte) (int, error) {
	return retried("read", func() (uintptr, uintptr, unix.Errno) {
		return unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
	})
}

// write writes as much of b to a socket as there is room for; b is not empty. If more follows at once, the kernel may keep the bytes
// back for up to 200 ms, to send all together (send(2), MSG_MORE).
func write(socket int, b []byte, more bool) (int, error) {
	flags := unix.MSG_NOSIGNAL
	if more {
		flags |= unix.MSG_MORE
	}
	return retried("send", func() (uintptr, uintptr, unix.Errno) {
		return unix.RawSyscall6(unix.SYS_SENDTO, uintptr(socket), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)),
			uintptr(flags), 0, 0)
	})
}

// splice moves up to n bytes. One of the descriptors is a pipe.
func splice(from, to, n int) (int, error) {
	return retried("splice", func() (uintptr, uintptr, unix.Errno) {
		return unix.RawSyscall6(unix.SYS_SPLICE, uintptr(from), 0, uintptr(to), 0, uintptr(n),
			unix.SPLICE_F_MOVE|unix.SPLICE_F_NONBLOCK)
	})
}

// shutdown finishes sending on a socket.
func shutdown(socket int) error {
	_, _, errno := unix.RawSyscall(unix.SYS_SHUTDOWN, uintptr(socket), unix.SHUT_WR, 0)
	return asError("shutdown", errno)
}

// closeSocket closes a socket that has no time to linger, and so does not wait.
func closeSocket(socket int) {
	_, _, _ = unix.RawSyscall(unix.SYS_CLOSE, uintptr(socket), 0, 0)
}

// watchSocket is epoll_ctl(2).
func watchSocket(epoll, op, socket int, event *unix.EpollEvent) error {
	_, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_CTL, uintptr(epoll), uintptr(op), uintptr(socket), uintptr(unsafe.Pointer(event)), 0, 0)
	return asError("epoll_ctl", errno)
}

func asError(call string, errno unix.Errno) error {
	if errno == 0 {
		return nil
	}
	return os.NewSyscallError(call, errno)
}

// sendRoom is about how many bytes a TCP socket has room for before it takes no more. The kernel counts its overhead as
// well, hence the eighth that is left out.
func sendRoom(fd int) int {
	var info [unix.SK_MEMINFO_VARS]uint32
	size := uint32(unsafe.Sizeof(info))
	_, _, errno := unix.RawSyscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return pipeSize // the write will tell
	}
	room := int(info[unix.SK_MEMINFO_SNDBUF]) - int(info[unix.SK_MEMINFO_WMEM_QUEUED])
	return room - room/8
}

// retried makes a call until no signal interrupts it. EAGAIN, which is no failure, stays as it is.
func retried(name string, call func() (n, _ uintptr, errno unix.Errno)) (int, error) {
	for {
		switch n, _, errno := call(); errno {
		case 0:
			return int(n), nil
		case unix.EINTR:
		case unix.EAGAIN:
			return 0, unix.EAGAIN
		default:
			return 0, os.NewSyscallError(name, errno)
		}
	}
}

// cannotSplice reports whether err says that the system, or these sockets, have no splice.
func cannotSplice(err error) bool {
	return errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EINVAL)
}

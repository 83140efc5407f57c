package splice

import (
	"errors"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The calls that a loop makes for each portion of bytes, and at the end of a pair. None of them waits, so the scheduler is not told
// (RawSyscall): it would start its monitor thread at the first call after each rest, which is a sixth of the CPU time of a gateway
// that is neither idle nor busy. loop.serve sees to it that the monitor runs when a loop is busy.

// pollNow takes up to len(events) events, 0 if there are none.
func pollNow(epoll int, events []unix.EpollEvent) (int, error) {
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(epoll), uintptr(unsafe.Pointer(unsafe.SliceData(events))),
			uintptr(len(events)), 0, 0, 0)
		if errno != unix.EINTR {
			return answer("epoll_pwait", n, errno)
		}
	}
}

// pollBusy is pollNow as an ordinary call.
func pollBusy(epoll int, events []unix.EpollEvent) (int, error) {
	return ignoringEINTR(func() (int, error) { return unix.EpollWait(epoll, events, 0) })
}

// read reads what is there into b, which is not empty.
func read(fd int, b []byte) (int, error) {
	for {
		n, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
		if errno != unix.EINTR {
			return answer("read", n, errno)
		}
	}
}

// write writes as much of b to a socket as there is room for; b is not empty. If more follows at once, the kernel may keep the bytes
// back for up to 200 ms, to send all together (send(2), MSG_MORE).
func write(socket int, b []byte, more bool) (int, error) {
	flags := unix.MSG_NOSIGNAL
	if more {
		flags |= unix.MSG_MORE
	}
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(socket), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)),
			uintptr(flags), 0, 0)
		if errno != unix.EINTR {
			return answer("send", n, errno)
		}
	}
}

// splice moves up to n bytes. One of the descriptors is a pipe.
func splice(from, to, n int) (int, error) {
	for {
		moved, _, errno := unix.RawSyscall6(unix.SYS_SPLICE, uintptr(from), 0, uintptr(to), 0, uintptr(n),
			unix.SPLICE_F_MOVE|unix.SPLICE_F_NONBLOCK)
		if errno != unix.EINTR {
			return answer("splice", moved, errno)
		}
	}
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

// answer is the result of a call. EAGAIN, which is no failure, stays as it is.
func answer(call string, n uintptr, errno unix.Errno) (int, error) {
	switch errno {
	case 0:
		return int(n), nil
	case unix.EAGAIN:
		return 0, unix.EAGAIN
	}
	return 0, os.NewSyscallError(call, errno)
}

// cannotSplice tells whether err says that the system, or these sockets, have no splice.
func cannotSplice(err error) bool {
	return errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EINVAL)
}

package splice

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// reader holds what a read through the raw connection leaves behind.
type reader struct {
	try func(fd uintptr) bool
	got *buffer
	n   int
	err error
}

// read waits for bytes and reads them into a borrowed buffer, which may be nil when n is 0 and is the caller's to put back.
func (s *source) read() (b *buffer, n int, err error) {
	if s.raw == nil {
		b = s.buffers.get()
		n, err = s.conn.Read(b[:])
		return b, n, err
	}
	if s.try == nil {
		s.try = s.readNow
	}
	s.got, s.n, s.err = nil, 0, nil
	if err := s.raw.Read(s.try); err != nil {
		return nil, 0, err
	}
	return s.got, s.n, s.err
}

// readNow reads what is there, or returns false and borrows nothing.
func (s *source) readNow(fd uintptr) bool {
	b := s.buffers.get()
	n, err := ignoringEINTR(func() (int, error) { return unix.Read(int(fd), b[:]) })
	switch {
	case errors.Is(err, unix.EAGAIN):
		s.buffers.put(b)
		return false
	case err != nil:
		s.n, s.err = 0, os.NewSyscallError("read", err)
	case n == 0:
		s.n, s.err = 0, io.EOF
	default:
		s.n = n
	}
	s.got = b
	return true
}

// watch waits until a TCP connection that has nothing more to read is reset, and returns that error. It returns another
// error when the connection is woken by its deadline or closed, and nil when it is not watched at all.
func watch(c net.Conn) error {
	t, ok := c.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := t.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Read(func(fd uintptr) bool {
		events := poll(int(fd))
		if events&unix.POLLERR != 0 {
			failed = socketError(int(fd))
		}
		return events != 0
	})
	return errors.Join(failed, err)
}

// hungUp reports whether a TCP connection is over in both directions: each side has finished, or it was reset.
func hungUp(t *net.TCPConn) bool {
	raw, err := t.SyscallConn()
	if err != nil {
		return false
	}
	var events int16
	_ = raw.Control(func(fd uintptr) { events = poll(int(fd)) })
	return events&unix.POLLHUP != 0
}

// outstandingOf returns whether bytes wait for the peer of t, and how many it has taken, or what its owner knows about that.
func outstandingOf(t *net.TCPConn, waits bool, taken uint64) (bool, uint64) {
	if raw, err := t.SyscallConn(); err == nil { // or it is closed
		_ = raw.Control(func(fd uintptr) { waits, taken = outstanding(int(fd)) })
	}
	return waits, taken
}

// outstanding returns whether bytes wait for the peer of a TCP connection, and how many it has acknowledged, which they say while they
// are in the system's buffer or on their way. A peer whose buffer is full acknowledges, and is sent, no more (tcp(7), TCP_INFO).
func outstanding(fd int) (waits bool, taken uint64) {
	info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return false, 0
	}
	return info.Unacked > 0 || info.Notsent_bytes > 0, info.Bytes_acked
}

// poll is what poll(2) tells unasked: POLLERR, POLLHUP and POLLNVAL.
func poll(fd int) int16 {
	fds := []unix.PollFd{{Fd: int32(fd)}}
	if _, err := ignoringEINTR(func() (int, error) { return unix.Poll(fds, 0) }); err != nil {
		return unix.POLLNVAL
	}
	return fds[0].Revents
}

// socketError takes the error that a socket has pending; nil if there is none.
func socketError(fd int) error {
	n, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err != nil {
		return os.NewSyscallError("getsockopt", err)
	}
	if n == 0 {
		return nil
	}
	return syscall.Errno(n)
}

func ignoringEINTR(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}

const errReset = unix.ECONNRESET

// isReset reports whether err says that the peer reset the connection. A write after the reset was seen fails with EPIPE, a
// shutdown with ENOTCONN.
func isReset(err error) bool {
	return errors.Is(err, unix.ECONNRESET) || errors.Is(err, unix.EPIPE) ||
		errors.Is(err, unix.ECONNABORTED) || errors.Is(err, unix.ENOTCONN)
}

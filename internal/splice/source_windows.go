package splice

import (
	"errors"
	"net"

	"golang.org/x/sys/windows"
)

// reader remembers whether the last read filled its buffer, so that the next one need not wait.
type reader struct{ more bool }

// read waits for bytes and reads them into a borrowed buffer, which may be nil when n is 0 and is the caller's to put back.
//
// RawConn.Read waits with a receive of no bytes when its function returns false, and calls it again when bytes are there.
func (s *source) read() (b *buffer, n int, err error) {
	if s.raw != nil && !s.more {
		waited := false
		err := s.raw.Read(func(uintptr) bool {
			ready := waited
			waited = true
			return ready
		})
		if err != nil {
			return nil, 0, err
		}
	}
	b = s.buffers.get()
	n, err = s.conn.Read(b[:])
	s.more = n == len(b)
	return b, n, err
}

// watch does not watch: a reset after the end of the stream shows in the next write.
func watch(net.Conn) error { return nil }

// hungUp need not tell a reset from the end of a stream: here every read after a reset says so.
func hungUp(*net.TCPConn) bool { return false }

// outstandingOf returns what the owner of a connection knows: the system does not tell what its peer has taken.
func outstandingOf(_ *net.TCPConn, waits bool, taken uint64) (bool, uint64) { return waits, taken }

const errReset = windows.WSAECONNRESET

// isReset reports whether err says that the peer reset the connection, or that the system gave it up for one.
func isReset(err error) bool {
	return errors.Is(err, windows.WSAECONNRESET) || errors.Is(err, windows.WSAECONNABORTED) ||
		errors.Is(err, windows.WSAENOTCONN)
}

package upstream

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// secured is a TLS connection to a relay proxy whose writes may be cut short by a deadline and go on later, as those of a TCP
// connection. Those of crypto/tls may not: a record of which a part was written would be the last one. So a goroutine writes, at most
// one record behind, and what a deadline cuts short is the hand-over to it.
type secured struct {
	*tls.Conn          // for reading
	handOver  net.Conn // to the goroutine
	ended     chan struct{}

	mu  sync.Mutex
	err error // of the goroutine
}

// closeTime bounds how long the goroutine still writes when the connection was closed.
const closeTime = 5 * time.Second

// newSecured takes a connection over whose handshake is done.
func newSecured(conn *tls.Conn) *secured {
	mine, other := net.Pipe()
	s := &secured{Conn: conn, handOver: mine, ended: make(chan struct{})}
	go s.write(other)
	return s
}

// write writes what is handed over, up to its end, which it passes on.
func (s *secured) write(from net.Conn) {
	defer close(s.ended)
	defer from.Close()
	const record = 16 << 10 // the most that one holds: RFC 8446, section 5.1
	buf := make([]byte, record)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			_, err = s.Conn.Write(buf[:n])
		}
		if errors.Is(err, io.EOF) {
			err = s.Conn.CloseWrite()
			if err == nil {
				return
			}
		}
		if err != nil {
			s.mu.Lock()
			s.err = err
			s.mu.Unlock()
			return
		}
	}
}

// Write hands p over.
func (s *secured) Write(p []byte) (int, error) {
	n, err := s.handOver.Write(p)
	if errors.Is(err, io.ErrClosedPipe) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.err != nil {
			err = s.err
		}
	}
	return n, err
}

// CloseWrite has the end of this side passed on behind what was written.
func (s *secured) CloseWrite() error { return s.handOver.Close() }

// Close does not wait for what was written to be sent, as that of a TCP connection.
func (s *secured) Close() error {
	_ = s.SetReadDeadline(time.Unix(1, 0))
	_ = s.Conn.SetWriteDeadline(time.Now().Add(closeTime))
	_ = s.handOver.Close()
	go func() {
		<-s.ended
		_ = s.Conn.Close()
	}()
	return nil
}

// SetDeadline sets both deadlines.
func (s *secured) SetDeadline(t time.Time) error {
	return errors.Join(s.SetReadDeadline(t), s.SetWriteDeadline(t))
}

// SetWriteDeadline bounds the hand-over.
func (s *secured) SetWriteDeadline(t time.Time) error { return s.handOver.SetWriteDeadline(t) }

package localsock

import (
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

// PipeConn is the connection that reads from r and writes to w, the ends of two pipes. Deadlines work where the operating
// system has them for pipes (not on Windows).
func PipeConn(r, w *os.File) net.Conn { return &pipeConn{r: r, w: w, closed: make(chan struct{})} }

// StdioListener is a listener whose one connection is this process's standard input and output. Its second Accept waits until
// that connection or the listener is closed, and returns net.ErrClosed. Nothing else may use the two streams.
func StdioListener() net.Listener {
	l := &stdioListener{
		conn:   &pipeConn{r: closable(os.Stdin), w: closable(os.Stdout), closed: make(chan struct{})},
		conns:  make(chan net.Conn, 1),
		closed: make(chan struct{}),
	}
	l.conns <- l.conn
	return l
}

type stdioListener struct {
	conn   *pipeConn
	conns  chan net.Conn // has conn until it is accepted
	once   sync.Once
	closed chan struct{}
}

func (l *stdioListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.conn.closed:
	case <-l.closed:
	}
	return nil, net.ErrClosed
}

// Close leaves the connection to whom has accepted it.
func (l *stdioListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (*stdioListener) Addr() net.Addr { return pipeAddr{} }

type pipeConn struct {
	r, w   *os.File
	once   sync.Once
	closed chan struct{}
}

func (c *pipeConn) Read(p []byte) (int, error)  { return c.r.Read(p) }
func (c *pipeConn) Write(p []byte) (int, error) { return c.w.Write(p) }

func (c *pipeConn) Close() error {
	err := net.ErrClosed
	c.once.Do(func() {
		close(c.closed)
		err = errors.Join(c.w.Close(), c.r.Close())
	})
	return err
}

func (c *pipeConn) LocalAddr() net.Addr  { return pipeAddr{} }
func (c *pipeConn) RemoteAddr() net.Addr { return pipeAddr{} }

func (c *pipeConn) SetDeadline(t time.Time) error {
	return errors.Join(c.r.SetReadDeadline(t), c.w.SetWriteDeadline(t))
}
func (c *pipeConn) SetReadDeadline(t time.Time) error  { return c.r.SetReadDeadline(t) }
func (c *pipeConn) SetWriteDeadline(t time.Time) error { return c.w.SetWriteDeadline(t) }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "standard streams" }

package splice

import (
	"net"
	"sync"
	"syscall"
)

// source reads from one connection of a copied pair.
type source struct {
	conn    net.Conn
	raw     syscall.RawConn // nil unless conn is a TCP connection, whose bytes can be waited for without a buffer
	buffers *buffers
	reader  // what the system needs for read
}

func newSource(c net.Conn, b *buffers) *source {
	s := &source{conn: c, buffers: b}
	if t, ok := c.(*net.TCPConn); ok {
		s.raw, _ = t.SyscallConn() // an error is that of a closed connection, which Read has too
	}
	return s
}

// buffers lends what a direction keeps its bytes in.
type buffers struct{ pool sync.Pool }

type buffer [32 << 10]byte

func (b *buffers) get() *buffer {
	if v := b.pool.Get(); v != nil {
		return v.(*buffer)
	}
	return new(buffer)
}

// put takes a buffer back; nil stands for none.
func (b *buffers) put(v *buffer) {
	if v != nil {
		b.pool.Put(v)
	}
}

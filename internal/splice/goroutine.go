package splice

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// NewGoroutineEngine is the engine for every system and every net.Conn: two goroutines for each pair. A direction that reads
// from a TCP connection borrows its buffer (32 KiB) only while bytes are there; one that reads from any other connection
// keeps it while it waits.
func NewGoroutineEngine() Engine {
	return newGoroutineEngine(newRegister())
}

type goroutineEngine struct {
	register *register
	buffers  buffers
}

func newGoroutineEngine(r *register) *goroutineEngine {
	return &goroutineEngine{register: r}
}

func (e *goroutineEngine) Join(client, target net.Conn, o Options) *Pair {
	if back, _ := o.inspectHeads(); o.Inspection != nil {
		return giveBackAtOnce(e.register, client, target, &o, back)
	}
	return e.join(&relay{
		Pair:   Pair{idle: o.Idle, done: o.Done},
		engine: e,
		conns:  [2]net.Conn{client, target},
		heads:  [2][]byte{o.ClientHead, o.TargetHead},
	})
}

func (e *goroutineEngine) join(r *relay) *Pair {
	for _, c := range r.conns {
		_ = c.SetDeadline(time.Time{}) // fails on a dead connection, as the first read will
	}
	r.stopper = r
	r.copying.Store(2)
	r.running.Store(2)
	if err := e.register.enter(&r.Pair, 0); err != nil {
		r.stop(EndClosed, err)
	}
	go r.run(Client)
	go r.run(Target)
	return &r.Pair
}

func (e *goroutineEngine) Close() error {
	e.register.close()
	return nil
}

// relay is a pair of the goroutine engine: one goroutine for each side that is read from.
type relay struct {
	Pair
	engine  *goroutineEngine
	conns   [2]net.Conn
	heads   [2][]byte
	ending  atomic.Pointer[ending] // set once, by the first cause
	sealing [2]atomic.Bool         // by side: no more is written to it, and that is being passed on
	copying atomic.Int32           // directions that have not finished
	running atomic.Int32           // goroutines
}

type ending struct {
	end End
	err error
}

// stop wakes both goroutines by a deadline in the past; the last of them closes the connections.
func (r *relay) stop(end End, err error) {
	if r.ending.CompareAndSwap(nil, &ending{end, err}) {
		r.wake()
	}
}

func (r *relay) wake() {
	for _, c := range r.conns {
		_ = c.SetDeadline(time.Unix(1, 0)) // fails on a closed connection, which wakes as well
	}
}

func (r *relay) run(from Side) {
	end, err := r.copy(from)
	switch {
	case end != EndFinished:
		r.stop(end, err)
	case r.copying.Add(-1) == 0:
		r.wake() // the other goroutine watches for a reset that can no longer matter
	default:
		if err := watch(r.conns[from]); isReset(err) {
			r.stop(from.failure("watching", err))
		}
	}
	if r.running.Add(-1) == 0 {
		r.finish()
	}
}

// copy moves bytes until the end of the stream, which it passes on, or until something fails. After stop it returns soon
// with any result.
func (r *relay) copy(from Side) (End, error) {
	to := from.other()
	dst := r.conns[to]
	if err := r.write(from, r.heads[from]); err != nil {
		return to.failure("writing to", err)
	}
	r.heads[from] = nil
	src := newSource(r.conns[from], &r.engine.buffers)
	for {
		b, n, readErr := src.read()
		if n > 0 {
			r.active.Store(r.register.now())
			if err := r.write(from, b[:n]); err != nil {
				r.engine.buffers.put(b)
				return to.failure("writing to", err)
			}
		}
		r.engine.buffers.put(b)
		if readErr == nil {
			continue
		}
		// A TLS peer that closes its TCP connection without a close_notify has finished too: a cut is seen by the TLS that
		// the tunnel carries.
		if !errors.Is(readErr, io.EOF) && !errors.Is(readErr, io.ErrUnexpectedEOF) {
			return from.failure("reading from", readErr)
		}
		// The system tells of a reset once. If the other goroutine met it in a write, this one reads the end of the stream;
		// but then the connection is over both ways although this side has not finished writing to it.
		if t := bottom(r.conns[from]); t != nil && hungUp(t) && !r.sealing[from].Load() {
			return from.failure("reading from", errReset)
		}
		half, ok := dst.(interface{ CloseWrite() error })
		if !ok {
			r.stop(EndFinished, nil)
			return EndFinished, nil
		}
		r.sealing[to].Store(true)
		if err := half.CloseWrite(); err != nil {
			return to.failure("finishing", err)
		}
		return EndFinished, nil
	}
}

func (r *relay) write(from Side, b []byte) error {
	if len(b) == 0 {
		return nil
	}
	n, err := r.conns[from.other()].Write(b)
	r.moved[from].Add(int64(n))
	r.active.Store(r.register.now())
	return err
}

// finish closes the connections and reports. Both goroutines have stopped using them.
func (r *relay) finish() {
	how := ending{end: EndFinished}
	if e := r.ending.Load(); e != nil {
		how = *e
	}
	for _, c := range r.conns {
		if how.end.abrupt() {
			abort(c)
		}
		_ = c.Close()
	}
	if r.done != nil {
		r.done(r.result(how.end, how.err))
	}
	r.register.leave(&r.Pair)
}

// abort closes the TCP connection at the bottom of c so that its peer sees a reset.
func abort(c net.Conn) {
	if t := bottom(c); t != nil {
		_ = t.SetLinger(0)
		_ = t.Close()
	}
}

// bottom is the TCP connection that carries c, or nil if there is none to be found.
func bottom(c net.Conn) *net.TCPConn {
	for {
		switch layer := c.(type) {
		case *net.TCPConn:
			return layer
		case interface{ NetConn() net.Conn }: // *tls.Conn
			c = layer.NetConn()
		default:
			return nil
		}
	}
}

// source reads from one connection of a relay.
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

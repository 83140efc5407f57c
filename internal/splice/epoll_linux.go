package splice

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// epollEngine moves the bytes of TCP pairs on a few loops, one for each processor that Go uses. A pair belongs to one loop
// for life, and nothing but that loop's goroutine touches its sockets. While it waits it owns its two descriptors and no
// goroutine, pipe or buffer. Any other pair goes to the goroutine engine.
//
// How a loop works: it holds the sockets of its pairs in an epoll instance of its own, edge-triggered, and the descriptor of
// that instance waits in the runtime's poller, so that no thread blocks. An edge only sets a flag of the pair (readable, no
// longer blocked); the flags are cleared when the kernel answers EAGAIN, and work is done for as long as they stand. So no
// event is lost when a pair's turn ends before its bytes do.
type epollEngine struct {
	register *register
	others   *goroutineEngine
	loops    []*loop
	reserve  reserve
	joined   atomic.Uint32
	shut     sync.Once
}

// maxLoops is more than any network card keeps busy. It bounds what the loops' pipes take of the pages that the kernel
// allows an unprivileged user (fs.pipe-user-pages-soft, by default 16,384) to a quarter.
const maxLoops = 16

func newEpollEngine() (*epollEngine, error) {
	r := newRegister()
	e := &epollEngine{register: r, others: newGoroutineEngine(r)}
	e.reserve.file, _ = os.Open(os.DevNull) // without it a connection may be lost that could be refused
	for range min(runtime.GOMAXPROCS(0), maxLoops) {
		l, err := newLoop(r)
		if err != nil {
			_ = e.Close()
			return nil, fmt.Errorf("preparing to carry tunnels: %w", err)
		}
		e.loops = append(e.loops, l)
		go l.run()
	}
	return e, nil
}

func (e *epollEngine) Join(client, target net.Conn, o Options) *Pair {
	c, ok1 := client.(*net.TCPConn)
	t, ok2 := target.(*net.TCPConn)
	if !ok1 || !ok2 {
		return e.others.Join(client, target, o)
	}
	back, goesOn := o.inspectHeads()
	if !goesOn {
		return giveBackAtOnce(e.register, client, target, &o, back)
	}
	fds, err := takeOut(c, t)
	switch {
	case err != nil && o.Inspection != nil:
		return giveBackAtOnce(e.register, client, target, &o, back)
	case err != nil:
		if o.Fallback != nil {
			o.Fallback(err)
		}
		return e.others.Join(client, target, o)
	}
	p := &spliced{
		Pair:       Pair{idle: o.Idle, done: o.Done},
		engine:     e,
		loop:       e.loops[e.joined.Add(1)%uint32(len(e.loops))],
		fallback:   o.Fallback,
		inspection: o.Inspection,
		fds:        fds,
		flows:      [2]flow{{memory: o.ClientHead}, {memory: o.TargetHead}},
	}
	p.stopper = p
	if err := e.register.enter(&p.Pair, o.inspectionLimit()); err != nil {
		p.stop(EndClosed, err)
	}
	p.loop.add(p)
	return &p.Pair
}

func (e *epollEngine) Close() error {
	for _, l := range e.loops {
		l.shutDoors()
	}
	e.register.close()
	e.shut.Do(func() {
		for _, l := range e.loops {
			l.close()
		}
		e.reserve.close()
	})
	return nil
}

// takeOut takes the sockets out of the runtime's poller: it duplicates both descriptors and closes the connections. If it
// fails, the connections are as they were.
func takeOut(conns ...*net.TCPConn) (fds [2]int, err error) {
	for i, c := range conns {
		fd, err := duplicate(c)
		if err != nil {
			for _, fd := range fds[:i] {
				_ = unix.Close(fd)
			}
			return fds, err
		}
		fds[i] = fd
	}
	for _, c := range conns {
		_ = c.Close() // the duplicate keeps the connection
	}
	return fds, nil
}

func duplicate(c *net.TCPConn) (int, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return -1, err
	}
	var fd int
	var dupErr error
	err = raw.Control(func(own uintptr) {
		fd, dupErr = unix.FcntlInt(own, unix.F_DUPFD_CLOEXEC, 0)
	})
	if err := errors.Join(err, os.NewSyscallError("fcntl", dupErr)); err != nil {
		return -1, err
	}
	return fd, nil
}

// spliced is a pair of the epoll engine.
type spliced struct {
	Pair
	engine   *epollEngine
	loop     *loop
	ending   atomic.Pointer[ending] // set once, by the first cause
	fallback func(error)

	// Guarded by the loop's lock.
	attached bool
	ticket   ticket

	// Of the loop's goroutine alone, once the pair is attached.
	fds     [2]int
	flows   [2]flow // by the side they come from
	watched [2]bool // whether room to write makes an event
	copying bool    // splice cannot move this pair

	plan       *Plan       // nil when the target is connected
	inspection *Inspection // nil when it is over

	over bool // the loop has closed it
}

// flow is one direction of a pair.
type flow struct {
	memory   []byte // read and not written
	readable bool   // the kernel may have bytes, the end of the stream or an error
	blocked  bool   // the kernel took no more; an event will tell when it does
	ended    bool   // the end of the stream was read
	finished bool   // and passed on
	closing  bool   // the sender has finished or failed, so that a read may find more than bytes
	bulk     int8   // reads to come that are expected to find much
	queued   bool   // waits for another turn
}

// stop leaves the ending to the loop, unless the pair is not attached: then add finds it, or the pair is over already.
func (p *spliced) stop(end End, err error) {
	if !p.ending.CompareAndSwap(nil, &ending{end, err}) {
		return
	}
	l := p.loop
	l.mu.Lock()
	defer l.mu.Unlock()
	if p.attached {
		l.stopped = append(l.stopped, p)
		l.wake()
	}
}

// leave hands the sockets on if there is no tunnel yet or they are still inspected, and else closes them. The loop does not know the
// pair any more.
func (p *spliced) leave(back Returned) {
	switch {
	case p.plan != nil:
		p.take()
	case p.inspection != nil:
		p.giveBack(back)
	default:
		p.close()
	}
}

// close closes the sockets and reports.
func (p *spliced) close() {
	p.flows[Client].memory, p.flows[Target].memory = nil, nil
	how := p.ending.Load()
	for _, fd := range p.fds {
		if how.end.abrupt() {
			_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
		}
		closeSocket(fd)
	}
	if p.done != nil {
		p.done(p.result(how.end, how.err))
	}
	p.register.leave(&p.Pair)
}

// giveBack makes the sockets connections of the runtime's poller again.
func (p *spliced) giveBack(back Returned) {
	for from := range p.flows {
		back.Rest[from] = bytes.Clone(p.flows[from].memory) // which may be the loop's
	}
	if how := p.ending.Load(); how != nil {
		back.End, back.Err = how.end, how.err
	}
	giveBack := p.inspection.GiveBack
	go func() {
		back.Sent, back.Received = p.Counts()
		back.Client, back.Target = p.engine.connection(p.fds[Client]), p.engine.connection(p.fds[Target])
		giveBack(back)
		p.register.leave(&p.Pair)
	}()
}

// connection makes a socket a connection of the runtime's poller. Where that fails, the socket is closed, and so is the connection
// that stands for it.
func (e *epollEngine) connection(fd int) net.Conn {
	file := os.NewFile(uintptr(fd), "tcp")
	conn, err := net.FileConn(file) // which duplicates the descriptor
	if errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) {
		e.reserve.lend(func() {
			conn, err = net.FileConn(file)
			_ = file.Close()
		})
	}
	_ = file.Close()
	if err != nil {
		conn, _ = net.Pipe()
		_ = conn.Close()
	}
	return conn
}

// reserve is a descriptor that is kept back, so that a connection can be handed on when there is no other.
type reserve struct {
	mu   sync.Mutex
	file *os.File // nil if there was none to be had
}

// lend gives the descriptor up for use, which leaves one more than it takes.
func (r *reserve) lend(use func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.release()
	use()
	r.file, _ = os.Open(os.DevNull)
}

func (r *reserve) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.release()
}

func (r *reserve) release() {
	if r.file != nil {
		_ = r.file.Close()
		r.file = nil
	}
}

// inspectionLimit is that of the inspection, 0 if there is none.
func (o *Options) inspectionLimit() time.Duration {
	if o.Inspection == nil {
		return 0
	}
	return o.Inspection.Limit
}

// inspected notes that the inspection of a pair is over.
func (r *register) inspected(p *Pair) {
	limit := p.until.Swap(0)
	if p.idle <= 0 || p.due() >= limit {
		return // the hand will see it
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if p.slot != unlimited {
		r.take(p)
		r.schedule(p)
	}
}

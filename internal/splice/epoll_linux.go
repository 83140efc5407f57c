package splice

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/omsgateway/omsgateway/internal/socket"
)

// epollEngine moves the bytes of TCP pairs on a few loops, one for each processor that Go uses. A pair belongs to one loop
// for as long as all goes well, and nothing but that loop's goroutine touches its sockets. While it waits it owns its two
// descriptors and no goroutine, pipe or buffer. Any other pair goes to the goroutine engine.
//
// How a loop works: it holds the sockets of its pairs in an epoll instance of its own, edge-triggered, and the descriptor of
// that instance waits in the runtime's poller, so that no thread blocks. An edge only sets a flag of the pair (readable, no
// longer blocked); the flags are cleared when the kernel answers EAGAIN, and work is done for as long as they stand. So no
// event is lost when a pair's turn ends before its bytes do.
type epollEngine struct {
	register *register
	others   *goroutineEngine
	loops    []*loop
	spare    socket.Spare // with which a connection can be handed on when no other descriptor is left
	joined   atomic.Uint32
	memory   memory // of all loops
	shut     sync.Once
}

// maxLead is by how many tunnels a loop may be ahead of another one and still keep those that it accepts. A tunnel that stays needs
// no other thread to wake up; one loop carries some 5,000 short tunnels a second, or several GB.
const maxLead = 32

// maxLoops is more than any network card keeps busy. It bounds what the loops' pipes take of the pages that the kernel
// allows an unprivileged user (fs.pipe-user-pages-soft, by default 16,384) to a quarter.
const maxLoops = 16

// newEpollEngine makes an engine whose tunnels may hold so many bytes before they are moved in small portions.
func newEpollEngine(mostHeld int64) (*epollEngine, error) {
	r := newRegister()
	e := &epollEngine{register: r, others: newGoroutineEngine(r), memory: memory{most: mostHeld}}
	e.spare.Keep() // without it a connection may be lost that could be refused
	for range min(runtime.GOMAXPROCS(0), maxLoops) {
		l, err := newLoop(r, &e.memory)
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
	fds, err := takeOut(c, t)
	if err != nil {
		if o.Owner != nil {
			o.Owner.Fallback(err)
		}
		return e.others.Join(client, target, o)
	}
	p := &spliced{Pair: Pair{idle: o.Idle, stall: o.Stall}, engine: e, loop: e.loops[e.joined.Add(1)%uint32(len(e.loops))], fds: fds}
	e.register.enter(&p.Pair, p, o.InspectionLimit)
	if rest, ok := p.join(&o); ok {
		p.loop.add(p)
	} else {
		p.leave(rest)
	}
	return &p.Pair
}

// Accept implements [Accepter].
func (e *epollEngine) Accept(ctx context.Context, l *net.TCPListener, receive Reception) error {
	raw, err := l.SyscallConn()
	if err != nil {
		return err
	}
	a := &acceptor{engine: e, loop: e.loops[0], raw: raw, receive: receive, failed: make(chan error, 1)}
	a.once = func(fd uintptr) { a.socket, a.from, a.err = accept(int(fd)) }
	defer a.end()
	if err := a.begin(); err != nil {
		return fmt.Errorf("preparing to accept connections: %w", err)
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-a.failed:
		return err
	}
}

// Abandon implements [Accepter].
func (e *epollEngine) Abandon(cause error) { e.register.abandon(cause) }

// GoRound implements [Engine].
func (e *epollEngine) GoRound() {
	e.others.GoRound()
	for _, l := range e.loops {
		l.goRound()
	}
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
		e.spare.Close()
	})
	return nil
}

// near is the loop for a tunnel that own has accepted.
func (e *epollEngine) near(own *loop) *loop {
	least := slices.MinFunc(e.loops, func(a, b *loop) int { return int(a.pairs.Load() - b.pairs.Load()) })
	if own.pairs.Load()-least.pairs.Load() > maxLead {
		return least
	}
	return own
}

// connection makes a socket a connection of the runtime's poller. Where that fails, the socket is closed, and so is the connection
// that stands for it.
func (e *epollEngine) connection(fd int) net.Conn {
	file := os.NewFile(uintptr(fd), "tcp")
	conn, err := net.FileConn(file) // which duplicates the descriptor
	if errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) {
		e.spare.Lend(func() {
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

func duplicate(c *net.TCPConn) (fd int, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return -1, err
	}
	err = control(raw, func(own int) (err error) {
		fd, err = unix.FcntlInt(uintptr(own), unix.F_DUPFD_CLOEXEC, 0)
		return os.NewSyscallError("fcntl", err)
	})
	return fd, err
}

// control makes a call with the descriptor of a connection, or of a listener, that is open.
func control(raw syscall.RawConn, call func(fd int) error) error {
	var failed error
	err := raw.Control(func(fd uintptr) { failed = call(int(fd)) })
	return errors.Join(err, failed)
}

package splice

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	// acceptTurn is how many connections are accepted in a row before the tunnels have their turn.
	acceptTurn = 16

	// maxLead is by how many tunnels a loop may be ahead of another one and still keep those that it accepts. A tunnel that stays needs
	// no other thread to wake up; one loop carries some 5,000 short tunnels a second, or several GB.
	maxLead = 32
)

// acceptor has a loop accept connections from a listener. The descriptor stays that of the listener, so that it is closed with it.
type acceptor struct {
	engine  *epollEngine
	loop    *loop
	id      int32 // by which the loop knows it
	raw     syscall.RawConn
	receive Reception
	once    func(fd uintptr) // one call of accept, for raw
	failed  chan error       // has room for the one

	mu   sync.Mutex // held while connections are accepted
	over bool

	// What once has found.
	socket int
	from   netip.AddrPort
	err    error
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

// begin has the loop watch the listener.
func (a *acceptor) begin() error {
	l := a.loop
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.shut {
		return net.ErrClosed
	}
	l.lastAcceptor++
	a.id = l.lastAcceptor
	l.acceptors[a.id] = a
	return a.control(func(fd int) error {
		// Inherited by what is accepted (tcp(7)); Go sets it on every connection of its own.
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
		return watchSocket(l.fd, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: onRead, Fd: wakeFd - a.id})
	})
}

// end has the loop forget the listener, which may be closed already.
func (a *acceptor) end() {
	l := a.loop
	l.mu.Lock()
	if !l.shut {
		delete(l.acceptors, a.id)
		_ = a.control(func(fd int) error { return watchSocket(l.fd, unix.EPOLL_CTL_DEL, fd, nil) })
	}
	l.mu.Unlock()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.over = true
}

// shutDoors ends every Accept of this loop, now and in future.
func (l *loop) shutDoors() {
	l.mu.Lock()
	l.shut = true
	all := l.acceptors
	l.acceptors = nil
	l.mu.Unlock()
	for _, a := range all {
		a.mu.Lock()
		a.fail(net.ErrClosed)
		a.mu.Unlock()
	}
}

// fail ends Accept; a.mu is held.
func (a *acceptor) fail(err error) {
	if !a.over {
		a.over = true
		a.failed <- err
	}
}

func (a *acceptor) control(call func(fd int) error) error {
	var failed error
	err := a.raw.Control(func(fd uintptr) { failed = call(int(fd)) })
	return errors.Join(err, failed)
}

// drained accepts connections and answers whether there are no more, for now or for good.
func (a *acceptor) drained() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for range acceptTurn {
		if a.over || a.raw.Control(a.once) != nil {
			return true
		}
		switch {
		case a.err == nil:
			a.welcome()
		case errors.Is(a.err, unix.ECONNABORTED): // the client has given up
		case errors.Is(a.err, unix.EAGAIN):
			return true
		default:
			a.fail(a.err)
			return true
		}
	}
	return false
}

// welcome asks what becomes of a connection, and begins that.
func (a *acceptor) welcome() {
	n, _ := read(a.socket, a.loop.scratch[:MaxFirst]) // an end or a failure shows again at the next read, or write
	plan := a.receive(a.from, a.loop.scratch[:n])
	e, client := a.engine, a.socket
	if plan.Take == nil {
		closeSocket(client)
		return
	}
	if !plan.Target.IsValid() {
		e.register.run(func() { plan.Take(e.connection(client), nil) })
		return
	}
	target, err := startConnect(plan.Target)
	if err != nil {
		e.register.run(func() { plan.Take(e.connection(client), notConnected(err)) })
		return
	}
	p := &spliced{
		Pair:   Pair{opening: true},
		engine: e,
		loop:   e.near(a.loop),
		plan:   &plan,
		fds:    [2]int{client, target},
	}
	p.stopper = p
	if err := e.register.enter(&p.Pair, plan.Limit); err != nil {
		p.stop(EndClosed, err)
	}
	p.loop.add(p)
}

// near is the loop for a tunnel that own has accepted.
func (e *epollEngine) near(own *loop) *loop {
	least := slices.MinFunc(e.loops, func(a, b *loop) int { return int(a.pairs.Load() - b.pairs.Load()) })
	if own.pairs.Load()-least.pairs.Load() > maxLead {
		return least
	}
	return own
}

// Abandon implements [Accepter].
func (e *epollEngine) Abandon(cause error) { e.register.abandon(cause) }

// opened follows an event of a pair whose target is not connected yet, and answers whether it is now.
func (l *loop) opened(p *spliced, e *edge) bool {
	const failed = unix.EPOLLHUP | unix.EPOLLERR
	switch {
	case e.events&failed != 0 && e.side == Target:
		l.endFor(p, EndError, notConnected(cmp.Or(socketError(p.fds[Target]), io.EOF)))
		return false
	case e.events&failed != 0:
		l.fail(p, Client, "watching", cmp.Or(socketError(p.fds[Client]), io.EOF))
		return false
	case e.side == Client || e.events&unix.EPOLLOUT == 0:
		return false
	}
	if connectedToItself(p.fds[Target], p.plan.Target) {
		l.endFor(p, EndError, notConnected(errItself))
		return false
	}
	l.register.connected(&p.Pair)
	if p.ending.Load() != nil {
		return false // it was stopped before, and is about to be ended
	}
	o, err := p.plan.Open(p, &p.Pair)
	if err != nil {
		l.endFor(p, EndError, err)
		return false
	}
	back, goesOn := o.inspectHeads()
	p.plan, p.done, p.fallback, p.inspection = nil, o.Done, o.Fallback, o.Inspection
	p.flows[Client].memory, p.flows[Target].memory = back.Rest[Client], back.Rest[Target]
	l.register.opened(&p.Pair, &o)
	if !goesOn {
		l.end(p, back)
	}
	return goesOn
}

// errItself is why a target is not connected whose socket leads back to itself.
var errItself = errors.New("nobody listens there but the connection itself")

// Write is for Plan.Open: it writes to the client.
func (p *spliced) Write(answer []byte) (int, error) {
	n, err := write(p.fds[Client], answer, false)
	if err == nil && n < len(answer) {
		err = io.ErrShortWrite
	}
	return n, err
}

// take closes the target, which is not connected, and has the client's socket taken.
func (p *spliced) take() {
	closeSocket(p.fds[Target])
	how := p.ending.Load()
	cause := how.err
	if how.end == EndIdle {
		cause = notConnected(os.ErrDeadlineExceeded)
	}
	take := p.plan.Take
	go func() {
		take(p.engine.connection(p.fds[Client]), cause)
		p.register.leave(&p.Pair)
	}()
}

func notConnected(cause error) error { return fmt.Errorf("%w: %w", ErrNotConnected, cause) }

// connected notes that the target of a pair is connected: from here on it is not abandoned, nor late.
func (r *register) connected(p *Pair) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p.opening = false
	p.until.Store(0)
}

// opened notes with what the two connections of a pair are joined.
func (r *register) opened(p *Pair, o *Options) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p.idle = o.Idle
	r.take(p)
	if r.closed {
		r.put(p, unlimited)
		return
	}
	r.begin(p, o.inspectionLimit())
}

// abandon stops every pair whose target is not connected yet, now and in future.
func (r *register) abandon(cause error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cause = cause
	for _, p := range r.slots {
		for ; p != nil; p = p.next {
			if p.opening {
				p.stopper.stop(EndClosed, cause)
			}
		}
	}
}

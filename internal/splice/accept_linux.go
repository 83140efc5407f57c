package splice

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// acceptTurn is how many connections are accepted in a row before the tunnels have their turn.
const acceptTurn = 16

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
	return control(a.raw, func(fd int) error {
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
		_ = control(a.raw, func(fd int) error { return watchSocket(l.fd, unix.EPOLL_CTL_DEL, fd, nil) })
	}
	l.mu.Unlock()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.over = true
}

// fail ends Accept; a.mu is held.
func (a *acceptor) fail(err error) {
	if !a.over {
		a.over = true
		a.failed <- err
	}
}

// drained accepts connections and reports whether there are no more, for now or for good.
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
	e.register.enter(&p.Pair, p, plan.Limit)
	p.loop.add(p)
}

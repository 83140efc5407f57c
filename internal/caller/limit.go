package caller

import (
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/omsgateway/omsgateway/internal/reason"
)

const (
	// A connection over the limits is kept for this long, so that its caller can be told why it is refused.
	refusalTime = 2 * time.Second
	// So is that of a caller without a role, whatever it sends.
	noRoleTime = 5 * time.Second
	// At most this many are kept; the next are closed without a word.
	maxRefusals = 16
)

// Limit bounds the connections that l accepts for a server whose credentials use [Handshake]: total in all, perCaller from one
// caller, whoever it is. All callers without a role count as one, since somebody who may use many user ids (a user namespace, say)
// could otherwise use up the total. At most total connections whose caller is not known yet are open; the next ones wait in the
// operating system's queue.
//
// A connection over the limits passes the handshake as a caller without a role, whose calls are refused with TOO_MANY_CALLS
// ([Caller.May]), and is closed 2 s later; when 16 such are open, the next are closed at once. That of a caller without a role is
// closed after 5 s: enough to be told what is missing, and no place to wait in.
func Limit(l net.Listener, total, perCaller int) net.Listener {
	return &limiter{
		Listener:  l,
		total:     total,
		perCaller: perCaller,
		unknown:   make(chan struct{}, total),
		done:      make(chan struct{}),
		callers:   make(map[string]int),
	}
}

// Handshake finds out who is at the other end of conn: identify returns the connection to go on with, and the identity. A connection
// that a listener of [Limit] has accepted is counted from then on; if it is over the limits, the auth info says so at each call, or
// the handshake fails with TOO_MANY_CALLS. The caller of Handshake closes conn after an error.
func Handshake(conn net.Conn, identify func(net.Conn) (net.Conn, Identity, error)) (net.Conn, AuthInfo, error) {
	limited, hasLimit := conn.(*limitedConn)
	if hasLimit {
		conn = limited.Conn
	}
	known, identity, err := identify(conn)
	if err != nil {
		return nil, AuthInfo{}, fmt.Errorf("finding out who is calling: %w", err)
	}
	if hasLimit {
		if known, identity, err = limited.admit(known, identity); err != nil {
			return nil, AuthInfo{}, err
		}
	}
	return known, AuthInfo{identity}, nil
}

type limiter struct {
	net.Listener
	total     int
	perCaller int
	unknown   chan struct{} // holds one for each connection whose caller is not known yet
	done      chan struct{}
	once      sync.Once

	mu       sync.Mutex
	open     int            // admitted
	callers  map[string]int // admitted, by name
	refusals int            // over the limits
}

func (l *limiter) Accept() (net.Conn, error) {
	select {
	case l.unknown <- struct{}{}:
	case <-l.done:
		return nil, net.ErrClosed
	}
	conn, err := l.Listener.Accept()
	if err != nil {
		<-l.unknown
		return nil, err
	}
	return &limitedConn{Conn: conn, limiter: l, release: func() { <-l.unknown }}, nil
}

func (l *limiter) Close() error {
	l.once.Do(func() { close(l.done) })
	return l.Listener.Close()
}

// admit counts a connection of identity. It returns as whom the connection goes on, how long it may (0: as it likes), and what
// undoes the counting.
func (l *limiter) admit(identity Identity) (as Identity, life time.Duration, release func(), err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	who := identity()
	name := who.Name
	if who.Role == None {
		name, life = "", noRoleTime // nobody's name
	}
	limit, whom := l.perCaller, who.Name
	if l.callers[name] < l.perCaller {
		if l.open < l.total {
			l.open++
			l.callers[name]++
			return identity, life, func() { l.leave(name) }, nil
		}
		limit, whom = l.total, "all callers together"
	}
	refusal := reason.New(reason.TooManyCalls, "limit", strconv.Itoa(limit), "caller", whom)
	if l.refusals >= maxRefusals {
		return nil, 0, nil, fmt.Errorf("closing the connection: %w", refusal)
	}
	l.refusals++
	return identity.refused(refusal), refusalTime, l.forgetRefusal, nil
}

func (l *limiter) leave(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open--
	if l.callers[name]--; l.callers[name] == 0 {
		delete(l.callers, name)
	}
}

func (l *limiter) forgetRefusal() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refusals--
}

// limitedConn is a connection that the limiter counts until it is closed.
type limitedConn struct {
	net.Conn
	limiter *limiter

	mu      sync.Mutex
	release func()      // nil once it is closed
	end     *time.Timer // closes a connection that is only there to be refused
}

// admit replaces the count as unknown by the count of identity. known is the connection to go on with, from the handshake.
func (c *limitedConn) admit(known net.Conn, identity Identity) (net.Conn, Identity, error) {
	as, life, release, err := c.limiter.admit(identity)
	if err != nil {
		return nil, nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.release == nil {
		release()
		return nil, nil, net.ErrClosed
	}
	c.release()
	c.release = release
	if life > 0 {
		c.end = time.AfterFunc(life, func() { _ = c.Close() })
	}
	return counted{known, c}, as, nil
}

// Close closes the connection and ends its count.
func (c *limitedConn) Close() error {
	c.mu.Lock()
	release := c.release
	c.release = nil
	if c.end != nil {
		c.end.Stop()
	}
	c.mu.Unlock()
	if release != nil {
		release()
	}
	return c.Conn.Close()
}

// counted is a connection whose end is also the end of its count.
type counted struct {
	net.Conn
	limited *limitedConn
}

func (c counted) Close() error { return c.limited.Close() }

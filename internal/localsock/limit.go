package localsock

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

// Limit bounds the connections that l accepts for a server with [ServerCredentials]: total in all, perUser from one user, root
// and the gateway's own account included. All callers without a role count as one user, since somebody who may use many user ids
// (a user namespace, say) could otherwise use up the total. At most total connections whose caller is not known yet are open;
// the next ones wait in the operating system's queue.
//
// A connection over the limits passes the handshake as a caller without a role, whose calls are refused with TOO_MANY_CALLS
// ([Caller.May]), and is closed 2 s later; when 16 such are open, the next are closed at once. That of a caller without a role is
// closed after 5 s: enough to be told what is missing, and no place to wait in.
func Limit(l net.Listener, total, perUser int) net.Listener {
	return &limiter{
		Listener: l,
		total:    total,
		perUser:  perUser,
		unknown:  make(chan struct{}, total),
		done:     make(chan struct{}),
		users:    make(map[string]int),
	}
}

type limiter struct {
	net.Listener
	total   int
	perUser int
	unknown chan struct{} // holds one for each connection whose caller is not known yet
	done    chan struct{}
	once    sync.Once

	mu       sync.Mutex
	open     int            // admitted
	users    map[string]int // admitted, by key
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

// admit counts a connection of caller. It answers the caller as whom the connection goes on, whether it is over the limits and
// so has to end soon, and what undoes the counting.
func (l *limiter) admit(caller Caller) (as Caller, over bool, release func(), err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := caller.key
	if caller.Role == None {
		key = "" // no user's key
	}
	limit, whom := l.perUser, caller.Name
	if l.users[key] < l.perUser {
		if l.open < l.total {
			l.open++
			l.users[key]++
			return caller, false, func() { l.leave(key) }, nil
		}
		limit, whom = l.total, "all callers together"
	}
	refusal := reason.New(reason.TooManyCalls, "limit", strconv.Itoa(limit), "caller", whom)
	if l.refusals >= maxRefusals {
		return Caller{}, true, nil, fmt.Errorf("closing the connection: %w", refusal)
	}
	l.refusals++
	if caller.Role != None { // else the missing role is the better thing to say
		caller.Role, caller.refusal = None, refusal
	}
	return caller, true, l.forgetRefusal, nil
}

func (l *limiter) leave(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open--
	if l.users[key]--; l.users[key] == 0 {
		delete(l.users, key)
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

// admit replaces the count as unknown by the count of caller. known is the connection to go on with, from the handshake.
func (c *limitedConn) admit(known net.Conn, caller Caller) (net.Conn, Caller, error) {
	as, over, release, err := c.limiter.admit(caller)
	if err != nil {
		return nil, Caller{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.release == nil {
		release()
		return nil, Caller{}, net.ErrClosed
	}
	c.release()
	c.release = release
	switch {
	case over:
		c.end = time.AfterFunc(refusalTime, func() { _ = c.Close() })
	case as.Role == None:
		c.end = time.AfterFunc(noRoleTime, func() { _ = c.Close() })
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

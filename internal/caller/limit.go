package caller

import (
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/omsgateway/omsgateway/internal/reason"
)

const (
	// A connection over the limits is kept for this long, so that its caller can be told why it is refused.
	refusalTime = 2 * time.Second
	// So is that of a caller without a role, whatever it sends.
	noRoleTime = 5 * time.Second
	// At most this many are kept of callers who may change, and as many of all others. The next ones wait.
	maxRefusals = 16
	// For so long at most; by then who was kept has gone.
	waitTime = 2 * refusalTime
	// A connection has at least this long to say whose it is. Most take much less.
	unknownTime = 20 * time.Millisecond
)

// Limit bounds the connections that l accepts for a server whose credentials use [Handshake]: total in all and perCaller from one
// caller, as [Places] are. At most total connections whose caller is not known yet are open besides; when another comes, the one that has
// been silent longest ends.
//
// A connection over the limits passes the handshake as a caller without a role, whose calls are refused with TOO_MANY_CALLS
// ([Caller.May]), and is closed 2 s later. When 16 such are open, of callers who may change or of all others, the handshake of the next
// one waits for that. A connection of a caller without a role is closed after 5 s: enough to be told what is missing, and no place to
// wait in.
func Limit(l net.Listener, total, perCaller int) net.Listener {
	return &limiter{
		Listener: l,
		places:   NewPlaces(total, perCaller, tooMany),
		unknown:  make(chan struct{}, total),
		done:     make(chan struct{}),
		refused:  [2]chan struct{}{make(chan struct{}, maxRefusals), make(chan struct{}, maxRefusals)},
	}
}

func tooMany(limit, whom string) *reason.Error {
	return reason.New(reason.TooManyCalls, "limit", limit, "caller", whom)
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
	places  *Places
	unknown chan struct{} // holds one for each of silent, and for the next one
	done    chan struct{}
	once    sync.Once
	refused [2]chan struct{} // hold one for each connection over the limits; the second is for callers who may change

	mu     sync.Mutex
	silent []*limitedConn // the caller is not known yet, in the order in which they came
}

func (l *limiter) Accept() (net.Conn, error) {
	if err := l.makeRoom(); err != nil {
		return nil, err
	}
	conn, err := l.Listener.Accept()
	if err != nil {
		<-l.unknown
		return nil, err
	}
	c := &limitedConn{Conn: conn, limiter: l, since: time.Now(), closed: make(chan struct{})}
	c.release = func() { l.known(c) }
	l.mu.Lock()
	l.silent = append(l.silent, c)
	l.mu.Unlock()
	return c, nil
}

// makeRoom waits until there may be one more connection whose caller is not known. It ends the one that has been silent longest, unless
// that has just come.
func (l *limiter) makeRoom() error {
	for {
		select {
		case l.unknown <- struct{}{}:
			return nil
		default:
		}
		wait := unknownTime
		if longest := l.longestSilent(); longest != nil {
			if wait -= time.Since(longest.since); wait <= 0 {
				_ = longest.Close()
				continue
			}
		}
		select {
		case l.unknown <- struct{}{}:
			return nil
		case <-l.done:
			return net.ErrClosed
		case <-time.After(wait):
		}
	}
}

func (l *limiter) longestSilent() *limitedConn {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.silent) == 0 {
		return nil
	}
	return l.silent[0]
}

// known ends the time of a connection among those whose caller is not known.
func (l *limiter) known(c *limitedConn) {
	l.mu.Lock()
	i := slices.Index(l.silent, c)
	l.silent = slices.Delete(l.silent, i, i+1)
	l.mu.Unlock()
	<-l.unknown
}

func (l *limiter) Close() error {
	l.once.Do(func() { close(l.done) })
	return l.Listener.Close()
}

// admit counts a connection of identity. It returns as whom the connection goes on, how long it may (0: as it likes), and what
// undoes the counting.
func (l *limiter) admit(c *limitedConn, identity Identity) (as Identity, life time.Duration, release func(), err error) {
	who := identity()
	release, full := l.places.Take(who)
	if full != nil {
		kept := l.refused[0]
		if who.Role >= Change {
			kept = l.refused[1]
		}
		select {
		case kept <- struct{}{}:
		case <-c.closed:
			return nil, 0, nil, net.ErrClosed
		case <-time.After(waitTime):
			return nil, 0, nil, fmt.Errorf("closing the connection: %w", full)
		}
		forget := func() { <-kept }
		if release, full = l.places.Take(who); full != nil {
			return identity.refused(full), refusalTime, forget, nil
		}
		forget()
	}
	if who.Role == None {
		return identity, noRoleTime, release, nil
	}
	return identity, 0, release, nil
}

// limitedConn is a connection that the limiter counts until it is closed.
type limitedConn struct {
	net.Conn
	limiter *limiter
	since   time.Time     // it was accepted
	closed  chan struct{} // closed with it

	mu      sync.Mutex
	release func()      // nil once it is closed
	end     *time.Timer // closes a connection that is only there to be refused
}

// admit replaces the count as unknown by the count of identity. known is the connection to go on with, from the handshake.
func (c *limitedConn) admit(known net.Conn, identity Identity) (net.Conn, Identity, error) {
	as, life, release, err := c.limiter.admit(c, identity)
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
		close(c.closed)
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

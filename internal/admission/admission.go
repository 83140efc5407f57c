// Package admission bounds what clients may take of the gateway: connections, those of them that are waited for because their request
// or their TLS handshake is not complete, and the bytes that handshakes hold.
//
// Each of these is a pool. Anybody may take any part of one until seven eighths of it are taken; from there on a client that has its
// share, or more, gets nothing further. The share is what each holder would have if there were one more, so that one client alone, too,
// leaves an eighth for the next. A client is an IPv4 address or, because a host may use as many addresses as it likes of the network that
// it is in, the first 64 bits of an IPv6 address (RFC 4291, section 2.5.1). Link-local addresses, which all have the same, count
// one by one.
//
// The package does no I/O and waits for nothing. What it ends it tells to a [Waiter].
package admission

import (
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/omsgateway/omsgateway/internal/policy"
	"github.com/omsgateway/omsgateway/internal/reason"
)

// Control has the pools. Its methods, and those of its places, may be called from any goroutine.
type Control struct {
	start time.Time // what is kept of a time counts from here; monotonic
	bytes bytes

	mu          sync.Mutex
	connections int64
	queues      [2]queue
	clients     map[netip.Addr]*client
	unknown     client // of the places that do not belong to anybody yet
}

// Taken is what is taken of each pool.
type Taken struct {
	Connections, Heads, Handshakes, Bytes int64
}

// New makes a Control whose handshakes hold so many bytes together.
func New(bytes int64) *Control {
	c := &Control{start: time.Now(), clients: make(map[netip.Addr]*client)}
	c.bytes.limit = bytes
	return c
}

// Admit takes a place for a connection of a client that is not known yet. It fails with TOO_MANY_CONNECTIONS, and then p has none.
// The limits may differ from call to call; what is taken stays.
func (c *Control) Admit(p *Place, l policy.Limits) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.connections >= int64(l.MaxConnections) {
		return reason.New(reason.TooManyConnections, "limit", strconv.Itoa(l.MaxConnections))
	}
	c.connections++
	p.control, p.client, p.admitted = c, &c.unknown, true
	p.address = p.client.join(netip.Addr{})
	return nil
}

// EndSilent ends the handshakes of which not a byte has come, TLS_HELLO_TIMEOUT after l.HelloTimeout, or after a fifth of that from
// seven eighths of l.MaxHandshakes on. It reports whether there are handshakes, so that it is to be called again.
func (c *Control) EndSilent(now time.Time, l policy.Limits) (again bool) {
	limit := l.HelloTimeout
	c.mu.Lock()
	q := &c.queues[Handshakes]
	if q.pool(Handshakes, l).crowded() {
		limit /= 5
	}
	why := reason.New(reason.TLSHelloTimeout, "seconds", strconv.FormatFloat(limit.Seconds(), 'f', -1, 64))
	silent := q.silent(c.sinceStart(now) - int64(limit))
	waiters := make([]Waiter, len(silent))
	for i, p := range silent {
		waiters[i] = p.end(why)
	}
	again = q.taken > 0
	c.mu.Unlock()
	for _, w := range waiters {
		w.GiveUp(why)
	}
	return again
}

// Taken is what is taken now.
func (c *Control) Taken() Taken {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Taken{c.connections, c.queues[Heads].taken, c.queues[Handshakes].taken, c.bytes.taken.Load()}
}

func (c *Control) sinceStart(t time.Time) int64 { return int64(t.Sub(c.start)) }

// Waiter is told that its place is ended.
type Waiter interface {
	// GiveUp is called at most once for each Wait, and must not wait for anything. Leave of the place fails with the same cause, and may
	// do so before.
	GiveUp(cause error)
}

// Place is that of one connection. The zero value is ready for Admit, and it must not be copied afterwards.
type Place struct {
	control *Control
	ended   atomic.Pointer[reason.Error]
	noted   atomic.Int64 // when it had been heard, as far as its queue knows
	heard   atomic.Bool  // since Wait

	// Guarded by the control's lock.
	admitted, waiting bool
	queue             Queue // if it is waiting
	client            *client
	address           *address // nil if the client cannot have several
	waiter            Waiter
	links_            links[Place]
}

func (p *Place) links() *links[Place] { return &p.links_ }

// Belongs says whose connection it is. It fails with TOO_MANY_CLIENT_CONNECTIONS, CLIENT_CONNECTION_SHARE or, for a place in a queue,
// as Wait does; then the place is to be released.
func (p *Place) Belongs(to netip.Addr, now time.Time, l policy.Limits) error {
	to = to.Unmap()
	c := p.control
	c.mu.Lock()
	defer c.mu.Unlock()
	of := c.clients[network(to)]
	if of == nil {
		of = &client{network: network(to)}
	}
	if most := l.MaxConnectionsPerClient; most > 0 && of.from(to) >= int64(most) {
		return reason.New(reason.TooManyClientConnection, "limit", strconv.Itoa(most), "client", to.String())
	}
	all := pool{limit: int64(l.MaxConnections), taken: c.connections - 1, holders: int64(len(c.clients))}
	if err := all.check(of, of.connections, reason.ClientConnectionShare); err != nil {
		return err
	}
	waited := p.waiting
	if waited {
		if err := c.check(of, p.queue, l); err != nil {
			return err
		}
		p.leave()
	}
	p.client.part(p.address)
	p.client, p.address = of, of.join(to)
	c.clients[of.network] = of
	if waited {
		p.enter(p.queue, c.sinceStart(now))
	}
	return nil
}

// Wait takes a place of the queue, too, for a connection that is in none. It fails with TOO_MANY_CLIENT_HEADS or
// TOO_MANY_CLIENT_HANDSHAKES if the client has its share. If all are taken, it ends the one that has waited longest without a byte, of
// the client that has most, for the cause ENDED_FOR_ROOM; without such a one it fails with TOO_MANY_REQUEST_HEADS or TOO_MANY_HANDSHAKES.
func (p *Place) Wait(in Queue, w Waiter, now time.Time, l policy.Limits) error {
	c := p.control
	c.mu.Lock()
	q := &c.queues[in]
	if err := c.check(p.client, in, l); err != nil {
		c.mu.Unlock()
		return err
	}
	var other Waiter
	var why *reason.Error
	if limit := in.limit(l); q.taken >= limit {
		longest := q.longest()
		if longest == nil {
			c.mu.Unlock()
			return reason.New(in.full(), "limit", strconv.FormatInt(limit, 10))
		}
		why = reason.New(reason.EndedForRoom, "client", longest.client.String())
		other = longest.end(why)
	}
	p.waiter = w
	p.heard.Store(false)
	p.enter(in, c.sinceStart(now))
	c.mu.Unlock()
	if other != nil {
		other.GiveUp(why)
	}
	return nil
}

// accuracy is how exactly it is known when a place that waits was heard: to know it better would take the lock for each chunk.
const accuracy = 250 * time.Millisecond

// Heard says that a byte has come over the connection, or over that to its target.
func (p *Place) Heard(now time.Time) {
	c := p.control
	if !p.heard.Load() {
		p.heard.Store(true)
	}
	since := c.sinceStart(now)
	if since-p.noted.Load() < int64(accuracy) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if p.waiting {
		places := &p.client.shares[p.queue].places
		places.remove(p)
		p.noted.Store(since)
		places.append(p)
	}
}

// Leave gives back the place in its queue, if it has one. It fails if the place was ended meanwhile, for that cause: then the
// connection must not go on.
func (p *Place) Leave() error {
	p.control.mu.Lock()
	defer p.control.mu.Unlock()
	p.leave()
	return p.Ended()
}

// Ended is the cause for which the place was ended, or nil. It takes no lock, and is not behind once GiveUp has been called.
func (p *Place) Ended() error {
	if why := p.ended.Load(); why != nil {
		return why
	}
	return nil
}

// Release says that the connection is closed. Only the first call counts, and none without Admit.
func (p *Place) Release() {
	c := p.control
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !p.admitted {
		return
	}
	p.leave()
	p.admitted = false
	c.connections--
	p.client.part(p.address)
	if p.client.connections == 0 && p.client != &c.unknown {
		delete(c.clients, p.client.network)
	}
}

// check fails if a client gets no more places of a queue because of its share; the lock is held.
func (c *Control) check(of *client, in Queue, l policy.Limits) error {
	have := 0
	if s := of.shares[in]; s != nil {
		have = s.number
	}
	return c.queues[in].pool(in, l).check(of, int64(have), in.overShare())
}

// end takes a place out of its queue for good; the lock is held. The waiter is to be told without it.
func (p *Place) end(why *reason.Error) Waiter {
	p.ended.Store(why)
	p.leave()
	return p.waiter
}

// enter puts a place into a queue; the lock is held.
func (p *Place) enter(in Queue, now int64) {
	p.noted.Store(now)
	p.waiting, p.queue = true, in
	p.control.queues[in].add(p)
}

// leave takes a place out of its queue, if it is in one; the lock is held.
func (p *Place) leave() {
	if p.waiting {
		p.waiting = false
		p.control.queues[p.queue].remove(p)
	}
}

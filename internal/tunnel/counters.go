package tunnel

import (
	"maps"
	"net/netip"
	"strconv"
	"sync"

	"github.com/omsgateway/omsgateway/internal/policy"
	"github.com/omsgateway/omsgateway/internal/reason"
)

// Counters bound the client connections and count what the status shows. The zero value is ready. The methods may be called from
// any goroutine.
type Counters struct {
	mu         sync.Mutex
	open       int // connections
	heads      int // of them, those still in the request head
	active     int // of them, those that sent a byte
	connected  int // clients with an active connection
	clients    map[netip.Addr]*client
	errors     int64
	rejections int64
	notVisible int64
	refused    map[reason.Reason]int64
}

// client is one client address with at least one open connection.
type client struct {
	open, heads, active int
}

// Snapshot is the counters at one moment.
type Snapshot struct {
	ActiveConnections int64                   // open client connections that have sent at least one byte
	ConnectedClients  int64                   // distinct addresses among them
	Errors            int64                   // Failed
	Rejections        int64                   // Rejected
	NotVisible        int64                   // CertificateNotVisible
	Refused           map[reason.Reason]int64 // Refused
}

// Admit counts a new connection, which begins in its request head, or refuses it: TOO_MANY_CONNECTIONS,
// TOO_MANY_CLIENT_CONNECTIONS, TOO_MANY_REQUEST_HEADS or TOO_MANY_CLIENT_HEADS (one client address may have a quarter of the
// connections that are in the head, but at least one). The limits may differ from call to call; what is open stays.
func (c *Counters) Admit(addr netip.Addr, limits policy.Limits) (*Slot, error) {
	addr = addr.Unmap()
	c.mu.Lock()
	defer c.mu.Unlock()
	of := c.clients[addr]
	if of == nil {
		of = &client{}
	}
	if err := c.check(addr, of, limits); err != nil {
		return nil, err
	}
	if c.clients == nil {
		c.clients = make(map[netip.Addr]*client)
	}
	c.clients[addr] = of
	c.open++
	of.open++
	c.heads++
	of.heads++
	return &Slot{counters: c, client: of, addr: addr, inHead: true}, nil
}

func (c *Counters) check(addr netip.Addr, of *client, limits policy.Limits) error {
	perClient, clientHeads := limits.MaxConnectionsPerClient, max(limits.MaxRequestHeads/4, 1)
	switch {
	case c.open >= limits.MaxConnections:
		return reason.New(reason.TooManyConnections, "limit", strconv.Itoa(limits.MaxConnections))
	case perClient > 0 && of.open >= perClient:
		return reason.New(reason.TooManyClientConnection, "limit", strconv.Itoa(perClient), "client", addr.String())
	case c.heads >= limits.MaxRequestHeads:
		return reason.New(reason.TooManyRequestHeads, "limit", strconv.Itoa(limits.MaxRequestHeads))
	case of.heads >= clientHeads:
		return reason.New(reason.TooManyClientHeads, "limit", strconv.Itoa(clientHeads), "client", addr.String())
	}
	return nil
}

// Failed counts a tunnel that failed, for example because the target did not answer.
func (c *Counters) Failed() { c.count(&c.errors) }

// Rejected counts a refusal by a TLS check.
func (c *Counters) Rejected() { c.count(&c.rejections) }

// CertificateNotVisible counts a session that passed although no client certificate could be seen in it, where one would have been
// judged.
func (c *Counters) CertificateNotVisible() { c.count(&c.notVisible) }

// Refused counts a refused or failed request by its reason.
func (c *Counters) Refused(why reason.Reason) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refused == nil {
		c.refused = make(map[reason.Reason]int64)
	}
	c.refused[why]++
}

// Snapshot answers all counters, of the same moment.
func (c *Counters) Snapshot() Snapshot {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Snapshot{
		ActiveConnections: int64(c.active),
		ConnectedClients:  int64(c.connected),
		Errors:            c.errors,
		Rejections:        c.rejections,
		NotVisible:        c.notVisible,
		Refused:           maps.Clone(c.refused),
	}
}

func (c *Counters) count(n *int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	*n++
}

// Slot is the place of one open connection. Its methods may be called from any goroutine and more than once; only the first call
// of each counts.
type Slot struct {
	counters *Counters
	client   *client
	addr     netip.Addr

	// Guarded by the counters' mutex.
	inHead, active, released bool
}

// FirstByte says that the client has sent something. A connection that never does counts as no client.
func (s *Slot) FirstByte() {
	c := s.counters
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.active || s.released {
		return
	}
	s.active = true
	c.active++
	if s.client.active++; s.client.active == 1 {
		c.connected++
	}
}

// HeadRead says that the request head has ended, well or not.
func (s *Slot) HeadRead() {
	s.counters.mu.Lock()
	defer s.counters.mu.Unlock()
	s.leaveHead()
}

// Release says that the connection is closed.
func (s *Slot) Release() {
	c := s.counters
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.released {
		return
	}
	s.leaveHead()
	s.released = true
	if s.active {
		c.active--
		if s.client.active--; s.client.active == 0 {
			c.connected--
		}
	}
	c.open--
	if s.client.open--; s.client.open == 0 {
		delete(c.clients, s.addr)
	}
}

func (s *Slot) leaveHead() {
	if s.inHead {
		s.inHead = false
		s.counters.heads--
		s.client.heads--
	}
}

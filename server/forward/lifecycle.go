package forward

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/omsgateway/omsgateway/internal/reason"
	"github.com/omsgateway/omsgateway/internal/tunnel"
)

// lifecycle knows where each connection stands between its acceptance and its end, so that a server can stop: then nothing more is
// accepted, whoever waits for a client is woken, and at last what is left is closed.
//
//	outside ──arrive──► arriving ──wait──► waiting ──end──► outside
//	   │                    │               │    ▲
//	   │                    └─open─┐  ┌─open┘    │ wait: until the client knows why its tunnel has ended
//	   │                           ▼  ▼          │
//	   │                         tunnelled ──────┴─────────► (out of the table)
//	   │
//	   └──turnDown──► refused ──wait──► refused ──end──► outside
//
// An arriving connection has no goroutine yet, a waiting one has, and a tunnelled one is in the table of tunnels, from where it is
// closed. It is in the table before open, so that a server that stops finds it in one of the two.
type lifecycle struct {
	stopping context.Context // done from the first step of the stop on
	cancel   context.CancelFunc
	running  sync.WaitGroup // connections that are not tunnelled, until nothing is done for them any more

	mu       sync.Mutex
	hurried  bool // what a goroutine has is closed
	arriving int
	refused  int
	waiting  map[*connection]net.Conn // those that are refused, too, once a goroutine has them
}

// stage is where a connection stands.
type stage uint8

const (
	outside stage = iota // before and after
	arriving
	waiting
	tunnelled
	refused
)

func newLifecycle() *lifecycle {
	l := &lifecycle{waiting: make(map[*connection]net.Conn)}
	l.stopping, l.cancel = context.WithCancel(context.Background())
	return l
}

// arrive notes a connection that is to be served, and adds it to those that are running. It fails with GATEWAY_STOPPING.
func (l *lifecycle) arrive(c *connection) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopping.Err() != nil {
		return reason.New(reason.GatewayStopping)
	}
	c.stage = arriving
	l.arriving++
	l.running.Add(1)
	return nil
}

// turnDown notes a connection that is to be answered and no more, and adds it to those that are running. It reports false if there are
// as many as may be.
func (l *lifecycle) turnDown(c *connection, most int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.refused >= most {
		return false
	}
	c.stage = refused
	l.refused++
	l.running.Add(1)
	return true
}

// wait hands a connection to a goroutine. Where the server stops, its reads fail, and at last it is closed.
func (l *lifecycle) wait(c *connection, conn net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c.conn = conn
	if c.stage == arriving {
		l.arriving--
	}
	if c.stage != refused {
		c.stage = waiting
	}
	l.waiting[c] = conn
	if l.stopping.Err() != nil {
		_ = conn.SetReadDeadline(time.Now())
	}
	if l.hurried {
		_ = conn.Close()
	}
}

// open notes that a connection has its tunnel, which is in the table.
func (l *lifecycle) open(c *connection) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.leave(c)
	c.stage = tunnelled
}

// end forgets a connection that is closed.
func (l *lifecycle) end(c *connection) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.leave(c)
}

// leave takes a connection out of its stage; the lock is held.
func (l *lifecycle) leave(c *connection) {
	switch c.stage {
	case arriving:
		l.arriving--
	case refused:
		l.refused--
	case outside, waiting, tunnelled:
	}
	c.stage = outside
	delete(l.waiting, c)
}

// wake ends the wait for the client of a connection, or returns its tunnel, once it is open, for somebody to close.
func (l *lifecycle) wake(c *connection) *tunnel.Tunnel {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch c.stage {
	case tunnelled:
		return c.tunnel
	case waiting:
		_ = c.conn.SetReadDeadline(time.Now())
	case outside, arriving, refused: // it finds out by itself
	}
	return nil
}

// stop has nothing more accepted, and wakes whoever waits for a client.
func (l *lifecycle) stop() {
	l.cancel()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, conn := range l.waiting {
		_ = conn.SetReadDeadline(time.Now())
	}
}

// hurry closes every connection that a goroutine has, now and in future.
func (l *lifecycle) hurry() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hurried = true
	for _, conn := range l.waiting {
		_ = conn.Close()
	}
}

// busy reports whether a connection is left that is not tunnelled.
func (l *lifecycle) busy() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.arriving > 0 || len(l.waiting) > 0
}

package forward

import (
	"net"
	"net/netip"
	"time"

	"github.com/omsgateway/omsgateway/internal/admission"
	"github.com/omsgateway/omsgateway/internal/event"
	"github.com/omsgateway/omsgateway/internal/reason"
)

func (s *Server) newConnection(from netip.AddrPort) *connection {
	return &connection{
		server:    s,
		client:    event.Client{Connection: s.connections.Add(1), Addr: from},
		beginning: &beginning{},
	}
}

// admit takes what a connection that arrives needs; asked says that its whole request is there. Without an error it is to be served,
// else there is no place for it.
func (c *connection) admit(asked bool) error {
	limits, now := c.server.Policy().Limits(), time.Now()
	err := c.server.admission.Admit(&c.place, limits)
	if err == nil {
		err = c.place.Belongs(c.client.Addr.Addr(), now, limits)
	}
	if err == nil && !asked {
		err = c.place.Wait(admission.Heads, c, now, limits)
	}
	if err == nil {
		err = c.server.lifecycle.arrive(c)
	}
	if err != nil {
		c.place.Release()
	}
	return err
}

// GiveUp implements [admission.Waiter].
func (c *connection) GiveUp(cause error) {
	if t := c.server.lifecycle.wake(c); t != nil {
		t.Close(cause)
	}
}

// spoke notes that the client has sent something. A connection that never does counts as no client.
func (c *connection) spoke() {
	if !c.active {
		c.active = true
		c.server.Counters.Connected(c.client.Addr.Addr())
	}
}

// release gives back what admit has taken, and what was taken since.
func (c *connection) release() {
	c.place.Release()
	if c.active {
		c.active = false
		c.server.Counters.Disconnected(c.client.Addr.Addr())
	}
}

// mayRefuse counts a connection for which there is no place, and reports whether it is to be answered; else it is to be closed at once.
func (c *connection) mayRefuse(err error) bool {
	c.server.Counters.Refused(reason.Of(err))
	return c.server.lifecycle.turnDown(c, c.server.Policy().Limits().MaxRefused)
}

// refuse answers a connection that mayRefuse has let pass.
func (c *connection) refuse(conn net.Conn, err error) {
	l := c.server.lifecycle
	defer l.running.Done()
	defer l.end(c)
	l.wait(c, conn)
	c.server.Events.Emit(event.Refused(c.client, err))
	answerAndClose(conn, refusal(err), lingerTime)
}

package forward

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/netip"
	"time"

	"github.com/omsgateway/omsgateway/internal/reason"
	"github.com/omsgateway/omsgateway/internal/splice"
)

// quickConnect is how long a target may take to connect while the engine has the client. Most take much less; after that the address
// is not the one to insist on.
const quickConnect = 2 * time.Second

// receive is the reception of an engine that accepts connections. What goes well needs no goroutine: a whole request comes with the
// first bytes, is allowed, and its target is known and connects. Whatever else happens, a goroutine goes on from there.
func (s *Server) receive(from netip.AddrPort, first []byte) (plan splice.Plan) {
	c := s.newConnection(from)
	end, err := scanHead(first, 0)
	asked := err != nil || end > 0
	if err := c.admit(asked); err != nil {
		if !c.mayRefuse(err) {
			return splice.Plan{}
		}
		return splice.Plan{Take: func(client net.Conn, _ error) { c.refuse(client, err) }}
	}
	defer func() {
		if c.failed(recover()) {
			plan = c.later(func([]byte) { c.close("") })
		}
	}()
	if !asked {
		c.first = bytes.Clone(first)
		return c.later(c.proceed)
	}
	c.spoke()
	c.start = time.Now()
	var request head
	if err == nil {
		request, err = parseHead(first[:end])
	}
	if instead := c.judge(request, err); instead != nil {
		return c.later(func([]byte) { instead() })
	}
	rest := bytes.Clone(first[end:])
	address, known := s.Dialer.Known(c.target, c.choice)
	if !known {
		return c.later(func(buf []byte) { c.reach(buf, rest) })
	}
	return splice.Plan{
		Target: address,
		Limit:  min(quickConnect, c.choice.Limits.DialTimeout),
		Open: func(client io.Writer, p *splice.Pair) (splice.Options, error) {
			return c.connected(client, p, address, rest)
		},
		Take: func(client net.Conn, cause error) { c.notConnected(client, cause, rest) },
	}
}

// later has a goroutine do what is left to do.
func (c *connection) later(do func(buf []byte)) splice.Plan {
	return splice.Plan{Take: func(client net.Conn, _ error) { c.serve(client, do) }}
}

// connected opens the tunnel, whose target the engine has connected.
func (c *connection) connected(client io.Writer, p *splice.Pair, address netip.AddrPort, rest []byte) (o splice.Options, err error) {
	s := c.server
	defer func() {
		if !c.failed(recover()) {
			return
		}
		err = reason.New(reason.GatewayFault)
		if c.tunnel != nil {
			c.tunnel.Remove(0, 0)
			c.tunnel = nil
			_ = c.place.Leave()
		}
	}()
	c.dialed = time.Since(c.start)
	if s.lifecycle.stopping.Err() != nil {
		return splice.Options{}, reason.New(reason.GatewayStopping)
	}
	if err := c.open(client, address); err != nil {
		return splice.Options{}, err
	}
	o = c.watched(rest)
	c.tunnel.Attach(p)
	c.opened()
	s.lifecycle.running.Done()
	return o, nil
}

// notConnected goes on with a connection whose target the engine has not connected, or whose tunnel could not be opened.
func (c *connection) notConnected(client net.Conn, cause error, rest []byte) {
	c.dialed = time.Since(c.start)
	c.serve(client, func(buf []byte) {
		switch {
		case errors.Is(cause, splice.ErrNotConnected):
			c.server.Dialer.Forget(c.target)
			c.reach(buf, rest)
		case reason.Of(cause) == reason.GatewayFault:
			c.close("") // the client may have its answer already
		default:
			c.refuseTarget(cause)
		}
	})
}

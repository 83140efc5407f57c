package forward

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"omsgateway/internal/event"
	"omsgateway/internal/hostname"
	"omsgateway/internal/policy"
	"omsgateway/internal/reason"
	"omsgateway/internal/splice"
	"omsgateway/internal/tunnel"
)

// connection is one client connection, from its acceptance to its end.
type connection struct {
	server *Server
	conn   net.Conn
	client event.Client
	slot   *tunnel.Slot
	start  time.Time // when the request had been read
	dialed time.Duration
	target hostname.Target
	choice policy.Decision
}

// serve goes from the request to the tunnel, which then lives on without this goroutine.
func (c *connection) serve() {
	defer c.server.waited(c.conn)
	buf := c.server.buffers.Get().(*[maxHead]byte)
	defer c.server.buffers.Put(buf)

	request, rest, err := c.readRequest(buf[:])
	if err != nil {
		c.refuseRequest(request, err)
		return
	}
	if isProbe(request) {
		c.close(healthy(request.method))
		return
	}
	if err := c.decide(request); err != nil {
		c.refuseRequest(request, err)
		return
	}
	target, rest, err := c.dial(buf[:], rest)
	if err != nil {
		c.refuseTarget(err)
		return
	}
	c.join(target, rest)
}

func (c *connection) readRequest(buf []byte) (head, []byte, error) {
	limits := c.server.Policy().Limits()
	request, rest, err := readHead(c.conn, buf, time.Now().Add(limits.HeadTimeout), c.slot.FirstByte)
	c.start = time.Now()
	c.slot.HeadRead()
	if err != nil && err != errNoByte && c.server.stopping.Err() != nil {
		err = reason.New(reason.GatewayStopping)
	}
	return request, rest, err
}

// isProbe tells whether a load balancer asks how the gateway is. Nothing else is answered but CONNECT.
func isProbe(h head) bool {
	return (h.method == http.MethodGet || h.method == http.MethodHead) && h.target == "/healthz" && !h.hasBody
}

// decide asks the policy about the request. The one snapshot of the policy that is taken here serves the tunnel to its end.
func (c *connection) decide(h head) error {
	request := policy.Request{Method: h.method}
	if h.method == http.MethodConnect {
		if c.server.Events.Enabled(event.Debug) {
			c.server.Events.Emit(event.ConnectReceived(c.client, h.target, h.headers))
		}
		target, err := hostname.ParseTarget(h.target)
		if err != nil {
			return err
		}
		if h.hasBody {
			return reason.New(reason.RequestBody)
		}
		request.Target, c.target = target, target
	}
	c.choice = c.server.Policy().Decide(request)
	if !c.choice.Allowed {
		return reason.New(c.choice.Reason, "host", c.target.Host.Name(), "port", portOf(c.target),
			"target", hostname.Pattern{Host: c.target.Host, Port: c.target.Port}.String())
	}
	return nil
}

// dial opens the connection to the target and meanwhile watches the client: when it goes away, the dial is given up. What the
// client sends is kept behind rest, as far as buf has room.
func (c *connection) dial(buf, rest []byte) (net.Conn, []byte, error) {
	ctx, cancel := context.WithCancel(c.server.stopping)
	defer cancel()
	if err := c.conn.SetReadDeadline(time.Time{}); err != nil {
		return nil, nil, err
	}
	if c.server.stopping.Err() != nil { // the deadline that Shutdown set may just have been lifted
		return nil, nil, reason.New(reason.GatewayStopping)
	}
	early := copy(buf, rest)
	watched := make(chan error, 1)
	go func() {
		for early < len(buf) {
			n, err := c.conn.Read(buf[early:])
			early += n
			if err != nil {
				cancel()
				watched <- err
				return
			}
		}
		watched <- nil
	}()

	began := time.Now()
	target, err := c.server.Dialer.Dial(ctx, c.target, c.choice.Guard, c.choice.Limits.DialTimeout)
	c.dialed = time.Since(began)

	_ = c.conn.SetReadDeadline(time.Now())
	gone := <-watched
	switch {
	case gone != nil && !isTimeout(gone):
		if target != nil {
			_ = target.Close()
		}
		return nil, nil, errClientGone
	case err != nil && c.server.stopping.Err() != nil:
		return nil, nil, reason.New(reason.GatewayStopping)
	case err != nil:
		return nil, nil, err
	}
	return target, buf[:early], nil
}

// errClientGone says that the client closed its connection before the tunnel was open.
var errClientGone = errors.New("the client went away")

// join answers the client and hands both connections to the engine.
func (c *connection) join(target net.Conn, rest []byte) {
	s := c.server
	address := addrPort(target.RemoteAddr())
	debug := s.Events.Enabled(event.Debug)
	if debug {
		s.Events.Emit(event.ConnectedToServer(c.client, c.target.String(), address))
	}
	_ = c.conn.SetDeadline(time.Now().Add(c.choice.Limits.HeadTimeout))
	if _, err := io.WriteString(c.conn, established); err != nil {
		_ = target.Close()
		c.refuseTarget(errClientGone)
		return
	}
	if debug {
		s.Events.Emit(event.TunnelStarted(c.client))
	}
	open := s.Tunnels.Add(tunnel.Info{
		ID:            c.client.Connection,
		Client:        c.client.Addr,
		Target:        c.target,
		TargetAddress: address,
		Entry:         c.choice.Entry.Pattern.String(),
		Opened:        c.start,
	})
	pair := s.Engine.Join(c.conn, target, splice.Options{
		Idle:       c.choice.Limits.IdleTimeout,
		ClientHead: bytes.Clone(rest),
		Done: func(r splice.Result) {
			open.Remove(r.Sent, r.Received)
			if s.Events.Enabled(event.Debug) {
				s.Events.Emit(event.TunnelEnded(c.client))
			}
			c.summary("allowed", "", r.End.String(), r)
			c.release()
		},
		Fallback: func(cause error) {
			s.Events.Emit(event.Step(event.TCPConnection, "Tunnel is copied through the process: "+cause.Error()))
		},
	})
	open.Attach(pair)
}

// refuseRequest ends a connection whose request cannot be read or is not allowed.
func (c *connection) refuseRequest(h head, err error) {
	s := c.server
	switch why := reason.Of(err); why {
	case "": // the connection ended or broke before there was a request
		c.close("")
		return
	case reason.MethodNotAllowed:
		s.Events.Emit(event.NotConnect(c.client, h.method+" "+h.target+" "+h.proto))
	case reason.HostNotAllowed:
		s.Events.Emit(event.HostForbidden(c.client, c.target.Host.Name(), c.target.Port))
	case reason.PortNotAllowed:
		s.Events.Emit(event.PortForbidden(c.client, c.target.Host.Name(), c.target.Port, c.choice.Entry.Pattern.String()))
	case reason.GatewayStopping:
		s.Events.Emit(event.Refused(c.client, err))
	default:
		s.Events.Emit(event.RequestUnreadable(c.client, err))
	}
	s.Counters.Refused(reason.Of(err))
	c.summary("refused", reason.Of(err), "refused", splice.Result{})
	c.close(refusal(err))
}

// refuseTarget ends a connection whose request is allowed, but whose tunnel cannot be opened.
func (c *connection) refuseTarget(err error) {
	s := c.server
	switch why := reason.Of(err); why {
	case "": // the client went away
		c.summary("allowed", "", "client-gone", splice.Result{})
		c.close("")
		return
	case reason.AddressNotAllowed:
		s.Events.Emit(event.AddressForbidden(c.client, c.target.Host.Name(), err))
	case reason.GatewayStopping:
		s.Events.Emit(event.Refused(c.client, err))
	default:
		s.Counters.Failed()
		s.Events.Emit(event.DialFailed(c.client, c.target.String(), err))
	}
	s.Counters.Refused(reason.Of(err))
	c.summary("allowed", reason.Of(err), "not-connected", splice.Result{})
	c.close(refusal(err))
}

// summary writes the canonical line.
func (c *connection) summary(decision string, why reason.Reason, end string, r splice.Result) {
	line := event.Summary{
		Client:   c.client,
		Host:     c.target.Host.Name(),
		Port:     c.target.Port,
		Decision: decision,
		Reason:   why,
		Sent:     r.Sent,
		Received: r.Received,
		Dial:     c.dialed,
		Total:    time.Since(c.start),
		End:      end,
	}
	if c.choice.Entry != nil {
		line.Entry = c.choice.Entry.Pattern.String()
	}
	c.server.Events.Emit(event.TunnelSummary(line))
}

// close sends the last answer, if there is one to send, and closes the connection.
func (c *connection) close(answer string) {
	if answer == "" {
		_ = c.conn.Close()
	} else {
		answerAndClose(c.conn, answer)
	}
	c.release()
}

// release is the end of the connection, with or without a tunnel.
func (c *connection) release() {
	c.slot.Release()
	if c.server.Events.Enabled(event.Debug) {
		c.server.Events.Emit(event.ClientDisconnected(c.client))
	}
}

func portOf(t hostname.Target) string { return strconv.Itoa(int(t.Port)) }

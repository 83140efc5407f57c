package forward

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"omsgateway/internal/event"
	"omsgateway/internal/handshake"
	"omsgateway/internal/hostname"
	"omsgateway/internal/policy"
	"omsgateway/internal/reason"
	"omsgateway/internal/resumption"
	"omsgateway/internal/splice"
	"omsgateway/internal/tunnel"
)

// connection is one client connection, from its acceptance to its end.
type connection struct {
	server  *Server
	conn    net.Conn
	client  event.Client
	slot    *tunnel.Slot
	start   time.Time // when the request had been read
	dialed  time.Duration
	target  hostname.Target
	policy  *policy.Policy // the one snapshot that serves the tunnel to its end
	choice  policy.Decision
	entry   *tunnel.Tunnel     // in the table, once it is open
	seen    *tunnel.TLS        // nil until the session is verified
	session *resumption.Tunnel // what is known of the session if it is resumed
}

// serve goes from the request to the tunnel, which then lives on without this goroutine.
func (c *connection) serve() {
	defer c.server.running.Done()
	defer c.server.forget(c.conn)
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
	c.open(target, rest)
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

// decide asks the policy about the request.
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
	c.policy = c.server.Policy()
	c.choice = c.policy.Decide(request)
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

// open answers the client, has the TLS handshake watched, and hands both connections to the engine.
func (c *connection) open(target net.Conn, rest []byte) {
	s := c.server
	defer s.handshakes.Add(-1)
	if limit := c.choice.Limits.MaxHandshakes; s.handshakes.Add(1) > int64(limit) {
		_ = target.Close()
		c.refuseTarget(reason.New(reason.TooManyHandshakes, "limit", strconv.Itoa(limit)))
		return
	}
	address := addrPort(target.RemoteAddr())
	if s.Events.Enabled(event.Debug) {
		s.Events.Emit(event.ConnectedToServer(c.client, c.target.String(), address))
	}
	_ = c.conn.SetDeadline(time.Now().Add(c.choice.Limits.HeadTimeout))
	if _, err := io.WriteString(c.conn, established); err != nil {
		_ = target.Close()
		c.refuseTarget(errClientGone)
		return
	}
	c.debug(event.TunnelStarted)
	c.entry = s.Tunnels.Add(tunnel.Info{
		ID:            c.client.Connection,
		Client:        c.client.Addr,
		Target:        c.target,
		TargetAddress: address,
		Entry:         c.choice.Entry.Pattern.String(),
		Opened:        c.start,
	})
	s.forget(c.conn)

	c.session = s.Sessions.For(c.target.String())
	w := newWatch(c, target)
	c.entry.Attach(w)
	heads, err := w.run(rest)
	sent, received := w.Counts()
	if err != nil {
		c.refuseSession(target, err, splice.Result{Sent: sent, Received: received})
		return
	}
	c.join(target, heads, joined{sent: sent, received: received})
}

// joined is the moving part of a tunnel whose handshake was watched before the engine took over.
type joined struct {
	*splice.Pair
	sent, received int64 // during the handshake
}

func (j joined) Counts() (sent, received int64) {
	sent, received = j.Pair.Counts()
	return sent + j.sent, received + j.received
}

// join hands both connections to the engine.
func (c *connection) join(target net.Conn, heads [2][]byte, live joined) {
	s := c.server
	live.Pair = s.Engine.Join(c.conn, target, splice.Options{
		Idle:       c.choice.Limits.IdleTimeout,
		ClientHead: heads[handshake.FromClient],
		TargetHead: heads[handshake.FromServer],
		Done: func(r splice.Result) {
			r.Sent, r.Received = r.Sent+live.sent, r.Received+live.received
			c.ended("allowed", "", r.End.String(), r)
		},
		Fallback: func(cause error) {
			s.Events.Emit(event.Step(event.TCPConnection, "Tunnel is copied through the process: "+cause.Error()))
		},
	})
	c.entry.Attach(live)
}

// verified is called once, as soon as the session counts as verified.
func (c *connection) verified(w *handshake.Watcher) {
	seen := w.Seen()
	c.seen = &tunnel.TLS{Version: tls.VersionName(seen.Version), ServerName: seen.ServerName}
	switch seen.Certificate.Visibility {
	case handshake.Visible:
		c.seen.Subject = seen.Certificate.Certificate.Subject
	case handshake.Encrypted, handshake.UnknownSession, handshake.NotAsked, handshake.NotGiven:
		if c.choice.TLS.ClientCertificate == handshake.IfShown {
			c.server.Counters.CertificateNotVisible()
		}
	case handshake.Undecided:
	}
	c.entry.SetTLS(c.seen)
	c.session.Remember(w.Sessions(), seen)
	c.debug(event.HandshakeVerified)
}

// refuseSession ends a tunnel whose handshake was refused, or ended by one of its sides.
func (c *connection) refuseSession(target net.Conn, err error, moved splice.Result) {
	s := c.server
	decision, end := "allowed", "handshake_ended"
	var why reason.Reason
	refusal, refused := errors.AsType[*handshake.Refusal](err)
	broken, isBroken := errors.AsType[*brokenError](err)
	switch {
	case refused:
		decision, why, end = "refused", reason.Of(err), "refused"
		s.Counters.Rejected()
		s.Counters.Refused(why)
		s.Events.Emit(event.SessionRefused(c.client, c.target.String(), event.ID(refusal.Event), err))
		defer lingerAndClose(c.conn)
	case isBroken:
		end = broken.side.String() + "_reset"
		reset(c.conn)
		reset(target)
	case errors.Is(err, tunnel.ErrClosed):
		end = splice.EndClosed.String()
	}
	_ = target.Close()
	if !refused {
		_ = c.conn.Close()
	}
	c.ended(decision, why, end, moved)
}

// reset makes the close of conn a reset, as that of the other side was.
func reset(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
}

// ended is the end of a tunnel.
func (c *connection) ended(decision string, why reason.Reason, end string, r splice.Result) {
	c.entry.Remove(r.Sent, r.Received)
	c.debug(event.TunnelEnded)
	c.summary(decision, why, end, r)
	c.release()
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
	if c.seen != nil {
		line.TLS, line.ServerName, line.Subject = c.seen.Version, c.seen.ServerName, c.seen.Subject
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
	c.debug(event.ClientDisconnected)
}

// debug emits an event that is made only if it is wanted.
func (c *connection) debug(of func(event.Client) event.Event) {
	if c.server.Events.Enabled(event.Debug) {
		c.server.Events.Emit(of(c.client))
	}
}

func portOf(t hostname.Target) string { return strconv.Itoa(int(t.Port)) }

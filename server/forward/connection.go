package forward

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"time"

	"github.com/omsgateway/omsgateway/internal/admission"
	"github.com/omsgateway/omsgateway/internal/event"
	"github.com/omsgateway/omsgateway/internal/handshake"
	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/policy"
	"github.com/omsgateway/omsgateway/internal/reason"
	"github.com/omsgateway/omsgateway/internal/resumption"
	"github.com/omsgateway/omsgateway/internal/splice"
	"github.com/omsgateway/omsgateway/internal/tunnel"
)

// connection is one client connection, from its acceptance to its end.
type connection struct {
	server *Server
	conn   net.Conn // to the client
	client event.Client
	place  admission.Place
	stage  stage     // guarded by the lock of the server's lifecycle
	active bool      // it counts for the status: it has sent a byte
	start  time.Time // when the request had been read, or began to be
	dialed time.Duration
	target hostname.Target
	entry  string         // the one that allows the target, or has its host at another port
	tunnel *tunnel.Tunnel // in the table, once it is open
	seen   *tunnel.TLS    // nil until the session is verified

	*beginning // nil once the engine alone has the tunnel, which then does not keep the policy of its beginning
}

// beginning is what a tunnel needs until its handshake is over.
type beginning struct {
	first   []byte         // what was read before, of the request and what follows it
	relay   string         // the relay proxy that it goes through; "" if it goes directly
	outward net.Conn       // to the target or its relay proxy, once it is connected
	ahead   []byte         // what was read from the target before
	policy  *policy.Policy // the one snapshot that decides
	choice  policy.Decision
	session *resumption.Tunnel // what is known of the session if it is resumed
	watch   *watch             // of the handshake
}

// serve does what is to be done for a connection, up to the tunnel, which then lives on without this goroutine.
func (c *connection) serve(client net.Conn, do func(buf []byte)) {
	s := c.server
	s.lifecycle.wait(c, client)
	defer s.lifecycle.running.Done()
	defer func() {
		if c.tunnel == nil { // else it has a tunnel, whose end may be telling the client why
			s.lifecycle.end(c)
		}
	}()
	defer c.caught()
	growStack(0)
	buf := s.buffers.Get().(*[maxHead]byte)
	do(buf[:])
	s.buffers.Put(buf) // not after a fault: something may still read into it
}

// growStack makes room on the stack for all that serve calls. A new goroutine would copy its stack, which begins with 2 KiB, three
// times on the way to the end of a dial, and the more the deeper it is.
//
//go:noinline
func growStack(i int) byte {
	var room [12 << 10]byte
	return room[i]
}

// caught, deferred, makes a fault of the program the end of this connection alone.
func (c *connection) caught() {
	if !c.failed(recover()) {
		return
	}
	if c.tunnel != nil {
		c.tunnel.Remove(0, 0)
	}
	if c.conn != nil {
		_ = c.conn.Close()
	}
	if c.beginning != nil && c.outward != nil {
		_ = c.outward.Close()
	}
	c.release()
}

// failed tells of a fault of the program, if there is one, and reports whether there is.
func (c *connection) failed(fault any) bool {
	if fault == nil {
		return false
	}
	c.server.Events.Emit(event.Panic(fault, debug.Stack()))
	return true
}

// proceed goes from the request to the tunnel.
func (c *connection) proceed(buf []byte) {
	request, rest, err := c.readRequest(buf)
	if instead := c.judge(request, err); instead != nil {
		instead()
		return
	}
	c.reach(buf, rest)
}

// judge decides what becomes of a request that was read, or could not be. It returns nil if its target is to be reached, else what is
// to be done instead, which may wait.
func (c *connection) judge(request head, err error) (instead func()) {
	if err == nil && isProbe(request) {
		return func() { c.close(healthy(request.method)) }
	}
	if err == nil {
		err = c.decide(request)
	}
	if err != nil {
		return func() { c.refuseRequest(request, err) }
	}
	return nil
}

// reach connects the target and opens the tunnel; rest is what the client has sent behind its request.
func (c *connection) reach(buf, rest []byte) {
	early, err := c.dial(buf, rest)
	if err == nil {
		err = c.open(c.conn, addrPort(c.outward.RemoteAddr()))
	}
	if err != nil {
		c.refuseTarget(err)
		return
	}
	c.opened()
	c.carry(bytes.Clone(buf[:early])) // buf is for others then
}

func (c *connection) readRequest(buf []byte) (head, []byte, error) {
	c.start = time.Now()
	if err := c.readUntil(c.start.Add(c.server.Policy().Limits().HeadTimeout)); err != nil {
		return head{}, nil, err
	}
	if c.place.Ended() != nil { // which may have been before that deadline
		_ = c.conn.SetReadDeadline(time.Now())
	}
	from := io.Reader(c.conn)
	if len(c.first) > 0 {
		from = io.MultiReader(bytes.NewReader(c.first), c.conn)
	}
	request, rest, err := readHead(from, buf, func() {
		c.spoke()
		c.place.Heard(time.Now())
	})
	c.first, c.start = nil, time.Now()
	ended := c.place.Leave()
	switch {
	case errors.Is(err, errNoByte):
	case ended != nil:
		err = ended
	case err != nil && c.server.lifecycle.stopping.Err() != nil:
		err = reason.New(reason.GatewayStopping)
	}
	return request, rest, err
}

// readUntil sets the read deadline of the client's connection. Shutdown wakes the reader by a deadline of its own, which may just
// have been lifted by this one: then it fails with GATEWAY_STOPPING.
func (c *connection) readUntil(deadline time.Time) error {
	if err := c.conn.SetReadDeadline(deadline); err != nil {
		return err
	}
	if c.server.lifecycle.stopping.Err() != nil {
		return reason.New(reason.GatewayStopping)
	}
	return nil
}

// isProbe reports whether a load balancer asks how the gateway is. Nothing else is answered but CONNECT.
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
	if c.choice.Entry != nil {
		c.entry = c.choice.Entry.Pattern.String()
	}
	if !c.choice.Allowed {
		return c.choice.Refusal(c.target)
	}
	if relay := c.choice.Relay; relay != nil {
		c.relay, c.choice.Via = relay.Address.String(), h.values("Via")
	}
	now := c.server.Clock.Now()
	c.server.Usage.Used(c.choice.Entry.Pattern, now)
	c.server.Demand.Allowed(c.target, c.client.Addr.Addr(), now)
	return nil
}

// slowDial is how long a dial may take before the client is watched. Most take much less, and then a client that has gone away is
// noticed soon enough.
const slowDial = time.Second

// dial opens the connection to the target. If that takes long, the client is watched meanwhile: when it goes away, the dial is given
// up. What the client sends is kept in buf, with rest first, as far as there is room; early is how much that is.
func (c *connection) dial(buf, rest []byte) (early int, err error) {
	ctx, cancel := context.WithCancel(c.server.lifecycle.stopping)
	defer cancel()
	early = copy(buf, rest)
	reading, watched := make(chan struct{}), make(chan error, 1)
	slow := time.AfterFunc(slowDial, func() {
		err := c.readUntil(time.Time{})
		close(reading) // from here on a deadline wakes it
		for err == nil && early < len(buf) {
			var n int
			n, err = c.conn.Read(buf[early:])
			early += n
		}
		if err != nil {
			cancel()
		}
		watched <- err
	})

	began := time.Now()
	target, ahead, err := c.server.Dialer.Dial(ctx, c.target, c.choice)
	c.dialed += time.Since(began)

	var gone error
	if !slow.Stop() {
		<-reading
		_ = c.conn.SetReadDeadline(time.Now())
		gone = <-watched
	}
	if err == nil {
		c.outward, c.ahead = target, ahead
	}
	switch {
	case c.server.lifecycle.stopping.Err() != nil: // which also ends the watch of the client
		return 0, reason.New(reason.GatewayStopping)
	case gone != nil && !isTimeout(gone):
		return 0, errClientGone
	}
	return early, err
}

// errClientGone says that the client closed its connection before the tunnel was open.
var errClientGone = errors.New("the client went away")

// open takes a place among the handshakes and answers the client, now that the target is connected at that address. If it fails, there
// is no tunnel and no place.
func (c *connection) open(client io.Writer, address netip.AddrPort) error {
	s := c.server
	if err := c.place.Wait(admission.Handshakes, c, time.Now(), c.choice.Limits); err != nil {
		return err
	}
	opened := false
	defer func() {
		if !opened {
			_ = c.place.Leave() // there is a cause already
		}
	}()
	s.silence.watch(s)
	if s.Events.Enabled(event.Debug) {
		if c.relay != "" {
			s.Events.Emit(event.ConnectedToRelayProxy(c.client, c.relay, address))
		}
		s.Events.Emit(event.ConnectedToServer(c.client, c.target.String(), address))
	}
	// The first bytes that a connection sends find room in its buffer, so this needs no deadline.
	if _, err := io.WriteString(client, established); err != nil {
		return errClientGone
	}
	c.debug(event.TunnelStarted)
	c.tunnel = s.Tunnels.Add(tunnel.Info{
		ID:            c.client.Connection,
		Client:        c.client.Addr,
		Target:        c.target,
		TargetAddress: address,
		RelayProxy:    c.relay,
		Entry:         c.entry,
		Opened:        c.start,
	})
	opened = true
	return nil
}

// opened has the tunnel, which is in the table, go on without the connection's goroutine, if it has one.
func (c *connection) opened() {
	c.server.lifecycle.open(c)
	if cause := c.place.Ended(); cause != nil { // before it could be found
		c.tunnel.Close(cause)
	}
}

// carry hands both connections to the engine.
func (c *connection) carry(early []byte) {
	options := c.watched(early)
	client, target := c.conn, c.outward
	c.conn, c.outward, c.ahead = nil, nil, nil
	c.tunnel.Attach(c.server.Engine.Join(client, target, options))
}

// watched is how a tunnel begins, whose handshake is watched; early is what the client has sent before.
func (c *connection) watched(early []byte) splice.Options {
	c.session = c.server.Sessions.For(c.target.String())
	c.watch = newWatch(c)
	return splice.Options{
		Idle:            c.choice.Limits.IdleTimeout,
		Stall:           c.choice.Limits.StallTimeout,
		ClientHead:      early,
		TargetHead:      c.ahead,
		Inspection:      c.watch,
		InspectionLimit: c.choice.Limits.HandshakeTimeout,
		Owner:           c,
	}
}

// Ended and Fallback make the connection a [splice.Owner]: what an open tunnel needs is in its fields.

func (c *connection) Ended(r splice.Result) {
	defer c.caught()
	if c.beginning != nil {
		c.endHandshake(r)
		return
	}
	if stalled, ok := errors.AsType[*splice.Stalled](r.Err); ok {
		c.server.Events.Emit(event.TunnelStalled(c.client, c.target.String(), stalled.Receiver.String(), stalled.Limit))
	}
	c.ended("allowed", "", r.End.String(), r)
	c.leave()
}

func (c *connection) Fallback(cause error) {
	c.server.Events.Emit(event.Step(event.TCPConnection, "Tunnel is copied through the process: "+cause.Error()))
}

// seenThrough ends the watch of a handshake that has gone well, and gives its place back. It fails if that was ended before.
func (c *connection) seenThrough() error {
	if err := c.place.Leave(); err != nil {
		return err
	}
	c.watch.watcher.Close()
	c.beginning = nil
	return nil
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
	c.tunnel.SetTLS(c.seen)
	c.server.Counters.Verified(seen.Version)
	c.session.Remember(w.Sessions(), seen)
	c.debug(event.HandshakeVerified)
}

// endHandshake is the end of a tunnel whose handshake was refused, or ended by one of its sides.
func (c *connection) endHandshake(r splice.Result) {
	s, cause := c.server, c.watch.cause
	c.watch.watcher.Close()
	cause = cmp.Or(cause, c.place.Leave())
	decision, why, end := "allowed", reason.Of(cause), r.End.String()
	switch {
	case why.Class() == reason.ClassSession:
		decision, end = "refused", splice.EndRefused.String()
	case why == reason.EndedForRoom:
		end = splice.EndClosed.String()
	case why != "":
		end = splice.EndError.String()
	case r.End == splice.EndFinished, r.End == splice.EndIdle:
		end = "handshake_ended"
	}
	if why != "" {
		c.tell(cause, head{})
	}
	c.ended(decision, why, end, r)
	if left := r.Left; left != nil {
		if _, refused := errors.AsType[*handshake.Refusal](cause); refused { // and the client is to read its alert
			s.lifecycle.wait(c, left.Client)
			lingerAndClose(left.Client, lingerTime)
			s.lifecycle.end(c)
		} else {
			_ = left.Client.Close()
		}
	}
	c.leave()
}

// ended is the end of a tunnel; the client's connection may still be open.
func (c *connection) ended(decision string, why reason.Reason, end string, r splice.Result) {
	c.tunnel.Remove(r.Sent, r.Received)
	c.debug(event.TunnelEnded)
	c.summary(decision, why, end, r)
}

// refuseRequest ends a connection whose request cannot be read or is not allowed.
func (c *connection) refuseRequest(h head, err error) {
	switch why := reason.Of(err); {
	case errors.Is(err, errNoByte): // it leaves no event
		_ = c.conn.Close()
		c.release()
	case why == "": // the connection broke before there was a request
		c.close("")
	default:
		c.tell(err, h)
		c.summary("refused", why, "refused", splice.Result{})
		c.close(refusal(err))
	}
}

// refuseTarget ends a connection whose request is allowed, but whose tunnel cannot be opened.
func (c *connection) refuseTarget(err error) {
	if c.outward != nil {
		_ = c.outward.Close()
	}
	why := reason.Of(err)
	if why == "" { // the client went away
		c.summary("allowed", "", "client_gone", splice.Result{})
		c.close("")
		return
	}
	c.tell(err, head{})
	c.summary("allowed", why, "not_connected", splice.Result{})
	c.close(refusal(err))
}

// tell counts why a connection is refused, or fails, and emits the one event that goes with that reason. h is the request, if it is
// that which is refused.
func (c *connection) tell(err error, h head) {
	s, why, host := c.server, reason.Of(err), c.target.Host.Name()
	s.Counters.Refused(why)
	switch class := why.Class(); {
	case class == reason.ClassMethod:
		s.Events.Emit(event.NotConnect(c.client, h.method+" "+h.target+" "+h.proto))
	case class == reason.ClassRequest:
		s.Events.Emit(event.RequestUnreadable(c.client, err))
	case class == reason.ClassForbidden:
		s.Usage.Denied(c.target, c.client.Addr.Addr(), why, s.Clock.Now())
		switch why {
		case reason.HostNotAllowed:
			s.Events.Emit(event.HostForbidden(c.client, host, c.target.Port))
		case reason.PortNotAllowed:
			s.Events.Emit(event.PortForbidden(c.client, host, c.target.Port, c.entry))
		default:
			s.Events.Emit(event.AddressForbidden(c.client, host, err))
		}
	case class == reason.ClassSession:
		s.Counters.Rejected()
		s.Events.Emit(event.SessionRefused(c.client, c.target.String(), err))
	case why == reason.GatewayFault: // its event is that of the panic
	case event.ID(why.Event()) == event.Fault: // no room, or the gateway stops
		s.Events.Emit(event.Refused(c.client, err))
	default:
		s.Events.Emit(event.DialFailed(c.client, c.target.String(), err))
	}
}

// summary writes the canonical line.
func (c *connection) summary(decision string, why reason.Reason, end string, r splice.Result) {
	line := event.Summary{
		Client:   c.client,
		Host:     c.target.Host.Name(),
		Port:     c.target.Port,
		Decision: decision,
		Reason:   why,
		Entry:    c.entry,
		Sent:     r.Sent,
		Received: r.Received,
		Dial:     c.dialed,
		Total:    time.Since(c.start),
		End:      end,
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
		answerAndClose(c.conn, answer, lingerTime)
	}
	c.leave()
}

// leave is the end of the connection, with or without a tunnel.
func (c *connection) leave() {
	c.release()
	c.debug(event.ClientDisconnected)
}

// debug emits an event that is made only if it is wanted.
func (c *connection) debug(of func(event.Client) event.Event) {
	if c.server.Events.Enabled(event.Debug) {
		c.server.Events.Emit(of(c.client))
	}
}

// Package forward is the data path: it accepts the connections of clients, reads one CONNECT request from each, has the policy
// decide it, opens the tunnel, and tells in one line what became of it.
//
// It knows neither the settings nor the admin API: it is handed a policy for each request, a dialer and a sink for events.
package forward

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/omsgateway/omsgateway/internal/event"
	"github.com/omsgateway/omsgateway/internal/handshake"
	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/policy"
	"github.com/omsgateway/omsgateway/internal/reason"
	"github.com/omsgateway/omsgateway/internal/resumption"
	"github.com/omsgateway/omsgateway/internal/splice"
	"github.com/omsgateway/omsgateway/internal/tunnel"
)

// Dialer opens the outward connection of a tunnel in the way that a policy has decided. Its errors are *reason.Error, or that of ctx.
type Dialer interface {
	// Dial also answers what it has read already of what the target sends, at most 16 KiB.
	Dial(ctx context.Context, target hostname.Target, how policy.Decision) (conn net.Conn, ahead []byte, err error)

	// Known answers the address that Dial would connect to first, if nobody has to be asked for it and the policy's guard allows it.
	Known(target hostname.Target, how policy.Decision) (address netip.AddrPort, ok bool)

	// Forget is told that what Known has answered could not be connected.
	Forget(target hostname.Target)
}

// Sink takes events. Emit never blocks; Enabled tells whether events of a level are wanted, so that none is made in vain.
type Sink interface {
	event.Sink
	Enabled(event.Level) bool
}

// Usage is told what the policy has decided about requests, and when they were read. Used is called for each tunnel, so it has to be
// quick. The target may share memory with the request.
type Usage interface {
	Used(entry hostname.Pattern, at time.Time)
	Denied(target hostname.Target, client netip.Addr, why reason.Reason, at time.Time)
}

// Options are what a Server works with. All are required.
type Options struct {
	Policy   func() *policy.Policy // the policy in force; asked once for each request
	Dialer   Dialer
	Engine   splice.Engine
	Sessions *resumption.Memory // what clients have shown in the TLS sessions that may be resumed
	Usage    Usage
	Events   Sink
	Tunnels  *tunnel.Table
	Counters *tunnel.Counters
}

// Server is the data path. Its methods may be called from any goroutine.
type Server struct {
	Options
	buffers     sync.Pool // of *[maxHead]byte
	connections atomic.Int64
	refusing    chan struct{} // a place for each over-limit connection that is being answered
	handshakes  atomic.Int64  // tunnels whose handshake is watched
	budget      *handshake.Budget
	running     sync.WaitGroup

	stopping context.Context // cancelled when the server stops: no request is accepted any more
	stop     context.CancelFunc

	mu       sync.Mutex
	closed   bool                  // no connection is accepted any more
	hurried  bool                  // and none is waited for
	waiting  map[net.Conn]struct{} // connections that have no tunnel, yet or any more
	arriving int                   // connections that have no tunnel yet, and that the engine has
}

// maxRefusing is how many over-limit connections are answered at once; more are closed without an answer.
const maxRefusing = 256

// New makes a Server that waits for Serve.
func New(o Options) *Server {
	s := &Server{
		Options:  o,
		buffers:  sync.Pool{New: func() any { return new([maxHead]byte) }},
		refusing: make(chan struct{}, maxRefusing),
		budget:   handshake.NewBudget(handshake.MaxCollected),
		waiting:  make(map[net.Conn]struct{}),
	}
	s.stopping, s.stop = context.WithCancel(context.Background())
	return s
}

// Serve accepts connections from l until l is closed, which is no error; ctx is to be done then. Several listeners may be served at
// once.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	var spare spareDescriptor
	defer spare.close()
	accept := s.acceptFrom(ctx, l)
	pause := time.Duration(0)
	for {
		spare.open()
		before := s.connections.Load()
		err := accept()
		if s.connections.Load() > before {
			pause = 0
		}
		switch {
		case err == nil:
		case errors.Is(err, net.ErrClosed):
			return nil
		default:
			// Without descriptors accept fails at once, again and again, while the connection stays in the queue.
			if pause == 0 {
				s.Events.Emit(event.Failure(event.GatewayServer, "to accept a connection", err))
			}
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			if (errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)) && s.turnAway(l, &spare) {
				continue
			}
			select {
			case <-time.After(pause):
			case <-s.stopping.Done():
			}
		}
	}
}

// acceptFrom answers what accepts from l: the engine, as long as nothing fails, or one connection after another.
func (s *Server) acceptFrom(ctx context.Context, l net.Listener) func() error {
	tcp, isTCP := l.(*net.TCPListener)
	engine, accepts := s.Engine.(splice.Accepter)
	if isTCP && accepts {
		return func() error { return cmp.Or(engine.Accept(ctx, tcp, s.receive), net.ErrClosed) }
	}
	return func() error {
		conn, err := l.Accept()
		if err == nil {
			s.accept(conn)
		}
		return err
	}
}

// spareDescriptor is kept back so that a client can be told when no other is left.
type spareDescriptor struct{ file *os.File }

func (d *spareDescriptor) open() {
	if d.file == nil {
		d.file, _ = os.Open(os.DevNull) // without it clients wait in the queue
	}
}

func (d *spareDescriptor) close() {
	if d.file != nil {
		_ = d.file.Close()
		d.file = nil
	}
}

// turnAwayTime bounds how long a client is attended to that is turned away for lack of descriptors: nobody else is accepted
// meanwhile.
const turnAwayTime = 100 * time.Millisecond

// turnAway gives up the spare descriptor to tell one client that none is left. It answers whether there was one to tell.
func (s *Server) turnAway(l net.Listener, spare *spareDescriptor) bool {
	limited, ok := l.(interface{ SetDeadline(time.Time) error })
	if !ok || limited.SetDeadline(time.Now().Add(turnAwayTime)) != nil {
		return false
	}
	spare.close()
	conn, err := l.Accept()
	_ = limited.SetDeadline(time.Time{})
	if err != nil {
		return false
	}
	refused := reason.New(reason.ResourcesExhausted)
	s.Counters.Refused(refused.Reason)
	s.Events.Emit(event.Refused(event.Client{Connection: s.connections.Add(1), Addr: addrPort(conn.RemoteAddr())}, refused))
	if conn.SetWriteDeadline(time.Now().Add(turnAwayTime)) == nil {
		_, _ = io.WriteString(conn, refusal(refused))
	}
	lingerAndClose(conn, turnAwayTime)
	return true
}

// Shutdown ends the server; its listeners must be closed before, and their Serve must have returned. Requests that have no tunnel
// yet are refused, idle tunnels are closed, and busy ones may end by themselves until ctx is done, when the rest is closed. It
// returns when nothing is left.
func (s *Server) Shutdown(ctx context.Context) {
	s.stop()
	s.mu.Lock()
	s.closed = true
	for conn := range s.waiting {
		_ = conn.SetReadDeadline(time.Now())
	}
	s.mu.Unlock()
	if engine, accepts := s.Engine.(splice.Accepter); accepts {
		engine.Abandon(reason.New(reason.GatewayStopping))
	}

	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	for s.busy() && ctx.Err() == nil {
		s.Tunnels.CloseIdle(quiet)
		select {
		case <-look.C:
		case <-ctx.Done():
		}
	}
	s.mu.Lock()
	s.hurried = true
	for conn := range s.waiting {
		_ = conn.Close()
	}
	s.mu.Unlock()
	for _, open := range s.Tunnels.List(nil) { // those in their handshake are not the engine's yet
		s.Tunnels.Close(open.ID)
	}
	s.running.Wait()
	_ = s.Engine.Close()
}

// busy tells whether a connection is left.
func (s *Server) busy() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.waiting) > 0 || s.arriving > 0 || s.Tunnels.Len() > 0
}

// quiet is how long no byte has moved in a tunnel that counts as idle when the gateway stops.
const quiet = time.Second

// accept takes a connection over, or refuses it without waiting for anything.
func (s *Server) accept(conn net.Conn) {
	c, err := s.admit(addrPort(conn.RemoteAddr()))
	c.conn = conn
	switch {
	case err == nil:
		s.take(conn)
		go c.serve(c.proceed)
	case s.mayRefuse(err):
		go s.refuseConnection(c, err)
	default:
		_ = conn.Close()
	}
}

// admit notes a connection that arrives; without an error it is to be served. Else there is no place for it.
func (s *Server) admit(from netip.AddrPort) (*connection, error) {
	c := &connection{server: s, client: event.Client{Connection: s.connections.Add(1), Addr: from}}
	slot, err := s.Counters.Admit(from.Addr(), s.Policy().Limits())
	if err != nil {
		return c, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		slot.Release()
		return c, reason.New(reason.GatewayStopping)
	}
	c.slot = slot
	s.arriving++
	s.running.Add(1)
	return c, nil
}

// mayRefuse counts a connection for which there is no place, and takes one for the answer to it. Without one it is to be closed at
// once.
func (s *Server) mayRefuse(err error) bool {
	s.Counters.Refused(reason.Of(err))
	select {
	case s.refusing <- struct{}{}:
		s.running.Add(1)
		return true
	default:
		return false
	}
}

// refuseConnection answers a connection that mayRefuse has let pass.
func (s *Server) refuseConnection(c *connection, err error) {
	defer s.running.Done()
	defer func() { <-s.refusing }()
	s.hold(c.conn)
	defer s.forget(c.conn)
	s.Events.Emit(event.Refused(c.client, err))
	answerAndClose(c.conn, refusal(err))
}

// take notes that an arriving connection is in a goroutine's hands, and that the server may be stopping already.
func (s *Server) take(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.arriving--
	s.waiting[conn] = struct{}{}
	if s.closed {
		_ = conn.SetReadDeadline(time.Now())
	}
	if s.hurried {
		_ = conn.Close()
	}
}

// arrived notes that an arriving connection has a tunnel. It answers whether nobody else is going to close that.
func (s *Server) arrived() (late bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.arriving--
	return s.hurried
}

// hold notes a connection that has no tunnel any more and is not closed yet; it answers false if there is no time for it.
func (s *Server) hold(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hurried {
		return false
	}
	s.waiting[conn] = struct{}{}
	return true
}

// forget is the opposite of take and hold: the connection has a tunnel, or is closed. It answers whether nobody else is going to close
// the tunnel.
func (s *Server) forget(conn net.Conn) (late bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.waiting, conn)
	return s.hurried
}

// addrPort is the address of a TCP peer, an IPv4 address never in its IPv6 form.
func addrPort(a net.Addr) netip.AddrPort {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	p := tcp.AddrPort()
	return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
}

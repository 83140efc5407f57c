// Package forward is the data path: it accepts the connections of clients, reads one CONNECT request from each, has the policy
// decide it, opens the tunnel, and tells in one line what became of it.
//
// It knows neither the settings nor the admin API: it is handed a policy for each request, a dialer and a sink for events.
package forward

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/omsgateway/omsgateway/internal/admission"
	"github.com/omsgateway/omsgateway/internal/clock"
	"github.com/omsgateway/omsgateway/internal/event"
	"github.com/omsgateway/omsgateway/internal/handshake"
	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/policy"
	"github.com/omsgateway/omsgateway/internal/reason"
	"github.com/omsgateway/omsgateway/internal/resumption"
	"github.com/omsgateway/omsgateway/internal/socket"
	"github.com/omsgateway/omsgateway/internal/splice"
	"github.com/omsgateway/omsgateway/internal/tunnel"
)

// Dialer opens the outward connection of a tunnel in the way that a policy has decided. Its errors are *reason.Error, or that of ctx.
type Dialer interface {
	// Dial also returns what it has read already of what the target sends, at most 16 KiB.
	Dial(ctx context.Context, target hostname.Target, how policy.Decision) (conn net.Conn, ahead []byte, err error)

	// Known returns the address that Dial would connect to first, if nobody has to be asked for it and the policy's guard allows it.
	Known(target hostname.Target, how policy.Decision) (address netip.AddrPort, ok bool)

	// Forget is told that what Known has returned could not be connected.
	Forget(target hostname.Target)
}

// Sink accepts events. Emit never blocks; Enabled reports whether events of a level are wanted, so that none is made in vain.
type Sink interface {
	event.Sink
	Enabled(event.Level) bool
}

// Usage is told what the policy has decided about requests, and when. Used is called for each tunnel, so it has to be
// quick. The target may share memory with the request.
type Usage interface {
	Used(entry hostname.Pattern, at time.Time)
	Denied(target hostname.Target, client netip.Addr, why reason.Reason, at time.Time)
}

// Demand is told which clients were let through to which hosts, and when; for each tunnel, so it has to be quick. The target may share
// memory with the request.
type Demand interface {
	Allowed(target hostname.Target, client netip.Addr, at time.Time)
}

// Options are what a Server works with. All are required.
type Options struct {
	Policy   func() *policy.Policy // the policy in force; asked once for each request
	Dialer   Dialer
	Engine   splice.Engine
	Sessions *resumption.Memory // what clients have shown in the TLS sessions that may be resumed
	Usage    Usage
	Demand   Demand
	Clock    clock.Clock // of what is told to Usage and Demand
	Events   Sink
	Tunnels  *tunnel.Table
	Counters *tunnel.Counters
}

// Server is the data path. Its methods may be called from any goroutine.
type Server struct {
	Options
	lifecycle   *lifecycle
	buffers     sync.Pool // of *[maxHead]byte
	connections atomic.Int64
	admission   *admission.Control
	silence     silence
}

// New makes a Server that waits for Serve.
func New(o Options) *Server {
	return &Server{
		Options:   o,
		lifecycle: newLifecycle(),
		buffers:   sync.Pool{New: func() any { return new([maxHead]byte) }},
		admission: admission.New(handshake.MaxCollected),
	}
}

// Serve accepts connections from l until l is closed, which is no error; ctx is to be done then. Several listeners may be served at
// once.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	var spare socket.Spare // so that a client can be told when no other descriptor is left; without it clients wait in the queue
	defer spare.Close()
	accept := s.acceptFrom(ctx, l)
	pause := time.Duration(0)
	for {
		spare.Keep()
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
			case <-s.lifecycle.stopping.Done():
			}
		}
	}
}

// acceptFrom returns what accepts from l: the engine, as long as nothing fails, or one connection after another.
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

// turnAwayTime bounds how long a client is attended to that is turned away for lack of descriptors: nobody else is accepted
// meanwhile.
const turnAwayTime = 100 * time.Millisecond

// turnAway gives up the spare descriptor to tell one client that none is left. It reports whether there was one to tell.
func (s *Server) turnAway(l net.Listener, spare *socket.Spare) bool {
	limited, ok := l.(interface{ SetDeadline(time.Time) error })
	if !ok || limited.SetDeadline(time.Now().Add(turnAwayTime)) != nil {
		return false
	}
	var conn net.Conn
	var err error
	spare.Lend(func() { conn, err = l.Accept() })
	_ = limited.SetDeadline(time.Time{})
	if err != nil {
		return false
	}
	refused := reason.New(reason.ResourcesExhausted)
	s.Counters.Refused(refused.Reason)
	s.Events.Emit(event.Refused(event.Client{Connection: s.connections.Add(1), Addr: addrPort(conn.RemoteAddr())}, refused))
	answerAndClose(conn, refusal(refused), turnAwayTime)
	return true
}

// Shutdown ends the server; its listeners must be closed before, and their Serve must have returned. Requests that have no tunnel
// yet are refused, idle tunnels are closed, and busy ones may end by themselves until ctx is done, when the rest is closed. It
// returns when nothing is left.
func (s *Server) Shutdown(ctx context.Context) {
	s.lifecycle.stop()
	if engine, accepts := s.Engine.(splice.Accepter); accepts {
		engine.Abandon(reason.New(reason.GatewayStopping))
	}

	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	for (s.lifecycle.busy() || s.Tunnels.Len() > 0) && ctx.Err() == nil {
		s.Tunnels.CloseIdle(quiet)
		select {
		case <-look.C:
		case <-ctx.Done():
		}
	}
	s.lifecycle.hurry()
	s.Tunnels.Shut()
	s.lifecycle.running.Wait()
	_ = s.Engine.Close()
}

// quiet is how long no byte has moved in a tunnel that counts as idle when the gateway stops.
const quiet = time.Second

// accept takes a connection over, or refuses it without waiting for anything.
func (s *Server) accept(conn net.Conn) {
	c := s.newConnection(addrPort(conn.RemoteAddr()))
	err := c.admit(false)
	switch {
	case err == nil:
		go c.serve(conn, c.proceed)
	case c.mayRefuse(err):
		go c.refuse(conn, err)
	default:
		_ = conn.Close()
	}
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

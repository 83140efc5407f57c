package forward_test

import (
	"context"
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/omsgateway/omsgateway/internal/event"
	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/policy"
	"github.com/omsgateway/omsgateway/internal/reason"
	"github.com/omsgateway/omsgateway/internal/testnet"
	"github.com/omsgateway/omsgateway/server/forward"
)

// remembering is a dialer that knows an address until it is told to forget it.
type remembering struct {
	forward.Dialer
	address   netip.AddrPort
	forgotten atomic.Int64
}

func (r *remembering) Known(hostname.Target, policy.Decision) (netip.AddrPort, bool) {
	return r.address, r.forgotten.Load() == 0
}

func (r *remembering) Forget(hostname.Target) { r.forgotten.Add(1) }

// TestKnownAddressLeadsNowhere has the target dialled as if nothing had been known.
func TestKnownAddressLeadsNowhere(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	for name, address := range map[string]netip.AddrPort{
		"refused":  closed.Addr().(*net.TCPAddr).AddrPort(),
		"silent":   testnet.Silent(t),
		"no route": netip.MustParseAddrPort("255.255.255.255:1"),
	} {
		t.Run(name, func(t *testing.T) {
			target := startTarget(t, nil)
			known := &remembering{Dialer: target.Dialer, address: address}
			r := start(t, known, func(in *policy.Input) { in.Limits.DialTimeout = time.Millisecond })
			r.target = target
			for range 2 {
				secure := r.open(r.dial(), request)
				echo(t, secure, "hello")
				_ = secure.Close()
			}
			if n := known.forgotten.Load(); n != 1 {
				t.Errorf("told to forget %d times", n)
			}
			r.sink.waitFor(t, "canonical", 2, summary("decision=allowed reason=- "))
		})
	}
}

// TestShutdownWhileTheEngineConnects answers a client whose target does not, and lets nothing wait for that.
func TestShutdownWhileTheEngineConnects(t *testing.T) {
	known := &remembering{Dialer: never(t), address: testnet.Silent(t)}
	r := start(t, known, nil)
	conn := r.dial()
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(patience); r.server.Left().Arriving == 0; {
		if time.Now().After(end) {
			t.Fatal("the engine has no connection")
		}
	}
	done := r.shutdown(t.Context())
	if resp := r.answer(conn); resp.StatusCode != 503 || resp.Header.Get(forward.ReasonHeader) != string(reason.GatewayStopping) {
		t.Errorf("answered with %d %v", resp.StatusCode, resp.Header)
	}
	_ = conn.Close()
	<-done
	r.sink.wait(t, "canonical", summary("reason=GATEWAY_STOPPING "))
}

// TestClientGoesAwayWhileTheEngineConnects tells so, and dials no more.
func TestClientGoesAwayWhileTheEngineConnects(t *testing.T) {
	r := start(t, &remembering{Dialer: never(t), address: testnet.Silent(t)}, nil)
	conn := r.dial()
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(patience); r.server.Left().Arriving == 0; {
		if time.Now().After(end) {
			t.Fatal("the engine has no connection")
		}
	}
	_ = conn.SetLinger(0)
	_ = conn.Close()
	r.sink.wait(t, "canonical", summary(" end=client_gone"))
}

// forgetful fails in the engine's hands.
type forgetful struct{ dialer }

func (forgetful) Known(hostname.Target, policy.Decision) (netip.AddrPort, bool) {
	panic("a fault of the test")
}

// TestFaultInTheEngine makes the program fail where the engine has the connection: it is the end of that one alone.
func TestFaultInTheEngine(t *testing.T) {
	t.Run("deciding", func(t *testing.T) {
		r := start(t, forgetful{func(context.Context, hostname.Target) (net.Conn, error) { return nil, net.ErrClosed }}, nil)
		r.expectFaultBeforeTheTunnel()
	})
	t.Run("opening", func(t *testing.T) {
		r := start(t, startRaw(t), nil)
		var armed atomic.Bool
		r.sink.before.Store(new(func(e event.Event) {
			if e.Text == event.TunnelStarted(event.Client{}).Text && armed.CompareAndSwap(true, false) {
				panic("a fault of the test")
			}
		}))
		armed.Store(true)
		conn := r.dial()
		if _, err := io.WriteString(conn, request); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(conn); err != nil || string(got) != established {
			t.Errorf("the client reads %q, %v", got, err)
		}
		r.expectFault()
		if got := r.tryConnect(); got != 200 {
			t.Errorf("the next one gets %d", got)
		}
	})
}

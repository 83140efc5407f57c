package forward_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/omsgateway/omsgateway/internal/event"
	"github.com/omsgateway/omsgateway/internal/handshake"
	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/policy"
	"github.com/omsgateway/omsgateway/internal/reason"
	"github.com/omsgateway/omsgateway/server/forward"
)

// TestHandshakeEndedByOneSide ends a handshake at every stage from each side, by FIN, reset or alert: the other side is told so, and
// it is no refusal.
func TestHandshakeEndedByOneSide(t *testing.T) {
	overEngines(t, func(t *testing.T, start starter) {
		clientConfig, serverConfig := configs(t)
		clientConfig.MaxVersion = tls.VersionTLS12
		turns := converse(t, clientConfig, serverConfig)
		stages := map[string][]turn{
			"before the hello":        nil,
			"within the hello":        {{client, turns[0].data[:60]}},
			"after the hello":         turns[:1],
			"within the ServerHello":  {turns[0], {server, turns[1].data[:30]}},
			"after the server's part": turns[:2],
			"after the client's part": turns[:3],
		}
		for stage, before := range stages {
			for _, from := range []handshake.Direction{client, server} {
				t.Run(stage+" the "+from.String()+" finishes", func(t *testing.T) {
					r, p := start.ending(t, before)
					_ = p.ends[from].CloseWrite()
					p.expectEnd(1-from, nil)
					_ = p.ends[1-from].Close()
					p.expectEnd(from, nil)
					r.expectEnded("handshake_ended")
				})
				t.Run(stage+" the "+from.String()+" resets", func(t *testing.T) {
					r, p := start.ending(t, before)
					_ = p.ends[from].SetLinger(0)
					_ = p.ends[from].Close()
					if _, err := io.ReadAll(p.ends[1-from]); !errors.Is(err, errReset) {
						t.Errorf("the other side reads %v", err)
					}
					r.expectEnded(map[handshake.Direction]string{client: "client_reset", server: "target_reset"}[from])
				})
			}
		}
		alerts := map[string]struct {
			before []turn
			from   handshake.Direction
			alert  []byte
		}{
			"server within the hello":        {stages["within the hello"], server, serverAlert},
			"server after the hello":         {turns[:1], server, serverAlert},
			"server after the server's part": {turns[:2], server, serverAlert},
			"server after the client's part": {turns[:3], server, serverAlert},
			"client after the hello":         {turns[:1], client, clientAlert},
			"client after the server's part": {turns[:2], client, clientAlert},
		}
		for name, tt := range alerts {
			t.Run(name+" an alert", func(t *testing.T) {
				r, p := start.ending(t, tt.before)
				p.pass(tt.from, tt.alert)
				_ = p.ends[tt.from].Close()
				p.expectEnd(1-tt.from, nil)
				_ = p.ends[1-tt.from].Close()
				r.expectEnded("handshake_ended")
			})
		}
	})
}

// ending starts a server with one tunnel, after these turns in it.
func (start starter) ending(t *testing.T, before []turn, change ...func(*policy.Input)) (*rig, pair) {
	t.Helper()
	target := startRaw(t)
	r := start(t, target, func(in *policy.Input) {
		for _, change := range change {
			change(in)
		}
	})
	p := r.tunnel(target)
	p.play(before...)
	return r, p
}

func (r *rig) expectEnded(end string) {
	r.t.Helper()
	r.sink.wait(r.t, "canonical, end="+end, summary("decision=allowed reason=- "))
	r.sink.wait(r.t, "canonical, end="+end, summary(" end="+end))
	r.expectNoRefusal()
}

// closesSoon leaves both sides only a second when the handshake has ended.
func closesSoon(in *policy.Input) { in.Limits.CloseTimeout = time.Second }

// TestAfterAnEndOnlyAlertsPass shows that what else still comes is thrown away, and that both sides are closed although neither does
// so.
func TestAfterAnEndOnlyAlertsPass(t *testing.T) {
	overEnginesAtOnce(t, func(t *testing.T, start starter) {
		clientConfig, serverConfig := configs(t)
		turns := converse(t, clientConfig, serverConfig)
		r, p := start.ending(t, turns[:1], closesSoon)
		_ = p.client().CloseWrite()
		p.expectEnd(server, nil)
		p.pass(server, serverAlert)
		p.send(server, turns[1].data)
		p.expectEnd(client, nil)
		p.send(server, make([]byte, 100<<10))
		p.expectOver(server)
		r.expectEnded("handshake_ended")
	})
}

// TestNothingComesThroughBehindAnAlert has an alert end the handshake and the same piece go on with something else: none of it was
// judged, so none of it is forwarded, wherever the gateway met it.
func TestNothingComesThroughBehindAnAlert(t *testing.T) {
	clientConfig, serverConfig := configs(t)
	clientConfig.MaxVersion = tls.VersionTLS12
	turns := converse(t, clientConfig, serverConfig)
	more := record(23, []byte("nobody has looked at this")...)
	overEnginesAtOnce(t, func(t *testing.T, start starter) {
		target := startRaw(t)
		r := start(t, target, closesSoon)
		for from, piece := range map[handshake.Direction][]byte{
			client: append(bytes.Clone(clientAlert), more...),
			server: append(bytes.Clone(serverAlert), more...),
		} {
			p := r.tunnel(target)
			p.play(turns[0])
			p.send(from, piece)
			p.expectEnd(1-from, nil)
			defer p.expectOver(from) // both sides are closed although neither does so
		}
		// The same in the piece that comes with the request.
		conn := r.dial()
		if _, err := conn.Write(slices.Concat([]byte(request), turns[0].data, clientAlert, more)); err != nil {
			t.Fatal(err)
		}
		p := pair{t, [2]*net.TCPConn{client: conn, server: <-target.peers}}
		_ = p.server().SetDeadline(time.Now().Add(patience))
		p.expectEnd(server, nil)
		_ = p.server().Close()
		p.expectEnd(client, []byte(established))
		_ = conn.Close()
		r.sink.waitFor(t, "canonical", 3, summary(" end=handshake_ended"))
		r.expectNoRefusal()
	})
}

// TestAlertOfAServerThatHangsUp has a server send an alert and close although there is more to read, as one does that does not like
// the beginning of a long hello: its alert comes through, with FIN, whatever the gateway notices first.
func TestAlertOfAServerThatHangsUp(t *testing.T) {
	overEngines(t, func(t *testing.T, start starter) {
		clientConfig, _ := configs(t)
		clientConfig.NextProtos = slices.Repeat([]string{strings.Repeat("p", 200)}, 100)
		hello := hello(t, clientConfig)
		target := startRaw(t)
		r := start(t, target, nil)
		for range 100 {
			p := r.tunnel(target)
			p.pass(client, hello[:100])
			hungUp := make(chan struct{})
			go func() {
				defer close(hungUp)
				_, _ = p.server().Write(serverAlert)
				_, _ = io.ReadFull(p.server(), make([]byte, 1)) // more than that is there
				_ = p.server().Close()
			}()
			for i := 100; i < len(hello); i += 100 {
				if _, err := p.client().Write(hello[i:min(i+100, len(hello))]); err != nil {
					t.Fatal(err)
				}
			}
			p.expectEnd(client, serverAlert)
			<-hungUp
			_ = p.client().Close()
		}
		r.sink.waitFor(t, "canonical", 100, summary(" end=handshake_ended"))
		r.expectNoRefusal()
	})
}

// TestAlertOfAServerThatIsGone has the client send something to a server that has reset its connection, while the alert of that server
// is still on its way.
func TestAlertOfAServerThatIsGone(t *testing.T) {
	overEnginesAtOnce(t, func(t *testing.T, start starter) {
		clientConfig, serverConfig := configs(t)
		clientConfig.MaxVersion = tls.VersionTLS12
		turns := converse(t, clientConfig, serverConfig)
		hello, first := turns[0], firstRecord(turns[1].data)
		r, p := start.ending(t, []turn{hello, {server, first}}, closesSoon)
		want := p.fill(r, len(first))
		p.send(server, serverAlert)
		_ = p.server().SetLinger(0)
		_ = p.server().Close()
		p.send(client, record(21, 1, 90)) // a warning
		p.expectEnd(client, append(want, serverAlert...))
		r.expectEnded("handshake_ended")
	})
}

// resumed is a conversation of TLS 1.2 that resumes a session: the server's part ends before the client's.
func resumed(t *testing.T) []turn {
	t.Helper()
	clientConfig, serverConfig := configs(t)
	clientConfig.MaxVersion = tls.VersionTLS12
	clientConfig.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	converse(t, clientConfig, serverConfig)
	turns := converse(t, clientConfig, serverConfig)
	if len(turns) != 3 {
		t.Fatalf("%d turns: the session is not resumed", len(turns))
	}
	return turns
}

// TestServerFinishesBeforeTheClient has the server say all it has to say with its part of a resumed handshake.
func TestServerFinishesBeforeTheClient(t *testing.T) {
	overEngines(t, func(t *testing.T, start starter) {
		turns := resumed(t)
		target := startRaw(t)
		r := start(t, target, nil)
		for range 20 {
			p := r.tunnel(target)
			p.play(turns[:2]...)
			_ = p.server().CloseWrite()
			p.pass(client, append(turns[2].data, make([]byte, 50<<10)...))
			_ = p.client().CloseWrite()
			p.expectEnd(server, nil)
			p.expectEnd(client, nil)
		}
		r.sink.waitFor(t, "canonical", 20, summary(" end=finished"))
		r.expectNoRefusal()
	})
}

// TestClientFinishesAVerifiedSession has the client leave a resumed session that the server has taken.
func TestClientFinishesAVerifiedSession(t *testing.T) {
	overEngines(t, func(t *testing.T, start starter) {
		turns := resumed(t)
		target := startRaw(t)
		r := start(t, target, nil)
		for range 20 {
			p := r.tunnel(target)
			p.play(turns[:2]...)
			_ = p.client().CloseWrite()
			p.expectEnd(server, nil)
			p.send(server, make([]byte, 50<<10))
			_ = p.server().Close()
			p.expectEnd(client, make([]byte, 50<<10))
		}
		r.sink.waitFor(t, "canonical", 20, summary(" end=finished"))
		r.expectNoRefusal()
	})
}

func (r *rig) shutdown(ctx context.Context) (done chan struct{}) {
	_ = r.listener.Close()
	done = make(chan struct{})
	go func() {
		defer close(done)
		r.server.Shutdown(ctx)
	}()
	return done
}

// TestShutdownAnswers shows that a request which waits for something is answered although no tunnel is open.
func TestShutdownAnswers(t *testing.T) {
	overEngines(t, func(t *testing.T, start starter) {
		dialling := make(chan struct{}, 1)
		r := start(t, dialer(func(ctx context.Context, _ hostname.Target) (net.Conn, error) {
			dialling <- struct{}{}
			<-ctx.Done()
			return nil, ctx.Err()
		}), nil)
		for i, beginning := range []string{"CONNECT a.exam", request} {
			conn := r.dial()
			if _, err := io.WriteString(conn, beginning); err != nil {
				t.Fatal(err)
			}
			for r.counters.Snapshot().ActiveConnections != int64(i+1) { // a connection that nobody has accepted yet gets no answer
			}
			if beginning == request {
				<-dialling
			}
			defer func() {
				resp := r.answer(conn)
				if resp.StatusCode != 503 || resp.Header.Get(forward.ReasonHeader) != string(reason.GatewayStopping) {
					t.Errorf("%q is answered with %d %v", beginning, resp.StatusCode, resp.Header)
				}
			}()
		}
		r.shutdown(t.Context())
	})
}

// TestShutdownDuringTheHandshake stops at every stage: at once, and with time to drain.
func TestShutdownDuringTheHandshake(t *testing.T) {
	overEnginesAtOnce(t, func(t *testing.T, start starter) {
		clientConfig, serverConfig := configs(t)
		clientConfig.MaxVersion = tls.VersionTLS12
		turns := converse(t, clientConfig, serverConfig)
		for said := range turns {
			for name, drain := range map[string]bool{"at once": false, "with time": true} {
				t.Run(fmt.Sprintf("%s after %d turns", name, said), func(t *testing.T) {
					t.Parallel()
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					if !drain {
						cancel()
					}
					r, p := start.ending(t, turns[:said])
					done := r.shutdown(ctx)
					p.expectOver(client)
					p.expectOver(server)
					<-done
					r.expectEnded("closed")
				})
			}
		}
	})
}

// TestShutdownInAHurry shows that no client which has been answered, and does not close, is waited for.
func TestShutdownInAHurry(t *testing.T) {
	overEngines(t, func(t *testing.T, start starter) {
		target := startRaw(t)
		r := start(t, target, func(in *policy.Input) { in.Limits.MaxConnections = 1 })
		p := r.tunnel(target)
		over := r.dial()
		// Over the limit; a connection without a byte would be accepted a second later.
		if _, err := io.WriteString(over, "C"); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(over); err != nil {
			t.Fatal(err)
		}
		p.send(client, []byte("GET / HTTP/1.1\r\n\r\n"))
		p.expectEnd(client, fatal(1, 50))
		r.sink.wait(t, "canonical", summary(" end=refused"))
		for end := time.Now().Add(patience); r.server.Left().Waiting != 2; {
			if time.Now().After(end) {
				t.Fatalf("%d connections wait", r.server.Left().Waiting)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		<-r.shutdown(ctx)
		for _, conn := range []*net.TCPConn{over, p.client()} {
			if _, err := conn.Write([]byte("more")); err == nil {
				_, err = conn.Read(make([]byte, 1))
				if err == nil || isTimeout(err) {
					t.Errorf("a connection is open after the end: %v", err)
				}
			}
		}
	})
}

// TestRefusedClientsCount shows that a client which has been refused and does not close still counts as a connection.
func TestRefusedClientsCount(t *testing.T) {
	overEngines(t, func(t *testing.T, start starter) {
		target := startRaw(t)
		r := start(t, target, func(in *policy.Input) { in.Limits.MaxConnections = 1 })
		p := r.tunnel(target)
		p.send(client, []byte("GET / HTTP/1.1\r\n\r\n"))
		p.expectEnd(client, fatal(1, 50))
		r.sink.wait(t, "canonical", summary(" end=refused"))
		if got := r.tryConnect(); got != 503 {
			t.Errorf("the next one gets %d", got)
		}
		_ = p.client().Close()
		r.sink.wait(t, "of the close", func(e event.Event) bool { return e.Text == "Client socket disconnected" })
		if got := r.tryConnect(); got != 200 {
			t.Errorf("the next one after the close gets %d", got)
		}
	})
}

// TestFaultEndsOneConnection makes the program fail in the goroutines of a connection.
func TestFaultEndsOneConnection(t *testing.T) {
	overEngines(t, func(t *testing.T, start starter) {
		clientConfig, serverConfig := configs(t)
		clientConfig.MaxVersion = tls.VersionTLS12
		turns := converse(t, clientConfig, serverConfig)
		t.Run("before the tunnel", func(t *testing.T) {
			r := start(t, dialer(func(context.Context, hostname.Target) (net.Conn, error) { panic("a fault of the test") }), nil)
			r.expectFaultBeforeTheTunnel()
		})
		for from, text := range map[handshake.Direction]string{client: "[TLS][Handshake] >ClientHello", server: "[TLS][Handshake] <ServerHello"} {
			t.Run("in the pump of the "+from.String(), func(t *testing.T) {
				target := startRaw(t)
				r := start(t, target, nil)
				var armed atomic.Bool
				r.sink.before.Store(new(func(e event.Event) {
					if armed.Load() && e.Text == text {
						panic("a fault of the test")
					}
				}))
				other := r.tunnel(target)
				other.play(turns...)
				r.expectCarriedOn(other)
				p := r.tunnel(target)
				armed.Store(true)
				p.play(turns[:from]...)
				p.send(from, turns[from].data)
				p.expectOver(client)
				p.expectOver(server)
				r.sink.wait(t, "canonical", summary("reason=GATEWAY_FAULT "))
				r.expectFault()
			})
		}
	})
}

// expectFaultBeforeTheTunnel asks for a tunnel, which ends in the fault, and goes on.
func (r *rig) expectFaultBeforeTheTunnel() {
	r.t.Helper()
	conn := r.dial()
	if _, err := io.WriteString(conn, request); err != nil {
		r.t.Fatal(err)
	}
	if got, err := io.ReadAll(conn); err != nil || len(got) > 0 {
		r.t.Errorf("the client reads %q, %v", got, err)
	}
	r.expectFault()
	if resp := r.exchange("GET / HTTP/1.1\r\n\r\n"); resp.StatusCode != 405 {
		r.t.Errorf("the next one gets %d", resp.StatusCode)
	}
}

func (r *rig) expectFault() {
	r.t.Helper()
	fault := r.sink.wait(r.t, "of the fault", func(e event.Event) bool { return e.Reason == reason.GatewayFault && e.ID == event.Fault })
	if !strings.HasPrefix(fault.Text, "Fault in the program: a fault of the test; ") {
		r.t.Errorf("event: %s", fault.Text)
	}
	if counts := r.counters.Snapshot(); counts.Rejections != 0 {
		r.t.Errorf("counted %+v", counts)
	}
}

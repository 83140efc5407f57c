package splice_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http/httptest"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/omsgateway/omsgateway/internal/splice"
)

func TestBothDirectionsHalfClose(t *testing.T) {
	for _, first := range []string{"client", "target"} {
		t.Run(first+" finishes first", func(t *testing.T) {
			overEngines(t, func(t *testing.T, e splice.Engine, _ string) {
				tn := join(t, e, splice.Options{ClientHead: []byte("hello "), TargetHead: []byte("good ")})
				a, b := tn.client, tn.target
				fromA, fromB := "target", "day"
				expect(t, b, "hello ")
				expect(t, a, "good ")
				if first == "target" {
					a, b = b, a
				}
				send(t, a, fromA)
				expect(t, b, fromA)
				if err := a.CloseWrite(); err != nil {
					t.Fatal(err)
				}
				expectEOF(t, b)
				send(t, b, fromB) // the other direction goes on
				expect(t, a, fromB)
				if err := b.CloseWrite(); err != nil {
					t.Fatal(err)
				}
				expectEOF(t, a)
				want := splice.Result{Sent: 12, Received: 8}
				if first == "target" {
					want = splice.Result{Sent: 9, Received: 11}
				}
				if diff := cmp.Diff(want, tn.result(t)); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

func TestResetIsPassedOn(t *testing.T) {
	tests := []struct {
		name   string
		before func(t *testing.T, resetter, other *net.TCPConn)
	}{
		{"quiet", func(*testing.T, *net.TCPConn, *net.TCPConn) {}},
		{"after bytes", func(t *testing.T, resetter, other *net.TCPConn) {
			send(t, resetter, "bytes")
			expect(t, other, "bytes")
		}},
		{"other side finished", func(t *testing.T, resetter, other *net.TCPConn) {
			if err := other.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			expectEOF(t, resetter)
		}},
		{"same side finished", func(t *testing.T, resetter, other *net.TCPConn) {
			if err := resetter.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			expectEOF(t, other)
		}},
		{"unread bytes", func(t *testing.T, resetter, other *net.TCPConn) {
			send(t, other, "bytes that are never read")
		}},
	}
	for _, test := range tests {
		for _, side := range []string{"client", "target"} {
			t.Run(test.name+" "+side, func(t *testing.T) {
				overEngines(t, func(t *testing.T, e splice.Engine, _ string) {
					tn := join(t, e, splice.Options{})
					resetter, other, want := tn.client, tn.target, splice.EndClientReset
					if side == "target" {
						resetter, other, want = tn.target, tn.client, splice.EndTargetReset
					}
					test.before(t, resetter, other)
					reset(t, resetter)
					got := tn.result(t)
					if got.End != want || !isReset(got.Err) {
						t.Errorf("ended with %v, %v; want %v", got.End, got.Err, want)
					}
					if test.name == "same side finished" {
						// The end of the stream was read already; only a write can still meet the reset.
						if _, err := other.Write([]byte("x")); !isReset(err) {
							t.Errorf("write ended with %v; want a reset", err)
						}
						return
					}
					expectReset(t, other)
				})
			})
		}
	}
}

func TestClose(t *testing.T) {
	cause := errors.New("closed by an administrator")
	overEngines(t, func(t *testing.T, e splice.Engine, _ string) {
		tn := join(t, e, splice.Options{Idle: time.Hour})
		send(t, tn.client, "one")
		expect(t, tn.target, "one")
		tn.pair.Close(cause)
		tn.pair.Close(errors.New("too late"))
		want := splice.Result{Sent: 3, End: splice.EndClosed, Err: cause}
		if diff := cmp.Diff(want, tn.result(t), cmpopts.EquateErrors()); diff != "" {
			t.Error(diff)
		}
		expectEOF(t, tn.client)
		expectEOF(t, tn.target)
		tn.pair.Close(errors.New("much too late"))
	})
}

func TestEngineCloseEndsEveryPair(t *testing.T) {
	overEngines(t, func(t *testing.T, e splice.Engine, _ string) {
		var tunnels []tunnel
		for i := range 20 {
			o := splice.Options{Idle: time.Duration(i%2) * time.Hour}
			tunnels = append(tunnels, join(t, e, o))
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		for _, tn := range tunnels {
			select {
			case r := <-tn.done:
				if r.End != splice.EndClosed || !errors.Is(r.Err, net.ErrClosed) {
					t.Errorf("ended with %v, %v", r.End, r.Err)
				}
			default:
				t.Fatal("Close returned before Done")
			}
			expectEOF(t, tn.client)
			expectEOF(t, tn.target)
		}
		if r := join(t, e, splice.Options{}).result(t); r.End != splice.EndClosed {
			t.Errorf("joined after Close: ended with %v", r.End)
		}
	})
}

func TestCloseRacesJoin(t *testing.T) {
	for _, engine := range engines {
		t.Run(engine.name, func(t *testing.T) {
			for range 20 {
				e, err := engine.make()
				if err != nil {
					t.Fatal(err)
				}
				var wg sync.WaitGroup
				results := make(chan splice.Result, 16)
				for range 16 {
					client, peer := connect(t)
					target, otherPeer := connect(t)
					wg.Go(func() {
						p, done := joinConns(e, client, target, splice.Options{Idle: time.Hour})
						_, _ = peer.Write([]byte("x"))
						_, _ = otherPeer.Write([]byte("x"))
						p.Close(nil)
						results <- <-done
					})
				}
				_ = e.Close()
				wg.Wait()
				for range 16 {
					if r := <-results; r.End != splice.EndClosed {
						t.Fatalf("ended with %v, %v", r.End, r.Err)
					}
				}
			}
		})
	}
}

func TestIdleLimit(t *testing.T) {
	overEnginesAtOnce(t, func(t *testing.T, e splice.Engine, _ string) {
		tn := join(t, e, splice.Options{Idle: time.Millisecond})
		if diff := cmp.Diff(splice.Result{End: splice.EndIdle}, tn.result(t)); diff != "" {
			t.Error(diff)
		}
		expectEOF(t, tn.client)
		expectEOF(t, tn.target)
	})
}

// TestIdleLimitKeepsTime runs on a clock of its own: limits from below one tick of the wheel to beyond one turn, and traffic
// that puts the end off. All engines have the same wheel; a goroutine that waits for the network would stop this clock.
func TestIdleLimitKeepsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := splice.NewGoroutineEngine()
		var wg sync.WaitGroup
		for _, limit := range []time.Duration{
			time.Millisecond, 499 * time.Millisecond, 500 * time.Millisecond, 501 * time.Millisecond, 3 * time.Second,
			127 * time.Second, 128 * time.Second, 129 * time.Second, 30 * time.Minute, 25 * time.Hour,
		} {
			client, peer := net.Pipe()
			target, otherPeer := net.Pipe()
			p, done := joinConns(e, client, target, splice.Options{Idle: limit})
			wg.Go(func() {
				for range 3 {
					<-time.After(limit * 9 / 10)
					_, _ = peer.Write([]byte("x"))
					_, _ = otherPeer.Read(make([]byte, 1))
				}
				last := time.Now()
				r := <-done
				quiet := time.Since(last)
				if r.End != splice.EndIdle || r.Sent != 3 || quiet < limit || quiet > limit+500*time.Millisecond {
					t.Errorf("limit %v: ended with %v after %v and %d bytes", limit, r.End, quiet, r.Sent)
				}
				if !p.LastActive().Equal(last) {
					t.Errorf("limit %v: LastActive is %v, want %v", limit, p.LastActive(), last)
				}
			})
		}
		wg.Wait()
		_ = e.Close()
	})
}

func TestOtherConnections(t *testing.T) {
	overEngines(t, func(t *testing.T, e splice.Engine, _ string) {
		t.Run("a TLS side is half-closed by close_notify", func(t *testing.T) {
			client, peer := connect(t)
			target, targetPeer := connect(t)
			server := tls.Server(targetPeer, &tls.Config{Certificates: certificates(t)})
			side := tls.Client(target, &tls.Config{InsecureSkipVerify: true})
			_, done := joinConns(e, client, side, splice.Options{})
			send(t, peer, "up")
			expect(t, server, "up")
			if err := peer.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			expectEOF(t, server)
			send(t, server, "down")
			expect(t, peer, "down")
			if err := server.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			expectEOF(t, peer)
			if diff := cmp.Diff(splice.Result{Sent: 2, Received: 4}, <-done); diff != "" {
				t.Error(diff)
			}
		})
		t.Run("a reset reaches a TLS side as a reset", func(t *testing.T) {
			client, peer := connect(t)
			target, targetPeer := connect(t)
			server := tls.Server(targetPeer, &tls.Config{Certificates: certificates(t)})
			_, done := joinConns(e, client, tls.Client(target, &tls.Config{InsecureSkipVerify: true}), splice.Options{})
			send(t, peer, "up")
			expect(t, server, "up")
			reset(t, peer)
			if r := <-done; r.End != splice.EndClientReset {
				t.Errorf("ended with %v, %v", r.End, r.Err)
			}
			expectReset(t, targetPeer)
		})
		t.Run("a side that cannot be half-closed ends with the other", func(t *testing.T) {
			client, peer := connect(t)
			target, targetPeer := net.Pipe()
			_, done := joinConns(e, client, target, splice.Options{TargetHead: []byte("head")})
			expect(t, peer, "head")
			send(t, peer, "up")
			expect(t, targetPeer, "up")
			if err := peer.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			expectEOF(t, targetPeer)
			expectEOF(t, peer)
			if diff := cmp.Diff(splice.Result{Sent: 2, Received: 4}, <-done); diff != "" {
				t.Error(diff)
			}
		})
	})
}

// certificates are those of a test server.
func certificates(t testing.TB) []tls.Certificate {
	t.Helper()
	s := httptest.NewUnstartedServer(nil)
	s.StartTLS()
	defer s.Close()
	return s.TLS.Certificates
}

func TestDeadlinesOfTheCallerAreLifted(t *testing.T) {
	overEngines(t, func(t *testing.T, e splice.Engine, _ string) {
		client, peer := connect(t)
		target, targetPeer := connect(t)
		for _, c := range []net.Conn{client, target} {
			if err := c.SetDeadline(time.Unix(1, 0)); err != nil {
				t.Fatal(err)
			}
		}
		_, done := joinConns(e, client, target, splice.Options{})
		send(t, peer, "up")
		expect(t, targetPeer, "up")
		_ = peer.CloseWrite()
		_ = targetPeer.CloseWrite()
		if diff := cmp.Diff(splice.Result{Sent: 2}, <-done); diff != "" {
			t.Error(diff)
		}
	})
}

// TestFallback moves enough that bytes would go through the kernel alone. TestOnALesserSystem runs it where they cannot.
func TestFallback(t *testing.T) {
	overEngines(t, func(t *testing.T, e splice.Engine, engine string) {
		const size = 8 << 20
		owner := newOwner()
		causes := owner.fellBack
		heldClient, client := connect(t)
		heldTarget, target := connect(t)
		tn := tunnel{e.Join(heldClient, heldTarget, splice.Options{Owner: owner}), client, target, owner.ended}
		for range 2 {
			sent := make([]byte, size)
			_, _ = rand.NewChaCha8([32]byte{1}).Read(sent)
			go func() { _, _ = tn.client.Write(sent) }()
			got := make([]byte, size)
			if _, err := io.ReadFull(tn.target, got); err != nil || !bytes.Equal(got, sent) {
				t.Fatalf("wrong bytes, %v", err)
			}
		}
		_ = tn.client.CloseWrite()
		_ = tn.target.CloseWrite()
		if diff := cmp.Diff(splice.Result{Sent: 2 * size}, tn.result(t)); diff != "" {
			t.Error(diff)
		}
		want := 0
		if engine == "best" && wantFallback() {
			want = 1
		}
		if len(causes) != want {
			t.Errorf("Fallback was called %d times, want %d", len(causes), want)
		}
		for range want {
			if cause := <-causes; !errors.As(cause, new(syscall.Errno)) {
				t.Errorf("cause is %v", cause)
			}
		}
	})
}

// TestReceiversThatNeverRead holds many tunnels full in both directions, and wants their senders to be stopped, and another
// tunnel to move on.
func TestReceiversThatNeverRead(t *testing.T) {
	const tunnels, enough, bound = 100, 64 << 20, 4 << 20
	overEngines(t, func(t *testing.T, e splice.Engine, _ string) {
		var full []tunnel
		var senders sync.WaitGroup
		for range tunnels {
			tn := joinSmall(t, e, splice.Options{})
			full = append(full, tn)
			for _, c := range []*net.TCPConn{tn.client, tn.target} {
				senders.Go(func() {
					n, _ := io.CopyN(struct{ io.Writer }{c}, zeros{}, bound) // ends with the pair
					if n == bound {
						t.Error("the sender was not stopped")
					}
				})
			}
		}
		moving := join(t, e, splice.Options{})
		go func() {
			_, _ = io.CopyN(moving.client, zeros{}, enough)
			_ = moving.client.CloseWrite()
		}()
		n, err := io.Copy(io.Discard, moving.target)
		if n != enough || err != nil {
			t.Errorf("the moving tunnel carried %d bytes, %v", n, err)
		}
		for _, tn := range full {
			tn.pair.Close(nil)
			if r := tn.result(t); r.End != splice.EndClosed {
				t.Errorf("a full tunnel ended with %v, %v", r.End, r.Err)
			}
		}
		senders.Wait()
	})
}

// TestBusyTunnelsLeaveRoom floods as many tunnels as there are loops, and wants others to get through all the same.
func TestBusyTunnelsLeaveRoom(t *testing.T) {
	overEngines(t, func(t *testing.T, e splice.Engine, _ string) {
		var flood sync.WaitGroup
		var busy []tunnel
		for range 2 * runtime.GOMAXPROCS(0) {
			tn := join(t, e, splice.Options{})
			busy = append(busy, tn)
			flood.Go(func() { _, _ = io.Copy(struct{ io.Writer }{tn.client}, zeros{}) })
			expect(t, tn.target, "\x00") // it has begun
			flood.Go(func() { _, _ = io.Copy(io.Discard, struct{ io.Reader }{tn.target}) })
		}
		for range 5 {
			tn := join(t, e, splice.Options{})
			for range 5 {
				send(t, tn.client, "question")
				expect(t, tn.target, "question")
				send(t, tn.target, "answer")
				expect(t, tn.client, "answer")
			}
		}
		for _, tn := range busy {
			tn.pair.Close(nil)
			if r := tn.result(t); r.End != splice.EndClosed || r.Sent == 0 {
				t.Errorf("a busy tunnel ended with %+v", r)
			}
		}
		flood.Wait()
	})
}

// joinSmall is join with little room in the kernel, but for more than one segment of the loopback.
func joinSmall(t testing.TB, e splice.Engine, o splice.Options) tunnel {
	t.Helper()
	heldClient, client := connect(t)
	heldTarget, target := connect(t)
	for _, c := range []*net.TCPConn{heldClient, client, heldTarget, target} {
		_ = c.SetReadBuffer(64 << 10)
		_ = c.SetWriteBuffer(64 << 10)
	}
	pair, done := joinConns(e, heldClient, heldTarget, o)
	return tunnel{pair: pair, client: client, target: target, done: done}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return len(b), nil }

package forward_test

import (
	"fmt"
	"io"
	"net"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/omsgateway/omsgateway/internal/policy"
	"github.com/omsgateway/omsgateway/server/forward"
)

// TestEnginesTellTheSame has each connection leave the same events and counts, whether a goroutine serves it or the engine accepts and
// connects it.
func TestEnginesTellTheSame(t *testing.T) {
	head := func(size int) string {
		return "GET / HTTP/1.1\r\nA: " + strings.Repeat("a", size-len("GET / HTTP/1.1\r\nA: \r\n\r\n")) + "\r\n\r\n"
	}
	tests := map[string]struct {
		ask     string
		dead    bool                               // nobody listens at the target
		change  func(*policy.Limits)               // unless nil
		begun   func(client, server *net.TCPConn)  // unless nil: once the tunnel is open
		instead func(t *testing.T, c *net.TCPConn) // unless nil: when the client has asked
	}{
		"target is dead":          {ask: request, dead: true},
		"no TLS in the tunnel":    {ask: request + "GET / HTTP/1.1\r\n\r\n"},
		"client finishes":         {ask: request, begun: func(c, _ *net.TCPConn) { _ = c.CloseWrite() }},
		"client closes":           {ask: request, begun: func(c, _ *net.TCPConn) { _ = c.Close() }},
		"client resets":           {ask: request, begun: func(c, _ *net.TCPConn) { _, _ = c.SetLinger(0), c.Close() }},
		"target closes":           {ask: request, begun: func(_, s *net.TCPConn) { _ = s.Close() }},
		"target resets":           {ask: request, begun: func(_, s *net.TCPConn) { _, _ = s.SetLinger(0), s.Close() }},
		"client finishes early":   {ask: request, instead: func(_ *testing.T, c *net.TCPConn) { _ = c.CloseWrite() }},
		"too many handshakes":     {ask: request, change: func(l *policy.Limits) { l.MaxHandshakes = 0 }},
		"too many connections":    {ask: request, change: func(l *policy.Limits) { l.MaxConnections = 0 }},
		"host":                    {ask: "CONNECT z.example.com:443 HTTP/1.1\r\n\r\n"},
		"port":                    {ask: "CONNECT a.example.com:444 HTTP/1.1\r\n\r\n"},
		"authority":               {ask: "CONNECT a.example.com HTTP/1.1\r\n\r\n"},
		"method":                  {ask: "GET / HTTP/1.1\r\n\r\n"},
		"probe":                   {ask: "GET /healthz HTTP/1.1\r\n\r\n"},
		"TLS":                     {ask: "\x16\x03\x01\x00\x00"},
		"head as large as it may": {ask: head(16 << 10)},
		"larger head":             {ask: head(16<<10 + 1)},
		"head that ends early":    {ask: "CONNECT a.exam", instead: func(_ *testing.T, c *net.TCPConn) { _ = c.CloseWrite() }},
		"nothing":                 {instead: func(_ *testing.T, c *net.TCPConn) { _ = c.CloseWrite() }},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var told []string
			overEngines(t, func(t *testing.T, start starter) {
				target := startRaw(t)
				if tt.dead {
					target = raw{Dialer: dialTo(closedAddress(t))}
				}
				r := start(t, target, func(in *policy.Input) {
					if tt.change != nil {
						tt.change(&in.Limits)
					}
				})
				client := r.dial()
				if _, err := io.WriteString(client, tt.ask); err != nil {
					t.Fatal(err)
				}
				server := target.peers
				switch {
				case tt.begun != nil:
					if _, err := io.ReadFull(client, make([]byte, len(established))); err != nil {
						t.Fatal(err)
					}
					peer := <-target.peers
					tt.begun(client, peer)
					server = make(chan *net.TCPConn, 1)
					server <- peer
				case tt.instead != nil:
					tt.instead(t, client)
				}
				over := make(chan struct{})
				go func() { // the target closes when the client has
					defer close(over)
					select {
					case peer := <-server:
						_, _ = io.Copy(io.Discard, peer)
						_ = peer.Close()
					case <-t.Context().Done():
					}
				}()
				t.Cleanup(func() { <-over })
				_, _ = io.Copy(io.Discard, client)
				_ = client.Close()
				told = append(told, r.told())
			})
			if diff := cmp.Diff(told[0], told[1]); diff != "" {
				t.Errorf("goroutine engine (-), best one (+):\n%s", diff)
			}
		})
	}
}

// varying is what differs from one connection to the next.
var varying = regexp.MustCompile(`127\.0\.0\.1:\d+|dial_ms=\d+|total_s=[\d.]+`)

// told waits until there is no connection and the server has ended, and returns all events and counts.
func (r *rig) told() string {
	r.t.Helper()
	for end := time.Now().Add(patience); r.counters.Snapshot().ActiveConnections > 0 || r.server.Left() != (forward.Left{}); {
		if time.Now().After(end) {
			r.t.Fatalf("left: %+v", r.server.Left())
		}
		runtime.Gosched()
	}
	<-r.shutdown(r.t.Context())
	return varying.ReplaceAllString(fmt.Sprintf("%s\n%+v", strings.Join(r.sink.texts(), "\n"), r.counters.Snapshot()), "*")
}

func closedAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	return l.Addr().String()
}

// TestClientsThatResetAtOnce has clients gone before they are accepted, or while their targets are connected.
func TestClientsThatResetAtOnce(t *testing.T) {
	for name, dead := range map[string]bool{"target opens": false, "target refuses": true} {
		t.Run(name, func(t *testing.T) {
			overEngines(t, func(t *testing.T, start starter) {
				target := startRaw(t)
				if dead {
					target.Dialer = dialTo(closedAddress(t))
				}
				const clients = 50
				r := start(t, target, nil)
				for range clients {
					conn := r.dial()
					if _, err := io.WriteString(conn, request); err != nil {
						t.Fatal(err)
					}
					_, _ = conn.SetLinger(0), conn.Close()
				}
				if resp := r.exchange("GET /healthz HTTP/1.1\r\n\r\n"); resp.StatusCode != 200 { // it comes after them
					t.Errorf("the next one gets %d", resp.StatusCode)
				}
				_ = r.told()
				for len(target.peers) > 0 {
					_ = (<-target.peers).Close()
				}
			})
		})
	}
}

// TestOverLimitIsBounded has many clients over the limit that do not go away: no more than 256 of them are attended to.
func TestOverLimitIsBounded(t *testing.T) {
	const clients, most = 600, 256
	overEngines(t, func(t *testing.T, start starter) {
		r := start(t, never(t), func(in *policy.Input) { in.Limits.MaxConnections = 0 })
		before := runtime.NumGoroutine()
		for range clients {
			_, _ = io.WriteString(r.dial(), request)
		}
		for end := time.Now().Add(patience); r.refusals() < clients; runtime.Gosched() {
			if time.Now().After(end) {
				t.Fatalf("%d were refused", r.refusals())
			}
		}
		if now := runtime.NumGoroutine(); now > before+most+10 {
			t.Errorf("%d goroutines, %d before", now, before)
		}
	})
}

// refusals is how many requests and connections were refused.
func (r *rig) refusals() (n int64) {
	for _, count := range r.counters.Snapshot().Refused {
		n += count
	}
	return n
}

package forward_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/omsgateway/omsgateway/internal/event"
	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/policy"
	"github.com/omsgateway/omsgateway/internal/reason"
	"github.com/omsgateway/omsgateway/internal/tunnel"
	"github.com/omsgateway/omsgateway/server/forward"
)

func TestRefusedRequests(t *testing.T) {
	const ok = "CONNECT a.example.com:443 HTTP/1.1\r\n"
	tests := map[string]struct {
		request string
		status  int
		reason  reason.Reason
		event   event.ID
	}{
		"GET":                     {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 405, reason.MethodNotAllowed, event.NotAConnect},
		"absolute form":           {"GET http://a.example.com/ HTTP/1.1\r\nHost: a\r\n\r\n", 405, reason.MethodNotAllowed, event.NotAConnect},
		"POST to the probe":       {"POST /healthz HTTP/1.1\r\n\r\n", 405, reason.MethodNotAllowed, event.NotAConnect},
		"another path":            {"GET /healthz/ HTTP/1.1\r\n\r\n", 405, reason.MethodNotAllowed, event.NotAConnect},
		"lower-case method":       {"connect a.example.com:443 HTTP/1.1\r\n\r\n", 405, reason.MethodNotAllowed, event.NotAConnect},
		"host not allowed":        {"CONNECT c.example.com:443 HTTP/1.1\r\n\r\n", 403, reason.HostNotAllowed, event.Forbidden},
		"port not allowed":        {"CONNECT a.example.com:444 HTTP/1.1\r\n\r\n", 403, reason.PortNotAllowed, event.Forbidden},
		"default port of another": {"CONNECT b.example.com:443 HTTP/1.1\r\n\r\n", 403, reason.PortNotAllowed, event.Forbidden},
		"no port":                 {"CONNECT a.example.com HTTP/1.1\r\n\r\n", 400, reason.AuthorityInvalid, event.Fault},
		"port 0":                  {"CONNECT a.example.com:0 HTTP/1.1\r\n\r\n", 400, reason.AuthorityInvalid, event.Fault},
		"port 65536":              {"CONNECT a.example.com:65536 HTTP/1.1\r\n\r\n", 400, reason.AuthorityInvalid, event.Fault},
		"port with plus":          {"CONNECT a.example.com:+443 HTTP/1.1\r\n\r\n", 400, reason.AuthorityInvalid, event.Fault},
		"blank after the port":    {"CONNECT a.example.com:443  HTTP/1.1\r\n\r\n", 400, reason.RequestInvalid, event.Fault},
		"user name":               {"CONNECT u@a.example.com:443 HTTP/1.1\r\n\r\n", 400, reason.AuthorityInvalid, event.Fault},
		"URL":                     {"CONNECT https://a.example.com:443 HTTP/1.1\r\n\r\n", 400, reason.AuthorityInvalid, event.Fault},
		"IPv6 zone":               {"CONNECT [fe80::1%25eth0]:443 HTTP/1.1\r\n\r\n", 400, reason.AuthorityInvalid, event.Fault},
		"body by length":          {ok + "Content-Length: 5\r\n\r\nhello", 400, reason.RequestBody, event.Fault},
		"body by chunks":          {ok + "Transfer-Encoding: chunked\r\n\r\n", 400, reason.RequestBody, event.Fault},
		"body that does not come": {ok + "Content-Length: 5\r\n\r\n", 400, reason.RequestBody, event.Fault},
		"length without a number": {ok + "Content-Length:\r\n\r\n", 400, reason.RequestBody, event.Fault},
		"length below 0":          {ok + "Content-Length: -0\r\n\r\n", 400, reason.RequestBody, event.Fault},
		"two lengths":             {ok + "Content-Length: 0\r\nContent-Length: 1\r\n\r\n", 400, reason.RequestBody, event.Fault},
		"two Host headers":        {ok + "Host: a\r\nHost: a\r\n\r\n", 400, reason.RequestInvalid, event.Fault},
		"bare LF":                 {"CONNECT a.example.com:443 HTTP/1.1\n\n", 400, reason.RequestInvalid, event.Fault},
		"bare CR":                 {ok + "A: b\rc\r\n\r\n", 400, reason.RequestInvalid, event.Fault},
		"NUL":                     {ok + "A: \x00\r\n\r\n", 400, reason.RequestInvalid, event.Fault},
		"folded header":           {ok + "A: b\r\n c\r\n\r\n", 400, reason.RequestInvalid, event.Fault},
		"blank before colon":      {ok + "A : b\r\n\r\n", 400, reason.RequestInvalid, event.Fault},
		"no colon":                {ok + "Aaa\r\n\r\n", 400, reason.RequestInvalid, event.Fault},
		"HTTP/2":                  {"CONNECT a.example.com:443 HTTP/2.0\r\n\r\n", 400, reason.RequestInvalid, event.Fault},
		"HTTP/2 preface":          {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, reason.RequestInvalid, event.Fault},
		"HTTP/0.9":                {"CONNECT a.example.com:443\r\n\r\n", 400, reason.RequestInvalid, event.Fault},
		"TLS at the proxy port":   {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, reason.RequestInvalid, event.Fault},
		"empty line first":        {"\r\n" + ok + "\r\n", 400, reason.RequestInvalid, event.Fault},
		"oversized":               {ok + "A: " + strings.Repeat("b", 17<<10), 400, reason.RequestTooLarge, event.Fault},
		"header flood":            {ok + strings.Repeat("A: b\r\n", 4000), 400, reason.RequestTooLarge, event.Fault},
	}
	rows := readRefusals(t)
	for name, tt := range tests {
		if got := rows[tt.reason].events; !slices.Equal(got, []string{fmt.Sprint(int(tt.event))}) {
			t.Errorf("%s has the events %s in the table of refusals", tt.reason, got)
		}
		t.Run(name, func(t *testing.T) {
			r := start(t, never(t), nil)
			resp := r.exchange(tt.request)
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != tt.status || resp.Header.Get(forward.ReasonHeader) != string(tt.reason) {
				t.Errorf("got %d %s, want %d %s", resp.StatusCode, resp.Header.Get(forward.ReasonHeader), tt.status, tt.reason)
			}
			if len(body) == 0 || bytes.IndexByte(body, '\n') != len(body)-1 || !resp.Close {
				t.Errorf("the body %q is not one line, or the answer does not announce the close", body)
			}
			if allow := resp.Header.Get("Allow"); (allow == "CONNECT") != (tt.status == 405) {
				t.Errorf("Allow: %q", allow)
			}
			r.sink.wait(t, "of the refusal", func(e event.Event) bool { return e.ID == tt.event && e.Reason == tt.reason })
			if got := r.counters.Snapshot().Refused[tt.reason]; got != 1 {
				t.Errorf("counted %d times", got)
			}
		})
	}
}

func TestTextsThatScriptsKnow(t *testing.T) {
	r := start(t, never(t), nil)
	r.exchange("CONNECT C.Example.COM:443 HTTP/1.1\r\nHost: c.example.com:443\r\nProxy-Authorization: Basic c2VjcmV0\r\n\r\n")
	got := r.sink.wait(t, "105", id(event.Forbidden)).Text
	if !strings.HasPrefix(got, "Target host (c.example.com) is forbidden. ") || !strings.Contains(got, "allowed list") {
		t.Errorf("105 reads %q", got)
	}
	got = r.sink.wait(t, "103", id(event.Connect)).Text
	want := ": CONNECT C.Example.COM:443 with headers [Host, c.example.com:443];[Proxy-Authorization, ***]"
	if !strings.HasPrefix(got, "Got request from 127.0.0.1:") || !strings.HasSuffix(got, want) {
		t.Errorf("103 reads %q", got)
	}
}

func TestTunnel(t *testing.T) {
	r := start(t, startTarget(t, nil), nil)
	conn := r.dial()
	secure := r.open(conn, "CONNECT A.example.com.:443 HTTP/1.0\r\nContent-Length: 0\r\n\r\n")
	echo(t, secure, "hello")
	open := r.tunnels.List(nil)
	for deadline := time.Now().Add(patience); len(open) != 1 || open[0].Sent == 0 || open[0].Received == 0; open = r.tunnels.List(nil) {
		if time.Now().After(deadline) { // bytes are counted after they are written
			t.Fatalf("open tunnels: %+v", open)
		}
	}
	if diff := cmp.Diff(tunnel.TLS{Version: "TLS 1.3", ServerName: "a.example.com"}, open[0].TLS); diff != "" {
		t.Errorf("TLS of the tunnel (-want +got):\n%s", diff)
	}
	if err := secure.Close(); err != nil {
		t.Fatal(err)
	}
	line := r.sink.wait(t, "at the end", summary("host=a.example.com"))
	for _, part := range []string{"port=443", "decision=allowed", "reason=-", "entry=a.example.com", `tls="TLS 1.3"`,
		"server_name=a.example.com", "subject=-"} {
		if !strings.Contains(line.Text, part) {
			t.Errorf("the canonical line has no %s: %s", part, line.Text)
		}
	}
	r.sink.wait(t, "107", id(event.TLSVerified))
	r.sink.wait(t, "client disconnected", func(e event.Event) bool { return e.Text == "Client socket disconnected" })
	if counts := r.counters.Snapshot(); counts.ActiveConnections != 0 || counts.ConnectedClients != 0 || r.tunnels.Len() != 0 {
		t.Errorf("left over: %+v, %d tunnels", counts, r.tunnels.Len())
	}
	if sent, received := r.tunnels.Bytes(); !strings.Contains(line.Text, fmt.Sprintf("sent=%d received=%d ", sent, received)) {
		t.Errorf("counted %d and %d: %s", sent, received, line.Text)
	}
}

func TestTunnelWithoutABody(t *testing.T) {
	r := start(t, startTarget(t, nil), nil)
	for _, length := range []string{"0", "00", "0000000000000000000000000"} {
		conn := r.dial()
		echo(t, r.open(conn, "CONNECT a.example.com:443 HTTP/1.1\r\nContent-Length: "+length+"\r\n\r\n"), "hello")
		_ = conn.Close()
	}
}

func TestHeadSplitAtEveryByte(t *testing.T) {
	const request = "CONNECT a.example.com:443 HTTP/1.1\r\nHost: a.example.com:443\r\n\r\n"
	r := start(t, startTarget(t, nil), nil)
	for cut := 1; cut < len(request); cut++ {
		conn := r.dial()
		if _, err := io.WriteString(conn, request[:cut]); err != nil {
			t.Fatal(err)
		}
		echo(t, r.open(conn, request[cut:]), "ping")
		_ = conn.Close()
	}
	conn := r.dial()
	for i := range len(request) - 1 {
		if _, err := io.WriteString(conn, request[i:i+1]); err != nil {
			t.Fatal(err)
		}
	}
	echo(t, r.open(conn, request[len(request)-1:]), "ping")
}

func TestProbes(t *testing.T) {
	r := start(t, never(t), nil)
	for method, want := range map[string]string{"GET": "ok\n", "HEAD": ""} {
		conn := r.dial()
		if _, err := io.WriteString(conn, method+" /healthz HTTP/1.1\r\nHost: lb\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != 200 || string(body) != want {
			t.Errorf("%s: %d %q, %v", method, resp.StatusCode, body, err)
		}
		if rest, err := io.ReadAll(conn); err != nil || len(rest) > 0 {
			t.Errorf("%s: after the answer: %q, %v", method, rest, err)
		}
		_ = conn.Close() // else the gateway lingers
	}
	bare := r.dial()
	_ = bare.Close()
	reset := r.dial()
	_ = reset.SetLinger(0)
	_ = reset.Close()
	half := r.dial()
	_ = half.CloseWrite()
	if _, err := io.ReadAll(half); err != nil {
		t.Error(err)
	}
	// Three bare connections leave nothing, and two probes only that clients were disconnected; a refusal afterwards shows that
	// events do arrive.
	r.exchange("GET / HTTP/1.1\r\n\r\n")
	for end := time.Now().Add(patience); r.server.Left().Waiting > 0; {
		if time.Now().After(end) {
			t.Fatal("a connection is not closed")
		}
	}
	gone := 0
	for _, text := range r.sink.texts() {
		switch {
		case text == "200 Client socket disconnected":
			gone++
		case !strings.HasPrefix(text, "104") && !strings.Contains(text, "METHOD_NOT_ALLOWED"):
			t.Errorf("unexpected event: %s", text)
		}
	}
	if gone != 3 {
		t.Errorf("%d clients were disconnected", gone)
	}
}

func TestSlowHead(t *testing.T) {
	t.Parallel()
	r := start(t, never(t), func(in *policy.Input) { in.Limits.HeadTimeout = 50 * time.Millisecond })
	silent := r.dial()
	if got, err := io.ReadAll(silent); err != nil || len(got) > 0 {
		t.Errorf("a silent connection got %q, %v", got, err)
	}
	resp := r.exchange("CONNECT a.exam")
	if resp.StatusCode != 400 || resp.Header.Get(forward.ReasonHeader) != string(reason.RequestTimeout) {
		t.Errorf("got %d %v", resp.StatusCode, resp.Header)
	}
}

func TestDialFailures(t *testing.T) {
	tests := map[string]struct {
		err    error
		status int
		reason reason.Reason
		event  event.ID
	}{
		"refused":   {reason.New(reason.TargetUnreachable, "target", "a.example.com:443"), 502, reason.TargetUnreachable, event.Network},
		"not found": {reason.New(reason.TargetNotFound, "host", "a.example.com"), 502, reason.TargetNotFound, event.Network},
		"time-out":  {reason.New(reason.TargetTimeout, "target", "a.example.com:443"), 504, reason.TargetTimeout, event.Network},
		"address": {reason.New(reason.AddressNotAllowed, "host", "a.example.com", "address", "127.0.0.1", "kind", "loopback"), 403,
			reason.AddressNotAllowed, event.Forbidden},
		"resources": {reason.New(reason.ResourcesExhausted), 503, reason.ResourcesExhausted, event.Network},
		"unknown":   {errors.Join(errors.New("a secret of the program"), reason.New(reason.Internal)), 500, reason.GatewayFault, event.Network},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := start(t, dialer(func(context.Context, hostname.Target) (net.Conn, error) { return nil, tt.err }), nil)
			resp := r.exchange("CONNECT a.example.com:443 HTTP/1.1\r\n\r\n")
			body, _ := io.ReadAll(resp.Body)
			if resp.StatusCode != tt.status || resp.Header.Get(forward.ReasonHeader) != string(tt.reason) {
				t.Errorf("got %d %s", resp.StatusCode, resp.Header.Get(forward.ReasonHeader))
			}
			if strings.Contains(string(body), "secret") {
				t.Errorf("the body tells too much: %s", body)
			}
			r.sink.wait(t, "of the failure", id(tt.event))
			r.sink.wait(t, "canonical", summary("end=not_connected"))
		})
	}
}

func TestDialIsGivenUpWhenTheClientGoesAway(t *testing.T) {
	t.Parallel()
	dialling, gaveUp := make(chan struct{}), make(chan struct{})
	r := start(t, dialer(func(ctx context.Context, _ hostname.Target) (net.Conn, error) {
		close(dialling)
		<-ctx.Done()
		close(gaveUp)
		return nil, ctx.Err()
	}), nil)
	conn := r.dial()
	if _, err := io.WriteString(conn, "CONNECT a.example.com:443 HTTP/1.1\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	<-dialling
	_ = conn.Close()
	select {
	case <-gaveUp:
	case <-time.After(patience):
		t.Fatal("the dial goes on")
	}
	r.sink.wait(t, "canonical", summary("end=client_gone"))
}

func TestLimits(t *testing.T) {
	tests := map[string]struct {
		change func(*policy.Limits)
		reason reason.Reason
	}{
		"connections": {func(l *policy.Limits) { l.MaxConnections = 2 }, reason.TooManyConnections},
		"per client":  {func(l *policy.Limits) { l.MaxConnectionsPerClient = 2 }, reason.TooManyClientConnection},
		"heads":       {func(l *policy.Limits) { l.MaxRequestHeads = 2 }, reason.TooManyClientHeads},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := start(t, startTarget(t, nil), func(in *policy.Input) { tt.change(&in.Limits) })
			held := []*net.TCPConn{r.dial(), r.dial()}
			if tt.reason != reason.TooManyClientHeads {
				for _, conn := range held {
					r.open(conn, "CONNECT a.example.com:443 HTTP/1.1\r\n\r\n")
				}
			} else {
				for _, conn := range held { // each byte makes sure that the connection has been accepted before the next
					if _, err := io.WriteString(conn, "C"); err != nil {
						t.Fatal(err)
					}
				}
			}
			ask := "CONNECT a.example.com:443 HTTP/1.1\r\n\r\n"
			if tt.reason == reason.TooManyClientHeads {
				ask = "C" // a whole request is not waited for
			}
			resp := r.exchange(ask)
			if resp.StatusCode != 503 || resp.Header.Get(forward.ReasonHeader) != string(tt.reason) {
				t.Errorf("got %d %s", resp.StatusCode, resp.Header.Get(forward.ReasonHeader))
			}
			r.sink.wait(t, "of the refusal", func(e event.Event) bool { return e.ID == event.Fault && e.Reason == tt.reason })
			// A place that becomes free is given to the next.
			_ = held[0].Close()
			deadline := time.Now().Add(patience)
			for {
				resp := r.tryConnect()
				if resp == 200 {
					break
				}
				if time.Now().After(deadline) {
					t.Fatalf("still %d after a connection was closed", resp)
				}
			}
		})
	}
}

// tryConnect returns the status of one CONNECT whose connection is closed at once.
func (r *rig) tryConnect() int {
	r.t.Helper()
	conn, err := net.DialTimeout("tcp", r.address, patience)
	if err != nil {
		r.t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	_, _ = io.WriteString(conn, "CONNECT a.example.com:443 HTTP/1.1\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: http.MethodConnect})
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	return resp.StatusCode
}

func TestShutdown(t *testing.T) {
	t.Parallel()
	r := start(t, startTarget(t, nil), nil)
	head := r.dial()
	if _, err := io.WriteString(head, "CONNECT a.exam"); err != nil {
		t.Fatal(err)
	}
	busy, idle := r.dial(), r.dial()
	busySession := r.open(busy, "CONNECT a.example.com:443 HTTP/1.1\r\n\r\n")
	idleSession := r.open(idle, "CONNECT a.example.com:443 HTTP/1.1\r\n\r\n")
	_ = r.listener.Close()

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.server.Shutdown(ctx)
	}()
	if resp := r.answer(head); resp.Header.Get(forward.ReasonHeader) != string(reason.GatewayStopping) {
		t.Errorf("a request in its head got %d %v", resp.StatusCode, resp.Header)
	}
	// The idle tunnel is closed while the busy one still carries bytes.
	idleEnded := make(chan struct{})
	go func() {
		defer close(idleEnded)
		_, _ = io.ReadAll(idleSession)
	}()
	for open := true; open; {
		echo(t, busySession, "ping")
		select {
		case <-idleEnded:
			open = false
		default:
		}
	}
	cancel()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatal("Shutdown does not end")
	}
	if _, err := io.ReadAll(busySession); isTimeout(err) {
		t.Error("the busy tunnel is open after the drain time")
	}
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

package upstream_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/policy"
	"github.com/omsgateway/omsgateway/internal/reason"
	"github.com/omsgateway/omsgateway/internal/testca"
	"github.com/omsgateway/omsgateway/internal/upstream"
)

// patience bounds every wait of a test.
const patience = 20 * time.Second

func TestWhatARelayProxyIsAsked(t *testing.T) {
	for name, c := range map[string]struct {
		target, username, password string
		want                       string
	}{
		"without credentials": {target: "a.example.com:443",
			want: "CONNECT a.example.com:443 HTTP/1.1\r\nHost: a.example.com:443\r\nUser-Agent: OMS-Gateway\r\n\r\n"},
		// RFC 7617, section 2: the example with a character outside ASCII.
		"credentials in UTF-8": {target: "[2001:db8::7]:8443", username: "test", password: "123£",
			want: "CONNECT [2001:db8::7]:8443 HTTP/1.1\r\nHost: [2001:db8::7]:8443\r\nUser-Agent: OMS-Gateway\r\n" +
				"Proxy-Authorization: Basic dGVzdDoxMjPCow==\r\n\r\n"},
		"colon and percent": {target: "a.example.com:443", username: "Aladdin", password: "open%20:sesame",
			want: "CONNECT a.example.com:443 HTTP/1.1\r\nHost: a.example.com:443\r\nUser-Agent: OMS-Gateway\r\n" +
				"Proxy-Authorization: Basic QWxhZGRpbjpvcGVuJTIwOnNlc2FtZQ==\r\n\r\n"},
		"no password": {target: "a.example.com:443", username: "svc",
			want: "CONNECT a.example.com:443 HTTP/1.1\r\nHost: a.example.com:443\r\nUser-Agent: OMS-Gateway\r\n" +
				"Proxy-Authorization: Basic c3ZjOg==\r\n\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			r := startRelay(t, func(conn net.Conn) { _, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n") })
			how := r.way()
			how.Relay.Username, how.Relay.Password = c.username, c.password
			conn, _, err := upstream.Dialer{}.Dial(t.Context(), target(t, c.target), how)
			if err != nil {
				t.Fatal(err)
			}
			_ = conn.Close()
			if diff := cmp.Diff(c.want, <-r.requests); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// Via tells the relay proxy by whom the request came, so that a gateway knows one that comes back.
func TestViaOfWhatARelayProxyIsAsked(t *testing.T) {
	for name, c := range map[string]struct{ name, via, want string }{
		"first":                    {"gateway-1", "", "1.1 gateway-1"},
		"behind others":            {"gateway-1", "1.0 fred, 1.1 gateway-2 (\"x, y)", "1.0 fred, 1.1 gateway-2 (\"x, y), 1.1 gateway-1"},
		"behind one like it":       {"gateway-1", "1.1 gateway-11, HTTP/1.1 agateway-1", "1.1 gateway-11, HTTP/1.1 agateway-1, 1.1 gateway-1"},
		"what cannot be passed on": {"gateway-1", "1.1 a\tb\x80", "1.1 gateway-1"},
		"without a name":           {"", "1.0 fred", ""},
		"again":                    {"gateway-1", "1.0 fred, 1.1 gateway-1 (x), 1.1 other", "RELAY_LOOP"},
		"again, behind a quote":    {"gateway-1", "1.0 \"fred,1.1  gateway-1", "RELAY_LOOP"},
		"too many":                 {"gateway-1", strings.Repeat("1.1 a, ", 200), "RELAY_LOOP"},
	} {
		t.Run(name, func(t *testing.T) {
			r := startRelay(t, func(conn net.Conn) { _, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n") })
			how := r.way()
			how.Via = c.via
			conn, _, err := upstream.Dialer{Name: c.name}.Dial(t.Context(), target(t, "a.example.com:443"), how)
			if err != nil {
				if string(reason.Of(err)) != c.want {
					t.Errorf("got %v", err)
				}
				wantWhole(t, err)
				return
			}
			_ = conn.Close()
			_, got, _ := strings.Cut(<-r.requests, "\r\nVia: ")
			if got, _, _ = strings.Cut(got, "\r\n"); got != c.want {
				t.Errorf("Via is %q, want %q", got, c.want)
			}
		})
	}
}

// TestTunnelThroughARelayProxy carries bytes both ways behind each form of a good answer.
func TestTunnelThroughARelayProxy(t *testing.T) {
	for name, c := range map[string]struct {
		answer string
		ahead  string // of what is sent with the answer
		split  bool   // into single bytes
	}{
		"Squid's":                     {answer: "HTTP/1.1 200 Connection established\r\n\r\n"},
		"HTTP/1.0":                    {answer: "HTTP/1.0 200 OK\r\nVia: 1.0 relay\r\n\r\n"},
		"without a phrase":            {answer: "HTTP/1.1 200\r\n\r\n"},
		"with an empty phrase":        {answer: "HTTP/1.1 200 \r\n\r\n"},
		"201":                         {answer: "HTTP/1.1 201 Created\r\n\r\n"},
		"204":                         {answer: "HTTP/1.1 204 No Content\r\n\r\n"},
		"fields about a body":         {answer: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", ahead: "12345"},
		"fields that are none":        {answer: "HTTP/1.1 200 OK\r\nnonsense\r\n: x\r\n folded\r\n\r\n"},
		"interim answers before":      {answer: "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"},
		"bytes of the target with it": {answer: "HTTP/1.1 200 OK\r\n\r\n", ahead: "\x16\x03\x01 and more"},
		"LF after CRLF":               {answer: "HTTP/1.1 200 OK\r\nA: b\r\n\n"},
		"CRLF after LF":               {answer: "HTTP/1.1 200 OK\nA: b\n\r\n", ahead: "and more"},
		"LF alone":                    {answer: "HTTP/1.1 200 OK\n\n", ahead: "\r\n\r\n"},
		"LF, byte by byte":            {answer: "HTTP/1.1 100 Continue\n\r\nHTTP/1.1 200 OK\r\nA: b\n\n", split: true},
		"byte by byte":                {answer: "HTTP/1.1 200 OK\r\nA: b\r\n\r\n", split: true},
		"large head":                  {answer: "HTTP/1.1 200 OK\r\nA: " + strings.Repeat("x", 16<<10-30) + "\r\n\r\n"},
		"much of the target with it":  {answer: "HTTP/1.1 200 OK\r\n\r\n", ahead: strings.Repeat("y", 40<<10)},
	} {
		t.Run(name, func(t *testing.T) {
			r := startRelay(t, func(conn net.Conn) {
				all := []byte(c.answer + c.ahead)
				step := len(all)
				if c.split {
					step = 1
				}
				for len(all) > 0 {
					if _, err := conn.Write(all[:step]); err != nil {
						return
					}
					all = all[step:]
				}
				_, _ = io.Copy(conn, conn)
				_ = conn.(*net.TCPConn).CloseWrite()
			})
			conn, ahead, err := upstream.Dialer{}.Dial(t.Context(), target(t, "a.example.com:443"), r.way())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if len(ahead) > 16<<10 {
				t.Errorf("%d bytes ahead", len(ahead))
			}
			tcp, ok := conn.(*net.TCPConn)
			if !ok {
				t.Fatalf("the connection is a %T", conn)
			}
			_ = conn.SetReadDeadline(time.Now().Add(patience)) // what Dial set is lifted: the next line would fail otherwise
			if _, err := io.WriteString(conn, "ping"); err != nil {
				t.Fatal(err)
			}
			if err := tcp.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			rest, err := io.ReadAll(conn)
			if err != nil {
				t.Fatal(err)
			}
			if got := string(ahead) + string(rest); got != c.ahead+"ping" {
				t.Errorf("from the target came %.80q (%d bytes), want %.80q", got, len(got), c.ahead+"ping")
			}
		})
	}
}

func TestRefusalsOfARelayProxy(t *testing.T) {
	const basic = "Proxy-Authenticate: Basic realm=\"a, b\"\r\n"
	for name, c := range map[string]struct {
		answer  string
		user    string
		want    reason.Reason
		answers string // the part of that name
		problem string
	}{
		"403": {answer: "HTTP/1.1 403 Forbidden\r\nX-Squid-Error: ERR_ACCESS_DENIED 0\r\n\r\n", want: reason.RelayForbidden,
			answers: "403 Forbidden, ERR_ACCESS_DENIED 0"},
		"403 of another gateway": {answer: "HTTP/1.1 403 Forbidden\r\noms-gateway-reason: HOST_NOT_ALLOWED\r\n\r\n",
			want: reason.RelayForbidden, answers: "403 Forbidden, HOST_NOT_ALLOWED"},
		"407, nothing sent": {answer: "HTTP/1.1 407 Proxy Authentication Required\r\n" + basic + "\r\n",
			want: reason.RelayAuthenticationMissing, answers: "407 Proxy Authentication Required"},
		"407, wrong ones sent": {answer: "HTTP/1.1 407 no\r\n" + basic + "\r\n", user: "svc",
			want: reason.RelayAuthenticationRefused, answers: "407 no"},
		"407 without a challenge": {answer: "HTTP/1.1 407\r\n\r\n", want: reason.RelayAuthenticationMissing, answers: "407"},
		"407 without a challenge, wrong ones sent": {answer: "HTTP/1.1 407\r\n\r\n", user: "svc",
			want: reason.RelayAuthenticationRefused, answers: "407"},
		"407, other schemes": {answer: "HTTP/1.1 407 no\r\nProxy-Authenticate: Negotiate\r\nProxy-Authenticate: NTLM TlRMTVNTUAAB==\r\n\r\n",
			user: "svc", want: reason.RelayAuthenticationUnsupported, answers: "407 no"},
		"407, Basic among others": {answer: "HTTP/1.1 407 no\r\nProxy-Authenticate: Negotiate, Digest realm=\"x, Basic\", nonce=1, basic realm=y\r\n\r\n",
			user: "svc", want: reason.RelayAuthenticationRefused, answers: "407 no"},
		"407, a folded challenge": {answer: "HTTP/1.1 407 no\r\nProxy-Authenticate:\r\n Digest realm=x,\r\n\tbasic realm=y\r\n\r\n",
			want: reason.RelayAuthenticationMissing, answers: "407 no"},
		"407, a folded challenge, other schemes": {answer: "HTTP/1.1 407 no\r\nproxy-authenticate: NTLM,\n Negotiate\r\nA: Basic\r\n Basic\r\n\r\n",
			want: reason.RelayAuthenticationUnsupported, answers: "407 no"},
		"407, Basic in a quoted string": {answer: "HTTP/1.1 407 no\r\nProxy-Authenticate: Digest realm=\"x\\\", Basic\", nonce=1\r\n\r\n",
			want: reason.RelayAuthenticationUnsupported, answers: "407 no"},
		"500":                             {answer: "HTTP/1.1 500 Oops\r\n\r\n", want: reason.RelayFailed, answers: "500 Oops"},
		"503":                             {answer: "HTTP/1.0 503 Service Unavailable\r\nX-Squid-Error: ERR_CONNECT_FAIL 111\r\n\r\n", want: reason.RelayFailed, answers: "503 Service Unavailable, ERR_CONNECT_FAIL 111"},
		"504":                             {answer: "HTTP/1.1 504 Gateway Timeout\r\n\r\n", want: reason.RelayFailed, answers: "504 Gateway Timeout"},
		"302":                             {answer: "HTTP/1.1 302 Found\r\nLocation: http://login/\r\n\r\n", want: reason.RelayRefused, answers: "302 Found"},
		"400":                             {answer: "HTTP/1.1 400 Bad Request\r\n\r\nbody", want: reason.RelayRefused, answers: "400 Bad Request"},
		"405":                             {answer: "HTTP/1.1 405 Method Not Allowed\r\n\r\n", want: reason.RelayRefused, answers: "405 Method Not Allowed"},
		"101":                             {answer: "HTTP/1.1 101 Switching Protocols\r\n\r\n", want: reason.RelayRefused, answers: "101 Switching Protocols"},
		"phrase that controls a terminal": {answer: "HTTP/1.1 403 \x1b[2J\xff" + strings.Repeat("x", 200) + "\r\n\r\n", want: reason.RelayForbidden, answers: "403 ?[2J?" + strings.Repeat("x", 95) + "..."},
		"phrase in UTF-8":                 {answer: "HTTP/1.1 403 Für\u202e Sie\r\n\r\n", want: reason.RelayForbidden, answers: "403 Für? Sie"},
		"phrase in Latin-1":               {answer: "HTTP/1.1 403 F\xfcr Sie\r\n\r\n", want: reason.RelayForbidden, answers: "403 F?r Sie"},

		"nothing":               {want: reason.RelayClosed},
		"a part":                {answer: "HTTP/1.1 200 OK\r\nA: b\r\n", want: reason.RelayAnswerIncomplete, problem: "connection ended"},
		"interim answers only":  {answer: "HTTP/1.1 100 Continue\r\n\r\n", want: reason.RelayAnswerIncomplete, problem: "connection ended"},
		"SSH":                   {answer: "SSH-2.0-OpenSSH_10.0\r\n", want: reason.RelayAnswerInvalid, problem: "does not begin with HTTP"},
		"one wrong byte":        {answer: "h", want: reason.RelayAnswerInvalid, problem: "does not begin with HTTP"},
		"TLS":                   {answer: "\x15\x03\x01\x00\x02\x02\x46", want: reason.RelayAnswerInvalid, problem: "https://"},
		"HTTP/2":                {answer: "HTTP/2 200\r\n\r\n", want: reason.RelayAnswerInvalid, problem: "does not begin with HTTP"},
		"HTTP/1.2":              {answer: "HTTP/1.2 200 OK\r\n\r\n", want: reason.RelayAnswerInvalid, problem: "status line"},
		"no version":            {answer: "HTTP/1. 200 OK\r\n\r\n", want: reason.RelayAnswerInvalid, problem: "status line"},
		"no status":             {answer: "HTTP/1.1\r\n\r\n", want: reason.RelayAnswerInvalid, problem: "status line"},
		"status of two digits":  {answer: "HTTP/1.1 20 OK\r\n\r\n", want: reason.RelayAnswerInvalid, problem: "status line"},
		"status of four digits": {answer: "HTTP/1.1 2000 OK\r\n\r\n", want: reason.RelayAnswerInvalid, problem: "status line"},
		"status with a sign":    {answer: "HTTP/1.1 +20 OK\r\n\r\n", want: reason.RelayAnswerInvalid, problem: "status line"},
		"status 600":            {answer: "HTTP/1.1 600 OK\r\n\r\n", want: reason.RelayAnswerInvalid, problem: "status line"},
		"status 099":            {answer: "HTTP/1.1 099 OK\r\n\r\n", want: reason.RelayAnswerInvalid, problem: "status line"},
		"two blanks":            {answer: "HTTP/1.1  200 OK\r\n\r\n", want: reason.RelayAnswerInvalid, problem: "status line"},
		"tabulator":             {answer: "HTTP/1.1\t200\tOK\r\n\r\n", want: reason.RelayAnswerInvalid, problem: "status line"},
		"CR inside a line":      {answer: "HTTP/1.1 200 OK\r\nA: \rb\r\n\r\n", want: reason.RelayAnswerInvalid, problem: "CR inside"},
		"CR twice":              {answer: "HTTP/1.1 200 OK\r\r\n", want: reason.RelayAnswerInvalid, problem: "CR inside"},
		"garbage behind an interim answer": {answer: "HTTP/1.1 100 Continue\r\n\r\nnonsense", want: reason.RelayAnswerInvalid,
			problem: "does not begin with HTTP"},
		"endless head":            {answer: "HTTP/1.1 200 OK\r\nA: " + strings.Repeat("x", 64<<10), want: reason.RelayAnswerInvalid, problem: "16384"},
		"endless status line":     {answer: "HTTP/1.1 200 " + strings.Repeat("x", 64<<10), want: reason.RelayAnswerInvalid, problem: "16384"},
		"endless interim answers": {answer: strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 4000), want: reason.RelayAnswerInvalid, problem: "16384"},
	} {
		t.Run(name, func(t *testing.T) {
			r := startRelay(t, func(conn net.Conn) { _, _ = io.WriteString(conn, c.answer) })
			how := r.way()
			how.Relay.Username, how.Relay.Password = c.user, "hunter2"
			conn, ahead, err := upstream.Dialer{}.Dial(t.Context(), target(t, "a.example.com:443"), how)
			if conn != nil || ahead != nil || reason.Of(err) != c.want {
				t.Fatalf("got %v, %q, %v, want reason %s", conn, ahead, err, c.want)
			}
			parts := reason.From(err).Parts
			if parts["relay"] != r.address.String() || parts["answer"] != c.answers || !strings.Contains(parts["problem"], c.problem) {
				t.Errorf("parts %q, want relay %s, answer %q, a problem with %q", parts, r.address, c.answers, c.problem)
			}
			wantWhole(t, err)
		})
	}
}

func TestARelayProxyThatIsSilent(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		part      string
		want      reason.Reason
		beginning string
	}{
		"at all":        {want: reason.RelaySilent},
		"in the middle": {"HTTP/1.1 200 OK\r\nA: \x1b[2J\xff", reason.RelayAnswerIncomplete, `HTTP/1.1 200 OK\r\nA: \x1b[2J\xff`},
		"after much": {"HTTP/1.1 200 " + strings.Repeat("x", 100), reason.RelayAnswerIncomplete,
			"HTTP/1.1 200 " + strings.Repeat("x", 64-len("HTTP/1.1 200 ")) + "..."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := startRelay(t, func(conn net.Conn) {
				_, _ = io.WriteString(conn, c.part)
				_, _ = io.Copy(io.Discard, conn)
			})
			how := r.way()
			how.Limits.RelayTimeout = 5 * time.Second // a part that comes later would not be seen
			_, _, err := upstream.Dialer{}.Dial(t.Context(), target(t, "a.example.com:443"), how)
			if reason.Of(err) != c.want {
				t.Fatalf("got %v", err)
			}
			if got := reason.From(err).Parts["beginning"]; got != c.beginning {
				t.Errorf("beginning %q, want %q", got, c.beginning)
			}
			wantWhole(t, err)
		})
	}
}

func TestDialThroughARelayProxyIsCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r := startRelay(t, func(conn net.Conn) {
		cancel()
		_, _ = io.Copy(io.Discard, conn)
	})
	_, _, err := upstream.Dialer{}.Dial(ctx, target(t, "a.example.com:443"), r.way())
	if !errors.Is(err, context.Canceled) || reason.Of(err) != "" {
		t.Errorf("got %v", err)
	}
}

func TestARelayProxyThatIsNotReached(t *testing.T) {
	open, closed := listen(t, "127.0.0.1:0"), closedPort(t)
	dialer := upstream.Dialer{Resolver: resolver(t, map[string][]string{
		"relay.test.": {"127.0.0.1"}, "broken.test.": nil, "linklocal.test.": {"169.254.1.1"},
	})}
	lost := reason.New(reason.RelayPasswordLost, "relay", "http://relay.test:1")
	for name, c := range map[string]struct {
		address string
		change  func(*policy.Decision)
		want    reason.Reason
	}{
		"no such name":       {"none.test:3128", nil, reason.RelayNotFound},
		"name server fails":  {"broken.test:3128", nil, reason.RelayLookupFailed},
		"refused":            {"relay.test:" + strconv.Itoa(closed), nil, reason.RelayUnreachable},
		"refused, TLS":       {"https://relay.test:" + strconv.Itoa(closed), nil, reason.RelayUnreachable},
		"no time":            {"relay.test:" + strconv.Itoa(open), func(d *policy.Decision) { d.Limits.DialTimeout = time.Nanosecond }, reason.RelayTimeout},
		"silent in TLS":      {"https://relay.test:" + strconv.Itoa(open), func(d *policy.Decision) { d.Limits.DialTimeout = 50 * time.Millisecond }, reason.RelayTimeout},
		"no password":        {"relay.test:" + strconv.Itoa(open), func(d *policy.Decision) { d.Relay.Unusable = lost }, reason.RelayPasswordLost},
		"the gateway":        {"relay.test:" + strconv.Itoa(open), func(d *policy.Decision) { d.Guard.OwnPort = uint16(open) }, reason.RelayIsGateway},
		"the gateway as IP":  {"127.0.0.1:" + strconv.Itoa(open), func(d *policy.Decision) { d.Guard = policy.Guard{OwnPort: uint16(open), Literal: true} }, reason.RelayIsGateway},
		"name not found":     {"relay.test:" + strconv.Itoa(open), resolveLocally, reason.TargetNotFound},
		"name not allowed":   {"relay.test:" + strconv.Itoa(open), resolveLocally, reason.AddressNotAllowed},
		"name server broken": {"relay.test:" + strconv.Itoa(open), resolveLocally, reason.TargetLookupFailed},
	} {
		t.Run(name, func(t *testing.T) {
			how := way(t, c.address)
			if c.change != nil {
				c.change(&how)
			}
			host := map[string]string{"name not allowed": "linklocal.test:443", "name server broken": "broken.test:443"}[name]
			if host == "" {
				host = "a.example.com:443"
			}
			_, _, err := dialer.Dial(t.Context(), target(t, host), how)
			if reason.Of(err) != c.want {
				t.Fatalf("got %v, want reason %s", err, c.want)
			}
			wantWhole(t, err)
		})
	}
}

func resolveLocally(d *policy.Decision) { d.Relay.ResolveLocally = true }

// A name that may be dialled is handed to the relay proxy as it is; so is an address.
func TestNamesThatAreResolvedLocallyToo(t *testing.T) {
	dialer := upstream.Dialer{Own: notOwn, Resolver: resolver(t, map[string][]string{"a.example.com.": {"192.0.2.1", "192.0.2.2"}})}
	for _, host := range []string{"a.example.com:443", "192.0.2.7:443"} {
		r := startRelay(t, func(conn net.Conn) { _, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n") })
		how := r.way()
		how.Relay.ResolveLocally = true
		conn, _, err := dialer.Dial(t.Context(), target(t, host), how)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
		if got := <-r.requests; !strings.HasPrefix(got, "CONNECT "+host+" ") {
			t.Errorf("asked %q", got)
		}
	}
}

func TestTLSToARelayProxy(t *testing.T) {
	ca, stranger := newCA(t), newCA(t)
	good := func(conn net.Conn) {
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\nahead")
		_, _ = io.Copy(conn, conn)
	}
	for name, c := range map[string]struct {
		ca    *testca.CA
		hosts []string
		serve func(net.Conn)
		want  reason.Reason
	}{
		"good":               {ca, []string{"127.0.0.1"}, good, ""},
		"another authority":  {stranger, []string{"127.0.0.1"}, good, reason.RelayNotTrusted},
		"another name":       {ca, []string{"relay.example.com"}, good, reason.RelayNotTrusted},
		"refusal inside":     {ca, []string{"127.0.0.1"}, func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 403 no\r\n\r\n") }, reason.RelayForbidden},
		"closed inside":      {ca, []string{"127.0.0.1"}, func(net.Conn) {}, reason.RelayClosed},
		"garbage inside TLS": {ca, []string{"127.0.0.1"}, func(c net.Conn) { _, _ = io.WriteString(c, "nonsense") }, reason.RelayAnswerInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			certificate, err := c.ca.Server(c.hosts...)
			if err != nil {
				t.Fatal(err)
			}
			r := startRelayWith(t, &tls.Config{Certificates: []tls.Certificate{certificate}}, c.serve)
			conn, ahead, err := upstream.Dialer{Roots: ca.Pool()}.Dial(t.Context(), target(t, "a.example.com:443"), r.way())
			if reason.Of(err) != c.want || (err == nil) != (c.want == "") {
				t.Fatalf("got %v, want reason %q", err, c.want)
			}
			if err != nil {
				wantWhole(t, err)
				return
			}
			defer conn.Close()
			if _, ok := conn.(interface{ CloseWrite() error }); !ok {
				t.Errorf("the connection is a %T", conn)
			}
			_ = conn.SetReadDeadline(time.Now().Add(patience))
			if _, err := io.WriteString(conn, "ping"); err != nil {
				t.Fatal(err)
			}
			got := make([]byte, len("aheadping")-len(ahead))
			if _, err := io.ReadFull(conn, got); err != nil || string(ahead)+string(got) != "aheadping" {
				t.Errorf("from the target came %q and %q, %v", ahead, got, err)
			}
		})
	}
	t.Run("no TLS there", func(t *testing.T) {
		r := startRelay(t, func(conn net.Conn) { _, _ = io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\n\r\n") })
		r.address.TLS = true
		_, _, err := upstream.Dialer{}.Dial(t.Context(), target(t, "a.example.com:443"), r.way())
		if reason.Of(err) != reason.RelayTLSFailed {
			t.Fatalf("got %v", err)
		}
		wantWhole(t, err)
	})
}

// relay is a relay proxy on loopback that answers as the test says.
type relay struct {
	t        *testing.T
	address  hostname.RelayAddress
	requests chan string // the heads of what it was asked
}

func startRelay(t *testing.T, serve func(net.Conn)) *relay { return startRelayWith(t, nil, serve) }

// startRelayWith reads a request on each connection, which has TLS unless config is nil, lets serve answer, and closes it.
func startRelayWith(t *testing.T, config *tls.Config, serve func(net.Conn)) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	scheme := "http://"
	if config != nil {
		l, scheme = tls.NewListener(l, config), "https://"
	}
	address, err := hostname.ParseRelayAddress(scheme + l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{t: t, address: address, requests: make(chan string, 10)}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer conn.Close()
				_ = conn.SetDeadline(time.Now().Add(patience))
				if head, err := readHead(conn); err == nil {
					r.requests <- head
					serve(conn)
				} else if config == nil {
					serve(conn) // TLS where none is expected
				}
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		running.Wait()
	})
	return r
}

// readHead reads a request, behind which nothing comes before it is answered.
func readHead(conn net.Conn) (string, error) {
	var head bytes.Buffer
	one := bufio.NewReader(conn)
	for !strings.HasSuffix(head.String(), "\r\n\r\n") {
		b, err := one.ReadByte()
		if err != nil {
			return "", err
		}
		head.WriteByte(b)
		if head.Len() == 1 && b != 'C' {
			return "", errors.New("no request")
		}
	}
	return head.String(), nil
}

func (r *relay) way() policy.Decision {
	r.t.Helper()
	return way(r.t, r.address.String())
}

// way is the decision to go through a relay proxy.
func way(t *testing.T, address string) policy.Decision {
	t.Helper()
	a, err := hostname.ParseRelayAddress(address)
	if err != nil {
		t.Fatal(err)
	}
	return policy.Decision{
		Allowed: true,
		Limits:  policy.Limits{DialTimeout: patience, RelayTimeout: patience},
		Relay:   &policy.Relay{Address: a},
	}
}

func target(t *testing.T, authority string) hostname.Target {
	t.Helper()
	parsed, err := hostname.ParseTarget(authority)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func newCA(t *testing.T) *testca.CA {
	t.Helper()
	ca, err := testca.New()
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

// wantWhole checks that a text has all its parts, and no secret.
func wantWhole(t *testing.T, err error) {
	t.Helper()
	if text := err.Error(); strings.ContainsAny(text, "{}") || strings.Contains(text, "hunter2") || strings.Contains(text, "aHVudGVyMg") {
		t.Errorf("the text is %q", text)
	}
}

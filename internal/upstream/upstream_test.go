package upstream_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/policy"
	"github.com/omsgateway/omsgateway/internal/reason"
	"github.com/omsgateway/omsgateway/internal/upstream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestDial(t *testing.T) {
	open := listen(t, "127.0.0.1:0")
	closed := closedPort(t)
	loopback := policy.Guard{AllowLoopback: true}
	tests := map[string]struct {
		host    string
		port    int
		guard   policy.Guard
		timeout time.Duration
		want    reason.Reason // "" if the connection opens
		parts   map[string]string
	}{
		"name to loopback": {host: "one.test", port: open, want: reason.AddressNotAllowed,
			parts: map[string]string{"host": "one.test", "address": "127.0.0.1", "kind": "a loopback address"}},
		"name to loopback, permitted": {host: "one.test", port: open, guard: loopback},
		"literal":                     {host: "127.0.0.1", port: open, guard: policy.Guard{Literal: true}},
		"refused":                     {host: "one.test", port: closed, guard: loopback, want: reason.TargetUnreachable},
		"no such name":                {host: "none.test", port: open, guard: loopback, want: reason.TargetNotFound},
		"name server fails":           {host: "broken.test", port: open, guard: loopback, want: reason.TargetLookupFailed},
		"no time":                     {host: "one.test", port: open, guard: loopback, timeout: time.Nanosecond, want: reason.TargetTimeout},
		"one of two is refused":       {host: "two.test", port: open, guard: loopback},
		"all are refused":             {host: "linklocal.test", port: open, guard: loopback, want: reason.AddressNotAllowed},
		"the gateway itself": {host: "one.test", port: open, guard: policy.Guard{AllowLoopback: true, OwnPort: uint16(open)},
			want: reason.AddressNotAllowed},
	}
	dialer := upstream.Dialer{Resolver: resolver(t, map[string][]string{
		"one.test.":       {"127.0.0.1"},
		"two.test.":       {"169.254.1.1", "127.0.0.1"},
		"linklocal.test.": {"169.254.1.1", "224.0.0.1"},
		"broken.test.":    nil,
	})}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			target, err := hostname.ParseTarget(net.JoinHostPort(tt.host, strconv.Itoa(tt.port)))
			if err != nil {
				t.Fatal(err)
			}
			if tt.timeout == 0 {
				tt.timeout = 20 * time.Second
			}
			conn, _, err := dialer.Dial(context.Background(), target, direct(tt.guard, tt.timeout))
			if err == nil {
				_ = conn.Close()
			}
			if got := reason.Of(err); got != tt.want || (err == nil) != (tt.want == "") {
				t.Fatalf("got %v, want reason %q", err, tt.want)
			}
			if tt.parts != nil {
				if diff := cmp.Diff(tt.parts, reason.From(err).Parts); diff != "" {
					t.Errorf("parts (-want +got):\n%s", diff)
				}
			}
		})
	}
}

func TestDialIsCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	target, err := hostname.ParseTarget("127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = upstream.Dialer{}.Dial(ctx, target, direct(policy.Guard{Literal: true}, time.Minute))
	if !errors.Is(err, context.Canceled) || reason.Of(err) != "" {
		t.Errorf("got %v", err)
	}
}

func direct(guard policy.Guard, timeout time.Duration) policy.Decision {
	return policy.Decision{Allowed: true, Guard: guard, Limits: policy.Limits{DialTimeout: timeout}}
}

func listen(t *testing.T, address string) (port int) {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().(*net.TCPAddr).Port
}

// closedPort is a port on which nobody listens: it is taken by an outward connection, so that nobody else gets it meanwhile.
func closedPort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		_ = l.Close()
	})
	return conn.LocalAddr().(*net.TCPAddr).Port
}

// resolver asks a name server of the test's own on loopback. A name without a row does not exist; one without addresses makes
// the server fail.
func resolver(t *testing.T, names map[string][]string) *net.Resolver {
	t.Helper()
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		buf := make([]byte, 1500)
		for {
			n, peer, err := server.ReadFrom(buf)
			if err != nil {
				return
			}
			if answer, err := answer(buf[:n], names); err == nil {
				_, _ = server.WriteTo(answer, peer)
			}
		}
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-ended
	})
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", server.LocalAddr().String())
	}}
}

func answer(query []byte, names map[string][]string) ([]byte, error) {
	var parser dnsmessage.Parser
	header, err := parser.Start(query)
	if err != nil {
		return nil, err
	}
	question, err := parser.Question()
	if err != nil {
		return nil, err
	}
	addrs, known := names[question.Name.String()]
	header.Response = true
	switch {
	case !known:
		header.RCode = dnsmessage.RCodeNameError
	case len(addrs) == 0:
		header.RCode = dnsmessage.RCodeServerFailure
	}
	message := dnsmessage.Message{Header: header, Questions: []dnsmessage.Question{question}}
	for _, a := range addrs {
		if question.Type == dnsmessage.TypeA {
			message.Answers = append(message.Answers, dnsmessage.Resource{
				Header: dnsmessage.ResourceHeader{Name: question.Name, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET, TTL: 60},
				Body:   &dnsmessage.AResource{A: netip.MustParseAddr(a).As4()},
			})
		}
	}
	return message.Pack()
}

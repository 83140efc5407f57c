package upstream_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/omsgateway/omsgateway/internal/policy"
	"github.com/omsgateway/omsgateway/internal/reason"
	"github.com/omsgateway/omsgateway/internal/upstream"
)

func TestWalk(t *testing.T) {
	ca, stranger := newCA(t), newCA(t)
	certificate := func(signed interface {
		Server(...string) (tls.Certificate, error)
	}, hosts ...string) *tls.Config {
		t.Helper()
		c, err := signed.Server(hosts...)
		if err != nil {
			t.Fatal(err)
		}
		return &tls.Config{Certificates: []tls.Certificate{c}}
	}
	// behind is a relay proxy that answers well and is the target itself.
	behind := func(config *tls.Config) func(net.Conn) {
		return func(conn net.Conn) {
			if _, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n"); err == nil {
				_ = tls.Server(conn, config).Handshake()
			}
		}
	}
	says := func(answer string) func(net.Conn) {
		return func(conn net.Conn) { _, _ = io.WriteString(conn, answer) }
	}
	good, lost := certificate(ca, "a.example.com"), reason.New(reason.RelayPasswordLost, "relay", "http://127.0.0.1:1")
	for name, c := range map[string]struct {
		relay  *tls.Config // nil for a relay proxy without TLS
		serve  func(net.Conn)
		change func(*policy.Decision)
		want   []string // step, reason, and a part of the detail
	}{
		"all goes well": {nil, behind(good), nil,
			[]string{"1  127.0.0.1 is an address", "2  connected to 127.0.0.1:", "4  the tunnel is open",
				"5  TLS 1.3, certificate of CN=a.example.com"}},
		"all goes well, with TLS and a user": {certificate(ca, "127.0.0.1"), behind(good), func(d *policy.Decision) { d.Relay.Username = "svc" },
			[]string{"1  ", "2  ", "3  TLS 1.3, certificate of CN=127.0.0.1", "4  the tunnel is open, with the user name svc",
				"5  TLS 1.3"}},
		"names are resolved here too": {nil, behind(good), resolveLocally,
			[]string{"1  127.0.0.1 is an address; a.example.com is 192.0.2.1, 192.0.2.2, 192.0.2.3, 192.0.2.4, 1 more", "2  ",
				"4  ", "5  "}},
		"the relay proxy is not trusted": {certificate(stranger, "127.0.0.1"), behind(good), nil, []string{"1  ", "2  ", "3 RELAY_NOT_TRUSTED "}},
		"the relay proxy refuses":        {nil, says("HTTP/1.1 403 no\r\n\r\n"), nil, []string{"1  ", "2  ", "4 RELAY_FORBIDDEN "}},
		"the password is lost": {nil, behind(good), func(d *policy.Decision) { d.Relay.Unusable = lost },
			[]string{"1  ", "2  ", "4 RELAY_PASSWORD_LOST "}},
		"the target is somebody else": {nil, behind(certificate(ca, "b.example.com")), nil, []string{"1  ", "2  ", "4  ", "5 TARGET_NOT_TRUSTED "}},
		"TLS is broken open":          {nil, behind(certificate(stranger, "a.example.com")), nil, []string{"1  ", "2  ", "4  ", "5 TARGET_NOT_TRUSTED "}},
		"no TLS behind":               {nil, says("HTTP/1.1 200 OK\r\n\r\n220 mail.example.com ESMTP\r\n"), nil, []string{"1  ", "2  ", "4  ", "5 TARGET_TLS_FAILED "}},
		"nothing behind":              {nil, says("HTTP/1.1 200 OK\r\n\r\n"), nil, []string{"1  ", "2  ", "4  ", "5 TARGET_TLS_FAILED "}},
		"the gateway itself": {nil, behind(good), func(d *policy.Decision) { d.Guard.OwnPort = d.Relay.Address.Target.Port },
			[]string{"1  ", "2 RELAY_IS_GATEWAY "}},
		"no such name": {nil, behind(good), func(d *policy.Decision) { d.Relay.Address.Target.Host = target(t, "none.test:1").Host },
			[]string{"1 RELAY_NOT_FOUND "}},
	} {
		t.Run(name, func(t *testing.T) {
			r := startRelayWith(t, c.relay, c.serve)
			how := r.way()
			if c.change != nil {
				c.change(&how)
			}
			dialer := upstream.Dialer{Own: notOwn, Roots: ca.Pool(), Resolver: resolver(t, map[string][]string{
				"a.example.com.": {"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5"},
			})}
			steps := dialer.Walk(t.Context(), target(t, "a.example.com:443"), how)
			var got []string
			for i, s := range steps {
				if s.Err != nil {
					wantWhole(t, s.Err)
				}
				line := string(rune('0'+s.Kind)) + " " + string(reason.Of(s.Err)) + " " + s.Detail
				if i < len(c.want) && strings.HasPrefix(line, c.want[i]) {
					line = c.want[i]
				}
				got = append(got, line)
				if s.Took < 0 || s.Took > patience {
					t.Errorf("step %d took %v", i, s.Took)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("steps (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWalkIsCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r := startRelay(t, func(conn net.Conn) {
		cancel()
		_, _ = io.Copy(io.Discard, conn)
	})
	began := time.Now()
	steps := upstream.Dialer{}.Walk(ctx, target(t, "a.example.com:443"), r.way())
	if last := steps[len(steps)-1]; last.Kind != upstream.StepConnect || last.Err == nil || time.Since(began) > patience {
		t.Errorf("steps %+v", steps)
	}
}

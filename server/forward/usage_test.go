package forward_test

import (
	"context"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/reason"
)

// TestUsage: what the policy decides is told, whatever becomes of the request afterwards.
func TestUsage(t *testing.T) {
	began := time.Now().Truncate(time.Second)
	r := start(t, dialer(func(_ context.Context, target hostname.Target) (net.Conn, error) {
		if target.Port == 8443 {
			return nil, reason.New(reason.AddressNotAllowed, "host", target.Host.Name(), "address", "127.0.0.1", "kind", "loopback")
		}
		return nil, reason.New(reason.TargetUnreachable, "target", target.String())
	}), nil)
	for _, authority := range []string{
		"a.example.com:443", "A.Example.com.:443", "b.example.com:8443", // allowed
		"a.example.com:444", "C.example.com:443", "[2001:db8::1]:22", "c.example.com:443", // refused
		"c.example.com", "C example.com:443", // no targets
	} {
		r.exchange("CONNECT " + authority + " HTTP/1.1\r\n\r\n")
	}
	r.exchange("GET https://c.example.com/ HTTP/1.1\r\n\r\n")

	for text, want := range map[string]int64{"a.example.com": 2, "b.example.com:8443": 1, "a.example.com:444": 0} {
		use := r.usage.UseOf(entry(t, text).Pattern)
		if use.Count != want || want > 0 && (use.First.Before(began) || use.Last.After(time.Now())) {
			t.Errorf("%s: %+v, want %d uses", text, use, want)
		}
	}
	var asked []string
	for _, h := range r.demand.Of(func(hostname.Target) bool { return true }, time.Now()).Hosts {
		asked = append(asked, fmt.Sprint(h.Target, " ", h.Requests))
	}
	if diff := cmp.Diff([]string{"a.example.com:443 2", "b.example.com:8443 1"}, asked); diff != "" {
		t.Errorf("hosts that clients were let through to (-want +got):\n%s", diff)
	}
	var got []string
	for _, h := range r.usage.DeniedHosts() {
		got = append(got, fmt.Sprint(h.Target, " ", h.Count, " ", h.Reason, " ", h.Clients))
		if h.First.Before(began) || h.Last.After(time.Now()) {
			t.Errorf("%s: from %v to %v", h.Target, h.First, h.Last)
		}
	}
	want := []string{
		"a.example.com:444 1 PORT_NOT_ALLOWED [127.0.0.1]",
		"b.example.com:8443 1 ADDRESS_NOT_ALLOWED [127.0.0.1]",
		"c.example.com:443 2 HOST_NOT_ALLOWED [127.0.0.1]",
		"[2001:db8::1]:22 1 HOST_NOT_ALLOWED [127.0.0.1]",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("refused hosts (-want +got):\n%s", diff)
	}
}

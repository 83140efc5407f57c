package upstream_test

import (
	"context"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"github.com/omsgateway/omsgateway/internal/policy"
	"github.com/omsgateway/omsgateway/internal/upstream"
)

func TestCachedKnowsWhatItHasDialled(t *testing.T) {
	port := listen(t, "127.0.0.1:0")
	dialer := upstream.Cached{Dialer: upstream.Dialer{
		Own: notOwn, Resolver: resolver(t, map[string][]string{"one.test.": {"127.0.0.1"}}),
	}}
	one := target(t, "one.test:"+strconv.Itoa(port))
	how := direct(policy.Guard{AllowLoopback: true}, time.Minute)
	expect := func(doing string, how policy.Decision, want bool) {
		t.Helper()
		address, known := dialer.Known(one, how)
		if known != want || known && address != netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(port)) {
			t.Errorf("%s: %v, %v; want %v", doing, address, known, want)
		}
	}
	dial := func() {
		t.Helper()
		conn, _, err := dialer.Dial(t.Context(), one, how)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
	}
	expect("before it was dialled", how, false)
	dial()
	expect("afterwards", how, true)
	expect("to a stricter guard", direct(policy.Guard{}, time.Minute), false)
	atItsPort := policy.Guard{AllowLoopback: true, OwnPort: uint16(port)}
	expect("to the gateway itself", direct(atItsPort, time.Minute), false)
	through := how
	through.Relay = &policy.Relay{}
	expect("behind a relay proxy", through, false)
	dialer.Age(time.Second / 10)
	expect("after some time", how, true)
	dialer.Age(upstream.KnownTime)
	expect("after too long", how, false)
	dial()
	expect("dialled again", how, true)
	dialer.Forget(one)
	expect("forgotten", how, false)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := dialer.Dial(ctx, one, how); err == nil {
		t.Error("dialled although cancelled")
	}
	expect("not dialled", how, false)
}

func TestCachedKnowsAddresses(t *testing.T) {
	dialer := upstream.Cached{Dialer: upstream.Dialer{Own: notOwn}}
	literal := direct(policy.Guard{Literal: true}, time.Minute)
	for authority, want := range map[string]string{
		"192.0.2.1:443":     "192.0.2.1:443",
		"[2001:db8::1]:443": "[2001:db8::1]:443",
		"a.example.com:443": "",
	} {
		address, known := dialer.Known(target(t, authority), literal)
		if known != (want != "") || known && address.String() != want {
			t.Errorf("%s: %v, %v; want %q", authority, address, known, want)
		}
	}
}

// TestCachedIsBounded keeps no more than it may, and the last.
func TestCachedIsBounded(t *testing.T) {
	port := listen(t, "127.0.0.1:0")
	hosts := map[string][]string{}
	const many = upstream.MaxKnown + 10
	for i := range many {
		hosts["h"+strconv.Itoa(i)+".test."] = []string{"127.0.0.1"}
	}
	dialer := upstream.Cached{Dialer: upstream.Dialer{Own: notOwn, Resolver: resolver(t, hosts)}}
	how := direct(policy.Guard{AllowLoopback: true}, time.Minute)
	for i := range many {
		to := target(t, "h"+strconv.Itoa(i)+".test:"+strconv.Itoa(port))
		conn, _, err := dialer.Dial(t.Context(), to, how)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
		if _, known := dialer.Known(to, how); !known {
			t.Fatalf("%v is not known", to)
		}
		if n := dialer.Len(); n > upstream.MaxKnown {
			t.Fatalf("%d are kept", n)
		}
	}
}

package upstream_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/omsgateway/omsgateway/internal/policy"
	"github.com/omsgateway/omsgateway/internal/reason"
	"github.com/omsgateway/omsgateway/internal/upstream"
)

func TestCheckTarget(t *testing.T) {
	var many []string
	for i := range 70 { // as many as fit into an answer by UDP
		many = append(many, fmt.Sprintf("169.254.0.%d", i))
	}
	open, closed := listen(t, "127.0.0.1:0"), closedPort(t)
	at := func(host string, port int) string { return host + ":" + strconv.Itoa(port) }
	dialer := upstream.Dialer{Own: notOwn, Resolver: resolver(t, map[string][]string{
		"one.test.":    {"127.0.0.1"},
		"two.test.":    {"169.254.1.1", "127.0.0.1"},
		"none.test.":   {"169.254.1.1", "224.0.0.1"},
		"many.test.":   many,
		"broken.test.": nil,
	})}
	for authority, want := range map[string]struct {
		addresses          []string
		unresolved, failed reason.Reason
	}{
		at("one.test", open):       {addresses: []string{"127.0.0.1 tried"}},
		at("one.test", closed):     {addresses: []string{"127.0.0.1 tried failed"}, failed: reason.TargetUnreachable},
		at("two.test", open):       {addresses: []string{"127.0.0.1 tried", "169.254.1.1 ADDRESS_NOT_ALLOWED two.test"}},
		at("127.0.0.1", open):      {addresses: []string{"127.0.0.1 tried"}},
		"none.test:443":            {addresses: []string{"169.254.1.1 ADDRESS_NOT_ALLOWED none.test", "224.0.0.1 ADDRESS_NOT_ALLOWED none.test"}, failed: reason.AddressNotAllowed},
		"nothing.test:443":         {unresolved: reason.TargetNotFound},
		"broken.test:443":          {unresolved: reason.TargetLookupFailed},
		at("one.test.nope", open):  {unresolved: reason.TargetNotFound},
		at("169.254.1.1", open):    {addresses: []string{"169.254.1.1 ADDRESS_NOT_ALLOWED 169.254.1.1"}, failed: reason.AddressNotAllowed},
		at("127.0.0.1", closed):    {addresses: []string{"127.0.0.1 tried failed"}, failed: reason.TargetUnreachable},
		at("nothing.test", closed): {unresolved: reason.TargetNotFound},
	} {
		found, err := dialer.CheckTarget(t.Context(), target(t, authority), direct(policy.Guard{AllowLoopback: true}, time.Minute))
		if err != nil || reason.Of(found.Unresolved) != want.unresolved || reason.Of(found.Failed) != want.failed {
			t.Errorf("%s: %+v, %v, want reasons %q and %q", authority, found, err, want.unresolved, want.failed)
		}
		if connected := want.unresolved == "" && want.failed == ""; connected != (found.Connected != nil) {
			t.Errorf("%s: connected to %v", authority, found.Connected)
		}
		got := told(found.Addresses)
		slices.Sort(got)
		if diff := cmp.Diff(want.addresses, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", authority, diff)
		}
	}

	found, err := dialer.CheckTarget(t.Context(), target(t, "many.test:443"), direct(policy.Guard{}, time.Minute))
	if err != nil || len(found.Addresses) != 50 {
		t.Errorf("many: %d addresses, %v", len(found.Addresses), err)
	}
	found, err = dialer.CheckTarget(t.Context(), target(t, "one.test:443"), direct(policy.Guard{}, 1))
	if err != nil || reason.Of(found.Unresolved) != reason.TargetTimeout {
		t.Errorf("no time: %v, %v", found.Unresolved, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = dialer.CheckTarget(ended, target(t, "one.test:443"), direct(policy.Guard{}, time.Minute))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// A relay proxy resolves names by itself, unless it is wanted here, too; what it is asked for is not dialled here.
func TestCheckTargetThroughARelayProxy(t *testing.T) {
	dialer := upstream.Dialer{Own: notOwn, Resolver: resolver(t, map[string][]string{"one.test.": {"192.0.2.1"}})}
	r := startRelay(t, func(conn net.Conn) { _, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n") })
	how := r.way()
	for _, locally := range []bool{false, true} {
		how.Relay.ResolveLocally = locally
		var want []string
		if locally {
			want = []string{"192.0.2.1"}
		}
		found, err := dialer.CheckTarget(t.Context(), target(t, "one.test:443"), how)
		if diff := cmp.Diff(want, told(found.Addresses)); err != nil || diff != "" || found.Connected == nil {
			t.Errorf("resolved locally %v: %+v, %v (-want +got):\n%s", locally, found, err, diff)
		}
	}
	found, err := dialer.CheckTarget(t.Context(), target(t, "none.test:443"), how)
	if err != nil || reason.Of(found.Unresolved) != reason.TargetNotFound || found.Failed != nil || found.Connected != nil {
		t.Errorf("a name that is not found: %+v, %v", found, err)
	}
}

// told is what became of each address, in short.
func told(addresses []upstream.Address) (texts []string) {
	for _, a := range addresses {
		text := a.Addr.String()
		if a.Refused != nil {
			text += fmt.Sprintf(" %s %s", reason.Of(a.Refused), reason.From(a.Refused).Parts["host"])
		}
		if a.Tried {
			text += " tried"
		}
		if a.Err != nil {
			text += " failed"
		}
		texts = append(texts, text)
	}
	return texts
}

// notOwn is the Own of a computer that has no address but those of loopback.
func notOwn(netip.Addr) (bool, error) { return false, nil }

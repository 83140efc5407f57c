package upstream_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/omsgateway/omsgateway/internal/policy"
	"github.com/omsgateway/omsgateway/internal/reason"
	"github.com/omsgateway/omsgateway/internal/upstream"
)

func TestResolve(t *testing.T) {
	var many []string
	for i := range 70 { // as many as fit into an answer by UDP
		many = append(many, fmt.Sprintf("10.0.0.%d", i))
	}
	dialer := upstream.Dialer{Resolver: resolver(t, map[string][]string{
		"one.test.":    {"192.0.2.1"},
		"two.test.":    {"169.254.1.1", "192.0.2.1"},
		"many.test.":   many,
		"broken.test.": nil,
	})}
	for authority, want := range map[string]struct {
		addresses []string
		reason    reason.Reason
	}{
		"one.test:443":         {addresses: []string{"192.0.2.1"}},
		"two.test:443":         {addresses: []string{"169.254.1.1 ADDRESS_NOT_ALLOWED two.test", "192.0.2.1"}},
		"192.0.2.7:443":        {addresses: []string{"192.0.2.7"}},
		"127.0.0.1:443":        {addresses: []string{"127.0.0.1 ADDRESS_NOT_ALLOWED 127.0.0.1"}},
		"[2001:db8::1]:443":    {addresses: []string{"2001:db8::1"}},
		"none.test:443":        {reason: reason.TargetNotFound},
		"broken.test:443":      {reason: reason.TargetUnreachable},
		"one.test.invalid:443": {reason: reason.TargetNotFound},
	} {
		got, err := dialer.Resolve(t.Context(), target(t, authority), direct(policy.Guard{}, time.Minute))
		if reason.Of(err) != want.reason || (err == nil) != (want.reason == "") {
			t.Errorf("%s: %v, want reason %q", authority, err, want.reason)
		}
		var texts []string
		for _, a := range got {
			text := a.Addr.String()
			if a.Refused != nil {
				text += fmt.Sprintf(" %s %s", reason.Of(a.Refused), reason.From(a.Refused).Parts["host"])
			}
			texts = append(texts, text)
		}
		slices.Sort(texts)
		if diff := cmp.Diff(want.addresses, texts); diff != "" {
			t.Errorf("%s (-want +got):\n%s", authority, diff)
		}
	}

	got, err := dialer.Resolve(t.Context(), target(t, "many.test:443"), direct(policy.Guard{}, time.Minute))
	if err != nil || len(got) != 50 {
		t.Errorf("many: %d addresses, %v", len(got), err)
	}
	if _, err := dialer.Resolve(t.Context(), target(t, "one.test:443"), direct(policy.Guard{}, 1)); reason.Of(err) != reason.TargetTimeout {
		t.Errorf("no time: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := dialer.Resolve(ended, target(t, "one.test:443"), direct(policy.Guard{}, time.Minute)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}

	// A relay proxy resolves names by itself, unless it is wanted here, too.
	how := direct(policy.Guard{}, time.Minute)
	how.Relay = &policy.Relay{}
	if got, err := dialer.Resolve(t.Context(), target(t, "one.test:443"), how); err != nil || got != nil {
		t.Errorf("with a relay proxy: %v, %v", got, err)
	}
	how.Relay.ResolveLocally = true
	if got, err := dialer.Resolve(t.Context(), target(t, "one.test:443"), how); err != nil || len(got) != 1 {
		t.Errorf("with a relay proxy, but resolved here, too: %v, %v", got, err)
	}
}

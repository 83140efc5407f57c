package upstream_test

import (
	"errors"
	"net"
	"testing"
	"time"

	"github.com/omsgateway/omsgateway/internal/policy"
	"github.com/omsgateway/omsgateway/internal/upstream"
)

// TestNamesWithADotAreWhole sees from the error which name was asked for: that of a target with a final dot, which no resolver completes,
// and those of a relay proxy and without a dot as they are.
func TestNamesWithADotAreWhole(t *testing.T) {
	dialer := upstream.Dialer{Own: notOwn, Resolver: resolver(t, map[string][]string{})}
	through := way(t, "relay.test:3128")
	for name, test := range map[string]struct {
		target string
		how    policy.Decision
		asked  string
	}{
		"with a dot":    {"nx.allowed.test:443", direct(policy.Guard{}, time.Minute), "nx.allowed.test."},
		"without a dot": {"short:443", direct(policy.Guard{}, time.Minute), "short"},
		"relay proxy":   {"nx.allowed.test:443", through, "relay.test"},
	} {
		_, _, err := dialer.Dial(t.Context(), target(t, test.target), test.how)
		dns, ok := errors.AsType[*net.DNSError](err)
		if !ok || dns.Name != test.asked {
			t.Errorf("%s: %v, want a look-up of %q", name, err, test.asked)
		}
	}
}

package upstream_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/omsgateway/omsgateway/internal/upstream"
)

func TestHistoryOrdersAddresses(t *testing.T) {
	const a, b, c, d = "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"
	const six, seven = "2001:db8::6", "2001:db8::7"
	for name, test := range map[string]struct {
		connected, dead string // of before
		given, want     string
	}{
		"nothing is known":                  {"", "", a + " " + b + " " + c, a + " " + b + " " + c},
		"one is dead":                       {"", a, a + " " + b + " " + c, b + " " + c + " " + a},
		"one is dead, one is known to live": {c, a, a + " " + b + " " + c, c + " " + b + " " + a},
		"that one lives changes nothing":    {b, "", a + " " + b + " " + c, a + " " + b + " " + c},
		"all are dead":                      {"", a + " " + b, a + " " + b, a + " " + b},
		"the last one lives":                {d, a + " " + b + " " + c, a + " " + b + " " + c + " " + d, d + " " + a + " " + b + " " + c},
		"families take turns":               {"", "", six + " " + seven + " " + a + " " + b + " " + c, six + " " + a + " " + seven + " " + b + " " + c},
		"IPv4 first":                        {"", "", a + " " + b + " " + six, a + " " + six + " " + b},
		"IPv6 is dead":                      {a, six + " " + seven, six + " " + seven + " " + a, a + " " + six + " " + seven},
		"IPv4 in its IPv6 form":             {"", a, "::ffff:" + a + " ::ffff:" + b, b + " " + a},
	} {
		t.Run(name, func(t *testing.T) {
			var h upstream.History
			for _, addr := range strings.Fields(test.connected) {
				h.Note(netip.AddrPortFrom(netip.MustParseAddr(addr), 443), true)
			}
			for _, addr := range strings.Fields(test.dead) {
				h.Note(netip.AddrPortFrom(netip.MustParseAddr(addr), 443), false)
			}
			var given []netip.Addr
			for _, addr := range strings.Fields(test.given) {
				given = append(given, netip.MustParseAddr(addr))
			}
			if diff := cmp.Diff(test.want, spelt(h.Order(given, 443))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if another := spelt(h.Order(given, 8443)); test.dead != "" && another == test.want && strings.Count(test.dead, " ") == 0 {
				t.Errorf("another port has the same order: %s", another)
			}
			h.Age(upstream.HistoryTime + time.Second)
			var fresh upstream.History
			if diff := cmp.Diff(spelt(fresh.Order(given, 443)), spelt(h.Order(given, 443))); diff != "" {
				t.Errorf("after its time (-want +got):\n%s", diff)
			}
		})
	}
}

func TestHistoryIsBounded(t *testing.T) {
	var h upstream.History
	addr := netip.MustParseAddr("10.0.0.0")
	for range upstream.MaxHistory + 10 {
		addr = addr.Next()
		h.Note(netip.AddrPortFrom(addr, 443), false)
	}
	if n := h.Len(); n > upstream.MaxHistory || n == 0 {
		t.Errorf("%d are remembered", n)
	}
	if got := spelt(h.Order([]netip.Addr{addr, addr.Next()}, 443)); got != addr.Next().String()+" "+addr.String() {
		t.Errorf("the last one is forgotten: %s", got)
	}
}

func spelt(addrs []netip.Addr) string {
	var texts []string
	for _, a := range addrs {
		texts = append(texts, a.String())
	}
	return strings.Join(texts, " ")
}

package policy_test

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/policy"
	"github.com/omsgateway/omsgateway/internal/reason"
)

func TestDecideTellsTheWay(t *testing.T) {
	relay := &policy.Relay{Username: "svc"}
	bypass, err := hostname.ParseHosts("near.example.com, *.corp, *.deep.example.com, 192.0.2.7, 2001:db8::7")
	if err != nil {
		t.Fatal(err)
	}
	in := policy.Input{
		Entries: entries(t, "*.example.com", "*.example.com:8443", "*.corp", "corp", "192.0.2.7", "192.0.2.8", "2001:db8::7", "*.test"),
		Relay:   relay, RelayBypass: bypass,
	}
	p := compile(t, in)
	for authority, direct := range map[string]bool{
		"near.example.com:443":        true,
		"near.example.com:8443":       true, // whatever the port
		"a.near.example.com:443":      false,
		"example.com.test:443":        false,
		"far.example.com:443":         false,
		"nearer.example.com:443":      false,
		"a.corp:443":                  true,
		"a.b.corp:443":                true,
		"corp:443":                    false, // *.corp is what lies below
		"deep.example.com:443":        false,
		"a.b.deep.example.com:443":    true,
		"adeep.example.com:443":       false,
		"192.0.2.7:443":               true,
		"[::ffff:192.0.2.7]:443":      true,
		"192.0.2.8:443":               false,
		"[2001:db8:0::7]:443":         true,
		"near.example.com.test:443":   false,
		"a.corp.example.com:443":      false,
		"deep.example.com.test:443":   false,
		"a.deep.example.com.test:443": false,
	} {
		d := p.Decide(policy.Request{Method: "CONNECT", Target: target(t, authority)})
		want := relay
		if direct {
			want = nil
		}
		if !d.Allowed || d.Relay != want {
			t.Errorf("%s: allowed %v, through %v, want %v", authority, d.Allowed, d.Relay, want)
		}
	}
	for _, refused := range []policy.Request{
		{Method: "CONNECT", Target: target(t, "unknown.org:443")}, {Method: "GET", Target: target(t, "far.example.com:443")},
	} {
		if d := p.Decide(refused); d.Relay != nil {
			t.Errorf("%v is refused, and has a way", refused)
		}
	}
	in.Relay = nil
	if d := compile(t, in).Decide(policy.Request{Method: "CONNECT", Target: target(t, "far.example.com:443")}); d.Relay != nil {
		t.Error("without a relay proxy there is one")
	}
	in.Relay, in.RelayBypass = relay, nil
	if got := compile(t, in).RelayFor(target(t, "near.example.com:443").Host); got != relay {
		t.Errorf("without a bypass %v", got)
	}
}

func TestDecideWithARelayDoesNotAllocate(t *testing.T) {
	bypass, err := hostname.ParseHosts("*.corp")
	if err != nil {
		t.Fatal(err)
	}
	p := compile(t, policy.Input{Entries: entries(t, "*.example.com"), Relay: &policy.Relay{}, RelayBypass: bypass})
	request := policy.Request{Method: "CONNECT", Target: target(t, "a.b.c.example.com:443")}
	if n := testing.AllocsPerRun(100, func() { p.Decide(request) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestCheckRelay(t *testing.T) {
	guard := policy.Guard{OwnPort: ownPort}
	for _, c := range []struct {
		addr    string
		port    uint16
		refused bool
	}{
		{"10.0.0.4", ownPort, true},
		{"10.0.0.4", 3128, false},
		{"10.0.0.6", ownPort, false},
		{"::ffff:10.0.0.4", ownPort, true},
		{"64:ff9b::a00:4", ownPort, true},
		{"127.0.0.1", ownPort, true},
		{"127.0.0.1", 3128, false}, // a relay proxy on this computer
		{"0.0.0.0", ownPort, true},
		{"::", ownPort, true},
		{"::1", ownPort, true},
		{"169.254.1.1", 3128, false}, // it is what the administrator has chosen
	} {
		err := guard.CheckRelay(netip.MustParseAddr(c.addr), c.port, thisComputer)
		if refused := reason.Of(err) == reason.RelayIsGateway; refused != c.refused || (err != nil) != c.refused {
			t.Errorf("%s port %d: %v", c.addr, c.port, err)
		}
	}
	if err := (policy.Guard{OwnPort: ownPort, Literal: true, AllowLoopback: true}).CheckRelay(
		netip.MustParseAddr("127.0.0.1"), ownPort, thisComputer); reason.Of(err) != reason.RelayIsGateway {
		t.Errorf("what is allowed for targets counts for the relay proxy: %v", err)
	}
	// A gateway that listens at one address leaves the others of its computer to a relay proxy, at the same port.
	at := policy.Guard{OwnPort: ownPort, OwnAddress: netip.MustParseAddr("10.0.0.4")}
	for addr, refused := range map[string]bool{
		"10.0.0.4": true, "::ffff:10.0.0.4": true, "64:ff9b::a00:4": true, "10.0.0.5": false, "127.0.0.1": false, "::1": false,
	} {
		if err := at.CheckRelay(netip.MustParseAddr(addr), ownPort, thisComputer); (reason.Of(err) == reason.RelayIsGateway) != refused {
			t.Errorf("%s of a gateway at 10.0.0.4: %v", addr, err)
		}
	}
	at.OwnAddress = netip.MustParseAddr("127.0.0.1")
	if err := at.CheckRelay(at.OwnAddress, ownPort, thisComputer); reason.Of(err) != reason.RelayIsGateway {
		t.Errorf("127.0.0.1 of a gateway there: %v", err)
	}
	at.OwnAddress = netip.IPv4Unspecified()
	if err := at.CheckRelay(netip.MustParseAddr("10.0.0.5"), ownPort, thisComputer); reason.Of(err) != reason.RelayIsGateway {
		t.Errorf("10.0.0.5 of a gateway at all addresses: %v", err)
	}

	cause := errors.New("no addresses today")
	err := guard.CheckRelay(netip.MustParseAddr("10.0.0.6"), ownPort, func(netip.Addr) (bool, error) { return false, cause })
	if reason.Of(err) != reason.RelayIsGateway || !errors.Is(err, cause) {
		t.Errorf("addresses unknown: %v", err)
	}
}

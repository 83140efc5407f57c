package policy_test

import (
	"crypto/tls"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/omsgateway/omsgateway/internal/clientcert"
	"github.com/omsgateway/omsgateway/internal/handshake"
	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/policy"
	"github.com/omsgateway/omsgateway/internal/reason"
)

var limits = policy.Limits{
	MaxConnections:          20_000,
	MaxRequestHeads:         2_048,
	MaxConnectionsPerClient: 7,
	HeadTimeout:             10 * time.Second,
	DialTimeout:             10 * time.Second,
	IdleTimeout:             30 * time.Minute,
	DrainTimeout:            5 * time.Second,
}

var samePatterns = cmp.Comparer(func(a, b hostname.Pattern) bool { return a == b })

func pattern(t testing.TB, s string) hostname.Pattern {
	t.Helper()
	p, err := hostname.ParsePattern(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func target(t testing.TB, s string) hostname.Target {
	t.Helper()
	parsed, err := hostname.ParseTarget(s)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func entries(t testing.TB, hosts ...string) []policy.Entry {
	t.Helper()
	list := make([]policy.Entry, len(hosts))
	for i, h := range hosts {
		list[i] = policy.Entry{Pattern: pattern(t, h), Source: policy.Source{Kind: policy.Local, Loosens: true}}
	}
	return list
}

func compile(t testing.TB, in policy.Input) *policy.Policy {
	t.Helper()
	p, err := policy.Compile(in)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestDecide(t *testing.T) {
	p := compile(t, policy.Input{
		Entries: entries(t,
			"exact.example.com",
			"ports.example.com:8443", "ports.example.com:9443", "ports.example.com:80",
			"*.example.com:8443",
			"*.wild.example.com", "*.wild.example.com:9443",
			"*.deep.wild.example.com",
			"*.other.test:8443",
			"in.other.test:9443",
			"localhost",
			"*.corp",
			"10.1.2.3", "[2001:db8::1]:8443",
		),
		Limits:     limits,
		ListenPort: 8080,
	})
	const connect = "CONNECT"
	tests := []struct {
		name, method, target string
		reason               reason.Reason // "" if allowed
		entry                string        // "" if none
	}{
		{"exact", connect, "exact.example.com:443", "", "exact.example.com"},
		{"exact in another spelling", connect, "EXACT.example.com.:443", "", "exact.example.com"},
		{"exact at another port, but under a wildcard for it", connect, "exact.example.com:8443", "", "*.example.com:8443"},
		{"exact before a wildcard", connect, "ports.example.com:8443", "", "ports.example.com:8443"},
		{"first of several ports", connect, "ports.example.com:80", "", "ports.example.com:80"},
		{"last of several ports", connect, "ports.example.com:9443", "", "ports.example.com:9443"},
		{"none of several ports", connect, "ports.example.com:443", reason.PortNotAllowed, "ports.example.com:80"},
		{"exact at another port", connect, "exact.example.com:444", reason.PortNotAllowed, "exact.example.com"},
		{"one label", connect, "localhost:443", "", "localhost"},
		{"below one label", connect, "a.localhost:443", reason.HostNotAllowed, ""},

		{"wildcard", connect, "a.wild.example.com:443", "", "*.wild.example.com"},
		{"wildcard, several labels", connect, "a.b.c.wild.example.com:443", "", "*.wild.example.com"},
		{"wildcard at its other port", connect, "a.wild.example.com:9443", "", "*.wild.example.com:9443"},
		{"wildcard over one label", connect, "a.corp:443", "", "*.corp"},
		{"the longer of two wildcards", connect, "a.deep.wild.example.com:443", "", "*.deep.wild.example.com"},
		{"the shorter wildcard, for its port", connect, "a.deep.wild.example.com:9443", "", "*.wild.example.com:9443"},
		{"the shortest wildcard, for its port", connect, "a.deep.wild.example.com:8443", "", "*.example.com:8443"},
		{"domain of a wildcard, under another", connect, "deep.wild.example.com:443", "", "*.wild.example.com"},
		{"domain of a wildcard", connect, "example.com:8443", reason.HostNotAllowed, ""},
		{"no label boundary", connect, "badexample.com:8443", reason.HostNotAllowed, ""},
		{"wildcard at another port", connect, "a.other.test:443", reason.PortNotAllowed, "*.other.test:8443"},
		{"exact and wildcard, both at another port", connect, "in.other.test:443", reason.PortNotAllowed, "in.other.test:9443"},
		{"two wildcards, both at another port", connect, "a.deep.wild.example.com:1", reason.PortNotAllowed, "*.deep.wild.example.com"},

		{"IPv4", connect, "10.1.2.3:443", "", "10.1.2.3"},
		{"IPv4-mapped", connect, "[::ffff:10.1.2.3]:443", "", "10.1.2.3"},
		{"IPv4 at another port", connect, "10.1.2.3:80", reason.PortNotAllowed, "10.1.2.3"},
		{"another IPv4", connect, "10.1.2.4:443", reason.HostNotAllowed, ""},
		{"IPv6", connect, "[2001:DB8::0:1]:8443", "", "[2001:db8::1]:8443"},
		{"another IPv6", connect, "[2001:db8::2]:8443", reason.HostNotAllowed, ""},

		{"unknown host", connect, "example.org:443", reason.HostNotAllowed, ""},
		{"many labels", connect, strings.Repeat("a.", 120) + "example.org:443", reason.HostNotAllowed, ""},
		{"another method", "GET", "exact.example.com:443", reason.MethodNotAllowed, ""},
		{"method in lower case", "connect", "exact.example.com:443", reason.MethodNotAllowed, ""},
		{"no method", "", "exact.example.com:443", reason.MethodNotAllowed, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := p.Decide(policy.Request{Method: test.method, Target: target(t, test.target)})
			want := policy.Decision{
				Allowed: test.reason == "",
				Reason:  test.reason,
				Guard:   policy.Guard{OwnPort: 8080},
				Limits:  limits,
			}
			if test.entry != "" {
				want.Entry = &entries(t, test.entry)[0]
				want.Guard.Literal = want.Allowed && want.Entry.Pattern.Host.IsAddr()
			}
			if diff := cmp.Diff(want, got, cmpopts.EquateComparable(hostname.Pattern{}, netip.Addr{}),
				cmpopts.IgnoreTypes(policy.TLS{})); diff != "" {
				t.Errorf("decision (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecideTellsWhatTLSIsJudgedBy(t *testing.T) {
	own := func(r handshake.Requirement) *handshake.Requirement { return &r }
	local := policy.Source{Kind: policy.Local, Loosens: true}
	in := policy.Input{
		Entries: []policy.Entry{
			{Pattern: pattern(t, "as-set.example.com"), Source: local},
			{Pattern: pattern(t, "off.example.com"), Source: local, ClientCertificate: own(handshake.Off)},
			{Pattern: pattern(t, "*.example.com"), ClientCertificate: own(handshake.Required)},
		},
		MinVersion:        tls.VersionTLS11,
		MaxVersion:        tls.VersionTLS12,
		RequireServerName: true,
		ClientCertificate: handshake.IfShown,
		Certificates:      []string{"agent", "CN=b, O=c"},
	}
	p := compile(t, in)
	if got := p.TLS(); got.ClientCertificate != handshake.IfShown || got.MaxVersion != tls.VersionTLS12 {
		t.Errorf("without an entry: %+v", got)
	}
	for host, want := range map[string]handshake.Requirement{
		"as-set.example.com": handshake.IfShown,
		"off.example.com":    handshake.Off,
		"any.example.com":    handshake.Required,
	} {
		got := p.Decide(policy.Request{Method: "CONNECT", Target: target(t, host+":443")}).TLS
		if entry, ok := got.Certificates.Match(certificate(t, "AGENT")); !ok || entry != "agent" {
			t.Errorf("%s: the allowed certificate matches %q, %v", host, entry, ok)
		}
		if entry, ok := got.Certificates.Match(certificate(t, "agents")); ok {
			t.Errorf("%s: another certificate matches %q", host, entry)
		}
		got.Certificates = nil
		whole := policy.TLS{
			MinVersion: tls.VersionTLS11, MaxVersion: tls.VersionTLS12, RequireServerName: true, ClientCertificate: want,
		}
		if got != whole {
			t.Errorf("%s: %+v, want %+v", host, got, whole)
		}
	}
}

// certificate is as much of one as a list looks at.
func certificate(t *testing.T, commonName string) *clientcert.Certificate {
	t.Helper()
	raw, err := asn1.Marshal(pkix.Name{CommonName: commonName}.ToRDNSequence())
	if err != nil {
		t.Fatal(err)
	}
	return clientcert.Restore(raw, [32]byte{}, [20]byte{})
}

func TestCompileRefusesWhatIsNoCertificate(t *testing.T) {
	_, err := policy.Compile(policy.Input{Certificates: []string{"agent", "CN=b,"}})
	if reason.Of(err) != reason.CertificateSyntax {
		t.Errorf("compiled with %v", err)
	}
}

func TestAllowsName(t *testing.T) {
	p := compile(t, policy.Input{Entries: entries(t,
		"a.example.com", "b.example.com:8443", "*.wild.example.com", "10.1.2.3", "2001:db8::1", "xn--bcher-kva.example.com",
	)})
	tests := []struct {
		name string
		port uint16
		want bool
	}{
		{"a.example.com", 443, true},
		{"A.Example.com.", 443, true},
		{"a.example.com", 8443, false},
		{"b.example.com", 443, false},
		{"b.example.com", 8443, true},
		{"c.example.com", 443, false},
		{"x.y.wild.example.com", 443, true},
		{"wild.example.com", 443, false},
		{"xn--bcher-kva.example.com", 443, true},
		{"10.1.2.3", 443, false},
		{"2001:db8::1", 443, false},
		{"[2001:db8::1]", 443, false},
		{"a.example.com", 0, false},
		{"", 443, false},
		{".", 443, false},
		{"a.example.com..", 443, false},
		{" a.example.com", 443, false},
		{"a.example.com:443", 443, false},
		{"*.wild.example.com", 443, false},
		{".wild.example.com", 443, false},
		{"a.example.com\x00", 443, false},
		{strings.Repeat("a.", 200) + "wild.example.com", 443, false},
	}
	for _, test := range tests {
		if got := p.AllowsName(test.name, test.port, handshake.Off); got != test.want {
			t.Errorf("%q at %d: %v", test.name, test.port, got)
		}
	}
}

// TestAllowsNameJudgedAsStrictly makes sure that a host's own certificate policy cannot be got around in the tunnel of another host.
func TestAllowsNameJudgedAsStrictly(t *testing.T) {
	list := entries(t, "off.example.com", "shown.example.com", "required.example.com", "default.example.com")
	for i, own := range []handshake.Requirement{handshake.Off, handshake.IfShown, handshake.Required} {
		list[i].ClientCertificate = &own
	}
	p := compile(t, policy.Input{Entries: list, ClientCertificate: handshake.IfShown})
	want := map[handshake.Requirement][]string{
		handshake.Off:      {"off"},
		handshake.IfShown:  {"off", "shown", "default"},
		handshake.Required: {"off", "shown", "required", "default"},
	}
	for judged, names := range want {
		var got []string
		for _, name := range []string{"off", "shown", "required", "default"} {
			if p.AllowsName(name+".example.com", 443, judged) {
				got = append(got, name)
			}
		}
		if diff := cmp.Diff(names, got); diff != "" {
			t.Errorf("judged by %v (-want +got):\n%s", judged, diff)
		}
	}
}

func TestZeroTargetIsNotAllowed(t *testing.T) {
	p := compile(t, policy.Input{Entries: entries(t, "a.example.com", "*.example.com", "10.1.2.3")})
	if d := p.Decide(policy.Request{Method: "CONNECT"}); d.Allowed || d.Reason != reason.HostNotAllowed {
		t.Errorf("a request without target: %+v", d)
	}
}

func TestEmptyPolicyAllowsNothing(t *testing.T) {
	p := compile(t, policy.Input{Limits: limits})
	d := p.Decide(policy.Request{Method: "CONNECT", Target: target(t, "a.example.com:443")})
	if d.Allowed || d.Reason != reason.HostNotAllowed {
		t.Errorf("a request to an empty policy: %+v", d)
	}
	if p.Limits() != limits {
		t.Errorf("limits %+v, want %+v", p.Limits(), limits)
	}
}

// TestDecideAgreesWithCovers compares Decide with the plain reading of the rules: go through all entries.
func TestDecideAgreesWithCovers(t *testing.T) {
	var hosts, names []string
	labels := []string{"a", "b", "test"}
	for _, x := range labels {
		names = append(names, x)
		for _, y := range labels {
			names = append(names, x+"."+y)
			for _, z := range labels {
				names = append(names, x+"."+y+"."+z)
			}
		}
	}
	for i, name := range names {
		switch i % 4 {
		case 0:
			hosts = append(hosts, name)
		case 1:
			hosts = append(hosts, "*."+name+":8443")
		case 2:
			hosts = append(hosts, name+":8443", "*."+name)
		}
	}
	list := entries(t, hosts...)
	p := compile(t, policy.Input{Entries: list})
	for _, name := range names {
		for _, port := range []string{":443", ":8443", ":80"} {
			asked := target(t, name+port)
			best := ""
			for _, e := range list {
				switch {
				case !e.Pattern.Covers(asked):
				case !e.Pattern.Wildcard:
					best = e.Pattern.String()
				case best == "" || strings.HasPrefix(best, "*.") && len(e.Pattern.String()) > len(best):
					best = e.Pattern.String()
				}
			}
			d := p.Decide(policy.Request{Method: "CONNECT", Target: asked})
			got := ""
			if d.Allowed {
				got = d.Entry.Pattern.String()
			}
			if got != best {
				t.Errorf("%s is allowed by %q, want %q", asked, got, best)
			}
		}
	}
}

func TestEntriesKeepTheirSources(t *testing.T) {
	learned := policy.Source{Kind: policy.Learned, Particulars: []policy.Particular{{Name: "agent", Value: "an agent"}}}
	local := policy.Source{Kind: policy.Local, Loosens: true}
	in := []policy.Entry{
		{Pattern: pattern(t, "b.example.com"), Source: local},
		{Pattern: pattern(t, "a.example.com:8443"), Source: learned},
		{Pattern: pattern(t, "a.example.com"), Source: local},
		{Pattern: pattern(t, "a.example.com"), Source: learned},
		{Pattern: pattern(t, "*.example.com"), Source: learned},
	}
	given := append([]policy.Entry(nil), in...)
	p := compile(t, policy.Input{Entries: in})
	want := []policy.Entry{given[4], given[2], given[3], given[1], given[0]}
	if diff := cmp.Diff(want, p.Entries(), samePatterns); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(given, in, samePatterns); diff != "" {
		t.Errorf("Compile changed its input (-want +got):\n%s", diff)
	}
	d := p.Decide(policy.Request{Method: "CONNECT", Target: target(t, "a.example.com:443")})
	if d.Entry == nil || !d.Entry.Source.Equal(local) {
		t.Errorf("of two entries with one pattern %+v decides, want the first", d.Entry)
	}
	p.Entries()[0] = policy.Entry{}
	if diff := cmp.Diff(want, p.Entries(), samePatterns); diff != "" {
		t.Errorf("a caller can change the policy (-want +got):\n%s", diff)
	}
}

func TestEntriesOfOnePatternAndBehind(t *testing.T) {
	local, learned := policy.Source{Kind: policy.Local, Loosens: true}, policy.Source{Kind: policy.Learned}
	p := compile(t, policy.Input{Entries: []policy.Entry{
		{Pattern: pattern(t, "b.example.com"), Source: local},
		{Pattern: pattern(t, "a.example.com:8443"), Source: learned},
		{Pattern: pattern(t, "10.1.2.3"), Source: local},
		{Pattern: pattern(t, "a.example.com"), Source: local},
		{Pattern: pattern(t, "a.example.com"), Source: learned},
		{Pattern: pattern(t, "*.example.com"), Source: learned},
	}})
	all := p.Entries()
	behind := map[hostname.Pattern]int{ // which of all is the first behind
		{}:                               0,
		pattern(t, "*.example.com"):      1,
		pattern(t, "a.example.com:80"):   1,
		pattern(t, "a.example.com"):      3,
		pattern(t, "a.example.com:444"):  3,
		pattern(t, "b.example.com"):      5,
		pattern(t, "zzz.example.com"):    5,
		pattern(t, "10.1.2.3"):           6,
		pattern(t, "a.example.com:8443"): 4,
	}
	for after, first := range behind {
		got := slices.Collect(p.After(after))
		if diff := cmp.Diff(append([]policy.Entry(nil), all[first:]...), got, samePatterns); diff != "" {
			t.Errorf("behind %q (-want +got):\n%s", after, diff)
		}
		for range p.After(after) {
			break // must not panic
		}
	}
	for text, want := range map[string]int{"a.example.com": 2, "*.example.com": 1, "10.1.2.3": 1, "a.example.com:444": 0, "c.example.com": 0} {
		got := p.Of(pattern(t, text))
		if len(got) != want || want == 2 && !got[0].Source.Equal(local) {
			t.Errorf("entries of %s: %+v", text, got)
		}
	}
}

func TestRefusal(t *testing.T) {
	p := compile(t, policy.Input{Entries: entries(t, "a.example.com")})
	for authority, want := range map[string]*reason.Error{
		"b.example.com:443": reason.New(reason.HostNotAllowed, "host", "b.example.com", "port", "443", "target", "b.example.com"),
		"a.example.com:22":  reason.New(reason.PortNotAllowed, "host", "a.example.com", "port", "22", "target", "a.example.com:22"),
	} {
		to := target(t, authority)
		if diff := cmp.Diff(want, reason.From(p.Decide(policy.Request{Method: "CONNECT", Target: to}).Refusal(to))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", authority, diff)
		}
	}
}

// What is learned has the client certificate policy of the wildcard that would decide without it.
func TestLearnedEntryLoosensNothing(t *testing.T) {
	required, off := handshake.Required, handshake.Off
	local, learned := policy.Source{Kind: policy.Local, Loosens: true}, policy.Source{Kind: policy.Learned}
	p := compile(t, policy.Input{ClientCertificate: handshake.IfShown, Entries: []policy.Entry{
		{Pattern: pattern(t, "*.example.com"), Source: local, ClientCertificate: &required},
		{Pattern: pattern(t, "*.off.example.com"), Source: local, ClientCertificate: &off},
		{Pattern: pattern(t, "*.setting.example.com"), Source: local},
		{Pattern: pattern(t, "same.example.com"), Source: local, ClientCertificate: &off},
		{Pattern: pattern(t, "local.example.com"), Source: local},
		{Pattern: pattern(t, "a.example.com"), Source: learned},
		{Pattern: pattern(t, "a.example.com:8443"), Source: learned},
		{Pattern: pattern(t, "a.off.example.com"), Source: learned},
		{Pattern: pattern(t, "a.setting.example.com"), Source: learned},
		{Pattern: pattern(t, "same.example.com"), Source: learned},
		{Pattern: pattern(t, "a.example.org"), Source: learned},
		{Pattern: pattern(t, "own.example.com"), Source: learned, ClientCertificate: &off},
		{Pattern: pattern(t, "own.off.example.com"), Source: learned, ClientCertificate: &required},
		{Pattern: pattern(t, "own.setting.example.com"), Source: learned, ClientCertificate: &off},
		{Pattern: pattern(t, "own.example.org"), Source: learned, ClientCertificate: &off},
	}})
	for authority, want := range map[string]handshake.Requirement{
		"a.example.com:443":         handshake.Required,
		"a.example.com:8443":        handshake.IfShown,
		"a.off.example.com:443":     handshake.Off,
		"a.setting.example.com:443": handshake.IfShown,
		"same.example.com:443":      handshake.Off,
		"local.example.com:443":     handshake.IfShown,
		"a.example.org:443":         handshake.IfShown,

		// With a requirement of their own, the stricter one counts.
		"own.example.com:443":         handshake.Required,
		"own.off.example.com:443":     handshake.Required,
		"own.setting.example.com:443": handshake.IfShown,
		"own.example.org:443":         handshake.Off,
	} {
		d := p.Decide(policy.Request{Method: "CONNECT", Target: target(t, authority)})
		if !d.Allowed || d.TLS.ClientCertificate != want {
			t.Errorf("%s: allowed %v, requirement %d, want %d", authority, d.Allowed, d.TLS.ClientCertificate, want)
		}
	}
}

func TestCompileRefusesWhatIsNoPattern(t *testing.T) {
	good := pattern(t, "a.example.com")
	address := pattern(t, "10.1.2.3")
	for name, bad := range map[string]hostname.Pattern{
		"zero":                 {},
		"no port":              {Host: good.Host},
		"no host":              {Port: 443},
		"wildcard at nothing":  {Port: 443, Wildcard: true},
		"wildcard over an IP":  {Host: address.Host, Port: 443, Wildcard: true},
		"wildcard with port 0": {Host: good.Host, Wildcard: true},
	} {
		if p, err := policy.Compile(policy.Input{Entries: []policy.Entry{{Pattern: good}, {Pattern: bad}}}); err == nil {
			t.Errorf("%s: compiled to %+v", name, p.Entries())
		}
	}
}

func TestCoveredBy(t *testing.T) {
	p := compile(t, policy.Input{Entries: entries(t,
		"a.b.example.com", "*.b.example.com", "*.example.com", "*.example.com:8443", "b.example.com", "*.c.b.example.com:9443",
	)})
	tests := []struct{ pattern, want string }{
		{"a.b.example.com", "*.b.example.com"},
		{"b.example.com", "*.example.com"},
		{"example.com", ""},
		{"a.b.example.com:8443", "*.example.com:8443"},
		{"a.b.example.com:80", ""},
		{"*.b.example.com", "*.example.com"},
		{"*.example.com", ""},
		{"*.a.b.example.com", "*.b.example.com"},
		{"*.c.b.example.com:9443", ""},
		{"a.c.b.example.com:9443", "*.c.b.example.com:9443"},
		{"10.1.2.3", ""},
		{"::1", ""},
	}
	for _, test := range tests {
		got := ""
		if e, ok := p.CoveredBy(pattern(t, test.pattern)); ok {
			got = e.Pattern.String()
		}
		if got != test.want {
			t.Errorf("%s is covered by %q, want %q", test.pattern, got, test.want)
		}
	}
}

// many makes n entries as a large customer has them: most are names, every tenth a wildcard.
func many(t testing.TB, n int) []policy.Entry {
	hosts := make([]string, n)
	for i := range hosts {
		hosts[i] = fmt.Sprintf("%08x-89ab-cdef-0123-456789abcdef.ods.opinsights.azure.com", i*2654435761%(1<<32))
		if i%10 == 0 {
			hosts[i] = fmt.Sprintf("*.region%d.monitoring.example.com", i)
		}
	}
	return entries(t, hosts...)
}

var decisions = []struct{ name, target string }{
	{"Exact", fmt.Sprintf("%08x-89ab-cdef-0123-456789abcdef.ods.opinsights.azure.com:443", 4321*2654435761%(1<<32))},
	{"Wildcard", "storage.account.region5000.monitoring.example.com:443"},
	{"Port", "storage.account.region5000.monitoring.example.com:8443"},
	{"Unknown", "www.unknown.region.monitoring.example.com:443"},
	{"127Labels", strings.Repeat("a.", 126) + "a:443"},
}

func TestDecideDoesNotAllocate(t *testing.T) {
	p := compile(t, policy.Input{Entries: many(t, 10_000)})
	for _, d := range decisions {
		request := policy.Request{Method: "CONNECT", Target: target(t, d.target)}
		if allocs := testing.AllocsPerRun(100, func() { p.Decide(request) }); allocs != 0 {
			t.Errorf("%s: %v allocations", d.name, allocs)
		}
		if allocs := testing.AllocsPerRun(100, func() { p.AllowsName(request.Target.Host.Name(), 443, handshake.Off) }); allocs != 0 {
			t.Errorf("%s as a server name: %v allocations", d.name, allocs)
		}
	}
}

// BenchmarkDecide holds 10,000 entries: a decision has to be well under a microsecond, without allocation.
func BenchmarkDecide(b *testing.B) {
	p := compile(b, policy.Input{Entries: many(b, 10_000), Limits: limits})
	for _, d := range decisions {
		b.Run(d.name, func(b *testing.B) {
			request := policy.Request{Method: "CONNECT", Target: target(b, d.target)}
			b.ReportAllocs()
			for b.Loop() {
				p.Decide(request)
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	for _, n := range []int{10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			// As the configuration has them: sorted.
			sorted := compile(b, policy.Input{Entries: many(b, n)}).Entries()
			b.ReportAllocs()
			for b.Loop() {
				compile(b, policy.Input{Entries: sorted, Limits: limits})
			}
		})
	}
}

package config_test

import (
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/omsgateway/omsgateway/internal/clientcert"
	"github.com/omsgateway/omsgateway/internal/config"
	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/reason"
)

func TestDefaultIsValid(t *testing.T) {
	if err := config.Default().Validate(); err != nil {
		t.Error(err)
	}
	wantRoundTrip(t, config.Default())
}

func TestRoundTripOfAnyConfiguration(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	etags := map[string]string{}
	for range 300 {
		c := randomConfig(t, random)
		if err := c.Validate(); err != nil {
			t.Fatalf("%+v: %v", c, err)
		}
		wantRoundTrip(t, c)
		file := c.Encode()
		etag := config.Etag(file)
		if other, ok := etags[etag]; ok && other != string(file) {
			t.Fatalf("one etag for two configurations:\n%s\n%s", file, other)
		}
		etags[etag] = string(file)
	}
	if len(etags) < 200 {
		t.Errorf("only %d different configurations were tried", len(etags))
	}
}

func randomConfig(t *testing.T, random *rand.Rand) config.Config {
	c := config.Default()
	for _, row := range config.Table() {
		var value string
		switch row.Type {
		case config.Number:
			value = strconv.FormatInt(row.Min+random.Int64N(row.Max-row.Min+1), 10)
		case config.Choice:
			value = row.Choices[random.IntN(len(row.Choices))]
		case config.Address:
			value = []string{"", "192.0.2.7", "2001:db8::7", "0.0.0.0", "::"}[random.IntN(5)]
		case config.Hosts:
			value = []string{"", "192.0.2.7", "2001:db8::7,*.example.com,ü.example.com", "intranet"}[random.IntN(4)]
		}
		if err := c.Settings.Set(row.Key, value); err != nil {
			t.Fatal(err)
		}
	}
	if c.Settings.Conflict() != nil {
		c.Settings.MinimumTLSVersion, c.Settings.MaximumTLSVersion = c.Settings.MaximumTLSVersion, c.Settings.MinimumTLSVersion
	}
	if random.IntN(2) == 0 {
		address := []string{"proxy", "https://proxy.example.com", "[2001:db8::7]:3128"}[random.IntN(3)]
		user := []string{"", "svc", `DOMAIN\Jürgen`}[random.IntN(3)]
		password := ""
		if user != "" {
			password = []string{"", "plain:", `p%:ss "wörd"`}[random.IntN(3)]
		}
		c.RelayProxy = relayProxy(t, address, user, password)
	}
	addedAt := func() time.Time {
		if random.IntN(3) == 0 {
			return time.Time{}
		}
		return time.Unix(random.Int64N(4e9), random.Int64N(1e9)).In(time.FixedZone("", 3600))
	}
	addedBy := func() string { return []string{"", "root", `DOMAIN\Jürgen`, `"quoted" <&>`}[random.IntN(4)] }
	for range random.IntN(20) {
		host := []string{"a.example.com", "*.example.com", "192.0.2.7", "2001:db8::7", "ü.example.com", "_x.example.com"}[random.IntN(6)]
		if host == "2001:db8::7" {
			host = "[" + host + "]"
		}
		c.AddHosts(config.AllowedHost{
			Pattern:                 pattern(t, fmt.Sprintf("%s:%d", host, 1+random.IntN(65535))),
			ClientCertificatePolicy: []config.CertificatePolicy{"", config.Off, config.IfShown, config.Required}[random.IntN(4)],
			Account:                 config.Account{Owner: addedBy(), Ticket: addedBy(), Note: addedBy(), Expires: addedAt()},
			AddedAt:                 addedAt(),
			AddedBy:                 addedBy(),
		})
	}
	for i := range random.IntN(20) {
		subject := []string{"agent %d", "CN=agent %d, O=ü", `CN="a, b=%d"`, `CN=a\,%d`, "sha1:%040x", "sha256:%064x"}[random.IntN(6)]
		c.AddClientCertificates(config.AllowedClientCertificate{
			Entry: entry(t, fmt.Sprintf(subject, i)), AddedAt: addedAt(), AddedBy: addedBy(),
		})
	}
	return c
}

func TestAddAndRemoveHosts(t *testing.T) {
	var c config.Config
	at := time.Date(2026, 3, 31, 10, 15, 0, 999, time.FixedZone("", 7200))
	first := config.AllowedHost{Pattern: pattern(t, "b.example.com"), AddedAt: at, AddedBy: "first"}
	second := config.AllowedHost{Pattern: pattern(t, "B.example.com:443"), AddedAt: at.Add(time.Hour), AddedBy: "second"}
	other := config.AllowedHost{Pattern: pattern(t, "a.example.com")}

	if diff := cmp.Diff([]bool{true, true, false}, c.AddHosts(first, other, second)); diff != "" {
		t.Errorf("added (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]bool{false}, c.AddHosts(second)); diff != "" {
		t.Errorf("added again (-want +got):\n%s", diff)
	}
	wantHosts(t, c, "a.example.com ", "b.example.com first")
	if got := c.AllowedHosts[1].AddedAt; got != time.Date(2026, 3, 31, 8, 15, 0, 0, time.UTC) {
		t.Errorf("added at %v, want UTC and whole seconds", got)
	}
	wantRoundTrip(t, config.Config{Settings: config.DefaultSettings(), AllowedHosts: c.AllowedHosts})

	absent := pattern(t, "c.example.com")
	if diff := cmp.Diff([]bool{false, true, false}, c.RemoveHosts(absent, first.Pattern, second.Pattern)); diff != "" {
		t.Errorf("removed (-want +got):\n%s", diff)
	}
	wantHosts(t, c, "a.example.com ")
}

func TestSetHost(t *testing.T) {
	c := config.Default()
	c.AddHosts(config.AllowedHost{Pattern: pattern(t, "a.example.com"), ClientCertificatePolicy: config.Off, AddedBy: "root"},
		config.AllowedHost{Pattern: pattern(t, "b.example.com")})
	for _, step := range []struct{ before, after config.CertificatePolicy }{
		{config.Off, config.Required}, {config.Required, ""}, {"", ""}, {"", config.IfShown},
	} {
		before, present := c.SetHost(pattern(t, "a.example.com"), policySet(step.after))
		if !present || before.ClientCertificatePolicy != step.before || before.AddedBy != "root" {
			t.Errorf("%q -> %q: it was %+v, %v", step.before, step.after, before, present)
		}
		if got := c.AllowedHosts[0]; got.ClientCertificatePolicy != step.after || got.AddedBy != "root" {
			t.Errorf("%q -> %q: it is %+v", step.before, step.after, got)
		}
		wantRoundTrip(t, c)
	}
	if got := c.AllowedHosts[1].ClientCertificatePolicy; got != "" {
		t.Errorf("another host has %q", got)
	}
	unchanged := c.Clone()
	if _, present := c.SetHost(pattern(t, "a.example.com:8443"), policySet(config.Off)); present || !c.Equal(unchanged) {
		t.Errorf("a host that is not there: %v, %+v", present, c.AllowedHosts)
	}
}

func policySet(policy config.CertificatePolicy) func(*config.AllowedHost) {
	return func(h *config.AllowedHost) { h.ClientCertificatePolicy = policy }
}

func TestSetAccount(t *testing.T) {
	c := config.Default()
	c.AddHosts(config.AllowedHost{Pattern: pattern(t, "a.example.com"), ClientCertificatePolicy: config.Off})
	expires := time.Date(2027, 3, 31, 10, 15, 0, 999, time.FixedZone("", 7200))
	want := config.Account{
		Owner: strings.Repeat("o", 256), Ticket: "CHG-4711", Note: strings.Repeat("n", 1000),
		Expires: time.Date(2027, 3, 31, 8, 15, 0, 0, time.UTC),
	}
	c.SetHost(pattern(t, "a.example.com"), func(h *config.AllowedHost) { h.Account, h.Account.Expires = want, expires })
	if diff := cmp.Diff(want, c.AllowedHosts[0].Account); diff != "" {
		t.Errorf("the account (-want +got):\n%s", diff)
	}
	wantRoundTrip(t, c)

	for _, wrong := range []config.Account{
		{Owner: want.Owner + "o"}, {Ticket: strings.Repeat("t", 257)}, {Note: want.Note + "n"}, {Note: "two\nlines"}, {Owner: "\xff"},
	} {
		c := c.Clone()
		c.SetHost(pattern(t, "a.example.com"), func(h *config.AllowedHost) { h.Account = wrong })
		if err := c.Validate(); reason.Of(err) != reason.AccountTextInvalid {
			t.Errorf("%+v: %v, want ACCOUNT_TEXT_INVALID", wrong, err)
		}
	}
}

func TestAddAndRemoveClientCertificates(t *testing.T) {
	c := config.Default()
	at := time.Date(2026, 3, 31, 10, 15, 0, 999, time.FixedZone("", 7200))
	first := config.AllowedClientCertificate{Entry: entry(t, " CN=b, O=c "), AddedAt: at, AddedBy: "first"}
	second := config.AllowedClientCertificate{Entry: entry(t, "o=C,cn=B"), AddedBy: "second"}
	other := config.AllowedClientCertificate{Entry: entry(t, "Agent 7")}

	if diff := cmp.Diff([]bool{true, true, false}, c.AddClientCertificates(first, other, second)); diff != "" {
		t.Errorf("added (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]bool{false}, c.AddClientCertificates(second)); diff != "" {
		t.Errorf("added again (-want +got):\n%s", diff)
	}
	wantCertificates(t, c, "Agent 7 ", "CN=b, O=c first")
	if got := c.AllowedClientCertificates[1].AddedAt; got != time.Date(2026, 3, 31, 8, 15, 0, 0, time.UTC) {
		t.Errorf("added at %v, want UTC and whole seconds", got)
	}
	if first.AddedAt != at {
		t.Error("what was given has changed")
	}
	wantRoundTrip(t, c)

	absent := entry(t, "agent 77")
	if diff := cmp.Diff([]bool{false, true, false}, c.RemoveClientCertificates(absent, second.Entry, first.Entry)); diff != "" {
		t.Errorf("removed (-want +got):\n%s", diff)
	}
	wantCertificates(t, c, "Agent 7 ")
	c.RemoveClientCertificates(entry(t, "aGENT  7"))
	wantCertificates(t, c)
	if !c.Equal(config.Default()) {
		t.Error("an empty list differs from none")
	}
}

func TestCloneSharesNothing(t *testing.T) {
	c := config.Default()
	c.AddHosts(config.AllowedHost{Pattern: pattern(t, "a.example.com")}, config.AllowedHost{Pattern: pattern(t, "b.example.com")})
	d := c.Clone()
	if !c.Equal(d) {
		t.Fatal("the clone differs")
	}
	d.RemoveHosts(pattern(t, "a.example.com"))
	wantHosts(t, c, "a.example.com ", "b.example.com ")
	if c.Equal(d) {
		t.Error("a host less makes no difference")
	}
	e := c.Clone()
	e.AllowedHosts[0].AddedBy = "root"
	f := c.Clone()
	f.Settings.DrainTimeout = 6 * time.Second
	if c.Equal(e) || c.Equal(f) || c.AllowedHosts[0].AddedBy != "" {
		t.Error("a change makes no difference, or one to the original")
	}
	proxy := c.Clone()
	proxy.RelayProxy = relayProxy(t, "proxy", "svc", "x")
	other := proxy.Clone()
	other.RelayProxy = relayProxy(t, "proxy", "svc", "y")
	if c.Equal(proxy) || proxy.Equal(other) || !proxy.Equal(proxy.Clone()) {
		t.Error("a relay proxy makes no difference, or one to its clone")
	}
	c.AddClientCertificates(config.AllowedClientCertificate{Entry: entry(t, "a")}, config.AllowedClientCertificate{Entry: entry(t, "b")})
	g, h, i := c.Clone(), c.Clone(), c.Clone()
	if !c.Equal(g) {
		t.Fatal("the clone with certificates differs")
	}
	g.AllowedClientCertificates[0].AddedBy = "root"
	h.AllowedClientCertificates[0].Entry = entry(t, "A")
	i.RemoveClientCertificates(entry(t, "a"))
	if c.Equal(g) || c.Equal(h) || c.Equal(i) {
		t.Error("a change of the certificates makes no difference")
	}
	wantCertificates(t, c, "a ", "b ")
}

func TestValidate(t *testing.T) {
	a, b := config.AllowedHost{Pattern: pattern(t, "a.example.com")}, config.AllowedHost{Pattern: pattern(t, "b.example.com")}
	host := func(change func(*config.AllowedHost)) func(*config.Config) {
		return func(c *config.Config) {
			h := a
			change(&h)
			c.AllowedHosts = []config.AllowedHost{h}
		}
	}
	certificates := func(subjects ...string) func(*config.Config) {
		return func(c *config.Config) {
			for _, s := range subjects {
				c.AllowedClientCertificates = append(c.AllowedClientCertificates, config.AllowedClientCertificate{Entry: entry(t, s)})
			}
		}
	}
	for _, test := range []struct {
		name   string
		change func(*config.Config)
		why    reason.Reason
		text   string
	}{
		{"no settings", func(c *config.Config) { c.Settings = config.Settings{} }, reason.SettingOutOfRange, "ListenPort"},
		{"port", func(c *config.Config) { c.Settings.ListenPort = 0 }, reason.SettingOutOfRange, "ListenPort cannot be 0"},
		{"number", func(c *config.Config) { c.Settings.MaxConnections = 1_000_001 }, reason.SettingOutOfRange, "MaxConnections cannot be 1000001"},
		{"part of a second in a setting", func(c *config.Config) { c.Settings.IdleTimeout += time.Millisecond }, reason.SettingNotANumber, "IdleTimeoutSeconds"},
		{"level", func(c *config.Config) { c.Settings.LogLevel = 0 }, reason.SettingNotAChoice, "LogLevel"},
		{"address not canonical", func(c *config.Config) { c.Settings.ListenAddress = netip.MustParseAddr("::ffff:192.0.2.1") }, "", `"192.0.2.1"`},
		{"order", func(c *config.Config) { c.AllowedHosts = []config.AllowedHost{b, a} }, "", `allowed host "a.example.com"`},
		{"twice", func(c *config.Config) { c.AllowedHosts = []config.AllowedHost{a, a} }, "", "twice"},
		{"no pattern", host(func(h *config.AllowedHost) { h.Pattern = hostname.Pattern{} }), reason.HostPort, ""},
		{"no port", host(func(h *config.AllowedHost) { h.Pattern.Port = 0 }), reason.HostPort, ""},
		{"wildcard", host(func(h *config.AllowedHost) {
			h.Pattern = hostname.Pattern{Host: pattern(t, "192.0.2.1").Host, Port: 443, Wildcard: true}
		}), reason.HostInvalid, ""},
		{"local time", host(func(h *config.AllowedHost) { h.AddedAt = time.Unix(0, 0).In(time.FixedZone("", 60)) }), "", "added"},
		{"part of a second", host(func(h *config.AllowedHost) { h.AddedAt = time.Unix(0, 1).UTC() }), "", "added"},
		{"year", host(func(h *config.AllowedHost) { h.AddedAt = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }), "", "10000"},
		{"name", host(func(h *config.AllowedHost) { h.AddedBy = "a\x1bb" }), "", "printed"},
		{"name not UTF-8", host(func(h *config.AllowedHost) { h.AddedBy = "J\xfcrgen" }), "", "printed"},
		{"long name", host(func(h *config.AllowedHost) { h.AddedBy = strings.Repeat("x", 257) }), "", "256"},
		{"policy", host(func(h *config.AllowedHost) { h.ClientCertificatePolicy = "off" }), reason.CertificatePolicyUnknown,
			`allowed host "a.example.com": the client certificate policy of a host cannot be "off": it is one of Off, IfShown, Required`},
		{"policy that is a setting's", host(func(h *config.AllowedHost) { h.ClientCertificatePolicy = config.Automatic }),
			reason.CertificatePolicyUnknown, "Automatic"},
		{"versions", func(c *config.Config) {
			c.Settings.MaximumTLSVersion, c.Settings.MinimumTLSVersion = tls.VersionTLS11, tls.VersionTLS12
		},
			reason.SettingConflict, "MinimumTlsVersion would be 1.2 and MaximumTlsVersion 1.1"},
		{"no entry", func(c *config.Config) { c.AllowedClientCertificates = make([]config.AllowedClientCertificate, 1) },
			reason.CertificateEmpty, "client certificate"},
		{"certificates in no order", certificates("b", "a"), "", `client certificate "a"`},
		{"certificate twice", certificates("a", "a"), "", "twice"},
		{"certificate in two spellings", certificates("CN=a,O=b", "O=b,CN=a"), "", "two spellings"},
		{"name of who added a certificate", func(c *config.Config) {
			c.AllowedClientCertificates = []config.AllowedClientCertificate{{Entry: entry(t, "a"), AddedBy: "a\nb"}}
		}, "", "printed"},
		{"relay proxy with a password alone", func(c *config.Config) {
			c.RelayProxy = relayProxy(t, "proxy", "svc", "x")
			c.RelayProxy.Username = ""
		}, reason.RelayUsernameMissing, "relay proxy"},
		{"relay proxy with a colon in its user", func(c *config.Config) {
			c.RelayProxy = relayProxy(t, "proxy", "svc", "x")
			c.RelayProxy.Username = "a:b"
		}, reason.RelayUsernameInvalid, "colon"},
		{"relay proxy without an address", func(c *config.Config) { c.RelayProxy.Username = "svc" }, reason.RelayAddressEmpty, ""},
		{"relay proxy without a port", func(c *config.Config) {
			c.RelayProxy = relayProxy(t, "proxy", "", "")
			c.RelayProxy.Address.Target.Port = 0
		}, reason.RelayAddressInvalid, "port"},
		{"bypass not canonical", func(c *config.Config) {
			c.Settings.RelayProxyBypass = []hostname.Pattern{pattern(t, "b.example.com"), pattern(t, "a.example.com")}
		}, "",
			`"a.example.com,b.example.com"`},
		{"time when a certificate was added", func(c *config.Config) {
			c.AllowedClientCertificates = []config.AllowedClientCertificate{{Entry: entry(t, "a"), AddedAt: time.Unix(0, 1).UTC()}}
		}, "", "added"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := config.Default()
			test.change(&c)
			wantError(t, c.Validate(), test.why, test.text)
		})
	}
}

func TestMoreHostsThanTheLimitAreNotValid(t *testing.T) {
	c := config.Default()
	hosts := make([]config.AllowedHost, config.MaxHosts+1)
	for i := range hosts {
		hosts[i].Pattern = pattern(t, fmt.Sprintf("h%d.example.com", i))
	}
	c.AddHosts(hosts...)
	wantError(t, c.Validate(), reason.TooManyHosts, "100001")
	c.RemoveHosts(hosts[0].Pattern)
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
}

func TestMoreCertificatesThanTheLimitAreNotValid(t *testing.T) {
	c := config.Default()
	certificates := make([]config.AllowedClientCertificate, config.MaxClientCertificates+1)
	for i := range certificates {
		certificates[i].Entry = entry(t, fmt.Sprintf("agent %d", i))
	}
	c.AddClientCertificates(certificates...)
	wantError(t, c.Validate(), reason.TooManyCertificates, "10001")
	c.RemoveClientCertificates(certificates[0].Entry)
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
}

func BenchmarkEncode(b *testing.B) {
	c := config.Default()
	hosts := make([]config.AllowedHost, 10_000)
	for i := range hosts {
		p, err := hostname.ParsePattern(fmt.Sprintf("h%d.example.com", i))
		if err != nil {
			b.Fatal(err)
		}
		hosts[i] = config.AllowedHost{Pattern: p, AddedAt: time.Unix(1.7e9, 0), AddedBy: "root"}
	}
	c.AddHosts(hosts...)
	data := c.Encode()
	b.Run("Encode", func(b *testing.B) {
		for b.Loop() {
			c.Encode()
		}
	})
	b.Run("Decode", func(b *testing.B) {
		for b.Loop() {
			if _, err := config.Decode("config.json", data); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Validate", func(b *testing.B) {
		for b.Loop() {
			if err := c.Validate(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func pattern(t *testing.T, s string) hostname.Pattern {
	t.Helper()
	p, err := hostname.ParsePattern(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func relayProxy(t *testing.T, address, username, password string) config.RelayProxy {
	t.Helper()
	p, err := config.NewRelayProxy(address, username, password)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func entry(t *testing.T, s string) clientcert.Entry {
	t.Helper()
	e, err := clientcert.ParseEntry(s)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// wantCertificates checks the allowed client certificates, each "subject by".
func wantCertificates(t *testing.T, c config.Config, want ...string) {
	t.Helper()
	var got []string
	for _, a := range c.AllowedClientCertificates {
		got = append(got, a.Entry.String()+" "+a.AddedBy)
	}
	if !slices.Equal(got, want) {
		t.Errorf("certificates %q, want %q", got, want)
	}
}

// wantHosts checks the allowed hosts, each "pattern by".
func wantHosts(t *testing.T, c config.Config, want ...string) {
	t.Helper()
	var got []string
	for _, h := range c.AllowedHosts {
		got = append(got, h.Pattern.String()+" "+h.AddedBy)
	}
	if !slices.Equal(got, want) {
		t.Errorf("hosts %q, want %q", got, want)
	}
}

package event_test

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/omsgateway/omsgateway/internal/caller"
	"github.com/omsgateway/omsgateway/internal/event"
	"github.com/omsgateway/omsgateway/internal/reason"
)

var headers = []event.Header{{Name: "Host", Value: "a.example.com:443"}, {Name: "User-Agent", Value: "curl/7.37.0"}}

// Each kind of event: its id, its reason, and its line without the time.
func TestEvents(t *testing.T) {
	addressed := reason.New(reason.AddressNotAllowed, "host", "a.example.com", "address", "127.0.0.1", "kind", "a loopback address")
	notFound := reason.New(reason.TargetNotFound, "host", "a.example.com")
	tests := []struct {
		event  event.Event
		id     event.ID
		reason reason.Reason
		line   string
	}{
		{event.Note(event.GatewayServer, "x"), 100, "", "[0] INFO GatewayServer - x"},
		{event.SettingChanged(caller.Caller{Name: "root"}, "ListenPort", "8080", "8081"), 100, "",
			`[0] INFO GatewayServer - Setting ListenPort was changed from "8080" to "8081" by root`},
		{event.HostAdded(caller.Caller{Name: "root"}, "*.example.com"), 100, "", "[0] INFO GatewayServer - Allowed host *.example.com was added by root"},
		{event.HostRemoved(caller.Caller{Name: "uid:7"}, "a.example.com"), 100, "", "[0] INFO GatewayServer - Allowed host a.example.com was removed by uid:7"},
		{event.HostPolicyChanged(caller.Caller{Name: "root"}, "a.example.com", "", "Off"), 100, "",
			`[0] INFO GatewayServer - Client certificate policy of allowed host a.example.com was changed from "" to "Off" by root`},
		{event.HostAccountChanged(caller.Caller{Name: "root"}, "a.example.com", `owner "a"`, ""), 100, "",
			`[0] INFO GatewayServer - What accounts for allowed host a.example.com was changed from [owner "a"] to [] by root`},
		{event.HostExpires("a.example.com", "", "CHG-7", time.Unix(0, 0), "in a day"), 100, "",
			"[0] INFO GatewayServer - Allowed host a.example.com expires in a day, at 1970-01-01T00:00:00Z; its ticket is CHG-7"},
		{event.HostExpires("a.example.com", "ops", "", time.Unix(0, 0), ""), 100, "",
			"[0] INFO GatewayServer - Allowed host a.example.com has expired at 1970-01-01T00:00:00Z: it allows nothing new, and stays in the " +
				"list until it is removed; its owner is ops"},
		{event.HostsExpire(101, "in a week"), 100, "",
			"[0] INFO GatewayServer - 101 allowed hosts expire in a week; omsgwctl allowed-host review lists them"},
		{event.HostsExpire(101, ""), 100, "",
			"[0] INFO GatewayServer - 101 allowed hosts have expired; omsgwctl allowed-host review lists them"},
		{event.ClockTrusted(caller.Caller{Name: "root"}, time.Unix(0, 0)), 100, "",
			"[0] INFO GatewayServer - root says that the clock of the computer is right: it is 1970-01-01T00:00:00Z"},
		{event.ClockSynchronised(time.Unix(0, 0)), 100, "",
			"[0] INFO GatewayServer - The clock of the computer is synchronised, and allowed hosts expire again: it is 1970-01-01T00:00:00Z"},
		{event.ClientCertificateAdded(caller.Caller{Name: "root"}, `CN="a, b"`), 100, "",
			`[0] INFO GatewayServer - Allowed client certificate CN="a, b" was added by root`},
		{event.ClientCertificateRemoved(caller.Caller{Name: "uid:7"}, "agent"), 100, "",
			"[0] INFO GatewayServer - Allowed client certificate agent was removed by uid:7"},
		{event.Started("1.0.0", []string{"127.0.0.1:8080", "[::1]:8080"}), 101, "",
			"[0] INFO GatewayServer - OMS Gateway 1.0.0 started and listens on 127.0.0.1:8080, [::1]:8080"},
		{event.HostLearned("a.example.com", "OMS agent", "/etc/a.conf"), 100, "",
			"[0] INFO GatewayServer - Host a.example.com was learned from OMS agent (/etc/a.conf)"},
		{event.HostForgotten("a.example.com", "OMS agent", "/etc/a.conf"), 100, "",
			"[0] INFO GatewayServer - Host a.example.com is no longer learned from OMS agent (/etc/a.conf)"},
		{event.CertificateLearned("w", "OMS agent", "/etc/a.crt"), 100, "",
			"[0] INFO GatewayServer - Client certificate w was learned from OMS agent (/etc/a.crt)"},
		{event.CertificateForgotten("w", "OMS agent", "/etc/a.crt"), 100, "",
			"[0] INFO GatewayServer - Client certificate w is no longer learned from OMS agent (/etc/a.crt)"},
		{event.AgentMissing(), 300, "",
			"[0] WARN GatewayServer - There is no monitoring agent on this computer, so no host is allowed by an agent's configuration. " +
				"Install the agent here and configure it for the workspaces of the clients, or set LearnHosts to Off"},
		{event.TrialBegun(caller.Caller{Name: "root"}, "7f3a09c1", time.Date(2026, 12, 4, 18, 2, 0, 0, time.UTC)), 100, "",
			"[0] INFO GatewayServer - The change by root is on trial 7f3a09c1: at 2026-12-04 18:02:00, or when the gateway stops, it goes " +
				"back, unless it is confirmed"},
		{event.TrialExtended(caller.Caller{Name: "uid:7"}, "7f3a09c1", time.Date(2026, 12, 4, 19, 2, 0, 0, time.UTC)), 100, "",
			"[0] INFO GatewayServer - Trial 7f3a09c1 was extended by uid:7 until 2026-12-04 19:02:00"},
		{event.TrialConfirmed(caller.Caller{Name: "uid:7"}, "7f3a09c1", "root"), 100, "",
			"[0] INFO GatewayServer - Trial 7f3a09c1 of a change by root was confirmed by uid:7"},
		{event.TrialRolledBack(caller.Caller{Name: "trial"}, "7f3a09c1", "root"), 100, "",
			"[0] INFO GatewayServer - Trial 7f3a09c1 of a change by root was not confirmed: what was before is in force again, by trial"},
		{event.TrialLeft("7f3a09c1", "root"), 400, "",
			"[0] ERROR GatewayServer - Trial 7f3a09c1 of a change by root was not confirmed before the gateway stopped: at its next start " +
				"what was before is in force again"},
		{event.Stopped(), 102, "", "[0] INFO GatewayServer - OMS Gateway stopped"},
		{event.Paused(), 100, "", "[0] INFO GatewayServer - Paused: no new clients are accepted, open tunnels stay"},
		{event.Continued([]string{"127.0.0.1:8080"}), 100, "", "[0] INFO GatewayServer - Going on after the pause, listening on 127.0.0.1:8080"},
		{event.ConnectReceived(client, "a.example.com:443", headers), 103, "",
			"[47] DEBUG GatewayLogic - Got request from 10.1.2.3:51234: CONNECT a.example.com:443 with headers " +
				"[Host, a.example.com:443];[User-Agent, curl/7.37.0]"},
		{event.NotConnect(client, "GET http://a.example.com/ HTTP/1.1"), 104, reason.MethodNotAllowed,
			"[47] WARN GatewayLogic - Got a request from 10.1.2.3:51234 that is not CONNECT and is refused: " +
				"GET http://a.example.com/ HTTP/1.1"},
		{event.HostForbidden(client, "a.example.com", 443), 105, reason.HostNotAllowed,
			"[47] ERROR GatewayLogic - Target host (a.example.com) is forbidden. It is not in the allowed list. Check that the agent " +
				"on the client and the agent on the gateway use the same workspace, or add the host with: " +
				"omsgwctl allowed-host add a.example.com"},
		{event.HostForbidden(client, "2001:db8::1", 8443), 105, reason.HostNotAllowed,
			"[47] ERROR GatewayLogic - Target host (2001:db8::1) is forbidden. It is not in the allowed list. Check that the agent " +
				"on the client and the agent on the gateway use the same workspace, or add the host with: " +
				"omsgwctl allowed-host add [2001:db8::1]:8443"},
		{event.PortForbidden(client, "a.example.com", 8443, "*.example.com"), 105, reason.PortNotAllowed,
			"[47] ERROR GatewayLogic - Target host (a.example.com) is forbidden. Port 8443 is not allowed for it (the allowed list " +
				"has *.example.com). Add it with: omsgwctl allowed-host add a.example.com:8443"},
		{event.AddressForbidden(client, "a.example.com", addressed), 105, reason.AddressNotAllowed,
			"[47] ERROR GatewayLogic - Target host (a.example.com) is forbidden. " + addressed.Error()},
		{event.ConnectedToRelayProxy(client, "http://proxy:3128", netip.MustParseAddrPort("192.0.2.1:3128")), 200, "",
			"[47] DEBUG TcpConnection - Connected to relay proxy http://proxy:3128"},
		{event.ConnectedToServer(client, "a.example.com:443", netip.MustParseAddrPort("192.0.2.1:443")), 200, "",
			"[47] DEBUG TcpConnection - Connected to server a.example.com:443"},
		{event.TunnelStalled(client, "a.example.com:443", "client", 2*time.Minute), 100, "",
			"[47] INFO TcpConnection - Tunnel from 10.1.2.3:51234 to a.example.com:443 is closed, because the client has taken none of " +
				"the bytes that waited for it for 120 s (StallTimeoutSeconds)"},
		{event.TunnelStarted(client), 200, "", "[47] DEBUG TcpConnection - Start tunneling data ..."},
		{event.TunnelEnded(client), 200, "", "[47] DEBUG TcpConnection - End tunneling data"},
		{event.ClientDisconnected(client), 200, "", "[47] DEBUG TcpConnection - Client socket disconnected"},
		{event.Step(event.TLSParser, "x"), 200, "", "[0] DEBUG TlsParser - x"},
		{event.RequestUnreadable(client, reason.New(reason.RequestBody)), 400, reason.RequestBody,
			"[47] ERROR GatewayLogic - Request from 10.1.2.3:51234 is refused: the CONNECT request announces a body (Content-Length or Transfer-Encoding), and CONNECT has none"},
		{event.Refused(client, reason.New(reason.GatewayStopping)), 400, reason.GatewayStopping,
			"[47] ERROR TcpConnection - Connection from 10.1.2.3:51234 is refused: the gateway is stopping"},
		{event.Failure(event.GatewayServer, "to accept a connection", errors.New("too many open files")), 400, "",
			"[0] ERROR GatewayServer - Failed to accept a connection: too many open files"},
		{event.AdminDenied(caller.Caller{Name: "uid:7"}, "SettingService/SetSettings", reason.NotPermittedToChange), 400, reason.NotPermittedToChange,
			"[0] ERROR GatewayServer - uid:7 was denied the call SettingService/SetSettings (NOT_PERMITTED_TO_CHANGE)"},
		{event.Panic("index out of range", []byte("goroutine 1 [running]:\nmain.main()\n\tmain.go:7 +0x1\n")), 400, reason.GatewayFault,
			"[0] ERROR GatewayServer - Fault in the program: index out of range; goroutine 1 [running]: | main.main() | main.go:7 +0x1"},
		{event.ConfigurationWrong(reason.New(reason.ConfigTooLarge, "file", "config.json", "limit", "9")), 401, reason.ConfigTooLarge,
			"[0] ERROR GatewayServer - Wrong configuration: config.json is larger than 9 bytes"},
		{event.DialFailed(client, "a.example.com:443", notFound), 403, reason.TargetNotFound,
			"[47] ERROR TcpConnection - Cannot connect to server a.example.com:443 for 10.1.2.3:51234: " +
				notFound.Error()},
	}
	for _, test := range tests {
		t.Run(test.line, func(t *testing.T) {
			e := test.event
			e.Time = time.Date(2020, 2, 28, 3, 19, 5, 999, time.Local)
			if diff := cmp.Diff("2020-02-28 03:19:05 "+test.line, event.Format(e)); diff != "" {
				t.Error(diff)
			}
			if e.ID != test.id || e.Reason != test.reason {
				t.Errorf("id %d, reason %q; want %d, %q", e.ID, e.Reason, test.id, test.reason)
			}
		})
	}
}

func TestTimeIsLocal(t *testing.T) {
	e := event.Stopped()
	e.Time = time.Date(2020, 2, 28, 13, 19, 5, 0, time.FixedZone("far away", 13*3600))
	if got, want := event.Format(e), e.Time.Local().Format("2006-01-02 15:04:05"); !strings.HasPrefix(got, want+" [0] INFO ") {
		t.Errorf("line = %q, want the time %s", got, want)
	}
}

// What a text mentions is in its fields: each value of the tests of texts that was handed over is there, too.
func TestFieldsHaveAllThatIsMentioned(t *testing.T) {
	said := reason.Wrap(errors.New("<cause>"), reason.ListenNotPossible, "address", "<address>")
	plain := errors.New("<error>")
	who := caller.Caller{Name: "<caller>"}
	for _, e := range []event.Event{
		event.Started("<version>", []string{"<at>"}), event.Continued([]string{"<at>"}),
		event.Failure(event.GatewayServer, "to <doing>", said), event.Failure(event.GatewayServer, "to <doing>", plain),
		event.Panic("<panic>", []byte("<stack>")), event.ConfigurationWrong(said), event.Advice(event.GatewayServer, said),
		event.SettingChanged(who, "<key>", "<old>", "<new>"), event.HostAdded(who, "<host>"), event.HostRemoved(who, "<host>"),
		event.HostsChanged(who, event.HostCounts{Added: 11, Removed: 22, OtherPolicy: 33, OtherAccount: 55}),
		event.HostAccountChanged(who, "<host>", "<old>", "<new>"), event.DeniedHostsCleared(who, 44),
		event.HostExpires("<host>", "<owner>", "<ticket>", time.Unix(0, 0), "<in>"), event.HostsExpire(11, "<in>"),
		event.ClockTrusted(who, time.Unix(0, 0)), event.ClockSynchronised(time.Unix(0, 0)), event.HostPolicyChanged(who, "<host>", "<old>", "<new>"),
		event.RelayProxyChanged(who, "<old>", "<user>", "<new>", "<other>", false), event.ClientCertificateAdded(who, "<subject>"),
		event.ClientCertificateRemoved(who, "<subject>"), event.ClientCertificatesChanged(who, 11, 22),
		event.TrialBegun(who, "<trial>", time.Unix(0, 0)), event.TrialExtended(who, "<trial>", time.Unix(0, 0)),
		event.TrialConfirmed(who, "<trial>", "<author>"), event.TrialRolledBack(who, "<trial>", "<author>"),
		event.TrialLeft("<trial>", "<author>"),
		event.AdminDenied(who, "<method>", "<REASON>"), event.HostLearned("<host>", "<agent>", "<place>"),
		event.HostForgotten("<host>", "<agent>", "<place>"), event.CertificateLearned("<subject>", "<agent>", "<place>"),
		event.CertificateForgotten("<subject>", "<agent>", "<place>"),
		event.ConnectReceived(client, "<target>", []event.Header{{Name: "<name>", Value: "<value>"}}), event.NotConnect(client, "<request>"),
		event.HostForbidden(client, "<host>", 8443), event.PortForbidden(client, "<host>", 8443, "<entry>"),
		event.AddressForbidden(client, "<host>", said), event.RequestUnreadable(client, said), event.Refused(client, said),
		event.DialFailed(client, "<target>", said), event.ConnectedToRelayProxy(client, "<relay>", netip.MustParseAddrPort("192.0.2.1:1")),
		event.ConnectedToServer(client, "<target>", netip.MustParseAddrPort("192.0.2.1:1")), event.HandshakeStep(client, "<step>"),
		event.SessionRefused(client, "<target>", said), event.TunnelStalled(client, "<target>", "<receiver>", 11*time.Second),
	} {
		var fields strings.Builder
		for _, f := range e.Fields {
			fields.WriteString(f.Value + "\n")
		}
		fields.WriteString(string(e.Reason))
		for _, mentioned := range regexp.MustCompile(`<[a-zA-Z]+>|10\.1\.2\.3:51234|\b(11|22|33|44|8443)\b`).FindAllString(e.Text, -1) {
			if !strings.Contains(fields.String(), mentioned) {
				t.Errorf("%s: the text mentions %s, and no field does: %q %v", e.Kind, mentioned, e.Text, e.Fields)
			}
		}
	}
}

func TestFieldsCarryTheParts(t *testing.T) {
	e := event.PortForbidden(client, "a.example.com", 8443, "*.example.com")
	want := []event.Field{{Name: "client", Value: "10.1.2.3:51234"}, {Name: "host", Value: "a.example.com"},
		{Name: "port", Value: "8443"}, {Name: "entry", Value: "*.example.com"}}
	if diff := cmp.Diff(want, e.Fields); diff != "" {
		t.Error(diff)
	}
	who := caller.Caller{Name: "root", Via: "remote", Role: caller.Change, Address: "10.1.2.3:51234"}
	changed := event.SettingChanged(who, "LogLevel", "Info", "Debug")
	want = []event.Field{{Name: "caller", Value: "root"}, {Name: "via", Value: "remote"},
		{Name: "address", Value: "10.1.2.3:51234"}, {Name: "key", Value: "LogLevel"},
		{Name: "old", Value: "Info"}, {Name: "new", Value: "Debug"}}
	if diff := cmp.Diff(want, changed.Fields); diff != "" {
		t.Error(diff)
	}
}

func TestClientIsPrintedAsIPv4(t *testing.T) {
	mapped := event.Client{Addr: netip.MustParseAddrPort("[::ffff:10.1.2.3]:5")}
	if got := mapped.String(); got != "10.1.2.3:5" {
		t.Errorf("client = %q", got)
	}
}

func TestSecretsAreMasked(t *testing.T) {
	const secret = "s3cr3t"
	with := func(h ...event.Header) event.Event { return event.ConnectReceived(client, "a:443", h) }
	unreadable := reason.New(reason.AuthorityInvalid, "authority", "ann:s3cr3t/s3cr3t@s3cr3t@a:443")
	tests := []struct {
		name  string
		event event.Event
		want  string
	}{
		{"credentials", with(event.Header{Name: "Proxy-Authorization", Value: "Basic " + secret}), "[Proxy-Authorization, ***]"},
		{"authorization", with(event.Header{Name: "authorization", Value: secret}), "[authorization, ***]"},
		{"cookie", with(event.Header{Name: "COOKIE", Value: "id=" + secret}), "[COOKIE, ***]"},
		{"a key", with(event.Header{Name: "X-Api-Key", Value: secret}), "[X-Api-Key, ***]"},
		{"anything else", with(event.Header{Name: "X", Value: secret}), "[X, ***]"},
		{"user of a host", with(event.Header{Name: "HOST", Value: "ann:" + secret + "@a:443"}), "[HOST, ***@a:443]"},
		{"blank after the name", with(event.Header{Name: "Cookie ", Value: secret}), "[Cookie , ***]"},
		{"among others", with(headers[0], event.Header{Name: "Cookie", Value: secret}, headers[1]),
			"[Host, a.example.com:443];[Cookie, ***];[User-Agent, curl/7.37.0]"},
		{"user of a target", event.ConnectReceived(client, "ann:"+secret+"@a:443", nil), "CONNECT ***@a:443 with"},
		{"user of a URL", event.NotConnect(client, "GET http://ann:"+secret+"@a/ HTTP/1.1"), "GET ***@a/ HTTP/1.1"},
		{"query", event.NotConnect(client, "GET http://a/x?sig="+secret+" HTTP/1.1"), "GET http://a/x?*** HTTP/1.1"},
		{"user in an error", event.RequestUnreadable(client, unreadable), `the target "***@a:443" is not`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := event.Format(test.event)
			if !strings.Contains(got, test.want) {
				t.Errorf("line = %q, want %q in it", got, test.want)
			}
			for _, f := range test.event.Fields {
				got += f.Value
			}
			if strings.Contains(got, secret) {
				t.Errorf("the secret is in %q", got)
			}
		})
	}
}

func TestHeadersAreCut(t *testing.T) {
	const text = "with headers "
	for name, many := range map[string][]event.Header{
		"one":  {{Name: "User-Agent", Value: strings.Repeat("é", 4_000)}},
		"many": slices.Repeat(headers, 1_000),
		"raw":  {{Name: "User-Agent", Value: strings.Repeat("\x01", 4_000)}},
	} {
		t.Run(name, func(t *testing.T) {
			e := event.ConnectReceived(client, strings.Repeat("a", 10_000)+":443", many)
			_, shown, _ := strings.Cut(e.Text, text)
			if len(shown) > 2<<10 || len(shown) < 2<<10-4 || !strings.HasSuffix(shown, "...") {
				t.Errorf("%d bytes of headers, which end with %q", len(shown), shown[len(shown)-9:])
			}
			if len(e.Text) > 3<<10 || !utf8.ValidString(e.Text) {
				t.Errorf("%d bytes of text, valid %v", len(e.Text), utf8.ValidString(e.Text))
			}
		})
	}
}

func TestTunnelSummary(t *testing.T) {
	full := event.Summary{Client: client, Host: "a.example.com", Port: 443, Decision: "allowed", Entry: "*.example.com",
		TLS: "TLS 1.2", ServerName: "a.example.com", Subject: "CN=a b", Sent: 1234, Received: 99,
		Dial: 12 * time.Millisecond, Total: 3456 * time.Millisecond, End: "finished"}
	failed := event.Summary{Client: client, Host: `a b="c"`, Decision: "allowed", Reason: reason.TargetNotFound, End: "not connected"}
	escaped := event.Summary{Client: client, Host: "a\u00ad", Decision: "allowed", Subject: `OU="Größe, x", CN=CORP\\ann`, End: "\x7f "}
	tests := []struct {
		name    string
		summary event.Summary
		want    string
	}{
		{"full", full, "client=10.1.2.3:51234 host=a.example.com port=443 decision=allowed reason=- entry=*.example.com " +
			`tls="TLS 1.2" server_name=a.example.com subject="CN=a b" sent=1234 ` + "received=99 dial_ms=12 total_s=3.456 end=finished"},
		{"failed", failed, `client=10.1.2.3:51234 host="a b=\"c\"" port=- decision=allowed reason=TARGET_NOT_FOUND entry=- ` +
			`tls=- server_name=- subject=- sent=0 received=0 dial_ms=0 total_s=0.000 end="not connected"`},
		{"escaped", escaped, `client=10.1.2.3:51234 host=a\u00ad port=- decision=allowed reason=- entry=- tls=- server_name=- ` +
			`subject="OU=\"Größe, x\", CN=CORP\\\\ann" sent=0 received=0 dial_ms=0 total_s=0.000 end="\x7f "`},
	}
	for _, test := range tests {
		e := event.TunnelSummary(test.summary)
		_, got, _ := strings.Cut(event.Format(e), " - ")
		if diff := cmp.Diff(test.want, got); diff != "" || e.ID != event.Information || e.Level != event.Info || e.Connection != 47 {
			t.Errorf("%s: %s %+v", test.name, diff, e)
		}
	}
}

func TestControlCharactersAreEscaped(t *testing.T) {
	tests := []struct{ text, want string }{
		{"plain ~", "plain ~"},
		{"Grüße 世界", "Grüße 世界"},
		{"a\r\n2020-02-28 13:19:05 [0] INFO forged", `a\r\n2020-02-28 13:19:05 [0] INFO forged`},
		{"\x1b[31mred\x00\x7f", `\x1b[31mred\x00\x7f`},
		{"\u0085\u2028\u202e\ufeff", `\u0085\u2028\u202e\ufeff`},
		{"\xff\xc3", `\xff\xc3`},
		{`back\slash`, `back\slash`},
	}
	for _, test := range tests {
		_, got, _ := strings.Cut(event.Format(event.Note(event.GatewayServer, test.text)), " - ")
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Error(diff)
		}
	}
}

func TestParseLevel(t *testing.T) {
	for level := event.Error; level <= event.Debug; level++ {
		for _, s := range []string{level.String(), strings.ToUpper(level.String())} {
			if got, err := event.ParseLevel(s); got != level || err != nil {
				t.Errorf("ParseLevel(%q) = %v, %v", s, got, err)
			}
		}
	}
	for _, s := range []string{"", "Trace", "Level(0)", "4"} {
		if got, err := event.ParseLevel(s); err == nil {
			t.Errorf("ParseLevel(%q) = %v", s, got)
		}
	}
}

func FuzzConnectReceived(f *testing.F) {
	f.Add("a.example.com:443", "Host", "a.example.com:443")
	f.Fuzz(func(t *testing.T, target, name, value string) {
		e := event.ConnectReceived(client, target, []event.Header{{Name: name, Value: value}, {Name: "Cookie", Value: "s3cr3t"}})
		got := event.Format(e)
		for _, r := range got {
			if r < ' ' || r == 0x7f {
				t.Fatalf("%q has %q", got, r)
			}
		}
		again := e
		again.Text = got
		if _, text, _ := strings.Cut(event.Format(again), " - "); text != got {
			t.Errorf("%q is not escaped the same way again: %q", got, text)
		}
		if len(got) > 16<<10 {
			t.Errorf("%d bytes", len(got))
		}
		if strings.Contains(got, "s3cr3t") && !strings.Contains(target+name+value, "s3cr3t") {
			t.Errorf("the secret is in %q", got)
		}
	})
}

func TestSessionRefused(t *testing.T) {
	tests := []struct {
		err  error
		want string
	}{
		{reason.New(reason.ClientCertificateNotAllowed, "subject", "CN=a, O=b"),
			"105 TcpConnection Invalid Client certificate: CN=a, O=b"},
		{reason.New(reason.SSL2NotAllowed),
			"106 TlsParser TLS session with a.example.com:443 is refused: the client begins with a hello of SSL 2; switch SSL 2 off at the client"},
		{reason.New(reason.TLSServerFirst),
			"402 TlsParser TLS session with a.example.com:443 is refused: the tunnel carries no TLS: the server speaks before the client's hello is complete"},
	}
	for _, test := range tests {
		e := event.SessionRefused(client, "a.example.com:443", test.err)
		if diff := cmp.Diff(test.want, fmt.Sprintf("%d %s %s", e.ID, e.Component, e.Text)); diff != "" || e.Reason != reason.Of(test.err) {
			t.Errorf("%s %+v", diff, e)
		}
	}
}

// The list of hosts that go past the relay proxy may be long.
func TestLongValuesOfSettingsAreCut(t *testing.T) {
	long := strings.Repeat("a.example.com,", 10_000)
	e := event.SettingChanged(caller.Caller{Name: "root"}, "RelayProxyBypass", long, "b"+long)
	size := len(e.Text)
	for _, f := range e.Fields {
		size += len(f.Value)
	}
	if size > 8<<10 || !strings.Contains(e.Text, `..." to "ba.example.com,`) {
		t.Errorf("the event has %d bytes: %.100s", size, e.Text)
	}
}

// The numbers in package reason are ids of this package, which is above it.
func TestReasonsHaveKnownEvents(t *testing.T) {
	for _, r := range reason.All() {
		switch id := event.ID(r.Event()); id {
		case 0, event.NotAConnect, event.Forbidden, event.Fault, event.Network:
		case event.TLSRefused, event.NoTLS:
			if r.Class() != reason.ClassSession {
				t.Errorf("%s has event %d and refuses no session", r, id)
			}
		default:
			t.Errorf("%s has event %d, with which nothing is refused", r, id)
		}
	}
	denied := event.AdminDenied(caller.Caller{Name: "user ann"}, "/x/Add", reason.NotPermittedToChange)
	if got := event.ID(reason.NotPermittedToChange.Event()); got != denied.ID {
		t.Errorf("a denied call has event %d, and its reason %d", denied.ID, got)
	}
}

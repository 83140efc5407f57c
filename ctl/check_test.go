package ctl_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/omsgateway/omsgateway/internal/apierr"
	"github.com/omsgateway/omsgateway/internal/reason"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

// effectiveHosts has one of each kind of source, and one of both.
func effectiveHosts() []*adminv1.EffectiveHost {
	at := &timestamppb.Timestamp{Seconds: 1582895945}
	local := &adminv1.EffectiveHost_Source{Kind: adminv1.EffectiveHost_Source_LOCAL, Since: at, AddedBy: "root"}
	learned := &adminv1.EffectiveHost_Source{Kind: adminv1.EffectiveHost_Source_LEARNED, Since: at,
		Agent: "OMS agent", Place: "/etc/x\x1b.conf", Workspace: "w1"}
	return []*adminv1.EffectiveHost{
		{Host: "a.example.com", UseCount: 17, LastUsedAt: at, ClientCertificatePolicy: adminv1.AllowedHost_OFF,
			Sources: []*adminv1.EffectiveHost_Source{local, learned}},
		{Host: "*.example.com", ClientCertificatePolicy: adminv1.AllowedHost_OFF, Sources: []*adminv1.EffectiveHost_Source{
			{Kind: adminv1.EffectiveHost_Source_LEARNED, Agent: "Azure Monitor Agent", Place: "chunk.json"}, {Kind: adminv1.EffectiveHost_Source_LOCAL}, {Kind: 9},
			{Kind: 10, Particulars: []*adminv1.EffectiveHost_Source_Particular{{Name: "profile", Value: "azure-arc"}, {Name: "row", Value: "3"}}},
		}},
	}
}

func (g *gateway) ListEffectiveHosts(_ context.Context, r *adminv1.ListEffectiveHostsRequest) (*adminv1.ListEffectiveHostsResponse, error) {
	hosts := effectiveHosts()
	if r.PageToken == "" {
		return &adminv1.ListEffectiveHostsResponse{Hosts: hosts[:1], NextPageToken: "more"}, nil
	}
	return &adminv1.ListEffectiveHostsResponse{Hosts: hosts[1:]}, nil
}

func TestEffectiveHosts(t *testing.T) {
	g := startGateway(t)
	got := g.run(t, "", "allowed-host", "list", "--effective")
	got.Out = atTime(got.Out)
	want := result{Out: `HOST           USED  LAST USED            SINCE                SOURCE
a.example.com  17    TIME  TIME  configured here by root
                                          TIME  learned from OMS agent, workspace w1 (/etc/x\x1b.conf)
*.example.com  0                                               learned from Azure Monitor Agent (chunk.json)
                                                               configured here
                                                               9
                                                               10 (profile azure-arc, row 3)
`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	got = g.run(t, "", "allowed-host", "list", "--effective", "--json")
	if got.Code != 0 || strings.Count(got.Out, `"useCount"`) != 2 || !strings.Contains(got.Out, `"nextPageToken": ""`) {
		t.Errorf("as JSON: %+v", got)
	}
}

func (g *gateway) CheckHost(_ context.Context, r *adminv1.CheckHostRequest) (*adminv1.CheckHostResponse, error) {
	allowed := &adminv1.CheckHostResponse{Host: r.Host, Allowed: true, Entry: effectiveHosts()[0], Route: adminv1.CheckHostResponse_DIRECT,
		Addresses: []*adminv1.CheckHostResponse_Address{{Address: "192.0.2.1"}, {Address: "127.0.0.1",
			Refusal: problem(reason.New(reason.AddressNotAllowed, "kind", "a loopback address"))}}}
	switch r.Host {
	case "good":
		allowed.Connected, allowed.ConnectedAddress, allowed.ConnectTime = true, "192.0.2.1:443", durationpb.New(23*time.Millisecond)
	case "unresolved":
		allowed.Addresses, allowed.Unresolved = nil, problem(reason.New(reason.TargetNotFound, "host", "unresolved"))
	case "slow":
		allowed.Addresses = append([]*adminv1.CheckHostResponse_Address{
			{Address: "192.0.2.7", Tried: true, Failure: "i/o\x1btimeout"}, {Address: "192.0.2.8", Tried: true},
		}, allowed.Addresses...)
		allowed.Connected, allowed.ConnectedAddress, allowed.ConnectTime = true, "192.0.2.8:443", durationpb.New(273*time.Millisecond)
	case "unreachable":
		allowed.Route, allowed.Unreachable = adminv1.CheckHostResponse_RELAY_PROXY_BYPASS,
			problem(reason.New(reason.TargetUnreachable, "target", "unreachable:443"))
	case "stopped":
		allowed.Addresses = nil
		if r.DecideOnly {
			allowed.Route, allowed.RelayProxy = adminv1.CheckHostResponse_RELAY_PROXY, "http://proxy:3128"
		}
	case "port":
		return &adminv1.CheckHostResponse{Host: r.Host, Entry: effectiveHosts()[0],
			Refusal: problem(reason.New(reason.PortNotAllowed, "host", "port", "port", "443", "target", "port"))}, nil
	case "bad":
		return &adminv1.CheckHostResponse{Host: r.Host,
			Refusal: problem(reason.New(reason.HostNotAllowed, "host", "bad", "port", "443", "target", "bad"))}, nil
	default:
		return nil, apierr.ToStatus(reason.New(reason.HostIsWildcard, "host", r.Host, "meant", "x"))
	}
	return allowed, nil
}

func TestCheck(t *testing.T) {
	const entry = `Decision:             allowed by a.example.com
Source:               configured here by root, since TIME
                      learned from OMS agent, workspace w1 (/etc/x\x1b.conf), since TIME
Used:                 17 times, last TIME
Client certificates:  Off
`
	const addresses = `Leads to:             192.0.2.1
                      127.0.0.1, refused: a loopback address
`
	tests := []struct {
		args string
		want result
	}{
		{"good", result{Out: "Host:                 good\n" + entry + addresses +
			"Route:                directly\nConnection:           opened to 192.0.2.1:443 in 23 ms\n"}},
		{"slow", result{Out: "Host:                 slow\n" + entry + `Leads to:             192.0.2.7, not connected: i/o\x1btimeout
                      192.0.2.8
                      192.0.2.1, not tried
                      127.0.0.1, refused: a loopback address
Route:                directly
Connection:           opened to 192.0.2.8:443 in 273 ms
`}},
		{"unresolved", result{1, "Host:                 unresolved\n" + entry + "Route:                directly\n" +
			"Leads to:             failed, TARGET_NOT_FOUND\n", "omsgwctl: the name unresolved cannot be resolved; check the DNS of the gateway's computer\n"}},
		{"unreachable", result{1, "Host:                 unreachable\n" + entry + addresses +
			"Route:                directly (RelayProxyBypass)\nConnection:           failed, TARGET_UNREACHABLE\n",
			"omsgwctl: cannot connect to unreachable:443; check the firewalls on the way, and that the target listens there\n"}},
		{"stopped", result{Out: "Host:                 stopped\n" + entry +
			"Route:                directly\nConnection:           not tried, because the gateway is stopped\n"}},
		{"stopped --decide-only", result{Out: "Host:                 stopped\n" + entry +
			"Route:                through the relay proxy http://proxy:3128\n"}},
		{"port", result{1, `Host:             port
Decision:         refused, PORT_NOT_ALLOWED
Allowed instead:  a.example.com
Source:           configured here by root, since TIME
                  learned from OMS agent, workspace w1 (/etc/x\x1b.conf), since TIME
`, "omsgwctl: target host port is allowed, but not on port 443; an administrator can add it with: omsgwctl allowed-host add port\n"}},
		{"bad", result{1, "Host:      bad\nDecision:  refused, HOST_NOT_ALLOWED\n",
			"omsgwctl: target host bad is not in the allowed list; an administrator can add it with: omsgwctl allowed-host add bad\n"}},
		{"*.x", result{1, "", "omsgwctl: \"*.x\" stands for many hosts; name one of them, for example x\n"}},
	}
	for _, test := range tests {
		t.Run(test.args, func(t *testing.T) {
			g := startGateway(t)
			got := g.run(t, "", append([]string{"check"}, strings.Fields(test.args)...)...)
			got.Out = atTime(got.Out)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
	g := startGateway(t)
	got := g.run(t, "", "check", "bad", "--json")
	if got.Code != 1 || !strings.Contains(got.Out, `"allowed": false`) || !strings.Contains(got.Err, `"reason": "HOST_NOT_ALLOWED"`) {
		t.Errorf("as JSON: %+v", got)
	}
}

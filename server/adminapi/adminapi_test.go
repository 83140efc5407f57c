package adminapi_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/omsgateway/omsgateway/internal/apierr"
	"github.com/omsgateway/omsgateway/internal/clock"
	"github.com/omsgateway/omsgateway/internal/config"
	"github.com/omsgateway/omsgateway/internal/demand"
	"github.com/omsgateway/omsgateway/internal/discovery"
	"github.com/omsgateway/omsgateway/internal/event"
	"github.com/omsgateway/omsgateway/internal/handshake"
	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/localsock"
	"github.com/omsgateway/omsgateway/internal/osdefaults"
	"github.com/omsgateway/omsgateway/internal/policy"
	"github.com/omsgateway/omsgateway/internal/reason"
	"github.com/omsgateway/omsgateway/internal/settings"
	"github.com/omsgateway/omsgateway/internal/testpipe"
	"github.com/omsgateway/omsgateway/internal/tunnel"
	"github.com/omsgateway/omsgateway/internal/upstream"
	"github.com/omsgateway/omsgateway/internal/usage"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
	"github.com/omsgateway/omsgateway/server/adminapi"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, testpipe.Poller()) }

// api is a server on a real socket with a real store, and a client of it.
type api struct {
	adminapi.Gateway
	server *adminapi.Server
	conn   *grpc.ClientConn

	address string // of the server
	state   func() adminapi.State
	agents  discovery.Reading
	lookUp  func() // called before a name server is asked
	opened  uint16 // the port that the firewall opens, 0 for all
}

func start(t *testing.T) *api {
	t.Helper()
	return startFor(t, localsock.ServerCredentials(localsock.Rules{}))
}

// startFor is start with callers whom creds tell.
func startFor(t *testing.T, creds credentials.TransportCredentials) *api {
	t.Helper()
	a := &api{
		state:  func() adminapi.State { return adminapi.Running },
		lookUp: func() {},
	}
	a.Events = event.NewHub(event.Options{Level: event.Debug})
	store, err := settings.Open(settings.Options{Dir: t.TempDir(), Events: a.Events})
	if err != nil {
		t.Fatal(err)
	}
	a.Store, a.Tunnels, a.Counters = store, tunnel.NewTable(), &tunnel.Counters{}
	a.Clock = clock.System{}
	a.Usage, a.Demand, a.Dialer = usage.New(), demand.New(), upstream.Dialer{Resolver: &net.Resolver{
		PreferGo: true,
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			a.lookUp()
			return localNames.Dial(ctx, network, address)
		},
	}}
	a.Discovery = func() *discovery.Reading { return &a.agents }
	a.Firewall = func(s config.Settings) error {
		if a.opened == 0 || a.opened == s.ListenPort {
			return nil
		}
		return reason.New(reason.FirewallRuleDiffers, "rule", "OMS Gateway", "port", strconv.Itoa(int(s.ListenPort)), "command", "COMMAND")
	}
	a.Status = adminapi.Status{
		Version:   "1.2.3",
		Started:   time.Now(),
		State:     func() adminapi.State { return a.state() },
		Addresses: func() []string { return []string{"127.0.0.1:8080"} },
	}
	a.server = adminapi.NewServer(a.Gateway, creds)
	address := osdefaults.AddressIn(t.TempDir())
	a.address = address
	listener, err := localsock.Listen(address)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- a.server.Serve(listener) }()
	if err := testpipe.Prime(address); err != nil {
		t.Fatal(err)
	}
	a.conn = dial(t, address)
	t.Cleanup(func() {
		_ = a.conn.Close()
		a.Events.EndWatches()
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		a.server.Stop(ctx)
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
		if err := errors.Join(a.Events.Close(ctx), store.Close()); err != nil {
			t.Error(err)
		}
	})
	return a
}

// dial makes a client of the server at address, which ends with the test.
func dial(t *testing.T, address string) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///gateway",
		grpc.WithTransportCredentials(localsock.ClientCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return localsock.Dial(ctx, address) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// check fails the test unless err has this code and reason, as they come out of the wire.
func check(t *testing.T, err error, code codes.Code, why reason.Reason) {
	t.Helper()
	if status.Code(err) != code || reasonOf(err) != why {
		t.Errorf("got %v, reason %q; want %v, %q", err, reasonOf(err), code, why)
	}
}

func reasonOf(err error) reason.Reason { return reason.Of(apierr.FromStatus(err)) }

func TestAddAndRemoveHosts(t *testing.T) {
	a, ctx := start(t), t.Context()
	hosts := adminv1.NewAllowedHostServiceClient(a.conn)

	added, err := hosts.AddAllowedHosts(ctx, &adminv1.AddAllowedHostsRequest{Hosts: []*adminv1.AllowedHost{
		{Host: " A.example.com:443 "}, {Host: "a.example.com"}, {Host: "https://b.example.com/"}, {Host: "*.blob.core.windows.net"},
		{Host: "169.254.169.254"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	want := []*adminv1.AllowedHostOutcome{
		{Host: "a.example.com", Outcome: adminv1.AllowedHostOutcome_ADDED},
		{Host: "a.example.com", Outcome: adminv1.AllowedHostOutcome_ALREADY_PRESENT},
		{Host: "https://b.example.com/", Outcome: adminv1.AllowedHostOutcome_INVALID, Problem: &adminv1.Problem{
			Reason:   "HOST_IS_URL",
			Message:  `"https://b.example.com/" is a URL; give the host alone: b.example.com`,
			Metadata: map[string]string{"host": "https://b.example.com/", "meant": "b.example.com"},
		}},
		{Host: "*.blob.core.windows.net", Outcome: adminv1.AllowedHostOutcome_ADDED, Warnings: []*adminv1.Problem{{
			Reason: "HOST_WILDCARD_SHARED",
			Message: "*.blob.core.windows.net covers a suffix that many customers share (blob.core.windows.net): " +
				"others can create names below it",
			Metadata: map[string]string{"host": "*.blob.core.windows.net", "suffix": "blob.core.windows.net"},
		}}},
		{Host: "169.254.169.254", Outcome: adminv1.AllowedHostOutcome_ADDED, Warnings: []*adminv1.Problem{{
			Reason: "HOST_SPECIAL_ADDRESS",
			Message: "169.254.169.254 is a link-local address: it leads to the gateway's computer itself or into its network segment; " +
				"remove it unless clients are meant to get there",
			Metadata: map[string]string{"host": "169.254.169.254", "kind": "a link-local address"},
		}}},
	}
	if diff := cmp.Diff(want, added.GetOutcomes(), protocmp.Transform()); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
	if added.GetEtag() != a.Store.Current().Etag {
		t.Errorf("etag %s, in force is %s", added.GetEtag(), a.Store.Current().Etag)
	}

	if _, err := hosts.AddAllowedHosts(ctx, &adminv1.AddAllowedHostsRequest{
		Hosts: []*adminv1.AllowedHost{{Host: "x.blob.core.windows.net"}},
	}); err != nil {
		t.Fatal(err)
	}
	a.Tunnels.Add(tunnel.Info{ID: 1, Entry: "x.blob.core.windows.net"})
	removed, err := hosts.RemoveAllowedHosts(ctx, &adminv1.RemoveAllowedHostsRequest{
		Hosts: []string{"x.blob.core.windows.net", "never.example.com", "*"},
	})
	if err != nil {
		t.Fatal(err)
	}
	got := removed.GetOutcomes()
	if len(got) != 3 || got[2].GetProblem().GetReason() != "HOST_WILDCARD_ALL" {
		t.Fatalf("outcomes: %v", got)
	}
	wantRemoved := []*adminv1.AllowedHostOutcome{
		{Host: "x.blob.core.windows.net", Outcome: adminv1.AllowedHostOutcome_REMOVED, OpenTunnels: 1,
			StillCoveredBy: "*.blob.core.windows.net"},
		{Host: "never.example.com", Outcome: adminv1.AllowedHostOutcome_NOT_PRESENT},
	}
	if diff := cmp.Diff(wantRemoved, got[:2], protocmp.Transform()); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
}

// TestHostPolicies follows a host's own policy from its addition to its removal.
func TestHostPolicies(t *testing.T) {
	a, ctx := start(t), t.Context()
	hosts := adminv1.NewAllowedHostServiceClient(a.conn)
	const required, ifShown = adminv1.AllowedHost_REQUIRED, adminv1.AllowedHost_IF_SHOWN

	added, err := hosts.AddAllowedHosts(ctx, &adminv1.AddAllowedHostsRequest{Hosts: []*adminv1.AllowedHost{
		{Host: "a.example.com", ClientCertificatePolicy: required}, {Host: "b.example.com"}, {Host: "c.example.com", ClientCertificatePolicy: 9},
		{Host: "a.example.com", ClientCertificatePolicy: ifShown},
	}})
	if err != nil {
		t.Fatal(err)
	}
	want := []*adminv1.AllowedHostOutcome{
		{Host: "a.example.com", Outcome: adminv1.AllowedHostOutcome_ADDED, ClientCertificatePolicy: required},
		{Host: "b.example.com", Outcome: adminv1.AllowedHostOutcome_ADDED},
		{Host: "c.example.com", Outcome: adminv1.AllowedHostOutcome_INVALID, Problem: &adminv1.Problem{
			Reason:   "CLIENT_CERTIFICATE_POLICY_UNKNOWN",
			Message:  `the client certificate policy of a host cannot be "9": it is one of Off, IfShown, Required`,
			Metadata: map[string]string{"value": "9", "choices": "Off, IfShown, Required"},
		}},
		{Host: "a.example.com", Outcome: adminv1.AllowedHostOutcome_ALREADY_PRESENT, ClientCertificatePolicy: required},
	}
	if diff := cmp.Diff(want, added.GetOutcomes(), protocmp.Transform()); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}

	// Every policy, and what the next decision says; the setting is Automatic over an empty list.
	previous := required
	for _, own := range []adminv1.AllowedHost_ClientCertificatePolicy{ifShown, adminv1.AllowedHost_OFF, 0, required, required} {
		before := a.Store.Current()
		req := &adminv1.SetAllowedHostRequest{
			Host: "A.example.com:443", ClientCertificatePolicy: own, Etag: before.Etag, ValidateOnly: true,
		}
		would, err := hosts.SetAllowedHost(ctx, req)
		if err != nil || a.Store.Current() != before {
			t.Fatalf("validate_only: %v", err)
		}
		if would.GetPreview().GetEtag() != before.Etag {
			t.Errorf("the preview is about %v", would.GetPreview())
		}
		would.Preview = nil // a test of its own is about the rest
		req.ValidateOnly = false
		set, err := hosts.SetAllowedHost(ctx, req)
		if err != nil {
			t.Fatal(err)
		}
		if set.GetHost().GetAddedBy() == "" || set.GetHost().GetAddedAt() == nil {
			t.Errorf("who added it is lost: %v", set)
		}
		wantSet := &adminv1.SetAllowedHostResponse{
			Host:                            &adminv1.AllowedHost{Host: "a.example.com", ClientCertificatePolicy: own},
			PreviousClientCertificatePolicy: previous,
			Etag:                            a.Store.Current().Etag,
		}
		for _, got := range []*adminv1.SetAllowedHostResponse{would, set} {
			rest := protocmp.IgnoreFields(got.GetHost(), "added_at", "added_by")
			if diff := cmp.Diff(wantSet, got, protocmp.Transform(), rest); diff != "" {
				t.Errorf("%s (-want +got):\n%s", own, diff)
			}
		}
		wantRequirement := map[adminv1.AllowedHost_ClientCertificatePolicy]handshake.Requirement{
			ifShown: handshake.IfShown, required: handshake.Required,
		}[own]
		target, err := hostname.ParseTarget("a.example.com:443")
		if err != nil {
			t.Fatal(err)
		}
		decision := a.Store.Current().Policy.Decide(policy.Request{Method: "CONNECT", Target: target})
		if decision.TLS.ClientCertificate != wantRequirement {
			t.Errorf("%s: the decision says %d", own, decision.TLS.ClientCertificate)
		}
		previous = own
	}

	list, err := hosts.ListAllowedHosts(ctx, &adminv1.ListAllowedHostsRequest{})
	if err != nil || len(list.GetHosts()) != 2 || list.GetHosts()[0].GetClientCertificatePolicy() != required ||
		list.GetHosts()[1].GetClientCertificatePolicy() != adminv1.AllowedHost_UNSPECIFIED {
		t.Errorf("list: %v, %v", list, err)
	}
	removed, err := hosts.RemoveAllowedHosts(ctx, &adminv1.RemoveAllowedHostsRequest{Hosts: []string{"a.example.com", "b.example.com"}})
	if err != nil {
		t.Fatal(err)
	}
	want = []*adminv1.AllowedHostOutcome{
		{Host: "a.example.com", Outcome: adminv1.AllowedHostOutcome_REMOVED, ClientCertificatePolicy: required},
		{Host: "b.example.com", Outcome: adminv1.AllowedHostOutcome_REMOVED},
	}
	if diff := cmp.Diff(want, removed.GetOutcomes(), protocmp.Transform()); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}

	now := a.Store.Current()
	for _, test := range []struct {
		req  *adminv1.SetAllowedHostRequest
		code codes.Code
		why  reason.Reason
	}{
		{&adminv1.SetAllowedHostRequest{Host: "a.example.com"}, codes.NotFound, reason.AllowedHostNotPresent},
		{&adminv1.SetAllowedHostRequest{Host: "https://a.example.com"}, codes.InvalidArgument, reason.HostIsURL},
		{&adminv1.SetAllowedHostRequest{Host: "a.example.com", ClientCertificatePolicy: 4}, codes.InvalidArgument, reason.CertificatePolicyUnknown},
		{&adminv1.SetAllowedHostRequest{Host: "a.example.com", ClientCertificatePolicy: -1}, codes.InvalidArgument, reason.CertificatePolicyUnknown},
		{&adminv1.SetAllowedHostRequest{Host: "a.example.com", Etag: "0123456789abcdef"}, codes.Aborted, reason.EtagMismatch},
	} {
		_, err := hosts.SetAllowedHost(ctx, test.req)
		check(t, err, test.code, test.why)
	}
	if a.Store.Current() != now {
		t.Error("a refused change changed something")
	}
}

func TestChangesThatAreRefused(t *testing.T) {
	a, ctx := start(t), t.Context()
	hosts, values := adminv1.NewAllowedHostServiceClient(a.conn), adminv1.NewSettingServiceClient(a.conn)
	one := []*adminv1.AllowedHost{{Host: "a.example.com"}}
	add := func(req *adminv1.AddAllowedHostsRequest) error {
		_, err := hosts.AddAllowedHosts(ctx, req)
		return err
	}
	set := func(key, value string) error {
		_, err := values.SetSetting(ctx, &adminv1.SetSettingRequest{Key: key, Value: value})
		return err
	}
	before := a.Store.Current()

	check(t, add(&adminv1.AddAllowedHostsRequest{}), codes.InvalidArgument, reason.NothingGiven)
	check(t, add(&adminv1.AddAllowedHostsRequest{Hosts: make([]*adminv1.AllowedHost, 100_001)}), codes.InvalidArgument, reason.TooManyItems)
	check(t, add(&adminv1.AddAllowedHostsRequest{Hosts: append(one, &adminv1.AllowedHost{Host: "*"}), Atomic: true}),
		codes.InvalidArgument, reason.ChangeRefused)
	check(t, add(&adminv1.AddAllowedHostsRequest{Hosts: one, Etag: "0123456789abcdef"}), codes.Aborted, reason.EtagMismatch)
	check(t, set("LogLevel", strings.Repeat("a", 1<<20)), codes.ResourceExhausted, "")
	check(t, set("NoSuchSetting", "1"), codes.NotFound, reason.SettingUnknown)
	check(t, set("ListenPort", "http"), codes.InvalidArgument, reason.SettingNotANumber)
	check(t, set("ListenPort", "65536"), codes.InvalidArgument, reason.SettingOutOfRange)
	check(t, set("LogLevel", "Loud"), codes.InvalidArgument, reason.SettingNotAChoice)
	check(t, set("ListenAddress", "nowhere"), codes.InvalidArgument, reason.SettingNotAnAddr)
	check(t, set("MinimumTlsVersion", "1.4"), codes.InvalidArgument, reason.SettingNotAChoice)

	resp, err := hosts.AddAllowedHosts(ctx, &adminv1.AddAllowedHostsRequest{Hosts: one, ValidateOnly: true})
	if err != nil || resp.GetOutcomes()[0].GetOutcome() != adminv1.AllowedHostOutcome_ADDED || resp.GetEtag() == before.Etag {
		t.Errorf("validate_only answered %v, %v", resp, err)
	}
	if a.Store.Current() != before {
		t.Error("something was changed")
	}
	if _, err := hosts.AddAllowedHosts(ctx, &adminv1.AddAllowedHostsRequest{Hosts: one, Etag: before.Etag}); err != nil {
		t.Errorf("with the right etag: %v", err)
	}
}

func TestPages(t *testing.T) {
	a, ctx := start(t), t.Context()
	hosts, tunnels := adminv1.NewAllowedHostServiceClient(a.conn), adminv1.NewTunnelServiceClient(a.conn)
	const count = 2500
	for first := 0; first < count; first += 500 {
		req := &adminv1.AddAllowedHostsRequest{}
		for i := range 500 {
			req.Hosts = append(req.Hosts, &adminv1.AllowedHost{Host: fmt.Sprintf("host-%04d.example.com", first+i)})
			a.Tunnels.Add(tunnel.Info{ID: int64(first + i + 1)})
		}
		if _, err := hosts.AddAllowedHosts(ctx, req); err != nil {
			t.Fatal(err)
		}
	}
	var names []string
	var ids []int64
	for _, size := range []int32{0, 333, 5000} {
		names, ids = nil, nil
		token := ""
		for more := true; more; more = token != "" {
			resp, err := hosts.ListAllowedHosts(ctx, &adminv1.ListAllowedHostsRequest{PageSize: size, PageToken: token})
			if err != nil {
				t.Fatal(err)
			}
			for _, h := range resp.GetHosts() {
				names = append(names, h.GetHost())
			}
			token = resp.GetNextPageToken()
		}
		for more := true; more; more = token != "" {
			resp, err := tunnels.ListTunnels(ctx, &adminv1.ListTunnelsRequest{PageSize: size, PageToken: token})
			if err != nil {
				t.Fatal(err)
			}
			for _, open := range resp.GetTunnels() {
				ids = append(ids, open.GetId())
			}
			token = resp.GetNextPageToken()
		}
		if len(names) != count || names[0] != "host-0000.example.com" || names[count-1] != "host-2499.example.com" {
			t.Errorf("pages of %d: %d hosts, %s to %s", size, len(names), names[0], names[len(names)-1])
		}
		if len(ids) != count || ids[0] != 1 || ids[count-1] != count {
			t.Errorf("pages of %d: %d tunnels", size, len(ids))
		}
	}
	_, err := hosts.ListAllowedHosts(ctx, &adminv1.ListAllowedHostsRequest{PageToken: "not a host"})
	check(t, err, codes.InvalidArgument, reason.PageTokenInvalid)
	_, err = tunnels.ListTunnels(ctx, &adminv1.ListTunnelsRequest{PageToken: "x"})
	check(t, err, codes.InvalidArgument, reason.PageTokenInvalid)
}

func TestEvents(t *testing.T) {
	a, ctx := start(t), t.Context()
	events := adminv1.NewEventServiceClient(a.conn)
	watch, err := events.WatchEvents(ctx, &adminv1.WatchEventsRequest{Tail: 1, Filter: &adminv1.EventFilter{Text: "NUMBER"}})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		a.Events.Emit(event.Note(event.GatewayServer, fmt.Sprint("number ", i)))
	}
	seen := map[string]bool{}
	for len(seen) < 3 { // the watch may begin at any of the three, with one kept event before
		resp, err := watch.Recv()
		if err != nil {
			t.Fatal(err)
		}
		seen[resp.GetEvent().GetText()] = true
		if resp.GetEvent().GetText() == "number 2" {
			break
		}
	}
	if !seen["number 2"] {
		t.Errorf("seen %v", seen)
	}

	list, err := events.ListEvents(ctx, &adminv1.ListEventsRequest{Filter: &adminv1.EventFilter{Text: "number"}, Limit: 2})
	if err != nil {
		t.Fatal(err)
	}
	if len(list.GetEvents()) != 2 || list.GetEvents()[1].GetText() != "number 2" || list.GetLeftOut() != 1 {
		t.Errorf("list: %v", list)
	}
	// An answer stays under 1 MiB, whatever the events hold.
	for i := range 5000 {
		a.Events.Emit(event.Note(event.GatewayServer, fmt.Sprint("large ", i, strings.Repeat("x", 1000))))
	}
	list, err = events.ListEvents(ctx, &adminv1.ListEventsRequest{Filter: &adminv1.EventFilter{Text: "large"}, Limit: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	got := list.GetEvents()
	newest := got[len(got)-1].GetText()
	if size := proto.Size(list); size > 1<<20 || len(got)+int(list.GetLeftOut()) != 5000 || !strings.HasPrefix(newest, "large 4999") {
		t.Errorf("%d bytes, %d events, %d left out", size, len(got), list.GetLeftOut())
	}
	for _, filter := range []*adminv1.EventFilter{{Level: 9}, {Ids: make([]int32, 101)}, {Text: strings.Repeat("x", 257)}} {
		_, err := events.ListEvents(ctx, &adminv1.ListEventsRequest{Filter: filter})
		check(t, err, codes.InvalidArgument, reason.FilterInvalid)
	}

	a.Events.EndWatches()
	for err = nil; err == nil; {
		_, err = watch.Recv()
	}
	if errors.Is(err, io.EOF) {
		t.Error("the watch ended as if nothing were wrong")
	}
	check(t, err, codes.Unavailable, reason.GatewayStopping)
}

// A gateway that cannot start may stop its API before it serves.
func TestServeAfterStop(t *testing.T) {
	a := start(t)
	a.server.Stop(t.Context())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := a.server.Serve(l); err != nil {
		t.Errorf("Serve after Stop: %v", err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the listener is not closed: %v", err)
	}
}

func TestTunnelFilters(t *testing.T) {
	a, ctx := start(t), t.Context()
	tunnels := adminv1.NewTunnelServiceClient(a.conn)
	_, err := tunnels.CloseTunnels(ctx, &adminv1.CloseTunnelsRequest{})
	check(t, err, codes.InvalidArgument, reason.NothingGiven)
	_, err = tunnels.CloseTunnels(ctx, &adminv1.CloseTunnelsRequest{Filter: &adminv1.TunnelFilter{}})
	check(t, err, codes.InvalidArgument, reason.NothingGiven)
	_, err = tunnels.CloseTunnels(ctx, &adminv1.CloseTunnelsRequest{Filter: &adminv1.TunnelFilter{Client: "somebody"}})
	check(t, err, codes.InvalidArgument, reason.FilterInvalid)
	_, err = tunnels.ListTunnels(ctx, &adminv1.ListTunnelsRequest{Filter: &adminv1.TunnelFilter{Host: "https://a/"}})
	check(t, err, codes.InvalidArgument, reason.FilterInvalid)
	resp, err := tunnels.CloseTunnels(ctx, &adminv1.CloseTunnelsRequest{Ids: []int64{7}})
	if err != nil || resp.GetClosed() != 0 || len(resp.GetNotOpen()) != 1 {
		t.Errorf("closing an unknown tunnel: %v, %v", resp, err)
	}
}

func TestPanicTellsTheCallerNothing(t *testing.T) {
	a, ctx := start(t), t.Context()
	a.state = func() adminapi.State { panic("a secret of the program") }
	_, err := adminv1.NewStatusServiceClient(a.conn).GetStatus(ctx, &adminv1.GetStatusRequest{})
	check(t, err, codes.Internal, reason.Internal)
	if strings.Contains(err.Error(), "secret") {
		t.Errorf("the caller is told %v", err)
	}
	kept, _ := a.Events.List(event.Filter{Text: "a secret of the program"}, 10)
	if len(kept) == 0 {
		t.Error("the log is told nothing")
	}
}

func TestStatus(t *testing.T) {
	a, ctx := start(t), t.Context()
	a.Counters.Refused(reason.HostNotAllowed)
	a.Counters.Verified(tls.VersionTLS13)
	a.Events.Emit(event.Failure(event.GatewayServer, "to do something", errors.New("no reason")))
	got, err := adminv1.NewStatusServiceClient(a.conn).GetStatus(ctx, &adminv1.GetStatusRequest{})
	if err != nil {
		t.Fatal(err)
	}
	want := &adminv1.GetStatusResponse{
		Version: "1.2.3", State: adminapi.Running, MaxClientConnections: 20000, ListenAddresses: []string{"127.0.0.1:8080"},
		Etag: a.Store.Current().Etag, Errors: 1,
		SessionsByTlsVersion: map[string]int64{"1.3": 1}, RefusalsByReason: map[string]int64{"HOST_NOT_ALLOWED": 1},
	}
	if diff := cmp.Diff(want, got, protocmp.Transform(), protocmp.IgnoreFields(got, "started_at", "uptime")); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
}

// TestConcurrentChanges lets many callers add hosts at once; each addition must be there in the end.
func TestConcurrentChanges(t *testing.T) {
	a, ctx := start(t), t.Context()
	hosts := adminv1.NewAllowedHostServiceClient(a.conn)
	const callers, each = 8, 20
	var calling sync.WaitGroup
	for caller := range callers {
		calling.Go(func() {
			for i := range each {
				host := &adminv1.AllowedHost{Host: fmt.Sprintf("host-%d-%d.example.com", caller, i)}
				if _, err := hosts.AddAllowedHosts(ctx, &adminv1.AddAllowedHostsRequest{Hosts: []*adminv1.AllowedHost{host}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	calling.Wait()
	if got := len(a.Store.Current().Config.AllowedHosts); got != callers*each {
		t.Errorf("%d hosts, want %d", got, callers*each)
	}
}

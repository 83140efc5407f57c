package adminapi_test

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/omsgateway/omsgateway/internal/config"
	"github.com/omsgateway/omsgateway/internal/discovery"
	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/policy"
	"github.com/omsgateway/omsgateway/internal/reason"
	"github.com/omsgateway/omsgateway/internal/settings"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

func add(t *testing.T, a *api, hosts ...string) {
	t.Helper()
	req := &adminv1.AddAllowedHostsRequest{Atomic: true}
	for _, h := range hosts {
		req.Hosts = append(req.Hosts, &adminv1.AllowedHost{Host: h})
	}
	if _, err := adminv1.NewAllowedHostServiceClient(a.conn).AddAllowedHosts(t.Context(), req); err != nil {
		t.Fatal(err)
	}
}

func parsePattern(t *testing.T, host string) hostname.Pattern {
	t.Helper()
	pattern, err := hostname.ParsePattern(host)
	if err != nil {
		t.Fatal(err)
	}
	return pattern
}

func learnedFrom(agent, place, workspace string) []policy.Particular {
	return []policy.Particular{
		{Name: discovery.Agent, Value: agent}, {Name: discovery.PlaceRead, Value: place}, {Name: discovery.Workspace, Value: workspace},
	}
}

// learn puts hosts in force that were read at a place, one source for each place.
func learn(t *testing.T, a *api, host string, places ...string) {
	t.Helper()
	var l settings.Slot
	for _, place := range places {
		l.Entries = append(l.Entries, policy.Entry{Pattern: parsePattern(t, host), Source: policy.Source{
			Kind: policy.Learned, Since: second(7), Particulars: learnedFrom("an agent", place, "w"),
		}})
	}
	if err := a.Store.Put(t.Context(), policy.Learned, l); err != nil {
		t.Fatal(err)
	}
}

func TestEffectiveHosts(t *testing.T) {
	a := start(t)
	hosts := adminv1.NewAllowedHostServiceClient(a.conn)
	add(t, a, "a.example.com", "*.example.com", "b.example.com:8443")
	learn(t, a, "a.example.com", "one.json", "two.json")
	set := &adminv1.SetAllowedHostRequest{Host: "*.example.com", ClientCertificatePolicy: adminv1.AllowedHost_REQUIRED}
	if _, err := hosts.SetAllowedHost(t.Context(), set); err != nil {
		t.Fatal(err)
	}
	a.Usage.Used(parsePattern(t, "*.example.com"), second(1))
	a.Usage.Used(parsePattern(t, "*.example.com"), second(2))
	a.Usage.Used(parsePattern(t, "gone.example.com"), second(3))

	got, err := hosts.ListEffectiveHosts(t.Context(), &adminv1.ListEffectiveHostsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	configured, err := hosts.ListAllowedHosts(t.Context(), &adminv1.ListAllowedHostsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	local := func(host string) *adminv1.EffectiveHost_Source {
		for _, h := range configured.GetHosts() {
			if h.GetHost() == host {
				return &adminv1.EffectiveHost_Source{Kind: adminv1.EffectiveHost_Source_LOCAL, Since: h.GetAddedAt(), AddedBy: h.GetAddedBy()}
			}
		}
		t.Fatalf("%s is not configured", host)
		return nil
	}
	learned := func(place string) *adminv1.EffectiveHost_Source {
		return &adminv1.EffectiveHost_Source{Kind: adminv1.EffectiveHost_Source_LEARNED, Since: timestamppb.New(second(7)),
			Agent: "an agent", Place: place, Workspace: "w", Particulars: []*adminv1.EffectiveHost_Source_Particular{
				{Name: "agent", Value: "an agent"}, {Name: "place", Value: place}, {Name: "workspace", Value: "w"},
			}}
	}
	want := &adminv1.ListEffectiveHostsResponse{Etag: configured.GetEtag(), Hosts: []*adminv1.EffectiveHost{
		{Host: "*.example.com", Sources: []*adminv1.EffectiveHost_Source{local("*.example.com")},
			ClientCertificatePolicy: adminv1.AllowedHost_REQUIRED,
			UseCount:                2, FirstUsedAt: timestamppb.New(second(1)), LastUsedAt: timestamppb.New(second(2))},
		{Host: "a.example.com", Sources: []*adminv1.EffectiveHost_Source{local("a.example.com"), learned("one.json"), learned("two.json")},
			ClientCertificatePolicy: adminv1.AllowedHost_OFF},
		{Host: "b.example.com:8443", Sources: []*adminv1.EffectiveHost_Source{local("b.example.com:8443")},
			ClientCertificatePolicy: adminv1.AllowedHost_OFF},
	}}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("effective hosts (-want +got):\n%s", diff)
	}
	if want.GetHosts()[0].GetSources()[0].GetAddedBy() == "" {
		t.Error("nobody has added *.example.com")
	}

	// Once something is judged, the hosts without a policy of their own follow the setting.
	certificates := adminv1.NewAllowedClientCertificateServiceClient(a.conn)
	if _, err := certificates.AddAllowedClientCertificates(t.Context(), &adminv1.AddAllowedClientCertificatesRequest{
		Certificates: []*adminv1.AllowedClientCertificate{{Subject: "CN=agent"}},
	}); err != nil {
		t.Fatal(err)
	}
	got, err = hosts.ListEffectiveHosts(t.Context(), &adminv1.ListEffectiveHostsRequest{PageToken: "*.example.com", PageSize: 1})
	if err != nil || len(got.GetHosts()) != 1 || got.GetHosts()[0].GetClientCertificatePolicy() != adminv1.AllowedHost_IF_SHOWN ||
		got.GetNextPageToken() != "a.example.com" {
		t.Errorf("the second page: %v, %v", got, err)
	}
	_, err = hosts.ListEffectiveHosts(t.Context(), &adminv1.ListEffectiveHostsRequest{PageToken: "https://"})
	check(t, err, codes.InvalidArgument, reason.PageTokenInvalid)
}

// However much is known of each host, a page fits into a message, and none is left out.
func TestPagesOfEffectiveHosts(t *testing.T) {
	a := start(t)
	hosts := adminv1.NewAllowedHostServiceClient(a.conn)
	const count = 30
	var l settings.Slot
	for i := range count {
		for k := range 200 {
			l.Entries = append(l.Entries, policy.Entry{Pattern: parsePattern(t, fmt.Sprintf("h%02d.example.com", i)),
				Source: policy.Source{
					Kind: policy.Learned, Particulars: learnedFrom("a", fmt.Sprint(k, strings.Repeat("x", 250)), "w"),
				}})
		}
	}
	if err := a.Store.Put(t.Context(), policy.Learned, l); err != nil {
		t.Fatal(err)
	}
	var seen []string
	pages := 0
	for req := (&adminv1.ListEffectiveHostsRequest{}); ; pages++ {
		page, err := hosts.ListEffectiveHosts(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range page.GetHosts() {
			seen = append(seen, h.GetHost())
			if len(h.GetSources()) != 200 {
				t.Errorf("%s has %d sources", h.GetHost(), len(h.GetSources()))
			}
		}
		if req.PageToken = page.GetNextPageToken(); req.PageToken == "" {
			break
		}
	}
	if len(seen) != count || pages < 1 {
		t.Errorf("%d hosts on %d pages", len(seen), pages+1)
	}
}

// What CheckHost says, the dialer of tunnels does.
func TestCheckHost(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	defer serving.Wait()
	defer listener.Close()
	serving.Go(func() { // a relay proxy that says no; to others it only listens
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			if n, _ := conn.Read(make([]byte, 1000)); n > 0 {
				_, _ = conn.Write([]byte("HTTP/1.1 403 Forbidden\r\n\r\n"))
			}
			_ = conn.Close()
		}
	})
	open := listener.Addr().(*net.TCPAddr).AddrPort()
	a := start(t)
	hosts := adminv1.NewAllowedHostServiceClient(a.conn)
	named := fmt.Sprintf("localhost:%d", open.Port())
	add(t, a, open.String(), named, "*.example.com:8443", "none.invalid")
	learn(t, a, "*.example.com:8443", "one.json")
	a.Usage.Used(parsePattern(t, open.String()), second(1))

	ask := func(req *adminv1.CheckHostRequest) *adminv1.CheckHostResponse {
		t.Helper()
		got, err := hosts.CheckHost(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}

	got := ask(&adminv1.CheckHostRequest{Host: " " + open.String() + " "})
	if !got.GetAllowed() || got.GetHost() != open.String() || got.GetEntry().GetHost() != open.String() ||
		got.GetEntry().GetUseCount() != 1 || got.GetRoute() != adminv1.CheckHostResponse_DIRECT || !got.GetConnected() || got.GetConnectedAddress() != open.String() ||
		got.GetConnectTime() == nil || len(got.GetAddresses()) != 1 || got.GetAddresses()[0].GetRefusal() != nil {
		t.Errorf("%s: %v", open, got)
	}
	if use := a.Usage.UseOf(parsePattern(t, open.String())); use.Count != 1 {
		t.Errorf("the check counts as a use: %+v", use)
	}

	got = ask(&adminv1.CheckHostRequest{Host: named})
	if !got.GetAllowed() || got.GetConnected() || got.GetUnreachable().GetReason() != string(reason.AddressNotAllowed) ||
		len(got.GetAddresses()) == 0 {
		t.Fatalf("%s: %v", named, got)
	}
	for _, address := range got.GetAddresses() {
		if !netip.MustParseAddr(address.GetAddress()).IsLoopback() || address.GetRefusal().GetMetadata()["kind"] != "a loopback address" {
			t.Errorf("%s leads to %v", named, address)
		}
	}

	got = ask(&adminv1.CheckHostRequest{Host: named, DecideOnly: true})
	if !got.GetAllowed() || got.GetConnected() || got.GetUnreachable() != nil || len(got.GetAddresses()) != 0 {
		t.Errorf("decide only: %v", got)
	}

	got = ask(&adminv1.CheckHostRequest{Host: "none.invalid"})
	if !got.GetAllowed() || got.GetUnresolved() == nil || got.GetUnreachable() != nil {
		t.Errorf("none.invalid: %v", got)
	}

	got = ask(&adminv1.CheckHostRequest{Host: "a.example.com"})
	if got.GetAllowed() || got.GetRefusal().GetReason() != string(reason.PortNotAllowed) ||
		got.GetEntry().GetHost() != "*.example.com:8443" || len(got.GetEntry().GetSources()) != 2 || got.GetRoute() != adminv1.CheckHostResponse_UNSPECIFIED {
		t.Errorf("another port: %v", got)
	}

	want := &adminv1.CheckHostResponse{Host: "x.example.org:22", Refusal: &adminv1.Problem{
		Reason: "HOST_NOT_ALLOWED",
		Message: "target host x.example.org is not in the allowed list; an administrator can add it with: " +
			"omsgwctl allowed-host add x.example.org:22",
		Metadata: map[string]string{"host": "x.example.org", "port": "22", "target": "x.example.org:22"},
	}}
	if diff := cmp.Diff(want, ask(&adminv1.CheckHostRequest{Host: "X.Example.org:22"}), protocmp.Transform()); diff != "" {
		t.Errorf("a host that is not allowed (-want +got):\n%s", diff)
	}

	_, err = hosts.CheckHost(t.Context(), &adminv1.CheckHostRequest{Host: "*.example.com:8443"})
	check(t, err, codes.InvalidArgument, reason.HostIsWildcard)
	_, err = hosts.CheckHost(t.Context(), &adminv1.CheckHostRequest{Host: "https://a.example.com/"})
	check(t, err, codes.InvalidArgument, reason.HostIsURL)

	// Through a relay proxy the gateway looks nothing up, and the way is told.
	relayed := func(c *config.Config) error {
		c.RelayProxy.Address.Target = parseTarget(t, fmt.Sprintf("127.0.0.1:%d", open.Port()))
		return c.Settings.Set("RelayProxyBypass", "localhost")
	}
	if _, _, err := a.Store.Update(t.Context(), settings.Request{}, relayed); err != nil {
		t.Fatal(err)
	}
	got = ask(&adminv1.CheckHostRequest{Host: "none.invalid"})
	if got.GetRoute() != adminv1.CheckHostResponse_RELAY_PROXY || got.GetRelayProxy() != "http://"+open.String() ||
		got.GetUnreachable().GetReason() != string(reason.RelayForbidden) || len(got.GetAddresses()) != 0 {
		t.Errorf("through the relay proxy: %v", got)
	}
	got = ask(&adminv1.CheckHostRequest{Host: named})
	if got.GetRoute() != adminv1.CheckHostResponse_RELAY_PROXY_BYPASS || len(got.GetAddresses()) == 0 {
		t.Errorf("past the relay proxy: %v", got)
	}
}

// Checks that wait for a name server are bounded; those that only decide are not.
func TestTooManyChecks(t *testing.T) {
	const most, asked = 8, 64 // of one caller
	a := start(t)
	add(t, a, "a.example.com")
	answered := make(chan struct{})
	answer := sync.OnceFunc(func() { close(answered) })
	defer answer()
	a.lookUp = func() { <-answered }
	// The others ask over a connection of their own: one has no more than 8 calls at a time.
	other := dial(t, a.address)
	ask := func(over *grpc.ClientConn, decideOnly bool) error {
		_, err := adminv1.NewAllowedHostServiceClient(over).CheckHost(t.Context(),
			&adminv1.CheckHostRequest{Host: "a.example.com", DecideOnly: decideOnly})
		return err
	}
	results := make(chan error, asked)
	for i := range asked {
		over := a.conn
		if i%2 > 0 {
			over = other
		}
		go func() { results <- ask(over, false) }()
	}
	done, refused := 0, 0
	for range asked {
		err := <-results
		if err == nil {
			done++
			continue
		}
		check(t, err, codes.ResourceExhausted, reason.TooManyChecks)
		if refused++; refused == 1 { // the others wait
			if err := ask(dial(t, a.address), true); err != nil {
				t.Error(err)
			}
			answer()
		}
	}
	if done < most || refused == 0 {
		t.Errorf("%d checks were made, %d refused; want at least %d, and the rest refused", done, refused, most)
	}
	if err := ask(a.conn, false); err != nil {
		t.Errorf("when the others have ended: %v", err)
	}
}

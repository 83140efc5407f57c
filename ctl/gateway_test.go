package ctl_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/stats"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/omsgateway/omsgateway/ctl"
	"github.com/omsgateway/omsgateway/internal/apierr"
	"github.com/omsgateway/omsgateway/internal/clientcert"
	"github.com/omsgateway/omsgateway/internal/localsock"
	"github.com/omsgateway/omsgateway/internal/osdefaults"
	"github.com/omsgateway/omsgateway/internal/reason"
	"github.com/omsgateway/omsgateway/internal/testpipe"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, testpipe.Poller()) }

// gateway answers the admin API from memory: enough of it to see what omsgwctl asks, and to let calls fail.
type gateway struct {
	adminv1.UnimplementedAllowedHostServiceServer
	adminv1.UnimplementedDeniedHostServiceServer
	adminv1.UnimplementedAllowedClientCertificateServiceServer
	adminv1.UnimplementedSettingServiceServer
	adminv1.UnimplementedEventServiceServer
	adminv1.UnimplementedTunnelServiceServer
	adminv1.UnimplementedStatusServiceServer

	address string
	old     bool
	relay   relayProxies
	learned discoveries
	stop    func()
	status  *adminv1.GetStatusResponse // nil for a running gateway's
	watch   func(adminv1.EventService_WatchEventsServer) error
	left    connectionEnds

	mu       sync.Mutex
	hosts    []string
	own      map[string]adminv1.AllowedHost_ClientCertificatePolicy // by host; 0 is none
	accounts map[string]*adminv1.AllowedHost                        // by host, with owner, ticket, note and expiry
	denied   []*adminv1.DeniedHost
	subjects []string
	changes  atomic.Int64 // made so far; the etag. A call that its client gave up reads it beside the next one
	value    string
	calls    []string                             // what was asked, in short
	fail     func(call string, before bool) error // nil, or an error before or after the call has its effect
}

// startGateway serves a gateway until the test ends.
func startGateway(t *testing.T) *gateway {
	t.Helper()
	dir, err := os.MkdirTemp("", "ctl") //nolint:usetesting // t.TempDir may be too long for the path of a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	g := &gateway{
		address:  osdefaults.AddressIn(dir) + ".test", // of an address without a folder nothing can stand in for the gateway
		value:    "8080",
		accounts: map[string]*adminv1.AllowedHost{},
		own:      map[string]adminv1.AllowedHost_ClientCertificatePolicy{},
		left:     make(connectionEnds, 100),
	}
	g.start(t)
	return g
}

// startOldGateway serves one that knows no status.
func startOldGateway(t *testing.T) *gateway {
	g := startGateway(t)
	g.stop()
	g.old = true
	g.start(t)
	return g
}

// start serves until stop or the end of the test.
func (g *gateway) start(t *testing.T) {
	t.Helper()
	listener, err := localsock.Listen(g.address)
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.Creds(localsock.ServerCredentials(localsock.Rules{})), grpc.StatsHandler(g.left))
	adminv1.RegisterAllowedHostServiceServer(server, g)
	adminv1.RegisterDeniedHostServiceServer(server, g)
	adminv1.RegisterAllowedClientCertificateServiceServer(server, g)
	adminv1.RegisterRelayProxyServiceServer(server, &g.relay)
	adminv1.RegisterDiscoveryServiceServer(server, &g.learned)
	adminv1.RegisterSettingServiceServer(server, g)
	adminv1.RegisterEventServiceServer(server, g)
	adminv1.RegisterTunnelServiceServer(server, g)
	if !g.old {
		adminv1.RegisterStatusServiceServer(server, g)
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	if err := testpipe.Prime(g.address); err != nil {
		t.Fatal(err)
	}
	g.stop = sync.OnceFunc(func() {
		server.Stop()
		<-done
	})
	t.Cleanup(g.stop)
}

// connectionEnds has one for each connection that has ended, as far as there is room. It implements stats.Handler.
type connectionEnds chan struct{}

func (connectionEnds) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context   { return ctx }
func (connectionEnds) HandleRPC(context.Context, stats.RPCStats)                         {}
func (connectionEnds) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

func (c connectionEnds) HandleConn(_ context.Context, s stats.ConnStats) {
	if _, ended := s.(*stats.ConnEnd); ended {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// result is what a run of omsgwctl left.
type result struct {
	Code     int
	Out, Err string
}

func (g *gateway) run(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	return run(t.Context(), stdin, append([]string{"--address", g.address}, args...)...)
}

func run(ctx context.Context, stdin string, args ...string) result {
	var out, errs bytes.Buffer
	code := ctl.Run(ctx, args, strings.NewReader(stdin), &out, &errs)
	return result{code, out.String(), errs.String()}
}

func (g *gateway) stored() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.hosts)
}

// called answers what was asked, and forgets it.
func (g *gateway) called() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	calls := g.calls
	g.calls = nil
	return calls
}

func (g *gateway) etag() string { return fmt.Sprintf("etag-%d", g.changes.Load()) }

// change does what all changes of a list have in common; do makes it and returns how many entries are invalid.
func (g *gateway) change(call, etag string, entries int, validateOnly, atomic bool, do func() (invalid int)) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	call = fmt.Sprintf("%s %d etag=%q validate=%t atomic=%t", call, entries, etag, validateOnly, atomic)
	g.calls = append(g.calls, call)
	if g.fail != nil {
		if err := g.fail(call, true); err != nil {
			return apierr.ToStatus(err)
		}
	}
	if etag != "" && etag != g.etag() {
		return apierr.ToStatus(reason.New(reason.EtagMismatch, "etag", etag, "current", g.etag()))
	}
	hosts, own, subjects := slices.Clone(g.hosts), maps.Clone(g.own), slices.Clone(g.subjects)
	invalid := do()
	slices.Sort(g.hosts)
	slices.Sort(g.subjects)
	changed := !slices.Equal(hosts, g.hosts) || !maps.Equal(own, g.own) || !slices.Equal(subjects, g.subjects)
	switch {
	case validateOnly || atomic && invalid > 0:
		g.hosts, g.own, g.subjects = hosts, own, subjects
	case changed:
		g.changes.Add(1)
	}
	if atomic && invalid > 0 {
		return apierr.ToStatus(reason.New(reason.ChangeRefused, "count", fmt.Sprint(invalid), "first", "..."))
	}
	if g.fail != nil {
		return apierr.ToStatus(g.fail(call, false))
	}
	return nil
}

// counted returns what an answer has of the outcomes of hosts.
func counted(all []*adminv1.AllowedHostOutcome) ([]*adminv1.AllowedHostOutcome, *adminv1.ChangeCounts) {
	if len(all) <= 1000 {
		return all, nil
	}
	c := &adminv1.ChangeCounts{}
	var remarkable []*adminv1.AllowedHostOutcome
	for i, o := range all {
		*map[adminv1.AllowedHostOutcome_Outcome]*int32{
			adminv1.AllowedHostOutcome_ADDED: &c.Added, adminv1.AllowedHostOutcome_ALREADY_PRESENT: &c.AlreadyPresent,
			adminv1.AllowedHostOutcome_REMOVED: &c.Removed, adminv1.AllowedHostOutcome_NOT_PRESENT: &c.NotPresent,
			adminv1.AllowedHostOutcome_INVALID: &c.Invalid,
		}[o.Outcome]++
		if o.Problem == nil && o.Warnings == nil && o.OpenTunnels == 0 {
			continue
		}
		if len(remarkable) == 2 { // a gateway's limit is 1,000
			c.LeftOut++
			continue
		}
		o.Index = proto.Int32(int32(i))
		remarkable = append(remarkable, o)
	}
	return remarkable, c
}

func problem(e *reason.Error) *adminv1.Problem {
	return &adminv1.Problem{Reason: string(e.Reason), Message: e.Error(), Metadata: e.Parts}
}

// changeHosts does what both changes of the hosts have in common.
func (g *gateway) changeHosts(call, etag string, hosts []string, validateOnly, atomic bool,
	one func(host string) adminv1.AllowedHostOutcome_Outcome,
) ([]*adminv1.AllowedHostOutcome, *adminv1.ChangeCounts, string, error) {
	var outcomes []*adminv1.AllowedHostOutcome
	err := g.change(call, etag, len(hosts), validateOnly, atomic, func() (invalid int) {
		for _, host := range hosts {
			if name, isURL := strings.CutPrefix(host, "https://"); isURL {
				invalid++
				outcomes = append(outcomes, &adminv1.AllowedHostOutcome{
					Host: host, Outcome: adminv1.AllowedHostOutcome_INVALID,
					Problem: problem(reason.New(reason.HostIsURL, "host", host, "meant", name)),
				})
				continue
			}
			own := g.own[strings.ToLower(host)]
			o := &adminv1.AllowedHostOutcome{Host: strings.ToLower(host), Outcome: one(strings.ToLower(host)), ClientCertificatePolicy: own}
			switch {
			case strings.HasPrefix(host, "*.blob.") && o.Outcome == adminv1.AllowedHostOutcome_ADDED:
				e := reason.New(reason.HostWildcardShared, "host", host, "suffix", strings.TrimPrefix(host, "*."))
				o.Warnings = append(o.Warnings, problem(e))
			case host == "busy.example.com" && o.Outcome == adminv1.AllowedHostOutcome_REMOVED:
				o.OpenTunnels, o.StillCoveredBy = 2, "*.example.com"
			}
			outcomes = append(outcomes, o)
		}
		return invalid
	})
	outcomes, counts := counted(outcomes)
	return outcomes, counts, g.etag(), err
}

func (g *gateway) AddAllowedHosts(_ context.Context, r *adminv1.AddAllowedHostsRequest) (*adminv1.AddAllowedHostsResponse, error) {
	var hosts []string
	own := map[string]adminv1.AllowedHost_ClientCertificatePolicy{}
	for _, h := range r.Hosts {
		hosts = append(hosts, h.Host)
		own[strings.ToLower(h.Host)] = h.ClientCertificatePolicy
	}
	outcomes, counts, etag, err := g.changeHosts("add", r.Etag, hosts, r.ValidateOnly, r.Atomic,
		func(host string) adminv1.AllowedHostOutcome_Outcome {
			if slices.Contains(g.hosts, host) {
				return adminv1.AllowedHostOutcome_ALREADY_PRESENT
			}
			g.hosts = append(g.hosts, host)
			if own[host] != 0 {
				g.own[host] = own[host]
			}
			g.account(host, r.Hosts[0])
			return adminv1.AllowedHostOutcome_ADDED
		})
	if err != nil {
		return nil, err
	}
	return &adminv1.AddAllowedHostsResponse{Outcomes: outcomes, Etag: etag, Counts: counts}, nil
}

func (g *gateway) RemoveAllowedHosts(_ context.Context, r *adminv1.RemoveAllowedHostsRequest,
) (*adminv1.RemoveAllowedHostsResponse, error) {
	outcomes, counts, etag, err := g.changeHosts("remove", r.Etag, r.Hosts, r.ValidateOnly, r.Atomic,
		func(host string) adminv1.AllowedHostOutcome_Outcome {
			i := slices.Index(g.hosts, host)
			if i < 0 {
				return adminv1.AllowedHostOutcome_NOT_PRESENT
			}
			g.hosts = slices.Delete(g.hosts, i, i+1)
			delete(g.own, host)
			return adminv1.AllowedHostOutcome_REMOVED
		})
	if err != nil {
		return nil, err
	}
	return &adminv1.RemoveAllowedHostsResponse{Outcomes: outcomes, Etag: etag, Counts: counts}, nil
}

func (g *gateway) SetAllowedHosts(_ context.Context, r *adminv1.SetAllowedHostsRequest) (*adminv1.SetAllowedHostsResponse, error) {
	answer := &adminv1.SetAllowedHostsResponse{}
	err := g.change("set", r.Etag, len(r.Hosts), r.ValidateOnly, r.Atomic, func() (invalid int) {
		for _, host := range r.Hosts {
			o := &adminv1.SetAllowedHostOutcome{Host: &adminv1.AllowedHost{Host: host}}
			answer.Outcomes = append(answer.Outcomes, o)
			if name, isURL := strings.CutPrefix(host, "https://"); isURL {
				o.Problem = problem(reason.New(reason.HostIsURL, "host", host, "meant", name))
			} else if !slices.Contains(g.hosts, host) {
				o.Problem = problem(reason.New(reason.AllowedHostNotPresent, "host", host))
			}
			if o.Problem != nil {
				invalid++
				continue
			}
			if !slices.Contains(r.UpdateMask.GetPaths(), "client_certificate_policy") {
				o.Previous = g.accounts[host]
				g.account(host, &adminv1.AllowedHost{Owner: r.Owner, Ticket: r.Ticket, Note: r.Note, ExpiresAt: r.ExpiresAt})
				o.Host = g.accounts[host]
				continue
			}
			o.PreviousClientCertificatePolicy, o.Host.ClientCertificatePolicy = g.own[host], r.ClientCertificatePolicy
			g.own[host] = r.ClientCertificatePolicy
			if r.ClientCertificatePolicy == 0 {
				delete(g.own, host)
			}
		}
		return invalid
	})
	answer.Etag = g.etag()
	return answer, err
}

// changeSubjects does what both changes of the client certificates have in common. Spellings differ in case only.
func (g *gateway) changeSubjects(call, etag string, subjects []string, validateOnly, atomic bool,
	one func(listed int, subject string) adminv1.AllowedClientCertificateOutcome_Outcome,
) ([]*adminv1.AllowedClientCertificateOutcome, string, error) {
	var outcomes []*adminv1.AllowedClientCertificateOutcome
	err := g.change(call, etag, len(subjects), validateOnly, atomic, func() (invalid int) {
		for _, subject := range subjects {
			o := &adminv1.AllowedClientCertificateOutcome{Subject: subject}
			outcomes = append(outcomes, o)
			if _, err := clientcert.ParseEntry(subject); err != nil {
				invalid++
				o.Outcome, o.Problem = adminv1.AllowedClientCertificateOutcome_INVALID, problem(reason.From(err))
				continue
			}
			listed := slices.IndexFunc(g.subjects, func(s string) bool { return strings.EqualFold(s, subject) })
			if listed >= 0 {
				o.Subject = g.subjects[listed]
			}
			if o.Outcome = one(listed, subject); o.Outcome == adminv1.AllowedClientCertificateOutcome_ADDED && len(g.subjects) == 1 {
				o.Warnings = append(o.Warnings, problem(reason.New(reason.CertificatesJudged)))
			}
		}
		return invalid
	})
	return outcomes, g.etag(), err
}

func (g *gateway) AddAllowedClientCertificates(_ context.Context, r *adminv1.AddAllowedClientCertificatesRequest,
) (*adminv1.AddAllowedClientCertificatesResponse, error) {
	var subjects []string
	for _, c := range r.Certificates {
		subjects = append(subjects, c.Subject)
	}
	outcomes, etag, err := g.changeSubjects("add", r.Etag, subjects, r.ValidateOnly, r.Atomic,
		func(listed int, subject string) adminv1.AllowedClientCertificateOutcome_Outcome {
			if listed >= 0 {
				return adminv1.AllowedClientCertificateOutcome_ALREADY_PRESENT
			}
			g.subjects = append(g.subjects, subject)
			return adminv1.AllowedClientCertificateOutcome_ADDED
		})
	return &adminv1.AddAllowedClientCertificatesResponse{Outcomes: outcomes, Etag: etag}, err
}

func (g *gateway) RemoveAllowedClientCertificates(_ context.Context, r *adminv1.RemoveAllowedClientCertificatesRequest,
) (*adminv1.RemoveAllowedClientCertificatesResponse, error) {
	outcomes, etag, err := g.changeSubjects("remove", r.Etag, r.Subjects, r.ValidateOnly, r.Atomic,
		func(listed int, _ string) adminv1.AllowedClientCertificateOutcome_Outcome {
			if listed < 0 {
				return adminv1.AllowedClientCertificateOutcome_NOT_PRESENT
			}
			g.subjects = slices.Delete(g.subjects, listed, listed+1)
			return adminv1.AllowedClientCertificateOutcome_REMOVED
		})
	return &adminv1.RemoveAllowedClientCertificatesResponse{Outcomes: outcomes, Etag: etag}, err
}

// ListAllowedClientCertificates has pages of two.
func (g *gateway) ListAllowedClientCertificates(_ context.Context, r *adminv1.ListAllowedClientCertificatesRequest,
) (*adminv1.ListAllowedClientCertificatesResponse, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	var begin int
	fmt.Sscan(r.PageToken, &begin)
	page := &adminv1.ListAllowedClientCertificatesResponse{Etag: g.etag()}
	for _, subject := range g.subjects[begin:min(begin+2, len(g.subjects))] {
		page.Certificates = append(page.Certificates, &adminv1.AllowedClientCertificate{
			Subject: subject, AddedAt: &timestamppb.Timestamp{Seconds: 1582895945}, AddedBy: "root",
		})
	}
	if begin+2 < len(g.subjects) {
		page.NextPageToken = fmt.Sprint(begin + 2)
	}
	return page, nil
}

// ListAllowedHosts has pages of two.
// account keeps what is said of a host, all of it.
func (g *gateway) account(host string, of *adminv1.AllowedHost) {
	g.accounts[host] = &adminv1.AllowedHost{
		Host: host, Owner: of.Owner, Ticket: of.Ticket, Note: of.Note, ExpiresAt: of.ExpiresAt,
	}
}

func (g *gateway) ReviewAllowedHosts(_ context.Context, _ *adminv1.ReviewAllowedHostsRequest,
) (*adminv1.ReviewAllowedHostsResponse, error) {
	answer := &adminv1.ReviewAllowedHostsResponse{Etag: g.etag()}
	for _, host := range g.stored() {
		account := g.accounts[host]
		answer.Findings = append(answer.Findings,
			&adminv1.AllowedHostFinding{
				Host: account, Commands: []string{"omsgwctl one", "omsgwctl two"}, UseCount: 7,
				LastUsedAt: &timestamppb.Timestamp{Seconds: 1582895945},
				Problem:    problem(reason.New(reason.ReviewWide, "host", host, "domain", "example.com", "count", "1")),
			},
			&adminv1.AllowedHostFinding{
				Host: account, Commands: []string{"omsgwctl three"}, UseCount: 7,
				LastUsedAt: &timestamppb.Timestamp{Seconds: 1582895945},
				Problem:    problem(reason.New(reason.ReviewWithoutOwner, "host", host)),
			})
	}
	return answer, nil
}

func (g *gateway) TrustClock(context.Context, *adminv1.TrustClockRequest) (*adminv1.TrustClockResponse, error) {
	return &adminv1.TrustClockResponse{Date: &timestamppb.Timestamp{Seconds: 1582895945}}, nil
}

func (g *gateway) ListAllowedHosts(_ context.Context, r *adminv1.ListAllowedHostsRequest) (*adminv1.ListAllowedHostsResponse, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.fail != nil {
		if err := g.fail("list", true); err != nil {
			return nil, apierr.ToStatus(err)
		}
	}
	var begin int
	fmt.Sscan(r.PageToken, &begin)
	page := &adminv1.ListAllowedHostsResponse{Etag: g.etag()}
	for _, host := range g.hosts[begin:min(begin+2, len(g.hosts))] {
		page.Hosts = append(page.Hosts, &adminv1.AllowedHost{
			Host: host, AddedAt: &timestamppb.Timestamp{Seconds: 1582895945}, AddedBy: "ro\x1b[31mot",
			ClientCertificatePolicy: g.own[host], Owner: g.accounts[host].GetOwner(), Ticket: g.accounts[host].GetTicket(),
			Note: g.accounts[host].GetNote(), ExpiresAt: g.accounts[host].GetExpiresAt(),
			Expired: g.accounts[host].GetExpiresAt().GetSeconds() == 1582895945,
		})
	}
	if begin+2 < len(g.hosts) {
		page.NextPageToken = fmt.Sprint(begin + 2)
	}
	return page, nil
}

func (g *gateway) listenPort() *adminv1.Setting {
	return &adminv1.Setting{
		Key: "ListenPort", Value: g.value, DefaultValue: "8080", Description: "Port for clients.",
		Type: adminv1.Setting_NUMBER, Minimum: 1, Maximum: 65535,
		Layer: adminv1.Setting_LOCAL,
	}
}

func (g *gateway) ListSettings(context.Context, *adminv1.ListSettingsRequest) (*adminv1.ListSettingsResponse, error) {
	return &adminv1.ListSettingsResponse{Etag: "e", Settings: []*adminv1.Setting{
		g.listenPort(),
		{Key: "ListenAddress", Type: adminv1.Setting_ADDRESS, Layer: adminv1.Setting_DEFAULT},
		{Key: "LogLevel", Value: "Info", DefaultValue: "Info", Choices: []string{"Error", "Info"}, Fixed: true, Layer: adminv1.Setting_COMMAND_LINE},
		{Key: "DrainSeconds", Value: "7", DefaultValue: "5", Unit: "seconds"},
	}}, nil
}

func (g *gateway) GetSetting(_ context.Context, r *adminv1.GetSettingRequest) (*adminv1.GetSettingResponse, error) {
	if strings.EqualFold(r.Key, "LogLevel") {
		return &adminv1.GetSettingResponse{Setting: &adminv1.Setting{Key: "LogLevel", Choices: []string{"Error", "Info"}}}, nil
	}
	if !strings.EqualFold(r.Key, "ListenPort") {
		return nil, apierr.ToStatus(reason.New(reason.SettingUnknown, "key", r.Key, "meant", ""))
	}
	return &adminv1.GetSettingResponse{Setting: g.listenPort(), Etag: "e"}, nil
}

func (g *gateway) SetSetting(_ context.Context, r *adminv1.SetSettingRequest) (*adminv1.SetSettingResponse, error) {
	if r.Value == "1" {
		return nil, apierr.ToStatus(reason.New(reason.NotPermittedToChange, "caller", "eve", "remedy", "ask"))
	}
	before := g.value
	g.value = r.Value
	resp := &adminv1.SetSettingResponse{Setting: g.listenPort(), Etag: "e", PreviousValue: before}
	if r.Value == "8099" {
		resp.Warnings = []*adminv1.Problem{{Reason: "FIREWALL_RULE_DIFFERS", Message: "open the firewall"}}
	}
	return resp, nil
}

func (g *gateway) GetStatus(context.Context, *adminv1.GetStatusRequest) (*adminv1.GetStatusResponse, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.status != nil {
		return g.status, nil
	}
	return &adminv1.GetStatusResponse{
		Version: "1.0.0", State: adminv1.GetStatusResponse_RUNNING, Etag: g.etag(), ListenAddresses: []string{"127.0.0.1:8080"},
		StartedAt: &timestamppb.Timestamp{Seconds: 1582895945}, Uptime: &durationpb.Duration{Seconds: 93784},
		ActiveClientConnections: 3, ConnectedClients: 1, OpenTunnels: 2, TunnelsOpened: 17, BytesSent: 1536, BytesReceived: 5 << 30,
		RefusalsByReason: map[string]int64{"PORT_NOT_ALLOWED": 1, "HOST_NOT_ALLOWED": 4}, ConfigFile: "/x/config.json",
	}, nil
}

// ListTunnels has pages of one.
func (g *gateway) ListTunnels(_ context.Context, r *adminv1.ListTunnelsRequest) (*adminv1.ListTunnelsResponse, error) {
	tunnel := &adminv1.Tunnel{
		Id: 17, Client: "192.0.2.7:4711", Host: "a.example.com", Port: 443, TargetAddress: "192.0.2.9:443",
		AllowedHost: "*.example.com", OpenedAt: &timestamppb.Timestamp{Seconds: 1582895945}, BytesSent: 100, BytesReceived: 2048,
		Idle: &durationpb.Duration{Seconds: 61},
	}
	switch {
	case r.GetFilter().GetHost() != "":
		return &adminv1.ListTunnelsResponse{}, nil
	case r.PageToken == "":
		return &adminv1.ListTunnelsResponse{Tunnels: []*adminv1.Tunnel{tunnel}, NextPageToken: "next"}, nil
	}
	tunnel.Id, tunnel.Host = 18, "2001:db8::1"
	return &adminv1.ListTunnelsResponse{Tunnels: []*adminv1.Tunnel{tunnel}}, nil
}

func (g *gateway) CloseTunnels(_ context.Context, r *adminv1.CloseTunnelsRequest) (*adminv1.CloseTunnelsResponse, error) {
	answer := &adminv1.CloseTunnelsResponse{}
	for _, id := range r.Ids {
		if id == 17 {
			answer.Closed++
		} else {
			answer.NotOpen = append(answer.NotOpen, id)
		}
	}
	if r.GetFilter().GetHost() == "a.example.com" && r.GetFilter().GetClient() == "192.0.2.7" {
		answer.Closed = 2
	}
	return answer, nil
}

func (g *gateway) ListEvents(_ context.Context, r *adminv1.ListEventsRequest) (*adminv1.ListEventsResponse, error) {
	return &adminv1.ListEventsResponse{LeftOut: 3, Events: []*adminv1.Event{{
		Sequence: 1, Time: &timestamppb.Timestamp{Seconds: 1582895945}, Id: 105, Level: adminv1.Event_ERROR,
		Component: "GatewayLogic",
		Text: fmt.Sprintf("%v %v %q %v, %d\x1b[2J", r.Filter.GetIds(), r.Filter.GetLevel(), r.Filter.GetText(),
			r.Filter.GetSince().AsDuration(), r.Limit),
		Reason: r.Filter.GetReason(),
	}}}, nil
}

func (g *gateway) WatchEvents(_ *adminv1.WatchEventsRequest, stream adminv1.EventService_WatchEventsServer) error {
	return g.watch(stream)
}

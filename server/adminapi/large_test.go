package adminapi_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/omsgateway/omsgateway/internal/config"
	"github.com/omsgateway/omsgateway/internal/event"
	"github.com/omsgateway/omsgateway/internal/localsock"
	"github.com/omsgateway/omsgateway/internal/reason"
	"github.com/omsgateway/omsgateway/internal/settings"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
	"github.com/omsgateway/omsgateway/server/adminapi"
)

// manyHosts are more than fit into 1 MiB.
func manyHosts(count int) (hosts []*adminv1.AllowedHost) {
	for i := range count {
		hosts = append(hosts, &adminv1.AllowedHost{Host: fmt.Sprintf("h%06d.%s.example.com", i, strings.Repeat("x", 10))})
	}
	return hosts
}

// The longest list is one change: one answer that is small, one line for each host, one event.
func TestLongestListIsOneChange(t *testing.T) {
	a, ctx := start(t), t.Context()
	hosts := adminv1.NewAllowedHostServiceClient(a.conn)
	list := manyHosts(config.MaxHosts)
	for _, h := range list { // with long names and a policy each, and on Windows the long name of who added it, the file would be too large
		h.Host = strings.ReplaceAll(h.GetHost(), "xxxxxxxxxx", "x")
	}
	added, err := hosts.AddAllowedHosts(ctx, &adminv1.AddAllowedHostsRequest{Hosts: list, Atomic: true})
	if err != nil {
		t.Fatal(err)
	}
	want := &adminv1.AddAllowedHostsResponse{
		Etag: a.Store.Current().Etag, Counts: &adminv1.ChangeCounts{Added: config.MaxHosts},
	}
	if diff := cmp.Diff(want, added, protocmp.Transform()); diff != "" {
		t.Errorf("added (-want +got):\n%s", diff)
	}
	if n := len(a.Store.Current().Config.AllowedHosts); n != config.MaxHosts {
		t.Errorf("%d hosts are in the list", n)
	}
	if told, _ := a.Events.List(event.Filter{Text: "Allowed hosts were changed"}, 10); len(told) != 1 {
		t.Errorf("%d events", len(told))
	}

	names := make([]string, len(list))
	for i, h := range list {
		names[i] = h.GetHost()
	}
	set, err := hosts.SetAllowedHosts(ctx, &adminv1.SetAllowedHostsRequest{
		Hosts: append(names[1:len(names):len(names)], "never.example.com"), ClientCertificatePolicy: adminv1.AllowedHost_OFF,
	})
	if err != nil {
		t.Fatal(err)
	}
	wantCounts := &adminv1.ChangeCounts{Changed: config.MaxHosts - 1, Invalid: 1}
	if diff := cmp.Diff(wantCounts, set.GetCounts(), protocmp.Transform()); diff != "" {
		t.Errorf("set (-want +got):\n%s", diff)
	}
	if o := set.GetOutcomes(); len(o) != 1 || o[0].GetIndex() != config.MaxHosts-1 ||
		o[0].GetProblem().GetReason() != "ALLOWED_HOST_NOT_PRESENT" {
		t.Errorf("set: %v", o)
	}
	removed, err := hosts.RemoveAllowedHosts(ctx, &adminv1.RemoveAllowedHostsRequest{Hosts: names})
	if err != nil || removed.GetCounts().GetRemoved() != config.MaxHosts || len(removed.GetOutcomes()) != 0 {
		t.Errorf("removed: %v, %v", removed, err)
	}
}

// Of many items the answer has those of which more is to be said than a count does, with their places.
func TestOutcomesOfMany(t *testing.T) {
	a, ctx := start(t), t.Context()
	hosts := adminv1.NewAllowedHostServiceClient(a.conn)
	list := manyHosts(1500)
	list[3].Host, list[7].Host, list[1400].Host = "https://a.example.com", list[6].GetHost(), "*.blob.core.windows.net"
	added, err := hosts.AddAllowedHosts(ctx, &adminv1.AddAllowedHostsRequest{Hosts: list})
	if err != nil {
		t.Fatal(err)
	}
	wantCounts := &adminv1.ChangeCounts{Added: 1498, AlreadyPresent: 1, Invalid: 1}
	if diff := cmp.Diff(wantCounts, added.GetCounts(), protocmp.Transform()); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	want := []*adminv1.AllowedHostOutcome{
		{Host: "https://a.example.com", Outcome: adminv1.AllowedHostOutcome_INVALID, Index: proto.Int32(3)},
		{Host: "*.blob.core.windows.net", Outcome: adminv1.AllowedHostOutcome_ADDED, Index: proto.Int32(1400)},
	}
	texts := protocmp.IgnoreFields(&adminv1.AllowedHostOutcome{}, "problem", "warnings")
	if diff := cmp.Diff(want, added.GetOutcomes(), protocmp.Transform(), texts); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}

	// No number of invalid hosts, however long, makes the answer large.
	for _, count := range []int{900, 5000} {
		long := &adminv1.AddAllowedHostsRequest{}
		for i := range count {
			long.Hosts = append(long.Hosts, &adminv1.AllowedHost{Host: fmt.Sprint("https://", i, strings.Repeat("x", 1000))})
		}
		answer, err := hosts.AddAllowedHosts(ctx, long)
		if err != nil {
			t.Fatal(err)
		}
		listed, counts := len(answer.GetOutcomes()), answer.GetCounts()
		left := int(counts.GetLeftOut())
		if size := proto.Size(answer); size > 1<<20 || listed == 0 || listed+left != count || counts.GetInvalid() != int32(count) {
			t.Errorf("%d bytes, %d outcomes of %d, %d left out", size, listed, count, left)
		}
	}
}

// Who is in the list already can get the policy that is given, in the same change.
func TestAddSetsPolicies(t *testing.T) {
	a, ctx := start(t), t.Context()
	hosts := adminv1.NewAllowedHostServiceClient(a.conn)
	const off, required = adminv1.AllowedHost_OFF, adminv1.AllowedHost_REQUIRED
	request := &adminv1.AddAllowedHostsRequest{SetClientCertificatePolicy: true, Hosts: []*adminv1.AllowedHost{
		{Host: "a.example.com", ClientCertificatePolicy: off}, {Host: "b.example.com", ClientCertificatePolicy: required},
		{Host: "c.example.com", ClientCertificatePolicy: required},
	}}
	if _, err := hosts.AddAllowedHosts(ctx, &adminv1.AddAllowedHostsRequest{Hosts: request.GetHosts()[:2]}); err != nil {
		t.Fatal(err)
	}
	request.Hosts[0].ClientCertificatePolicy = required
	got, err := hosts.AddAllowedHosts(ctx, request)
	if err != nil {
		t.Fatal(err)
	}
	want := []*adminv1.AllowedHostOutcome{
		{Host: "a.example.com", Outcome: adminv1.AllowedHostOutcome_CHANGED, ClientCertificatePolicy: required},
		{Host: "b.example.com", Outcome: adminv1.AllowedHostOutcome_ALREADY_PRESENT, ClientCertificatePolicy: required},
		{Host: "c.example.com", Outcome: adminv1.AllowedHostOutcome_ADDED, ClientCertificatePolicy: required},
	}
	if diff := cmp.Diff(want, got.GetOutcomes(), protocmp.Transform()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestLargeRequestsThatAreRefused(t *testing.T) {
	a, ctx := start(t), t.Context()
	hosts, values := adminv1.NewAllowedHostServiceClient(a.conn), adminv1.NewSettingServiceClient(a.conn)
	before := a.Store.Current()
	_, err := hosts.AddAllowedHosts(ctx, &adminv1.AddAllowedHostsRequest{Etag: strings.Repeat("x", adminapi.Large)})
	check(t, err, codes.ResourceExhausted, reason.MessageTooLarge)
	_, err = hosts.SetAllowedHost(ctx, &adminv1.SetAllowedHostRequest{Host: strings.Repeat("x", adminapi.Small)})
	check(t, err, codes.ResourceExhausted, "")
	_, err = values.SetSetting(ctx, &adminv1.SetSettingRequest{Value: strings.Repeat("x", adminapi.Small)})
	check(t, err, codes.ResourceExhausted, "")

	// What would be millions of messages is not made into them.
	add := func(body raw) error {
		return a.conn.Invoke(ctx, adminv1.AllowedHostService_AddAllowedHosts_FullMethodName, body, &emptypb.Empty{},
			grpc.ForceCodec(raw{}))
	}
	check(t, add(raw(strings.Repeat("\n\x00", 10<<20))), codes.InvalidArgument, reason.TooManyItems)
	check(t, add(raw(strings.Repeat("\n\x00", 150_000))), codes.InvalidArgument, reason.TooManyItems)
	check(t, add(raw(strings.Repeat("\xff", 2<<20))), codes.InvalidArgument, "")
	check(t, add(raw("\xff")), codes.InvalidArgument, "")

	stream, err := a.conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true}, adminv1.AllowedHostService_AddAllowedHosts_FullMethodName)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	check(t, stream.RecvMsg(&emptypb.Empty{}), codes.Internal, "")
	if a.Store.Current() != before {
		t.Error("something was changed")
	}
}

// raw is a message that was encoded before, and its codec.
type raw []byte

var _ encoding.Codec = raw{}

func (raw) Marshal(message any) ([]byte, error) { return message.(raw), nil }
func (raw) Unmarshal(data []byte, message any) error {
	return proto.Unmarshal(data, message.(proto.Message))
}
func (raw) Name() string { return "proto" }

// held is an effect in which a change waits.
type held struct{ begun, release chan struct{} }

func (h held) Prepare(context.Context, *settings.Snapshot, *settings.Snapshot) (settings.Prepared, error) {
	h.begun <- struct{}{}
	<-h.release
	return settings.Prepared{}, nil
}

// While a large call is carried out another one waits for its turn, but not for long; small ones do not wait.
func TestLargeCallsHaveTurns(t *testing.T) {
	a := start(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	a.server.LimitLarge(10*time.Millisecond, time.Minute)
	hosts := adminv1.NewAllowedHostServiceClient(a.conn)
	h := held{make(chan struct{}), make(chan struct{})}
	a.Store.AddEffect(h)
	release := sync.OnceFunc(func() { close(h.release) })
	defer release()
	request := &adminv1.AddAllowedHostsRequest{Hosts: manyHosts(40_000)}
	var first error
	var calling sync.WaitGroup
	calling.Go(func() { _, first = hosts.AddAllowedHosts(ctx, request) })
	<-h.begun
	_, err := hosts.AddAllowedHosts(ctx, request)
	check(t, err, codes.ResourceExhausted, reason.LargeCallBusy)
	_, err = hosts.AddAllowedHosts(ctx, &adminv1.AddAllowedHostsRequest{})
	check(t, err, codes.InvalidArgument, reason.NothingGiven)
	canceled, giveUp := context.WithCancel(ctx)
	giveUp()
	_, err = hosts.AddAllowedHosts(canceled, request)
	check(t, err, codes.Canceled, "")
	release()
	calling.Wait()
	if first != nil {
		t.Error(first)
	}
	removal := &adminv1.RemoveAllowedHostsRequest{Etag: strings.Repeat("x", 2<<20), Hosts: []string{"a.example.com"}}
	_, err = hosts.RemoveAllowedHosts(ctx, removal)
	check(t, err, codes.Aborted, reason.EtagMismatch) // it has had its turn
}

// A large request whose bytes do not come is given up, and the next one has its turn.
func TestLargeRequestThatDoesNotCome(t *testing.T) {
	a, ctx := start(t), t.Context()
	a.server.LimitLarge(time.Minute, 50*time.Millisecond)
	var conn *stuck
	slow, err := grpc.NewClient("passthrough:///gateway", grpc.WithTransportCredentials(localsock.ClientCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			dialled, err := localsock.Dial(ctx, a.address)
			conn = &stuck{Conn: dialled, left: 1 << 20, end: make(chan struct{})}
			return conn, err
		}))
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	_, err = adminv1.NewAllowedHostServiceClient(slow).AddAllowedHosts(ctx, &adminv1.AddAllowedHostsRequest{Hosts: manyHosts(50_000)})
	check(t, err, codes.ResourceExhausted, reason.LargeCallSlow)
	conn.Close() // else the client would wait for it
	a.server.LimitLarge(time.Minute, time.Minute)
	_, err = adminv1.NewAllowedHostServiceClient(a.conn).AddAllowedHosts(ctx, &adminv1.AddAllowedHostsRequest{Hosts: manyHosts(40_000)})
	if err != nil {
		t.Errorf("the next one: %v", err)
	}
}

// stuck is a connection that sends a number of bytes, and then no more.
type stuck struct {
	net.Conn
	left int
	once sync.Once
	end  chan struct{}
}

func (s *stuck) Write(p []byte) (int, error) {
	if s.left -= len(p); s.left < 0 {
		<-s.end
		return 0, net.ErrClosed
	}
	return s.Conn.Write(p)
}

func (s *stuck) Close() error {
	s.once.Do(func() { close(s.end) })
	return s.Conn.Close()
}

// The count of fields is that of a message's fields, whatever the bytes are.
func FuzzFields(f *testing.F) {
	for _, seed := range []string{"", "\n\x00", "\n\x05\n\x03a.b\x18\x01", "\xff\xff\xff"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		m := &adminv1.AddAllowedHostsRequest{}
		if n := adminapi.Fields(body); proto.Unmarshal(body, m) == nil && n < len(m.GetHosts()) {
			t.Errorf("%d fields, and %d hosts", n, len(m.GetHosts()))
		}
	})
}

package adminapi_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/omsgateway/omsgateway/internal/event"
	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/reason"
	"github.com/omsgateway/omsgateway/internal/usage"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

// second is a point of the tests' day.
func second(n int64) time.Time { return time.Unix(1_800_000_000+n, 0) }

func parseTarget(t *testing.T, authority string) hostname.Target {
	t.Helper()
	target, err := hostname.ParseTarget(authority)
	if err != nil {
		t.Fatal(err)
	}
	return target
}

func (a *api) deny(t *testing.T, authority, client string, why reason.Reason, at time.Time) {
	t.Helper()
	a.Usage.Denied(parseTarget(t, authority), netip.MustParseAddr(client), why, at)
}

func TestDeniedHosts(t *testing.T) {
	a, ctx := start(t), t.Context()
	denied := adminv1.NewDeniedHostServiceClient(a.conn)
	a.deny(t, "b.example.com:443", "192.0.2.1", reason.HostNotAllowed, second(1))
	a.deny(t, "b.example.com:443", "192.0.2.2", reason.HostNotAllowed, second(2))
	a.deny(t, "a.example.com:8443", "192.0.2.1", reason.PortNotAllowed, second(3))
	a.deny(t, "c.example.com:443", "2001:db8::1", reason.AddressNotAllowed, second(4))
	a.deny(t, "d.example.com:443", "192.0.2.1", reason.HostNotAllowed, second(5))
	a.deny(t, "e.example.com:443", "192.0.2.1", reason.AddressNotAllowed, second(6))
	a.deny(t, "f.example.com:443", "192.0.2.1", reason.AddressNotAllowed, second(7))
	add(t, a, "*.example.org", "a.example.com", "c.example.com", "d.example.com", "e.example.com")
	a.Usage.Used(parsePattern(t, "c.example.com"), second(4)) // the request that was refused
	a.Usage.Used(parsePattern(t, "e.example.com"), second(7)) // a later one, which was not

	got, err := denied.ListDeniedHosts(ctx, &adminv1.ListDeniedHostsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	at := func(n int64) *timestamppb.Timestamp { return timestamppb.New(second(n)) }
	want := []*adminv1.DeniedHost{
		{Host: "a.example.com:8443", Count: 1, FirstDeniedAt: at(3), LastDeniedAt: at(3), Reason: "PORT_NOT_ALLOWED",
			Clients: []string{"192.0.2.1"}, ClientCount: 1},
		{Host: "b.example.com", Count: 2, FirstDeniedAt: at(1), LastDeniedAt: at(2), Reason: "HOST_NOT_ALLOWED",
			Clients: []string{"192.0.2.2", "192.0.2.1"}, ClientCount: 2},
		// Though it is allowed, its address is not.
		{Host: "c.example.com", Count: 1, FirstDeniedAt: at(4), LastDeniedAt: at(4), Reason: "ADDRESS_NOT_ALLOWED",
			Clients: []string{"2001:db8::1"}, ClientCount: 1},
		// It was allowed then, and is not any more.
		{Host: "f.example.com", Count: 1, FirstDeniedAt: at(7), LastDeniedAt: at(7), Reason: "HOST_NOT_ALLOWED",
			Clients: []string{"192.0.2.1"}, ClientCount: 1},
	}
	if diff := cmp.Diff(want, got.GetHosts(), protocmp.Transform()); diff != "" {
		t.Errorf("refused hosts (-want +got):\n%s", diff)
	}

	// What is allowed only for a time comes back.
	hosts := adminv1.NewAllowedHostServiceClient(a.conn)
	if _, err := hosts.RemoveAllowedHosts(ctx, &adminv1.RemoveAllowedHostsRequest{Hosts: []string{"d.example.com"}}); err != nil {
		t.Fatal(err)
	}
	if got, err := denied.ListDeniedHosts(ctx, &adminv1.ListDeniedHostsRequest{}); err != nil || len(got.GetHosts()) != 5 {
		t.Errorf("after the removal: %v, %v", got, err)
	}

	// One by one.
	cleared, err := denied.ClearDeniedHosts(ctx, &adminv1.ClearDeniedHostsRequest{
		Hosts: []string{" B.Example.com. ", "b.example.com", "a.example.com", "A.example.com", "x.example.com:22"},
	})
	if err != nil || cleared.GetCleared() != 1 {
		t.Fatalf("cleared %v, %v", cleared, err)
	}
	if diff := cmp.Diff([]string{"a.example.com", "x.example.com:22"}, cleared.GetNotPresent()); diff != "" {
		t.Errorf("not present (-want +got):\n%s", diff)
	}
	// All, those included that the list leaves out.
	add(t, a, "d.example.com")
	if cleared, err := denied.ClearDeniedHosts(ctx, &adminv1.ClearDeniedHostsRequest{All: true}); err != nil || cleared.GetCleared() != 5 {
		t.Fatalf("cleared %v, %v", cleared, err)
	}
	if n := len(a.Usage.DeniedHosts()); n != 0 {
		t.Errorf("%d hosts are left", n)
	}
	if cleared, err := denied.ClearDeniedHosts(ctx, &adminv1.ClearDeniedHostsRequest{All: true}); err != nil || cleared.GetCleared() != 0 {
		t.Fatalf("cleared %v, %v", cleared, err)
	}
	kept, _ := a.Events.List(event.Filter{Text: "Refused hosts were cleared"}, 10)
	if len(kept) != 2 || kept[0].ID != event.Information {
		t.Errorf("events %v", kept)
	}
}

func TestClearDeniedHostsRefusals(t *testing.T) {
	a := start(t)
	a.deny(t, "a.example.com:443", "192.0.2.1", reason.HostNotAllowed, second(1))
	for name, tt := range map[string]struct {
		request *adminv1.ClearDeniedHostsRequest
		want    reason.Reason
	}{
		"nothing":  {&adminv1.ClearDeniedHostsRequest{}, reason.NothingGiven},
		"both":     {&adminv1.ClearDeniedHostsRequest{Hosts: []string{"a.example.com"}, All: true}, reason.FilterInvalid},
		"too many": {&adminv1.ClearDeniedHostsRequest{Hosts: make([]string, 1001)}, reason.TooManyItems},
		"no host":  {&adminv1.ClearDeniedHostsRequest{Hosts: []string{"a.example.com", "https://x/"}}, reason.HostIsURL},
		"wildcard": {&adminv1.ClearDeniedHostsRequest{Hosts: []string{"*.example.com"}}, reason.HostIsWildcard},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := adminv1.NewDeniedHostServiceClient(a.conn).ClearDeniedHosts(t.Context(), tt.request)
			check(t, err, codes.InvalidArgument, tt.want)
		})
	}
	if len(a.Usage.DeniedHosts()) != 1 {
		t.Error("the host was forgotten all the same")
	}
}

// A long list goes through pages while hosts come and go; the largest page fits into a message.
func TestPagesOfDeniedHosts(t *testing.T) {
	const count = 2500
	a := start(t)
	denied := adminv1.NewDeniedHostServiceClient(a.conn)
	long := strings.Repeat(strings.Repeat("a", 60)+".", 3)
	for i := range count {
		for c := range usage.MaxClients {
			client := fmt.Sprintf("2001:db8:1234:%x:1234:1234:1234:1234", i+c)
			a.deny(t, fmt.Sprintf("%sh%d.example.com:65535", long, i), client, reason.AddressNotAllowed, second(1))
		}
	}
	seen := map[string]bool{}
	req := &adminv1.ListDeniedHostsRequest{}
	for {
		page, err := denied.ListDeniedHosts(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range page.GetHosts() {
			if seen[h.GetHost()] {
				t.Errorf("%s came twice", h.GetHost())
			}
			seen[h.GetHost()] = true
		}
		if req.PageToken = page.GetNextPageToken(); req.PageToken == "" {
			break
		}
		a.Usage.Forget(func(h hostname.Target) bool { return h == parseTarget(t, req.GetPageToken()) })
		a.deny(t, "aaa.example.com:443", "192.0.2.1", reason.HostNotAllowed, second(1))
	}
	if len(seen) != count {
		t.Errorf("%d hosts, want %d", len(seen), count)
	}
	_, err := denied.ListDeniedHosts(t.Context(), &adminv1.ListDeniedHostsRequest{PageToken: "*"})
	check(t, err, codes.InvalidArgument, reason.PageTokenInvalid)
	page, err := denied.ListDeniedHosts(t.Context(), &adminv1.ListDeniedHostsRequest{PageToken: "zzz.zzz"})
	if err != nil || len(page.GetHosts()) != 0 {
		t.Errorf("behind the last: %v, %v", page, err)
	}
}

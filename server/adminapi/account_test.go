package adminapi_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/omsgateway/omsgateway/internal/apierr"
	"github.com/omsgateway/omsgateway/internal/config"
	"github.com/omsgateway/omsgateway/internal/reason"
	"github.com/omsgateway/omsgateway/internal/settings"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

func maskOf(paths ...string) *fieldmaskpb.FieldMask { return &fieldmaskpb.FieldMask{Paths: paths} }

func TestAccountOfHosts(t *testing.T) {
	a, ctx := start(t), t.Context()
	hosts := adminv1.NewAllowedHostServiceClient(a.conn)
	expires := timestamppb.New(time.Now().Add(24 * time.Hour).Truncate(time.Second))
	added, err := hosts.AddAllowedHosts(ctx, &adminv1.AddAllowedHostsRequest{Hosts: []*adminv1.AllowedHost{
		{Host: "a.example.com", Owner: " ops ", Ticket: "CHG-7", Note: "for the press", ExpiresAt: expires},
		{Host: "b.example.com"},
		{Host: "c.example.com", Owner: "two\nlines"},
		{Host: "d.example.com", ExpiresAt: timestamppb.New(time.Now().Add(-time.Hour))},
		{Host: "e.example.com", ExpiresAt: &timestamppb.Timestamp{Nanos: -1}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	var outcomes []string
	for _, o := range added.GetOutcomes() {
		outcomes = append(outcomes, strings.TrimSpace(o.GetOutcome().String()+" "+o.GetProblem().GetReason()))
	}
	if diff := cmp.Diff([]string{
		"ADDED", "ADDED", "INVALID ACCOUNT_TEXT_INVALID", "INVALID EXPIRY_INVALID", "INVALID EXPIRY_INVALID",
	}, outcomes); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}

	// What is there keeps what the mask does not name.
	again, err := hosts.AddAllowedHosts(ctx, &adminv1.AddAllowedHostsRequest{
		Hosts:      []*adminv1.AllowedHost{{Host: "a.example.com", Owner: "net", Ticket: "CHG-8"}},
		UpdateMask: maskOf("owner"),
	})
	if err != nil || again.GetOutcomes()[0].GetOutcome() != adminv1.AllowedHostOutcome_CHANGED {
		t.Fatalf("adding it again: %v, %v", again, err)
	}
	set, err := hosts.SetAllowedHosts(ctx, &adminv1.SetAllowedHostsRequest{
		Hosts: []string{"a.example.com", "b.example.com"}, Note: "later", UpdateMask: maskOf("note", "expires_at"),
	})
	if err != nil {
		t.Fatal(err)
	}
	ignored := protocmp.IgnoreFields(&adminv1.AllowedHost{}, "added_at", "added_by")
	now := &adminv1.AllowedHost{Host: "a.example.com", Owner: "net", Ticket: "CHG-7", Note: "later"}
	was := &adminv1.AllowedHost{Host: "a.example.com", Owner: "net", Ticket: "CHG-7", Note: "for the press", ExpiresAt: expires}
	outcome := &adminv1.SetAllowedHostOutcome{Host: now, Previous: was}
	if diff := cmp.Diff(outcome, set.GetOutcomes()[0], protocmp.Transform(), ignored); diff != "" {
		t.Errorf("set (-want +got):\n%s", diff)
	}
	list, err := hosts.ListAllowedHosts(ctx, &adminv1.ListAllowedHostsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	want := []*adminv1.AllowedHost{now, {Host: "b.example.com", Note: "later"}}
	if diff := cmp.Diff(want, list.GetHosts(), protocmp.Transform(), ignored); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}

	// Who answers for a host says nothing about what clients notice; a policy does.
	for _, rehearsed := range []struct {
		field    string
		notKnown int
	}{{"owner", 0}, {"client_certificate_policy", 1}} {
		would, err := hosts.SetAllowedHosts(ctx, &adminv1.SetAllowedHostsRequest{
			Hosts: []string{"a.example.com"}, Owner: "another", ClientCertificatePolicy: adminv1.AllowedHost_OFF,
			UpdateMask: maskOf(rehearsed.field), ValidateOnly: true,
		})
		if got := len(would.GetPreview().GetImpact().GetNotKnown()); err != nil || got != rehearsed.notKnown {
			t.Errorf("%s: %d parts are not known, want %d; %v", rehearsed.field, got, rehearsed.notKnown, err)
		}
	}

	for want, wrong := range map[reason.Reason]*adminv1.SetAllowedHostsRequest{
		reason.UpdateMaskInvalid:  {UpdateMask: maskOf("host")},
		reason.AccountTextInvalid: {UpdateMask: maskOf("owner"), Owner: strings.Repeat("o", 257)},
		reason.ExpiryInvalid:      {UpdateMask: maskOf("expires_at"), ExpiresAt: timestamppb.New(time.Unix(1, 0))},
	} {
		wrong.Hosts = []string{"a.example.com"}
		if _, err := hosts.SetAllowedHosts(ctx, wrong); reason.Of(apierr.FromStatus(err)) != want {
			t.Errorf("%v: %v, want %s", wrong, err, want)
		}
	}
}

// An entry that has expired says so in the list, and when it is added again.
func TestExpiredHost(t *testing.T) {
	a, ctx := start(t), t.Context()
	hosts := adminv1.NewAllowedHostServiceClient(a.conn)
	if _, _, err := a.Store.Update(ctx, settings.Request{}, func(c *config.Config) error {
		c.AddHosts(config.AllowedHost{Pattern: parsePattern(t, "a.example.com"), Account: config.Account{Expires: time.Unix(1, 0)}})
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	list, err := hosts.ListAllowedHosts(ctx, &adminv1.ListAllowedHostsRequest{})
	if err != nil || len(list.GetHosts()) != 1 || !list.GetHosts()[0].GetExpired() {
		t.Errorf("the list has %v, %v", list.GetHosts(), err)
	}
	effective, err := hosts.ListEffectiveHosts(ctx, &adminv1.ListEffectiveHostsRequest{})
	if err != nil || len(effective.GetHosts()) != 0 {
		t.Errorf("%v are allowed, %v", effective.GetHosts(), err)
	}
	again, err := hosts.AddAllowedHosts(ctx, &adminv1.AddAllowedHostsRequest{Hosts: []*adminv1.AllowedHost{{Host: "a.example.com"}}})
	if err != nil || again.GetOutcomes()[0].GetWarnings()[0].GetReason() != "HOST_EXPIRED" {
		t.Errorf("adding it again: %v, %v", again, err)
	}
}

// However much is said of each host, a page fits into 1 MiB.
func TestPageOfHostsWithLongNotes(t *testing.T) {
	a, ctx := start(t), t.Context()
	hosts := adminv1.NewAllowedHostServiceClient(a.conn)
	var all []*adminv1.AllowedHost
	for i := range 1000 {
		all = append(all, &adminv1.AllowedHost{
			Host:  fmt.Sprintf("a%d.example.com", i),
			Owner: strings.Repeat("o", 256), Ticket: strings.Repeat("t", 256), Note: strings.Repeat("n", 1000),
		})
	}
	for part := range 4 {
		if _, err := hosts.AddAllowedHosts(ctx, &adminv1.AddAllowedHostsRequest{Hosts: all[part*250 : part*250+250]}); err != nil {
			t.Fatal(err)
		}
	}
	found, token := 0, ""
	for pages := 1; ; pages++ {
		page, err := hosts.ListAllowedHosts(ctx, &adminv1.ListAllowedHostsRequest{PageToken: token})
		if err != nil || proto.Size(page) > 1<<20 {
			t.Fatalf("%d bytes, %v", proto.Size(page), err)
		}
		found += len(page.GetHosts())
		if token = page.GetNextPageToken(); token == "" {
			if pages < 2 || found != 1000 {
				t.Errorf("%d hosts in %d pages", found, pages)
			}
			return
		}
	}
}

func TestTrustClock(t *testing.T) {
	a, ctx := start(t), t.Context()
	trusted, err := adminv1.NewStatusServiceClient(a.conn).TrustClock(ctx, &adminv1.TrustClockRequest{})
	if err != nil || time.Since(trusted.GetDate().AsTime()).Abs() > time.Minute {
		t.Errorf("TrustClock = %v, %v", trusted, err)
	}
}

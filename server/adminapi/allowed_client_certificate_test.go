package adminapi_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/omsgateway/omsgateway/internal/event"
	"github.com/omsgateway/omsgateway/internal/handshake"
	"github.com/omsgateway/omsgateway/internal/reason"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

const (
	certificateAdded   = adminv1.AllowedClientCertificateOutcome_ADDED
	certificatePresent = adminv1.AllowedClientCertificateOutcome_ALREADY_PRESENT
	certificateRemoved = adminv1.AllowedClientCertificateOutcome_REMOVED
	certificateAbsent  = adminv1.AllowedClientCertificateOutcome_NOT_PRESENT
	certificateInvalid = adminv1.AllowedClientCertificateOutcome_INVALID
)

func certificates(subjects ...string) (list []*adminv1.AllowedClientCertificate) {
	for _, s := range subjects {
		list = append(list, &adminv1.AllowedClientCertificate{Subject: s})
	}
	return list
}

func TestAddAndRemoveClientCertificates(t *testing.T) {
	a, ctx := start(t), t.Context()
	client := adminv1.NewAllowedClientCertificateServiceClient(a.conn)
	judged := []*adminv1.Problem{{Reason: "CLIENT_CERTIFICATES_JUDGED", Message: reason.CertificatesJudged.Text(nil)}}
	notJudged := []*adminv1.Problem{{Reason: "CLIENT_CERTIFICATES_NOT_JUDGED", Message: reason.CertificatesNotJudged.Text(nil)}}

	added, err := client.AddAllowedClientCertificates(ctx, &adminv1.AddAllowedClientCertificatesRequest{
		Certificates: certificates("CN=a,", "  Agent 7 ", "agent  7", `CN="b, c", O=d`),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []*adminv1.AllowedClientCertificateOutcome{
		{Subject: "CN=a,", Outcome: certificateInvalid, Problem: &adminv1.Problem{
			Reason: "CERTIFICATE_SYNTAX",
			Message: `"CN=a," is not a distinguished name such as CN=name, O=company: ` +
				`after the last separator there is no attribute and =; a value with one of , ; + = " \ < > # stands in quotes`,
			Metadata: map[string]string{"entry": "CN=a,", "problem": "after the last separator there is no attribute and ="},
		}},
		{Subject: "Agent 7", Outcome: certificateAdded, Warnings: judged},
		{Subject: "Agent 7", Outcome: certificatePresent},
		{Subject: `CN="b, c", O=d`, Outcome: certificateAdded},
	}
	if diff := cmp.Diff(want, added.GetOutcomes(), protocmp.Transform()); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
	now := a.Store.Current()
	if added.GetEtag() != now.Etag || now.Policy.TLS().ClientCertificate != handshake.IfShown {
		t.Errorf("etag %s, in force are %s and %d", added.GetEtag(), now.Etag, now.Policy.TLS().ClientCertificate)
	}

	list, err := client.ListAllowedClientCertificates(ctx, &adminv1.ListAllowedClientCertificatesRequest{})
	if err != nil {
		t.Fatal(err)
	}
	wantList := &adminv1.ListAllowedClientCertificatesResponse{
		Certificates: certificates("Agent 7", `CN="b, c", O=d`), Etag: now.Etag,
	}
	for _, c := range list.GetCertificates() {
		if c.GetAddedBy() == "" || c.GetAddedAt().GetSeconds() == 0 {
			t.Errorf("%s was added by %q at %v", c.GetSubject(), c.GetAddedBy(), c.GetAddedAt())
		}
		c.AddedBy, c.AddedAt = "", nil
	}
	if diff := cmp.Diff(wantList, list, protocmp.Transform()); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}

	removed, err := client.RemoveAllowedClientCertificates(ctx, &adminv1.RemoveAllowedClientCertificatesRequest{
		Subjects: []string{"agent", `o=D,cn=B\, C`, "sha1:0", "AGENT 7", "Agent 7"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want = []*adminv1.AllowedClientCertificateOutcome{
		{Subject: "agent", Outcome: certificateAbsent},
		{Subject: `CN="b, c", O=d`, Outcome: certificateRemoved, Warnings: notJudged},
		{Subject: "sha1:0", Outcome: certificateInvalid, Problem: &adminv1.Problem{
			Reason:   "CERTIFICATE_THUMBPRINT",
			Message:  `"sha1:0" is not a thumbprint: sha1: is followed by 40 hexadecimal digits`,
			Metadata: map[string]string{"entry": "sha1:0", "kind": "sha1", "digits": "40"},
		}},
		{Subject: "Agent 7", Outcome: certificateRemoved},
		{Subject: "Agent 7", Outcome: certificateAbsent},
	}
	if diff := cmp.Diff(want, removed.GetOutcomes(), protocmp.Transform()); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
	kept, _ := a.Events.List(event.Filter{Text: `Allowed client certificate CN="b, c", O=d was`}, 10)
	if len(kept) != 2 {
		t.Errorf("%d events tell of one addition and one removal", len(kept))
	}
}

// Nothing changes for clients while the setting is not Automatic, so nobody is warned.
func TestClientCertificatesWithAPolicy(t *testing.T) {
	a, ctx := start(t), t.Context()
	client := adminv1.NewAllowedClientCertificateServiceClient(a.conn)
	for _, policy := range []string{"Off", "IfShown", "Required"} {
		if _, err := adminv1.NewSettingServiceClient(a.conn).SetSetting(ctx,
			&adminv1.SetSettingRequest{Key: "ClientCertificatePolicy", Value: policy}); err != nil {
			t.Fatal(err)
		}
		added, err := client.AddAllowedClientCertificates(ctx,
			&adminv1.AddAllowedClientCertificatesRequest{Certificates: certificates("agent")})
		if err != nil {
			t.Fatal(err)
		}
		removed, err := client.RemoveAllowedClientCertificates(ctx,
			&adminv1.RemoveAllowedClientCertificatesRequest{Subjects: []string{"agent"}})
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range append(added.GetOutcomes(), removed.GetOutcomes()...) {
			if len(o.GetWarnings()) > 0 {
				t.Errorf("%s: %v", policy, o)
			}
		}
	}
}

func TestChangesOfClientCertificatesThatAreRefused(t *testing.T) {
	a, ctx := start(t), t.Context()
	client := adminv1.NewAllowedClientCertificateServiceClient(a.conn)
	add := func(req *adminv1.AddAllowedClientCertificatesRequest) error {
		_, err := client.AddAllowedClientCertificates(ctx, req)
		return err
	}
	remove := func(req *adminv1.RemoveAllowedClientCertificatesRequest) error {
		_, err := client.RemoveAllowedClientCertificates(ctx, req)
		return err
	}
	one := certificates("agent")
	before := a.Store.Current()

	check(t, add(&adminv1.AddAllowedClientCertificatesRequest{}), codes.InvalidArgument, reason.NothingGiven)
	check(t, remove(&adminv1.RemoveAllowedClientCertificatesRequest{}), codes.InvalidArgument, reason.NothingGiven)
	check(t, add(&adminv1.AddAllowedClientCertificatesRequest{Certificates: make([]*adminv1.AllowedClientCertificate, 10_001)}),
		codes.InvalidArgument, reason.TooManyItems)
	check(t, add(&adminv1.AddAllowedClientCertificatesRequest{Certificates: append(one, certificates("X=a")...), Atomic: true}),
		codes.InvalidArgument, reason.ChangeRefused)
	check(t, remove(&adminv1.RemoveAllowedClientCertificatesRequest{Subjects: []string{"agent", ""}, Atomic: true}),
		codes.InvalidArgument, reason.ChangeRefused)
	check(t, add(&adminv1.AddAllowedClientCertificatesRequest{Certificates: one, Etag: "0123456789abcdef"}),
		codes.Aborted, reason.EtagMismatch)
	if a.Store.Current() != before {
		t.Error("something was changed")
	}

	resp, err := client.AddAllowedClientCertificates(ctx,
		&adminv1.AddAllowedClientCertificatesRequest{Certificates: one, ValidateOnly: true})
	if err != nil || resp.GetOutcomes()[0].GetOutcome() != certificateAdded || len(resp.GetOutcomes()[0].GetWarnings()) != 1 ||
		resp.GetEtag() == before.Etag {
		t.Errorf("validate_only answered %v, %v", resp, err)
	}
	if a.Store.Current() != before {
		t.Error("validate_only changed something")
	}

	for first := 0; first < 10_000; first += 1000 {
		var many []string
		for i := range 1000 {
			many = append(many, fmt.Sprintf("agent %d", first+i))
		}
		if err := add(&adminv1.AddAllowedClientCertificatesRequest{Certificates: certificates(many...), Atomic: true}); err != nil {
			t.Fatal(err)
		}
	}
	check(t, add(&adminv1.AddAllowedClientCertificatesRequest{Certificates: one}), codes.ResourceExhausted, reason.TooManyCertificates)
}

// Entries may be long: a page has as many as fit into an answer of 1 MiB.
func TestPagesOfClientCertificates(t *testing.T) {
	a, ctx := start(t), t.Context()
	client := adminv1.NewAllowedClientCertificateServiceClient(a.conn)
	want := map[string]bool{}
	var subjects []string
	for i := range 1000 {
		subjects = append(subjects, fmt.Sprint(i))
	}
	for i := range 90 {
		subjects = append(subjects, fmt.Sprint(i, strings.Repeat("x", 24_000)))
	}
	for first, end := 0, 1000; first < len(subjects); first, end = end, end+30 {
		if _, err := client.AddAllowedClientCertificates(ctx,
			&adminv1.AddAllowedClientCertificatesRequest{Certificates: certificates(subjects[first:end]...)}); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range subjects {
		want[s] = true
	}
	for _, size := range []int32{0, 7, 333, 5000} {
		got := map[string]bool{}
		last, token, pages := "", "", 0
		for more := true; more; more = token != "" {
			resp, err := client.ListAllowedClientCertificates(ctx,
				&adminv1.ListAllowedClientCertificatesRequest{PageSize: size, PageToken: token})
			if err != nil {
				t.Fatal(err)
			}
			entries := len(resp.GetCertificates())
			if bytes := proto.Size(resp); bytes > 1<<20 || size == 7 && entries > 7 || entries == 0 {
				t.Errorf("page of %d: %d entries in %d bytes", size, entries, bytes)
			}
			for _, c := range resp.GetCertificates() {
				if c.GetSubject() <= last {
					t.Errorf("%.10q does not come after %.10q", c.GetSubject(), last)
				}
				last = c.GetSubject()
				got[last] = true
			}
			token = resp.GetNextPageToken()
			pages++
		}
		if !maps.Equal(want, got) || pages < 3 {
			t.Errorf("pages of %d: %d entries on %d pages, want %d", size, len(got), pages, len(want))
		}
	}
	_, err := client.ListAllowedClientCertificates(ctx, &adminv1.ListAllowedClientCertificatesRequest{PageToken: "X=a"})
	check(t, err, codes.InvalidArgument, reason.PageTokenInvalid)
}

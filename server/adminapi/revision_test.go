package adminapi_test

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/omsgateway/omsgateway/internal/history"
	"github.com/omsgateway/omsgateway/internal/reason"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

// A record that no page has room for, which only somebody else can have written, is left out like one that is damaged.
func TestRevisionThatIsTooLargeForAPage(t *testing.T) {
	a := start(t)
	if _, err := a.Store.History().Append(history.Record{Result: history.NotMade, Problem: strings.Repeat("x", 2<<20)}, nil); err != nil {
		t.Fatal(err)
	}
	got, err := adminv1.NewRevisionServiceClient(a.conn).ListRevisions(t.Context(), &adminv1.ListRevisionsRequest{})
	if err != nil || len(got.GetRevisions()) != 1 || got.GetRevisions()[0].GetRevision() != 1 {
		t.Errorf("%v, %v", got, err)
	}
}

func TestRevisions(t *testing.T) {
	a := start(t)
	ctx := t.Context()
	revisions, set := adminv1.NewRevisionServiceClient(a.conn), adminv1.NewSettingServiceClient(a.conn)
	hosts := adminv1.NewAllowedHostServiceClient(a.conn)
	for n := range 5 {
		change := &adminv1.SetSettingRequest{Key: "DrainSeconds", Value: fmt.Sprint(10 + n), Comment: "number " + fmt.Sprint(n)}
		if _, err := set.SetSetting(ctx, change); err != nil {
			t.Fatal(err)
		}
	}
	add := &adminv1.AddAllowedHostsRequest{}
	for n := range 30 {
		add.Hosts = append(add.Hosts, &adminv1.AllowedHost{Host: fmt.Sprintf("h%02d.example.com", n)})
	}
	if _, err := hosts.AddAllowedHosts(ctx, add); err != nil {
		t.Fatal(err)
	}

	// A page at a time, newest first, each revision once.
	var seen []string
	request := &adminv1.ListRevisionsRequest{PageSize: 2}
	for {
		page, err := revisions.ListRevisions(ctx, request)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page.GetRevisions() {
			seen = append(seen, fmt.Sprint(r.GetRevision()))
			if r.GetRevision() == 7 && (len(r.GetChanges()) > 0 || r.GetCounts()[0].GetAdded() != 30) {
				t.Errorf("a change of 30 hosts in a list: %v", r)
			}
		}
		if request.PageToken = page.GetNextPageToken(); request.PageToken == "" {
			break
		}
	}
	if got := strings.Join(seen, " "); got != "7 6 5 4 3 2 1" {
		t.Errorf("revisions %s", got)
	}
	for name, c := range map[string]struct {
		request *adminv1.ListRevisionsRequest
		want    int
	}{
		"host":   {&adminv1.ListRevisionsRequest{Host: "H07.example.com"}, 1},
		"none":   {&adminv1.ListRevisionsRequest{Host: "x.example.com"}, 0},
		"caller": {&adminv1.ListRevisionsRequest{Caller: "baseline"}, 1},
		"since":  {&adminv1.ListRevisionsRequest{Since: timestamppb.Now()}, 0},
	} {
		if got, err := revisions.ListRevisions(ctx, c.request); err != nil || len(got.GetRevisions()) != c.want {
			t.Errorf("%s: %d, %v", name, len(got.GetRevisions()), err)
		}
	}
	_, err := revisions.ListRevisions(ctx, &adminv1.ListRevisionsRequest{PageToken: "x"})
	check(t, err, codes.InvalidArgument, reason.PageTokenInvalid)

	one, err := revisions.GetRevision(ctx, &adminv1.GetRevisionRequest{Revision: 7})
	if err != nil || len(one.GetRevision().GetChanges()) != 30 || one.GetRevision().GetMethod() != "AllowedHostService/AddAllowedHosts" {
		t.Errorf("revision 7: %v, %v", one, err)
	}
	diff, err := revisions.DiffRevisions(ctx, &adminv1.DiffRevisionsRequest{From: 2})
	if err != nil || len(diff.GetChanges()) != 31 {
		t.Errorf("%d differences, %v", len(diff.GetChanges()), err)
	}

	// What is only tried changes nothing; what is made has a revision of its own.
	try := &adminv1.RevertRevisionRequest{Revision: 7, ValidateOnly: true}
	hostsNow := func() int { return len(a.Store.Current().Config.AllowedHosts) }
	if tried, err := revisions.RevertRevision(ctx, try); err != nil || len(tried.GetChanges()) != 30 || hostsNow() != 30 {
		t.Errorf("tried: %v, %v", tried, err)
	}
	_, err = revisions.RevertRevision(ctx, &adminv1.RevertRevisionRequest{Revision: 4})
	check(t, err, codes.FailedPrecondition, reason.RevisionChangedAgain)
	_, err = revisions.RestoreRevision(ctx, &adminv1.RestoreRevisionRequest{Revision: 1, Etag: "x"})
	check(t, err, codes.Aborted, reason.EtagMismatch)
	long := strings.Repeat("ö", history.MaxComment)
	_, err = revisions.RestoreRevision(ctx, &adminv1.RestoreRevisionRequest{Revision: 1, Comment: long + "x"})
	check(t, err, codes.InvalidArgument, reason.CommentInvalid)
	_, err = revisions.RestoreRevision(ctx, &adminv1.RestoreRevisionRequest{Revision: 1, Comment: "two\nlines"})
	check(t, err, codes.InvalidArgument, reason.CommentInvalid)
	back, err := revisions.RestoreRevision(ctx, &adminv1.RestoreRevisionRequest{Revision: 1, Comment: long})
	if err != nil || len(back.GetChanges()) != 31 || hostsNow() != 0 {
		t.Errorf("restored: %d changes, %v", len(back.GetChanges()), err)
	}
	undone, err := revisions.RevertRevision(ctx, &adminv1.RevertRevisionRequest{Revision: 8}) // a way back is undone as any other change
	if err != nil || hostsNow() != 30 {
		t.Errorf("undone: %d changes, %v", len(undone.GetChanges()), err)
	}
	state, err := revisions.VerifyRevisions(ctx, &adminv1.VerifyRevisionsRequest{})
	if err != nil || state.GetLast() != 9 || len(state.GetFindings()) > 0 {
		t.Errorf("verify: %v, %v", state, err)
	}
	_, err = revisions.GetRevision(ctx, &adminv1.GetRevisionRequest{Revision: 99})
	check(t, err, codes.NotFound, reason.RevisionNotFound)
}

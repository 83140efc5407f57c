package adminapi

import (
	"context"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/omsgateway/omsgateway/internal/config"
	"github.com/omsgateway/omsgateway/internal/history"
	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/reason"
	"github.com/omsgateway/omsgateway/internal/settings"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

// Bounds of a list of revisions.
const (
	defaultRevisions = 100
	maxListedChanges = 20 // of one record in a list; more have counts there
)

type revisionService struct {
	adminv1.UnimplementedRevisionServiceServer
	gateway Gateway
}

func (s *revisionService) ListRevisions(
	ctx context.Context, req *adminv1.ListRevisionsRequest,
) (*adminv1.ListRevisionsResponse, error) {
	fits, err := revisionFilter(req)
	if err != nil {
		return nil, err
	}
	before, err := revisionToken(req.GetPageToken())
	if err != nil {
		return nil, err
	}
	size := int(req.GetPageSize())
	if size <= 0 {
		size = defaultRevisions
	}
	size = min(size, maxPage)
	store := s.gateway.Store
	resp := &adminv1.ListRevisionsResponse{Etag: store.Current().Etag}
	revisions := store.History().Revisions()
	bytes := 0
	for i := len(revisions) - 1; i >= 0; i-- {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if before != 0 && revisions[i] >= before {
			continue
		}
		r, err := store.History().Record(revisions[i])
		if err != nil || !fits(r) {
			continue
		}
		shown := revisionOf(shortened(r))
		more := proto.Size(shown) + 8
		if more > maxPageBytes { // no gateway has written it
			continue
		}
		if bytes += more; len(resp.Revisions) == size || bytes > maxPageBytes {
			resp.NextPageToken = strconv.FormatUint(resp.Revisions[len(resp.Revisions)-1].GetRevision(), 10)
			break
		}
		resp.Revisions = append(resp.Revisions, shown)
	}
	return resp, nil
}

func (s *revisionService) GetRevision(_ context.Context, req *adminv1.GetRevisionRequest) (*adminv1.GetRevisionResponse, error) {
	r, err := s.gateway.Store.History().Record(req.GetRevision())
	if err != nil {
		return nil, err
	}
	shown := revisionOf(r)
	shown.Changes = fitting(shown.GetChanges())
	return &adminv1.GetRevisionResponse{Revision: shown}, nil
}

func (s *revisionService) DiffRevisions(
	_ context.Context, req *adminv1.DiffRevisionsRequest,
) (*adminv1.DiffRevisionsResponse, error) {
	from, err := s.gateway.Store.Revision(req.GetFrom())
	if err != nil {
		return nil, err
	}
	to := s.gateway.Store.Current().Config
	if req.GetTo() != 0 {
		if to, err = s.gateway.Store.Revision(req.GetTo()); err != nil {
			return nil, err
		}
	}
	// No revision has a password, so that nothing can be said about one.
	from.RelayProxy.Password, to.RelayProxy.Password = config.RelayProxy{}.Password, config.RelayProxy{}.Password
	changes, counts := differenceOf(from, to)
	return &adminv1.DiffRevisionsResponse{Changes: changes, Counts: counts}, nil
}

func (s *revisionService) RestoreRevision(
	ctx context.Context, req *adminv1.RestoreRevisionRequest,
) (*adminv1.RestoreRevisionResponse, error) {
	change, err := s.gateway.Store.Restored(req.GetRevision(), req.Password)
	if err != nil {
		return nil, err
	}
	before, after, err := s.gateway.updateAll(ctx, req, adminv1.RevisionService_RestoreRevision_FullMethodName, change)
	if err != nil {
		return nil, err
	}
	resp := &adminv1.RestoreRevisionResponse{
		Etag: after.Etag, Preview: s.gateway.preview(req, before, after), OnTrial: s.gateway.onTrial(),
	}
	resp.Changes, resp.Counts = differenceOf(before.Config, after.Config)
	return resp, nil
}

func (s *revisionService) RevertRevision(
	ctx context.Context, req *adminv1.RevertRevisionRequest,
) (*adminv1.RevertRevisionResponse, error) {
	change, err := s.gateway.Store.Reverted(req.GetRevision(), req.Password)
	if err != nil {
		return nil, err
	}
	before, after, err := s.gateway.updateAll(ctx, req, adminv1.RevisionService_RevertRevision_FullMethodName, change)
	if err != nil {
		return nil, err
	}
	resp := &adminv1.RevertRevisionResponse{
		Etag: after.Etag, Preview: s.gateway.preview(req, before, after), OnTrial: s.gateway.onTrial(),
	}
	resp.Changes, resp.Counts = differenceOf(before.Config, after.Config)
	return resp, nil
}

func (s *revisionService) VerifyRevisions(
	ctx context.Context, req *adminv1.VerifyRevisionsRequest,
) (*adminv1.VerifyRevisionsResponse, error) {
	report, err := s.gateway.Store.History().Verify(ctx, strings.ToLower(strings.TrimSpace(req.GetHead())))
	if err != nil {
		return nil, err
	}
	resp := &adminv1.VerifyRevisionsResponse{First: report.First, Last: report.Last, Head: report.Head, More: int64(report.More)}
	for _, f := range report.Findings {
		resp.Findings = append(resp.Findings, &adminv1.VerifyRevisionsResponse_Finding{
			Fault: string(f.Fault), Revision: f.Revision, Message: f.Text,
		})
	}
	return resp, nil
}

func revisionFilter(req *adminv1.ListRevisionsRequest) (func(history.Record) bool, error) {
	invalid := func(field, value string) error {
		return reason.New(reason.FilterInvalid, "field", field, "value", value)
	}
	if len(req.GetCaller()) > maxFilterText {
		return nil, invalid("caller", req.GetCaller()[:maxFilterText])
	}
	since := req.GetSince()
	if since != nil && since.CheckValid() != nil {
		return nil, invalid("since", since.String())
	}
	host := ""
	if req.GetHost() != "" {
		pattern, err := hostname.ParsePattern(req.GetHost())
		if err != nil {
			return nil, err
		}
		host = pattern.String()
	}
	return func(r history.Record) bool {
		switch {
		case req.GetCaller() != "" && !strings.EqualFold(r.Caller.Name, req.GetCaller()):
			return false
		case since != nil && r.Time.Before(since.AsTime()):
			return false
		}
		return host == "" || isAbout(r, host)
	}, nil
}

// isAbout reports whether the change was about the host. One of which only counts are kept may have been.
func isAbout(r history.Record, host string) bool {
	for _, c := range r.Changes {
		if c.Noun == settings.NounHost && c.Key == host {
			return true
		}
	}
	for _, c := range r.Counts {
		if c.Noun == settings.NounHost {
			return true
		}
	}
	return false
}

func revisionToken(token string) (before uint64, err error) {
	if token == "" {
		return 0, nil
	}
	before, err = strconv.ParseUint(token, 10, 64)
	if err != nil || before == 0 {
		return 0, reason.New(reason.PageTokenInvalid)
	}
	return before, nil
}

// shortened is a record for a list.
func shortened(r history.Record) history.Record {
	if len(r.Changes) > maxListedChanges {
		r.Changes, r.Counts = nil, history.CountsOf(r.Changes)
	}
	return r
}

func revisionOf(r history.Record) *adminv1.Revision {
	return &adminv1.Revision{
		Revision:         r.Revision,
		Time:             timestamppb.New(r.Time),
		Result:           revisionResults[r.Result],
		About:            r.Of,
		Trial:            r.Trial,
		EtagBefore:       r.EtagBefore,
		Etag:             r.Etag,
		Caller:           r.Caller.Name,
		Via:              r.Caller.Via,
		Address:          r.Caller.Address,
		Role:             r.Caller.Role,
		Client:           r.Client,
		Method:           r.Method,
		Comment:          r.Comment,
		Changes:          revisionChanges(r.Changes),
		Counts:           revisionCounts(r.Counts),
		Problem:          r.Problem,
		HasConfiguration: r.Configuration != nil,
		Hash:             r.Hash(),
		PreviousHash:     r.Previous,
	}
}

var revisionResults = map[history.Result]adminv1.Revision_Result{
	history.Changed:    adminv1.Revision_CHANGED,
	history.NotMade:    adminv1.Revision_NOT_MADE,
	history.Tried:      adminv1.Revision_TRIED,
	history.Confirmed:  adminv1.Revision_CONFIRMED,
	history.RolledBack: adminv1.Revision_ROLLED_BACK,
}

func differenceOf(before, after config.Config) ([]*adminv1.RevisionChange, []*adminv1.RevisionCount) {
	changes, counts := settings.Difference(before, after)
	return fitting(revisionChanges(changes)), revisionCounts(counts)
}

func revisionChanges(changes []history.Change) []*adminv1.RevisionChange {
	var shown []*adminv1.RevisionChange
	for _, c := range changes {
		shown = append(shown, &adminv1.RevisionChange{Noun: c.Noun, Key: c.Key, OldValue: c.Old, NewValue: c.New})
	}
	return shown
}

func revisionCounts(counts []history.Count) []*adminv1.RevisionCount {
	var shown []*adminv1.RevisionCount
	for _, c := range counts {
		shown = append(shown, &adminv1.RevisionCount{
			Noun: c.Noun, Added: int64(c.Added), Removed: int64(c.Removed), Changed: int64(c.Changed),
		})
	}
	return shown
}

// fitting are the first changes that fit into an answer.
func fitting(changes []*adminv1.RevisionChange) []*adminv1.RevisionChange {
	bytes := 0
	for i, c := range changes {
		if bytes += proto.Size(c) + 8; bytes > maxPageBytes {
			return changes[:i]
		}
	}
	return changes
}

package adminapi

import (
	"context"
	"sort"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/omsgateway/omsgateway/internal/clientcert"
	"github.com/omsgateway/omsgateway/internal/config"
	"github.com/omsgateway/omsgateway/internal/handshake"
	"github.com/omsgateway/omsgateway/internal/reason"
	"github.com/omsgateway/omsgateway/internal/settings"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

type allowedClientCertificates struct {
	adminv1.UnimplementedAllowedClientCertificateServiceServer
	gateway Gateway
}

func (s *allowedClientCertificates) ListAllowedClientCertificates(
	_ context.Context, req *adminv1.ListAllowedClientCertificatesRequest,
) (*adminv1.ListAllowedClientCertificatesResponse, error) {
	now := s.gateway.Store.Current()
	certificates, next, err := page(now.Config.AllowedClientCertificates, req.GetPageSize(), req.GetPageToken(),
		subjectOf, certificatesAfter)
	if err != nil {
		return nil, err
	}
	resp := &adminv1.ListAllowedClientCertificatesResponse{Etag: now.Etag, NextPageToken: next}
	size := 0
	for i, a := range certificates {
		certificate := &adminv1.AllowedClientCertificate{Subject: subjectOf(a), AddedBy: a.AddedBy}
		if !a.AddedAt.IsZero() {
			certificate.AddedAt = timestamppb.New(a.AddedAt)
		}
		if size += proto.Size(certificate) + 8; size > maxPageBytes {
			resp.NextPageToken = subjectOf(certificates[i-1])
			break
		}
		resp.Certificates = append(resp.Certificates, certificate)
	}
	return resp, nil
}

func (s *allowedClientCertificates) AddAllowedClientCertificates(
	ctx context.Context, req *adminv1.AddAllowedClientCertificatesRequest,
) (*adminv1.AddAllowedClientCertificatesResponse, error) {
	subjects := make([]string, len(req.GetCertificates()))
	for i, c := range req.GetCertificates() {
		subjects[i] = c.GetSubject()
	}
	items, err := parse(subjects, config.MaxClientCertificates, req.GetAtomic(), clientcert.ParseEntry)
	if err != nil {
		return nil, err
	}
	change, err := s.gateway.changeFor(ctx, req)
	if err != nil {
		return nil, err
	}
	before, after, err := s.gateway.Store.Update(ctx, change, func(c *config.Config) error {
		var added []config.AllowedClientCertificate
		for _, entry := range valid(items) {
			added = append(added, config.AllowedClientCertificate{
				Entry: entry, AddedAt: s.gateway.Clock.Now(), AddedBy: change.Caller.Name,
			})
		}
		settle(items, c.AddClientCertificates(added...))
		return nil
	})
	if err != nil {
		return nil, err
	}
	outcomes, counts := certificateOutcomes(items, before, after,
		adminv1.AllowedClientCertificateOutcome_ADDED, adminv1.AllowedClientCertificateOutcome_ALREADY_PRESENT)
	return &adminv1.AddAllowedClientCertificatesResponse{
		Outcomes: outcomes, Counts: counts,
		Etag: after.Etag, Preview: s.gateway.preview(req, before, after), OnTrial: s.gateway.onTrial(),
	}, nil
}

func (s *allowedClientCertificates) RemoveAllowedClientCertificates(
	ctx context.Context, req *adminv1.RemoveAllowedClientCertificatesRequest,
) (*adminv1.RemoveAllowedClientCertificatesResponse, error) {
	items, err := parse(req.GetSubjects(), config.MaxClientCertificates, req.GetAtomic(), clientcert.ParseEntry)
	if err != nil {
		return nil, err
	}
	change, err := s.gateway.changeFor(ctx, req)
	if err != nil {
		return nil, err
	}
	before, after, err := s.gateway.Store.Update(ctx, change, func(c *config.Config) error {
		settle(items, c.RemoveClientCertificates(valid(items)...))
		return nil
	})
	if err != nil {
		return nil, err
	}
	outcomes, counts := certificateOutcomes(items, before, after,
		adminv1.AllowedClientCertificateOutcome_REMOVED, adminv1.AllowedClientCertificateOutcome_NOT_PRESENT)
	return &adminv1.RemoveAllowedClientCertificatesResponse{
		Outcomes: outcomes, Counts: counts,
		Etag: after.Etag, Preview: s.gateway.preview(req, before, after), OnTrial: s.gateway.onTrial(),
	}, nil
}

// certificateKinds has the kind of each outcome.
var certificateKinds = map[adminv1.AllowedClientCertificateOutcome_Outcome]kind{
	adminv1.AllowedClientCertificateOutcome_ADDED:           added,
	adminv1.AllowedClientCertificateOutcome_ALREADY_PRESENT: alreadyPresent,
	adminv1.AllowedClientCertificateOutcome_REMOVED:         removed,
	adminv1.AllowedClientCertificateOutcome_NOT_PRESENT:     notPresent,
	adminv1.AllowedClientCertificateOutcome_INVALID:         invalid,
}

// certificateOutcomes returns what became of the items, done or else not, and at the first that was done what it means for clients.
func certificateOutcomes(
	items []item[string, clientcert.Entry], before, after *settings.Snapshot,
	done, not adminv1.AllowedClientCertificateOutcome_Outcome,
) ([]*adminv1.AllowedClientCertificateOutcome, *adminv1.ChangeCounts) {
	spelling := map[string]string{} // by key
	for _, snapshot := range []*settings.Snapshot{before, after} {
		for _, a := range snapshot.Config.AllowedClientCertificates {
			spelling[a.Entry.Key()] = a.Entry.String()
		}
	}
	warnings := judgedWarnings(before.Policy.TLS().ClientCertificate, after.Policy.TLS().ClientCertificate)
	return answered(len(items), func(i int) told[*adminv1.AllowedClientCertificateOutcome] {
		it := items[i]
		o := &adminv1.AllowedClientCertificateOutcome{Subject: it.value.String(), Outcome: not}
		if listed, ok := spelling[it.value.Key()]; ok {
			o.Subject = listed
		}
		switch {
		case it.err != nil:
			o.Subject, o.Outcome, o.Problem = it.given, adminv1.AllowedClientCertificateOutcome_INVALID, problem(it.err)
		case it.changed:
			o.Outcome, o.Warnings, warnings = done, warnings, nil
		}
		return told[*adminv1.AllowedClientCertificateOutcome]{
			outcome: o, kind: certificateKinds[o.Outcome], isPlain: o.Problem == nil && len(o.Warnings) == 0, index: &o.Index,
		}
	})
}

// judgedWarnings has a warning if certificates are judged from now on that were not before, or no longer.
func judgedWarnings(before, after handshake.Requirement) []*adminv1.Problem {
	switch {
	case before == after:
		return nil
	case after == handshake.Off:
		return []*adminv1.Problem{problem(reason.New(reason.CertificatesNotJudged))}
	}
	return []*adminv1.Problem{problem(reason.New(reason.CertificatesJudged))}
}

func subjectOf(a config.AllowedClientCertificate) string { return a.Entry.String() }

// certificatesAfter is the offset behind the entry that a page token names.
func certificatesAfter(list []config.AllowedClientCertificate, token string) (int, error) {
	if _, err := clientcert.ParseEntry(token); err != nil {
		return 0, err
	}
	return sort.Search(len(list), func(i int) bool { return subjectOf(list[i]) > token }), nil
}

package adminapi

import (
	"context"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/omsgateway/omsgateway/internal/discovery"
	"github.com/omsgateway/omsgateway/internal/handshake"
	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/policy"
	"github.com/omsgateway/omsgateway/internal/reason"
	"github.com/omsgateway/omsgateway/internal/settings"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

func (s *allowedHosts) ListEffectiveHosts(
	_ context.Context, req *adminv1.ListEffectiveHostsRequest,
) (*adminv1.ListEffectiveHostsResponse, error) {
	var after hostname.Pattern
	if token := req.GetPageToken(); token != "" {
		var err error
		if after, err = hostname.ParsePattern(token); err != nil {
			return nil, reason.New(reason.PageTokenInvalid)
		}
	}
	limit := int(req.GetPageSize())
	if limit <= 0 || limit > maxPage {
		limit = maxPage
	}
	now := s.gateway.Store.Current()
	resp := &adminv1.ListEffectiveHostsResponse{Etag: now.Etag}
	size := 0
	var last hostname.Pattern
	for e := range now.Policy.After(after) {
		if e.Pattern == last {
			continue
		}
		host := s.effective(now, e.Pattern)
		size += proto.Size(host) + 8
		if len(resp.Hosts) == limit || size > maxPageBytes && len(resp.Hosts) > 0 {
			resp.NextPageToken = last.String()
			break
		}
		resp.Hosts, last = append(resp.Hosts, host), e.Pattern
	}
	return resp, nil
}

// effective is the host with this pattern, which must be in the policy of now.
func (s *allowedHosts) effective(now *settings.Snapshot, pattern hostname.Pattern) *adminv1.EffectiveHost {
	entries := now.Policy.Of(pattern)
	asked := now.Policy.TLS().ClientCertificate
	if own := entries[0].ClientCertificate; own != nil {
		asked = *own
	}
	use := s.gateway.Usage.UseOf(pattern)
	host := &adminv1.EffectiveHost{
		Host:                    pattern.String(),
		ClientCertificatePolicy: requirements[asked],
		UseCount:                use.Count,
		FirstUsedAt:             timestamp(use.First),
		LastUsedAt:              timestamp(use.Last),
	}
	for _, e := range entries {
		host.Sources = append(host.Sources, sourceOf(now, e))
	}
	return host
}

func sourceOf(now *settings.Snapshot, e policy.Entry) *adminv1.EffectiveHost_Source {
	source := &adminv1.EffectiveHost_Source{
		Kind:      sourceKinds[e.Source.Kind],
		Since:     timestamp(e.Source.Since),
		Agent:     e.Source.Particular(discovery.Agent),
		Place:     e.Source.Particular(discovery.PlaceRead),
		Workspace: e.Source.Particular(discovery.Workspace),
	}
	for _, p := range e.Source.Particulars {
		source.Particulars = append(source.Particulars, &adminv1.EffectiveHost_Source_Particular{Name: p.Name, Value: p.Value})
	}
	if e.Source.Kind == policy.Local {
		h, _ := configured(now.Config, e.Pattern)
		source.AddedBy = h.AddedBy
	}
	return source
}

var sourceKinds = map[policy.SourceKind]adminv1.EffectiveHost_Source_Kind{
	policy.Local:   adminv1.EffectiveHost_Source_LOCAL,
	policy.Learned: adminv1.EffectiveHost_Source_LEARNED,
}

var requirements = map[handshake.Requirement]adminv1.AllowedHost_ClientCertificatePolicy{
	handshake.Off:      adminv1.AllowedHost_OFF,
	handshake.IfShown:  adminv1.AllowedHost_IF_SHOWN,
	handshake.Required: adminv1.AllowedHost_REQUIRED,
}

// timestamp is nil if the time is not known.
func timestamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

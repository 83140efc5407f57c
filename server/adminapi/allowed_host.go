package adminapi

import (
	"context"
	"slices"
	"strconv"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/omsgateway/omsgateway/internal/caller"
	"github.com/omsgateway/omsgateway/internal/config"
	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/reason"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

type allowedHosts struct {
	adminv1.UnimplementedAllowedHostServiceServer
	gateway Gateway
	checks  *caller.Places // of those that connect
}

func (s *allowedHosts) ListAllowedHosts(
	_ context.Context, req *adminv1.ListAllowedHostsRequest,
) (*adminv1.ListAllowedHostsResponse, error) {
	now := s.gateway.Store.Current()
	hosts, next, err := page(now.Config.AllowedHosts, req.GetPageSize(), req.GetPageToken(),
		func(h config.AllowedHost) string { return h.Pattern.String() }, hostsAfter)
	if err != nil {
		return nil, err
	}
	resp := &adminv1.ListAllowedHostsResponse{Etag: now.Etag, NextPageToken: next}
	for _, h := range hosts {
		resp.Hosts = append(resp.Hosts, hostOf(h))
	}
	return resp, nil
}

func (s *allowedHosts) AddAllowedHosts(
	ctx context.Context, req *adminv1.AddAllowedHostsRequest,
) (*adminv1.AddAllowedHostsResponse, error) {
	change := changeFor(ctx, req.GetEtag(), req.GetValidateOnly())
	now := time.Now()
	items, err := parse(req.GetHosts(), req.GetAtomic(), func(h *adminv1.AllowedHost) (config.AllowedHost, error) {
		pattern, err := hostname.ParsePattern(h.GetHost())
		if err != nil {
			return config.AllowedHost{}, err
		}
		policy, err := policyOf(h.GetClientCertificatePolicy())
		return config.AllowedHost{Pattern: pattern, ClientCertificatePolicy: policy, AddedAt: now, AddedBy: change.Caller.Name}, err
	})
	if err != nil {
		return nil, err
	}
	_, after, err := s.gateway.Store.Update(ctx, change, func(c *config.Config) error {
		settle(items, c.AddHosts(valid(items)...))
		return nil
	})
	if err != nil {
		return nil, err
	}
	resp := &adminv1.AddAllowedHostsResponse{Etag: after.Etag}
	for _, it := range items {
		outcome := hostOutcome(it.value.Pattern, after.Config)
		switch warning := it.value.Pattern.Warning(); {
		case it.err != nil:
			outcome = invalidHost(it.given.GetHost(), it.err)
		case !it.changed:
			outcome.Outcome = adminv1.AllowedHostOutcome_ALREADY_PRESENT
		default:
			outcome.Outcome = adminv1.AllowedHostOutcome_ADDED
			if warning != nil {
				outcome.Warnings = append(outcome.Warnings, problem(warning))
			}
		}
		resp.Outcomes = append(resp.Outcomes, outcome)
	}
	return resp, nil
}

func (s *allowedHosts) RemoveAllowedHosts(
	ctx context.Context, req *adminv1.RemoveAllowedHostsRequest,
) (*adminv1.RemoveAllowedHostsResponse, error) {
	items, err := parse(req.GetHosts(), req.GetAtomic(), hostname.ParsePattern)
	if err != nil {
		return nil, err
	}
	change := changeFor(ctx, req.GetEtag(), req.GetValidateOnly())
	before, after, err := s.gateway.Store.Update(ctx, change, func(c *config.Config) error {
		settle(items, c.RemoveHosts(valid(items)...))
		return nil
	})
	if err != nil {
		return nil, err
	}
	resp := &adminv1.RemoveAllowedHostsResponse{Etag: after.Etag}
	for _, it := range items {
		outcome := hostOutcome(it.value, before.Config)
		switch {
		case it.err != nil:
			outcome = invalidHost(it.given, it.err)
		case !it.changed:
			outcome.Outcome = adminv1.AllowedHostOutcome_NOT_PRESENT
		default:
			outcome.Outcome = adminv1.AllowedHostOutcome_REMOVED
			outcome.OpenTunnels = int32(s.gateway.Tunnels.CountByEntry(it.value.String()))
			if cover, ok := after.Policy.CoveredBy(it.value); ok {
				outcome.StillCoveredBy = cover.Pattern.String()
			}
		}
		resp.Outcomes = append(resp.Outcomes, outcome)
	}
	return resp, nil
}

func (s *allowedHosts) SetAllowedHost(
	ctx context.Context, req *adminv1.SetAllowedHostRequest,
) (*adminv1.SetAllowedHostResponse, error) {
	pattern, err := hostname.ParsePattern(req.GetHost())
	if err != nil {
		return nil, err
	}
	policy, err := policyOf(req.GetClientCertificatePolicy())
	if err != nil {
		return nil, err
	}
	var host config.AllowedHost
	change := changeFor(ctx, req.GetEtag(), req.GetValidateOnly())
	_, after, err := s.gateway.Store.Update(ctx, change, func(c *config.Config) error {
		var present bool
		if host, present = c.SetHostPolicy(pattern, policy); !present {
			return reason.New(reason.AllowedHostNotPresent, "host", pattern.String())
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	resp := &adminv1.SetAllowedHostResponse{Host: hostOf(host), Etag: after.Etag}
	resp.PreviousClientCertificatePolicy = resp.GetHost().GetClientCertificatePolicy()
	resp.Host.ClientCertificatePolicy = req.GetClientCertificatePolicy()
	return resp, nil
}

func hostOf(h config.AllowedHost) *adminv1.AllowedHost {
	host := &adminv1.AllowedHost{
		Host: h.Pattern.String(), AddedBy: h.AddedBy, ClientCertificatePolicy: enumOf(h.ClientCertificatePolicy),
	}
	if !h.AddedAt.IsZero() {
		host.AddedAt = timestamppb.New(h.AddedAt)
	}
	return host
}

// hostOutcome is what c tells of a host that a change was about; what became of it is still missing.
func hostOutcome(pattern hostname.Pattern, c config.Config) *adminv1.AllowedHostOutcome {
	outcome := &adminv1.AllowedHostOutcome{Host: pattern.String()}
	if h, found := configured(c, pattern); found {
		outcome.ClientCertificatePolicy = enumOf(h.ClientCertificatePolicy)
	}
	return outcome
}

// configured is the host of c with this pattern.
func configured(c config.Config, pattern hostname.Pattern) (host config.AllowedHost, found bool) {
	i, found := slices.BinarySearchFunc(c.AllowedHosts, pattern,
		func(h config.AllowedHost, p hostname.Pattern) int { return h.Pattern.Compare(p) })
	if found {
		host = c.AllowedHosts[i]
	}
	return host, found
}

func invalidHost(spelling string, err error) *adminv1.AllowedHostOutcome {
	return &adminv1.AllowedHostOutcome{Host: spelling, Outcome: adminv1.AllowedHostOutcome_INVALID, Problem: problem(err)}
}

// policies has what the configuration calls each policy, by its number in the API.
var policies = []config.CertificatePolicy{
	adminv1.AllowedHost_UNSPECIFIED: "",
	adminv1.AllowedHost_OFF:         config.Off,
	adminv1.AllowedHost_IF_SHOWN:    config.IfShown,
	adminv1.AllowedHost_REQUIRED:    config.Required,
}

func policyOf(number adminv1.AllowedHost_ClientCertificatePolicy) (config.CertificatePolicy, error) {
	if number < 0 || int(number) >= len(policies) {
		return "", config.HostPolicyUnknown(strconv.Itoa(int(number)))
	}
	return policies[number], nil
}

func enumOf(policy config.CertificatePolicy) adminv1.AllowedHost_ClientCertificatePolicy {
	return adminv1.AllowedHost_ClientCertificatePolicy(slices.Index(policies, policy))
}

// hostsAfter is the offset behind the host that a page token names.
func hostsAfter(hosts []config.AllowedHost, token string) (int, error) {
	pattern, err := hostname.ParsePattern(token)
	if err != nil {
		return 0, err
	}
	for i, h := range hosts {
		if h.Pattern.Compare(pattern) > 0 {
			return i, nil
		}
	}
	return len(hosts), nil
}

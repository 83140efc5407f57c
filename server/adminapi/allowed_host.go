package adminapi

import (
	"context"
	"slices"
	"strconv"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/omsgateway/omsgateway/internal/caller"
	"github.com/omsgateway/omsgateway/internal/config"
	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/policy"
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
	change, err := s.gateway.changeFor(ctx, req)
	if err != nil {
		return nil, err
	}
	now := s.gateway.Clock.Now()
	items, err := parse(req.GetHosts(), config.MaxHosts, req.GetAtomic(), func(h *adminv1.AllowedHost) (config.AllowedHost, error) {
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
	policySet := make([]bool, len(items)) // of a host that was there before
	before, after, err := s.gateway.Store.Update(ctx, change, func(c *config.Config) error {
		settle(items, c.AddHosts(valid(items)...))
		for i, it := range items {
			if it.err == nil && !it.changed && req.GetSetClientCertificatePolicy() {
				before, _ := c.SetHost(it.value.Pattern, withPolicy(it.value.ClientCertificatePolicy))
				policySet[i] = before.ClientCertificatePolicy != it.value.ClientCertificatePolicy
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	resp := &adminv1.AddAllowedHostsResponse{
		Etag: after.Etag, Preview: s.gateway.preview(req, before, after), OnTrial: s.gateway.onTrial(),
	}
	resp.Outcomes, resp.Counts = answered(len(items), func(i int) toldHost {
		it := items[i]
		if it.err != nil {
			return invalidHost(it.given.GetHost(), it.err)
		}
		o := hostOutcome(it.value.Pattern, after.Config)
		warning := policy.Warning(it.value.Pattern)
		switch {
		case policySet[i]:
			o.Outcome = adminv1.AllowedHostOutcome_CHANGED
			return tellHost(o, changed)
		case !it.changed:
			o.Outcome = adminv1.AllowedHostOutcome_ALREADY_PRESENT
			return tellHost(o, alreadyPresent)
		case warning != nil:
			o.Warnings = append(o.Warnings, problem(warning))
		}
		o.Outcome = adminv1.AllowedHostOutcome_ADDED
		return tellHost(o, added)
	})
	return resp, nil
}

func (s *allowedHosts) RemoveAllowedHosts(
	ctx context.Context, req *adminv1.RemoveAllowedHostsRequest,
) (*adminv1.RemoveAllowedHostsResponse, error) {
	items, err := parse(req.GetHosts(), config.MaxHosts, req.GetAtomic(), hostname.ParsePattern)
	if err != nil {
		return nil, err
	}
	change, err := s.gateway.changeFor(ctx, req)
	if err != nil {
		return nil, err
	}
	before, after, err := s.gateway.Store.Update(ctx, change, func(c *config.Config) error {
		settle(items, c.RemoveHosts(valid(items)...))
		return nil
	})
	if err != nil {
		return nil, err
	}
	resp := &adminv1.RemoveAllowedHostsResponse{
		Etag: after.Etag, Preview: s.gateway.preview(req, before, after), OnTrial: s.gateway.onTrial(),
	}
	resp.Outcomes, resp.Counts = answered(len(items), func(i int) toldHost {
		it := items[i]
		if it.err != nil {
			return invalidHost(it.given, it.err)
		}
		o := hostOutcome(it.value, before.Config)
		if !it.changed {
			o.Outcome = adminv1.AllowedHostOutcome_NOT_PRESENT
			return tellHost(o, notPresent)
		}
		o.Outcome = adminv1.AllowedHostOutcome_REMOVED
		o.OpenTunnels = int32(s.gateway.Tunnels.CountByEntry(it.value.String()))
		if cover, ok := after.Policy.CoveredBy(it.value); ok {
			o.StillCoveredBy = cover.Pattern.String()
		}
		return tellHost(o, removed)
	})
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
	change, err := s.gateway.changeFor(ctx, req)
	if err != nil {
		return nil, err
	}
	before, after, err := s.gateway.Store.Update(ctx, change, func(c *config.Config) error {
		var present bool
		if host, present = c.SetHost(pattern, withPolicy(policy)); !present {
			return reason.New(reason.AllowedHostNotPresent, "host", pattern.String())
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	resp := &adminv1.SetAllowedHostResponse{
		Host: hostOf(host), Etag: after.Etag, Preview: s.gateway.preview(req, before, after), OnTrial: s.gateway.onTrial(),
	}
	resp.PreviousClientCertificatePolicy = resp.GetHost().GetClientCertificatePolicy()
	resp.Host.ClientCertificatePolicy = req.GetClientCertificatePolicy()
	return resp, nil
}

func (s *allowedHosts) SetAllowedHosts(
	ctx context.Context, req *adminv1.SetAllowedHostsRequest,
) (*adminv1.SetAllowedHostsResponse, error) {
	policy, err := policyOf(req.GetClientCertificatePolicy())
	if err != nil {
		return nil, err
	}
	items, err := parse(req.GetHosts(), config.MaxHosts, req.GetAtomic(), hostname.ParsePattern)
	if err != nil {
		return nil, err
	}
	hosts := make([]config.AllowedHost, len(items)) // as they were
	change, err := s.gateway.changeFor(ctx, req)
	if err != nil {
		return nil, err
	}
	before, after, err := s.gateway.Store.Update(ctx, change, func(c *config.Config) error {
		for i := range items {
			it := &items[i]
			if it.err != nil {
				continue
			}
			var present bool
			if hosts[i], present = c.SetHost(it.value, withPolicy(policy)); !present {
				it.err = reason.New(reason.AllowedHostNotPresent, "host", it.value.String())
			}
		}
		if req.GetAtomic() {
			return allValid(items)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	resp := &adminv1.SetAllowedHostsResponse{
		Etag: after.Etag, Preview: s.gateway.preview(req, before, after), OnTrial: s.gateway.onTrial(),
	}
	resp.Outcomes, resp.Counts = answered(len(items), func(i int) told[*adminv1.SetAllowedHostOutcome] {
		if err := items[i].err; err != nil {
			o := &adminv1.SetAllowedHostOutcome{Host: &adminv1.AllowedHost{Host: items[i].given}, Problem: problem(err)}
			return told[*adminv1.SetAllowedHostOutcome]{outcome: o, kind: invalid, index: &o.Index}
		}
		o := &adminv1.SetAllowedHostOutcome{Host: hostOf(hosts[i])}
		o.PreviousClientCertificatePolicy = o.Host.ClientCertificatePolicy
		o.Host.ClientCertificatePolicy = req.GetClientCertificatePolicy()
		t := told[*adminv1.SetAllowedHostOutcome]{outcome: o, kind: changed, isPlain: true}
		if o.PreviousClientCertificatePolicy == o.Host.ClientCertificatePolicy {
			t.kind = unchanged
		}
		return t
	})
	return resp, nil
}

func withPolicy(policy config.CertificatePolicy) func(*config.AllowedHost) {
	return func(h *config.AllowedHost) { h.ClientCertificatePolicy = policy }
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

type toldHost = told[*adminv1.AllowedHostOutcome]

func tellHost(o *adminv1.AllowedHostOutcome, kind kind) toldHost {
	plain := len(o.Warnings) == 0 && o.OpenTunnels == 0 && o.StillCoveredBy == ""
	return toldHost{outcome: o, kind: kind, isPlain: plain, index: &o.Index}
}

func invalidHost(spelling string, err error) toldHost {
	o := &adminv1.AllowedHostOutcome{Host: spelling, Outcome: adminv1.AllowedHostOutcome_INVALID, Problem: problem(err)}
	return toldHost{outcome: o, kind: invalid, index: &o.Index}
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

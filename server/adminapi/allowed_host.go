package adminapi

import (
	"context"
	"slices"
	"strconv"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

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
	size := 0
	for i, h := range hosts {
		host := hostOf(h, now.Date)
		if size += proto.Size(host) + 8; size > maxPageBytes {
			resp.NextPageToken = hosts[i-1].Pattern.String()
			break
		}
		resp.Hosts = append(resp.Hosts, host)
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
	mask := req.GetUpdateMask()
	if req.GetSetClientCertificatePolicy() {
		mask = &fieldmaskpb.FieldMask{Paths: append(slices.Clone(mask.GetPaths()), fieldPolicy)}
	}
	update, err := updateOf(mask)
	if err != nil {
		return nil, err
	}
	now, date := s.gateway.Clock.Now(), s.gateway.Store.Date()
	items, err := parse(req.GetHosts(), config.MaxHosts, req.GetAtomic(), func(h *adminv1.AllowedHost) (config.AllowedHost, error) {
		pattern, err := hostname.ParsePattern(h.GetHost())
		if err != nil {
			return config.AllowedHost{}, err
		}
		policy, err := policyOf(h.GetClientCertificatePolicy())
		if err != nil {
			return config.AllowedHost{}, err
		}
		account, err := accountOf(h, date)
		return config.AllowedHost{
			Pattern: pattern, ClientCertificatePolicy: policy, Account: account, AddedAt: now, AddedBy: change.Caller.Name,
		}, err
	})
	if err != nil {
		return nil, err
	}
	set := make([]bool, len(items)) // of a host that was there before
	before, after, err := s.gateway.Store.Update(ctx, change, func(c *config.Config) error {
		settle(items, c.AddHosts(valid(items)...))
		for i, it := range items {
			if it.err == nil && !it.changed {
				before, _ := c.SetHost(it.value.Pattern, update.from(it.value))
				now, _ := configured(*c, it.value.Pattern)
				set[i] = before != now
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
		var warning *reason.Error
		kind := added
		switch {
		case set[i]:
			o.Outcome, kind, warning = adminv1.AllowedHostOutcome_CHANGED, changed, expired(after.Config, it.value.Pattern, after.Date)
		case !it.changed:
			o.Outcome, kind = adminv1.AllowedHostOutcome_ALREADY_PRESENT, alreadyPresent
			warning = expired(after.Config, it.value.Pattern, after.Date)
		default:
			o.Outcome, warning = adminv1.AllowedHostOutcome_ADDED, policy.Warning(it.value.Pattern)
		}
		if warning != nil {
			o.Warnings = append(o.Warnings, problem(warning))
		}
		return tellHost(o, kind)
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
		Host: hostOf(host, after.Date), Etag: after.Etag, Preview: s.gateway.preview(req, before, after), OnTrial: s.gateway.onTrial(),
	}
	resp.PreviousClientCertificatePolicy = resp.GetHost().GetClientCertificatePolicy()
	resp.Host.ClientCertificatePolicy = req.GetClientCertificatePolicy()
	return resp, nil
}

func (s *allowedHosts) SetAllowedHosts(
	ctx context.Context, req *adminv1.SetAllowedHostsRequest,
) (*adminv1.SetAllowedHostsResponse, error) {
	mask := req.GetUpdateMask()
	if len(mask.GetPaths()) == 0 {
		mask = &fieldmaskpb.FieldMask{Paths: []string{fieldPolicy}}
	}
	update, err := updateOf(mask)
	if err != nil {
		return nil, err
	}
	policy, err := policyOf(req.GetClientCertificatePolicy())
	if err != nil {
		return nil, err
	}
	account, err := accountOf(req, s.gateway.Store.Date())
	if err != nil {
		return nil, err
	}
	set := update.from(config.AllowedHost{ClientCertificatePolicy: policy, Account: account})
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
			if hosts[i], present = c.SetHost(it.value, set); !present {
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
		is := hosts[i]
		set(&is)
		o := &adminv1.SetAllowedHostOutcome{Host: hostOf(is, after.Date), Previous: hostOf(hosts[i], before.Date)}
		o.PreviousClientCertificatePolicy = o.Previous.ClientCertificatePolicy
		t := told[*adminv1.SetAllowedHostOutcome]{outcome: o, kind: changed, isPlain: true}
		if is == hosts[i] {
			t.kind = unchanged
		}
		return t
	})
	return resp, nil
}

func withPolicy(policy config.CertificatePolicy) func(*config.AllowedHost) {
	return func(h *config.AllowedHost) { h.ClientCertificatePolicy = policy }
}

// hostOf is a host as answers have it at date.
func hostOf(h config.AllowedHost, date time.Time) *adminv1.AllowedHost {
	host := &adminv1.AllowedHost{
		Host: h.Pattern.String(), AddedBy: h.AddedBy, ClientCertificatePolicy: enumOf(h.ClientCertificatePolicy),
	}
	host.AddedAt = timestamp(h.AddedAt)
	tellAccount(host, h.Account, date)
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

package adminapi

import (
	"context"
	"strconv"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"omsgateway/internal/config"
	"omsgateway/internal/hostname"
	"omsgateway/internal/localsock"
	"omsgateway/internal/reason"
	"omsgateway/internal/settings"
	adminv1 "omsgateway/proto/omsgateway/admin/v1"
)

// Bounds of a change and of a page.
const (
	maxItems = 1000
	maxPage  = 1000
)

type allowedHosts struct {
	adminv1.UnimplementedAllowedHostServiceServer
	gateway Gateway
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
		host := &adminv1.AllowedHost{Host: h.Pattern.String(), AddedBy: h.AddedBy}
		if !h.AddedAt.IsZero() {
			host.AddedAt = timestamppb.New(h.AddedAt)
		}
		resp.Hosts = append(resp.Hosts, host)
	}
	return resp, nil
}

func (s *allowedHosts) AddAllowedHosts(
	ctx context.Context, req *adminv1.AddAllowedHostsRequest,
) (*adminv1.AddAllowedHostsResponse, error) {
	spellings := make([]string, len(req.GetHosts()))
	for i, h := range req.GetHosts() {
		spellings[i] = h.GetHost()
	}
	items, err := parseHosts(spellings, req.GetAtomic())
	if err != nil {
		return nil, err
	}
	change := changeFor(ctx, req.GetEtag(), req.GetValidateOnly())
	_, after, err := s.gateway.Store.Update(ctx, change, func(c *config.Config) error {
		hosts := make([]config.AllowedHost, 0, len(items))
		for _, pattern := range valid(items) {
			hosts = append(hosts, config.AllowedHost{Pattern: pattern, AddedAt: time.Now(), AddedBy: change.Caller})
		}
		added := c.AddHosts(hosts...)
		settle(items, added, adminv1.AllowedHostOutcome_ADDED, adminv1.AllowedHostOutcome_ALREADY_PRESENT)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, item := range items {
		if warning := item.pattern.Warning(); item.outcome.GetOutcome() == adminv1.AllowedHostOutcome_ADDED && warning != nil {
			item.outcome.Warnings = append(item.outcome.Warnings, problem(warning))
		}
	}
	return &adminv1.AddAllowedHostsResponse{Outcomes: outcomes(items), Etag: after.Etag}, nil
}

func (s *allowedHosts) RemoveAllowedHosts(
	ctx context.Context, req *adminv1.RemoveAllowedHostsRequest,
) (*adminv1.RemoveAllowedHostsResponse, error) {
	items, err := parseHosts(req.GetHosts(), req.GetAtomic())
	if err != nil {
		return nil, err
	}
	_, after, err := s.gateway.Store.Update(ctx, changeFor(ctx, req.GetEtag(), req.GetValidateOnly()), func(c *config.Config) error {
		removed := c.RemoveHosts(valid(items)...)
		settle(items, removed, adminv1.AllowedHostOutcome_REMOVED, adminv1.AllowedHostOutcome_NOT_PRESENT)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, item := range items {
		if item.outcome.GetOutcome() != adminv1.AllowedHostOutcome_REMOVED {
			continue
		}
		item.outcome.OpenTunnels = int32(s.gateway.Tunnels.CountByEntry(item.pattern.String()))
		if cover, ok := after.Policy.CoveredBy(item.pattern); ok {
			item.outcome.StillCoveredBy = cover.Pattern.String()
		}
	}
	return &adminv1.RemoveAllowedHostsResponse{Outcomes: outcomes(items), Etag: after.Etag}, nil
}

// hostItem is one host of a change on its way to its outcome.
type hostItem struct {
	pattern hostname.Pattern
	outcome *adminv1.AllowedHostOutcome
}

// parseHosts reads the hosts of a change. With atomic, an invalid one is an error; else its outcome is INVALID.
func parseHosts(spellings []string, atomic bool) ([]hostItem, error) {
	if len(spellings) == 0 {
		return nil, reason.New(reason.NothingGiven)
	}
	if len(spellings) > maxItems {
		return nil, reason.New(reason.TooManyItems, "count", strconv.Itoa(len(spellings)), "limit", strconv.Itoa(maxItems))
	}
	items := make([]hostItem, len(spellings))
	invalid := 0
	var first error
	for i, spelling := range spellings {
		pattern, err := hostname.ParsePattern(spelling)
		items[i] = hostItem{pattern, &adminv1.AllowedHostOutcome{Host: pattern.String()}}
		if err == nil {
			continue
		}
		items[i].outcome = &adminv1.AllowedHostOutcome{
			Host: spelling, Outcome: adminv1.AllowedHostOutcome_INVALID, Problem: problem(err),
		}
		if invalid++; first == nil {
			first = err
		}
	}
	if atomic && invalid > 0 {
		return nil, reason.New(reason.ChangeRefused, "count", strconv.Itoa(invalid), "first", first.Error())
	}
	return items, nil
}

func valid(items []hostItem) []hostname.Pattern {
	var patterns []hostname.Pattern
	for _, item := range items {
		if item.outcome.GetProblem() == nil {
			patterns = append(patterns, item.pattern)
		}
	}
	return patterns
}

// settle gives each valid item its outcome: changed has one value for each of them.
func settle(items []hostItem, changed []bool, done, before adminv1.AllowedHostOutcome_Outcome) {
	for _, item := range items {
		if item.outcome.GetProblem() != nil {
			continue
		}
		if item.outcome.Outcome = before; changed[0] {
			item.outcome.Outcome = done
		}
		changed = changed[1:]
	}
}

func outcomes(items []hostItem) []*adminv1.AllowedHostOutcome {
	list := make([]*adminv1.AllowedHostOutcome, len(items))
	for i, item := range items {
		list[i] = item.outcome
	}
	return list
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

// changeFor is the part that all changes of the configuration have in common.
func changeFor(ctx context.Context, etag string, validateOnly bool) settings.Request {
	caller, _ := localsock.CallerFrom(ctx)
	return settings.Request{Etag: etag, ValidateOnly: validateOnly, Caller: caller.Name}
}

// problem is an error as an answer shows it for one item.
func problem(err error) *adminv1.Problem {
	p := &adminv1.Problem{Reason: string(reason.Of(err)), Message: err.Error()}
	if e := reason.From(err); e != nil {
		p.Metadata = e.Parts
	}
	return p
}

// page cuts one page out of a sorted list. after finds the offset behind the item that a token names.
func page[T any](
	list []T, size int32, token string, tokenOf func(T) string, after func([]T, string) (int, error),
) (items []T, next string, err error) {
	if token != "" {
		offset, err := after(list, token)
		if err != nil {
			return nil, "", reason.New(reason.PageTokenInvalid)
		}
		list = list[offset:]
	}
	if size <= 0 || size > maxPage {
		size = maxPage
	}
	if len(list) <= int(size) {
		return list, "", nil
	}
	return list[:size], tokenOf(list[size-1]), nil
}

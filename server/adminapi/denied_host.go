package adminapi

import (
	"context"
	"net/http"
	"slices"
	"strconv"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/omsgateway/omsgateway/internal/event"
	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/policy"
	"github.com/omsgateway/omsgateway/internal/reason"
	"github.com/omsgateway/omsgateway/internal/usage"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

type deniedHosts struct {
	adminv1.UnimplementedDeniedHostServiceServer
	gateway Gateway
}

func (s *deniedHosts) ListDeniedHosts(
	_ context.Context, req *adminv1.ListDeniedHostsRequest,
) (*adminv1.ListDeniedHostsResponse, error) {
	still := s.gateway.Usage.DeniedHosts()
	now := s.gateway.Store.Current().Policy
	for i := range still {
		still[i].Reason = s.whyNow(now, still[i])
	}
	still = slices.DeleteFunc(still, func(h usage.DeniedHost) bool { return h.Reason == "" })
	hosts, next, err := page(still, req.GetPageSize(), req.GetPageToken(),
		func(h usage.DeniedHost) string { return patternOf(h.Target).String() }, deniedAfter)
	if err != nil {
		return nil, err
	}
	resp := &adminv1.ListDeniedHostsResponse{NextPageToken: next}
	for _, h := range hosts {
		host := &adminv1.DeniedHost{
			Host:          patternOf(h.Target).String(),
			Count:         h.Count,
			FirstDeniedAt: timestamppb.New(h.First),
			LastDeniedAt:  timestamppb.New(h.Last),
			Reason:        string(h.Reason),
			ClientCount:   int32(h.ClientCount),
		}
		for _, client := range h.Clients {
			host.Clients = append(host.Clients, client.String())
		}
		resp.Hosts = append(resp.Hosts, host)
	}
	return resp, nil
}

// whyNow is why the host would be refused now, "" if it would not. Where its name leads now is not known, but a later request that its
// entry has allowed was not refused for that.
func (s *deniedHosts) whyNow(now *policy.Policy, h usage.DeniedHost) reason.Reason {
	decision := now.Decide(policy.Request{Method: http.MethodConnect, Target: h.Target})
	switch {
	case !decision.Allowed:
		return decision.Reason
	case h.Reason != reason.AddressNotAllowed, s.gateway.Usage.UseOf(patternOf(h.Target)).Last.After(h.Last):
		return ""
	}
	return h.Reason
}

func (s *deniedHosts) ClearDeniedHosts(
	ctx context.Context, req *adminv1.ClearDeniedHostsRequest,
) (*adminv1.ClearDeniedHostsResponse, error) {
	given := req.GetHosts()
	switch {
	case req.GetAll() && len(given) > 0:
		return nil, reason.New(reason.FilterInvalid, "field", "all", "value", "given together with hosts")
	case !req.GetAll() && len(given) == 0:
		return nil, reason.New(reason.NothingGiven)
	case len(given) > maxItems:
		return nil, reason.New(reason.TooManyItems, "count", strconv.Itoa(len(given)), "limit", strconv.Itoa(maxItems))
	}
	targets := make([]hostname.Target, len(given))
	wanted := make(map[hostname.Target]bool, len(given))
	for i, text := range given {
		target, err := parseTarget(text)
		if err != nil {
			return nil, err
		}
		targets[i], wanted[target] = target, true
	}
	found := map[hostname.Target]bool{}
	for _, h := range s.gateway.Usage.DeniedHosts() {
		if req.GetAll() || wanted[h.Target] {
			found[h.Target] = true
		}
	}
	resp := &adminv1.ClearDeniedHostsResponse{}
	if len(found) > 0 {
		who, _ := callerFrom(ctx)
		told := []event.Event{event.DeniedHostsCleared(who, len(found))}
		if err := s.gateway.Events.Record(ctx, told); err != nil {
			return nil, err
		}
		resp.Cleared = int32(s.gateway.Usage.Forget(func(t hostname.Target) bool { return found[t] }))
		s.gateway.Events.Made(told)
	}
	for _, target := range targets {
		if !found[target] {
			found[target] = true // said once
			resp.NotPresent = append(resp.NotPresent, patternOf(target).String())
		}
	}
	return resp, nil
}

// deniedAfter is the offset behind the host that a page token names.
func deniedAfter(hosts []usage.DeniedHost, token string) (int, error) {
	pattern, err := hostname.ParsePattern(token)
	if err != nil {
		return 0, err
	}
	i := slices.IndexFunc(hosts, func(h usage.DeniedHost) bool { return patternOf(h.Target).Compare(pattern) > 0 })
	if i < 0 {
		i = len(hosts)
	}
	return i, nil
}

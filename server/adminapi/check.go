package adminapi

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/policy"
	"github.com/omsgateway/omsgateway/internal/reason"
	"github.com/omsgateway/omsgateway/internal/settings"
	"github.com/omsgateway/omsgateway/internal/upstream"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

// Bounds of the checks that connect: how many do at a time, for all and for one caller, and what one step takes. A caller does not wait as
// long as a client.
const (
	maxChecks          = 16
	maxChecksPerCaller = 8
	checkDialTimeout   = 5 * time.Second
	checkRelayTimeout  = 10 * time.Second
)

func (s *allowedHosts) CheckHost(ctx context.Context, req *adminv1.CheckHostRequest) (*adminv1.CheckHostResponse, error) {
	target, err := parseTarget(req.GetHost())
	if err != nil {
		return nil, err
	}
	now := s.gateway.Store.Current()
	decision := now.Policy.Decide(policy.Request{Method: http.MethodConnect, Target: target})
	resp := &adminv1.CheckHostResponse{Host: patternOf(target).String(), Allowed: decision.Allowed}
	if decision.Entry != nil {
		resp.Entry = s.effective(now, decision.Entry.Pattern)
	}
	if !decision.Allowed {
		resp.Refusal = problem(decision.Refusal(target))
		return resp, nil
	}
	resp.Route, resp.RelayProxy = route(now, decision)
	if req.GetDecideOnly() || s.gateway.Status.State() == Stopped {
		return resp, nil
	}
	who, _ := callerFrom(ctx)
	leave, full := s.checks.Take(who)
	if full != nil {
		return nil, full
	}
	defer leave()
	decision.Limits.DialTimeout, decision.Limits.RelayTimeout = checkDialTimeout, checkRelayTimeout
	found, err := s.gateway.Dialer.CheckTarget(ctx, target, decision)
	if err != nil {
		return nil, err
	}
	tell(resp, found)
	return resp, nil
}

func tooManyChecks(limit, whom string) *reason.Error {
	return reason.New(reason.TooManyChecks, "limit", limit, "caller", whom)
}

// route is the way to a host that is allowed, and the relay proxy on it.
func route(now *settings.Snapshot, decision policy.Decision) (adminv1.CheckHostResponse_Route, string) {
	switch {
	case decision.Relay != nil:
		return adminv1.CheckHostResponse_RELAY_PROXY, decision.Relay.Address.String()
	case now.Policy.Relay() != nil:
		return adminv1.CheckHostResponse_RELAY_PROXY_BYPASS, ""
	}
	return adminv1.CheckHostResponse_DIRECT, ""
}

// tell has resp tell what was found.
func tell(resp *adminv1.CheckHostResponse, found upstream.Checked) {
	for _, a := range found.Addresses {
		address := &adminv1.CheckHostResponse_Address{Address: a.Addr.String(), Tried: a.Tried}
		if a.Refused != nil {
			address.Refusal = problem(a.Refused)
		}
		if network, ok := errors.AsType[*net.OpError](a.Err); ok {
			address.Failure = network.Err.Error() // the rest is the address again
		} else if a.Err != nil {
			address.Failure = a.Err.Error()
		}
		resp.Addresses = append(resp.Addresses, address)
	}
	switch {
	case found.Unresolved != nil:
		resp.Unresolved = problem(found.Unresolved)
	case found.Failed != nil:
		resp.Unreachable = problem(found.Failed)
	default:
		resp.Connected = true
		resp.ConnectedAddress = found.Connected.String()
		resp.ConnectTime = durationpb.New(found.Took)
	}
}

// parseTarget reads what a person calls a host: as an allowed host is spelled, but not a wildcard.
func parseTarget(host string) (hostname.Target, error) {
	pattern, err := hostname.ParsePattern(host)
	if err != nil {
		return hostname.Target{}, err
	}
	if pattern.Wildcard {
		one := hostname.Pattern{Host: pattern.Host, Port: pattern.Port}
		return hostname.Target{}, reason.New(reason.HostIsWildcard, "host", pattern.String(), "meant", "www."+one.String())
	}
	return hostname.Target{Host: pattern.Host, Port: pattern.Port}, nil
}

// patternOf is what allows just this target.
func patternOf(t hostname.Target) hostname.Pattern {
	return hostname.Pattern{Host: t.Host, Port: t.Port}
}

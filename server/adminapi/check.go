package adminapi

import (
	"context"
	"net/http"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/policy"
	"github.com/omsgateway/omsgateway/internal/reason"
	"github.com/omsgateway/omsgateway/internal/settings"
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
	if err := s.resolve(ctx, resp, target, decision); err != nil {
		return nil, err
	}
	return resp, s.connect(ctx, resp, target, decision)
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

// resolve returns where the target leads. The error is that of ctx.
func (s *allowedHosts) resolve(
	ctx context.Context, resp *adminv1.CheckHostResponse, target hostname.Target, decision policy.Decision,
) error {
	addresses, err := s.gateway.Dialer.Resolve(ctx, target, decision)
	if reason.Of(err) == "" && err != nil {
		return err
	}
	if err != nil {
		resp.Unresolved = problem(err)
	}
	for _, a := range addresses {
		address := &adminv1.CheckHostResponse_Address{Address: a.Addr.String()}
		if a.Refused != nil {
			address.Refusal = problem(a.Refused)
		}
		resp.Addresses = append(resp.Addresses, address)
	}
	return nil
}

// connect opens a connection as a tunnel would, and closes it. The error is that of ctx.
func (s *allowedHosts) connect(
	ctx context.Context, resp *adminv1.CheckHostResponse, target hostname.Target, decision policy.Decision,
) error {
	if resp.Unresolved != nil {
		return nil
	}
	began := time.Now()
	conn, _, err := s.gateway.Dialer.Dial(ctx, target, decision)
	switch {
	case err == nil:
		resp.Connected = true
		resp.ConnectTime = durationpb.New(time.Since(began))
		resp.ConnectedAddress = conn.RemoteAddr().String()
		_ = conn.Close()
	case reason.Of(err) == "":
		return err
	default:
		resp.Unreachable = problem(err)
	}
	return nil
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

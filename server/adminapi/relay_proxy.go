package adminapi

import (
	"context"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/omsgateway/omsgateway/internal/config"
	"github.com/omsgateway/omsgateway/internal/policy"
	"github.com/omsgateway/omsgateway/internal/reason"
	"github.com/omsgateway/omsgateway/internal/secret"
	"github.com/omsgateway/omsgateway/internal/upstream"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

type relayProxyService struct {
	adminv1.UnimplementedRelayProxyServiceServer
	gateway Gateway
}

func (s *relayProxyService) GetRelayProxy(
	context.Context, *adminv1.GetRelayProxyRequest,
) (*adminv1.GetRelayProxyResponse, error) {
	now := s.gateway.Store.Current()
	return &adminv1.GetRelayProxyResponse{RelayProxy: relayProxy(now.Config.RelayProxy), Etag: now.Etag}, nil
}

func (s *relayProxyService) SetRelayProxy(
	ctx context.Context, req *adminv1.SetRelayProxyRequest,
) (*adminv1.SetRelayProxyResponse, error) {
	proxy, err := config.NewRelayProxy(req.GetAddress(), req.GetUsername(), req.GetPassword())
	if err != nil {
		return nil, err
	}
	if err := s.gateway.Dialer.CheckRelay(ctx, proxy.Address, s.gateway.Store.Current().Policy.Guard()); err != nil {
		return nil, err
	}
	change, err := s.gateway.changeFor(ctx, req)
	if err != nil {
		return nil, err
	}
	before, after, err := s.gateway.Store.Update(ctx, change, func(c *config.Config) error {
		if !c.RelayProxy.Same(proxy) {
			c.RelayProxy = proxy
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &adminv1.SetRelayProxyResponse{
		RelayProxy:         relayProxy(after.Config.RelayProxy),
		Etag:               after.Etag,
		PreviousRelayProxy: relayProxy(before.Config.RelayProxy),
		Preview:            s.gateway.preview(req, before, after),
		OnTrial:            s.gateway.onTrial(),
	}, nil
}

func (s *relayProxyService) ClearRelayProxy(
	ctx context.Context, req *adminv1.ClearRelayProxyRequest,
) (*adminv1.ClearRelayProxyResponse, error) {
	change, err := s.gateway.changeFor(ctx, req)
	if err != nil {
		return nil, err
	}
	before, after, err := s.gateway.Store.Update(ctx, change, func(c *config.Config) error {
		c.RelayProxy = config.RelayProxy{}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &adminv1.ClearRelayProxyResponse{
		Etag:               after.Etag,
		PreviousRelayProxy: relayProxy(before.Config.RelayProxy),
		Preview:            s.gateway.preview(req, before, after),
		OnTrial:            s.gateway.onTrial(),
	}, nil
}

func (s *relayProxyService) TestRelayProxy(
	ctx context.Context, req *adminv1.TestRelayProxyRequest,
) (*adminv1.TestRelayProxyResponse, error) {
	target, err := parseTarget(req.GetTarget())
	if err != nil {
		return nil, err
	}
	now := s.gateway.Store.Current()
	relay := now.Policy.Relay()
	if relay == nil {
		return nil, reason.New(reason.RelayNotSet)
	}
	how := policy.Decision{Allowed: true, Guard: now.Policy.Guard(), Limits: now.Policy.Limits(), Relay: relay}
	how.Guard.Literal = target.Host.IsAddr() // as of an entry for it
	resp := &adminv1.TestRelayProxyResponse{
		Target:     target.String(),
		RelayProxy: relayProxy(now.Config.RelayProxy),
		Bypassed:   now.Policy.RelayFor(target.Host) == nil,
	}
	for _, step := range s.gateway.Dialer.Walk(ctx, target, how) {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		shown := &adminv1.RelayProxyStep{Step: relaySteps[step.Kind], Detail: step.Detail, Duration: durationpb.New(step.Took)}
		if step.Err != nil {
			shown.Problem = problem(step.Err)
		}
		resp.Steps = append(resp.Steps, shown)
	}
	return resp, nil
}

// relayProxy is nil if there is none.
func relayProxy(p config.RelayProxy) *adminv1.RelayProxy {
	if !p.IsSet() {
		return nil
	}
	return &adminv1.RelayProxy{Address: p.Address.String(), Username: p.Username, PasswordSet: p.Password != secret.Sealed{}}
}

var relaySteps = map[upstream.StepKind]adminv1.RelayProxyStep_Step{
	upstream.StepDNS:      adminv1.RelayProxyStep_DNS,
	upstream.StepTCP:      adminv1.RelayProxyStep_TCP,
	upstream.StepRelayTLS: adminv1.RelayProxyStep_RELAY_TLS,
	upstream.StepConnect:  adminv1.RelayProxyStep_CONNECT,
	upstream.StepTLS:      adminv1.RelayProxyStep_TLS,
}

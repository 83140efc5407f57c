package adminapi

import (
	"context"
	"crypto/tls"
	"strings"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/omsgateway/omsgateway/internal/settings"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

type statusService struct {
	adminv1.UnimplementedStatusServiceServer
	gateway Gateway
}

func (s *statusService) GetStatus(context.Context, *adminv1.GetStatusRequest) (*adminv1.GetStatusResponse, error) {
	g, now, counts := s.gateway, s.gateway.Store.Current(), s.gateway.Counters.Snapshot()
	resp := &adminv1.GetStatusResponse{
		Version:                 g.Status.Version,
		State:                   g.Status.State(),
		StartedAt:               timestamppb.New(g.Status.Started),
		Uptime:                  durationpb.New(g.Clock.Now().Sub(g.Status.Started)),
		ListenAddresses:         g.Status.Addresses(),
		Etag:                    now.Etag,
		ActiveClientConnections: counts.ActiveConnections,
		MaxClientConnections:    int64(now.Policy.Limits().MaxConnections),
		ConnectedClients:        counts.ConnectedClients,
		Errors:                  g.Events.Errors(),
		Rejections:              counts.Rejections,
		OpenTunnels:             int64(g.Tunnels.Len()),
		TunnelsOpened:           g.Tunnels.Opened(),
		RefusalsByReason:        make(map[string]int64, len(counts.Refused)),
		SessionsByTlsVersion:    make(map[string]int64, len(counts.Sessions)),
		EventsDropped:           g.Events.Dropped(),
		AllowedHosts:            int32(len(now.Config.AllowedHosts)),
		LearnedHosts:            int32(g.Discovery().Hosts()),
		ConfigFile:              g.Status.ConfigFile,

		ClientCertificatesNotVisible: counts.NotVisible,
	}
	resp.Warnings, resp.OnTrial = g.warnings(now), g.onTrial()
	resp.BytesSent, resp.BytesReceived = g.Tunnels.Bytes()
	for version, n := range counts.Sessions {
		resp.SessionsByTlsVersion[strings.TrimPrefix(tls.VersionName(version), "TLS ")] = n
	}
	for why, n := range counts.Refused {
		resp.RefusalsByReason[string(why)] = n
	}
	return resp, nil
}

func (s *statusService) TrustClock(ctx context.Context, _ *adminv1.TrustClockRequest) (*adminv1.TrustClockResponse, error) {
	who, _ := callerFrom(ctx)
	date, err := s.gateway.Store.TrustClock(ctx, who)
	if err != nil {
		return nil, err
	}
	return &adminv1.TrustClockResponse{Date: timestamppb.New(date)}, nil
}

// warnings are what an administrator should see to when now is in force.
func (g Gateway) warnings(now *settings.Snapshot) []*adminv1.Problem {
	var warnings []*adminv1.Problem
	for _, err := range []error{g.Firewall(now.Settings), now.FewerConnections(), g.Store.DateInDoubt()} {
		if err != nil {
			warnings = append(warnings, problem(err))
		}
	}
	return warnings
}

// Package adminapi serves the admin API: one file for each noun, each method a request, a call into the gateway, a response.
// Who may call which method is data, in access.go.
package adminapi

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"

	"github.com/omsgateway/omsgateway/internal/caller"
	"github.com/omsgateway/omsgateway/internal/clock"
	"github.com/omsgateway/omsgateway/internal/config"
	"github.com/omsgateway/omsgateway/internal/demand"
	"github.com/omsgateway/omsgateway/internal/discovery"
	"github.com/omsgateway/omsgateway/internal/event"
	"github.com/omsgateway/omsgateway/internal/settings"
	"github.com/omsgateway/omsgateway/internal/tunnel"
	"github.com/omsgateway/omsgateway/internal/upstream"
	"github.com/omsgateway/omsgateway/internal/usage"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

// Bounds of the API. Those on connections (64 in all, 8 of one caller, 48 of those who may not change) are kept by caller.Limit.
//
// A caller may send headers and the first window of a body before anybody has asked who calls: 80 KiB a call and 640 KiB a
// connection. A caller with a role can keep 1 MiB a call waiting, each way, and 8 MiB a connection. What is larger is received and made
// one call at a time (request.go): 24 MiB as it came, and as much again decoded. What works on whole lists or configurations has turns,
// too (turns.go).
const (
	small            = 1 << 20  // bytes of a request, and of an answer
	maxStreams       = 8        // calls at a time on one connection; a client's next one waits for its turn
	maxHeaders       = 16 << 10 // bytes of a call's headers, counted as RFC 9113 section 10.5.1 does
	window           = 64 << 10 // bytes of a body that come unasked; it does not grow with the speed of the client
	handshakeTimeout = 5 * time.Second
	cancelTime       = time.Second // for a call to end that was cancelled
)

// Gateway is what the API administers. All is needed.
type Gateway struct {
	Store    *settings.Store
	Events   *event.Hub
	Tunnels  *tunnel.Table
	Counters *tunnel.Counters
	Dialer   upstream.Dialer // that of the data path, for tests of the way that a tunnel goes
	Usage    *usage.Memory
	Demand   *demand.Memory
	Clock    clock.Clock
	Status   Status

	Discovery func() *discovery.Reading   // the last one, never nil
	Firewall  func(config.Settings) error // what is wrong with the computer's firewall under these settings, or nil
}

// Status is what GetStatus cannot ask anybody else.
type Status struct {
	Version    string
	Started    time.Time
	ConfigFile string
	State      func() State
	Addresses  func() []string // where clients can connect
}

// State is what the gateway does at the moment.
type State = adminv1.GetStatusResponse_State

// The states.
const (
	Running  = adminv1.GetStatusResponse_RUNNING  // it accepts connections
	Paused   = adminv1.GetStatusResponse_PAUSED   // it accepts no new clients; tunnels stay
	Draining = adminv1.GetStatusResponse_DRAINING // it lets busy tunnels end
	Stopped  = adminv1.GetStatusResponse_STOPPED  // no gateway runs; the API is stood in for
)

// Server is a gRPC server with all services of the API.
type Server struct {
	grpc     *grpc.Server
	log      *slog.Logger
	requests *requests
	turns    *turns
}

// NewServer makes a server; creds have a caller.AuthInfo for each connection.
func NewServer(g Gateway, creds credentials.TransportCredentials) *Server {
	log := event.Logger(g.Events, event.GatewayServer)
	server := grpc.NewServer(
		grpc.Creds(creds),
		grpc.ConnectionTimeout(handshakeTimeout),
		grpc.MaxRecvMsgSize(small),
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.MaxHeaderListSize(maxHeaders),
		grpc.StaticStreamWindowSize(window),
		grpc.StaticConnWindowSize(window),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: 30 * time.Second, Timeout: 10 * time.Second}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}),
		grpc.ChainStreamInterceptor(interceptors(g.Events, log)...),
	)
	requests, turns := newRequests(), newTurns()
	services := registrar{server, requests, turns}
	adminv1.RegisterAllowedHostServiceServer(services, &allowedHosts{
		gateway: g,
		checks:  caller.NewPlaces(maxChecks, maxChecksPerCaller, tooManyChecks),
	})
	adminv1.RegisterDeniedHostServiceServer(services, &deniedHosts{gateway: g})
	adminv1.RegisterAllowedClientCertificateServiceServer(services, &allowedClientCertificates{gateway: g})
	adminv1.RegisterRelayProxyServiceServer(services, &relayProxyService{gateway: g})
	adminv1.RegisterSettingServiceServer(services, &settingService{gateway: g})
	adminv1.RegisterConfigurationServiceServer(services, &configurationService{gateway: g})
	adminv1.RegisterRevisionServiceServer(services, &revisionService{gateway: g})
	adminv1.RegisterEventServiceServer(services, &eventService{gateway: g})
	adminv1.RegisterTunnelServiceServer(services, &tunnelService{gateway: g})
	adminv1.RegisterDiscoveryServiceServer(services, &discoveryService{gateway: g})
	adminv1.RegisterStatusServiceServer(services, &statusService{gateway: g})
	return &Server{grpc: server, log: log, requests: requests, turns: turns}
}

// Serve answers calls on the connections of l until Stop. After Stop it only closes l, which is no error.
func (s *Server) Serve(l net.Listener) error {
	if err := s.grpc.Serve(l); !errors.Is(err, grpc.ErrServerStopped) {
		return err
	}
	return nil
}

// Stop ends the server: event watches must have been ended before (event.Hub.EndWatches), other calls may end until ctx is done. Then they
// are cancelled; one that hangs, in the disk for example, is left behind a second later.
func (s *Server) Stop(ctx context.Context) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.grpc.GracefulStop()
	}()
	select {
	case <-done:
	case <-ctx.Done():
		s.grpc.Stop()
		select {
		case <-done:
		case <-time.After(cancelTime):
		}
	}
}

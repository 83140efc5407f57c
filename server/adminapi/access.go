package adminapi

import (
	"context"
	"log/slog"
	"runtime/debug"
	"slices"

	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/logging"
	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/recovery"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"

	"github.com/omsgateway/omsgateway/internal/apierr"
	"github.com/omsgateway/omsgateway/internal/caller"
	"github.com/omsgateway/omsgateway/internal/event"
	"github.com/omsgateway/omsgateway/internal/reason"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

// needs says which callers may do something: those of at least a role, from a place. The zero value lets nobody.
type needs struct {
	role caller.Role
	from place
}

// place is where a caller is.
type place int

const (
	_         place = iota
	anywhere        // on any computer
	localOnly       // on the gateway's own
)

// refuse returns nil if who may.
func (n needs) refuse(who caller.Caller) error {
	if err := who.May(n.role); err != nil {
		return err
	}
	if n.from == localOnly && !who.Local {
		return reason.New(reason.NotPermittedElsewhere, "caller", who.Name)
	}
	return nil
}

// rule is a row of the table of methods.
type rule struct {
	needs needs // which callers may call it
	most  int   // bytes of a request; more than small only where Change is needed
	turns bool  // it works on whole lists or configurations, and waits for its turn
}

// access has a rule for each method. A method without a row is for nobody.
var access = map[string]rule{
	adminv1.AllowedHostService_ListAllowedHosts_FullMethodName:                             {needs{caller.Read, anywhere}, small, true},
	adminv1.AllowedHostService_AddAllowedHosts_FullMethodName:                              {needs{caller.Change, anywhere}, large, false},
	adminv1.AllowedHostService_RemoveAllowedHosts_FullMethodName:                           {needs{caller.Change, anywhere}, large, false},
	adminv1.AllowedHostService_SetAllowedHost_FullMethodName:                               {needs{caller.Change, anywhere}, small, false},
	adminv1.AllowedHostService_SetAllowedHosts_FullMethodName:                              {needs{caller.Change, anywhere}, large, false},
	adminv1.AllowedHostService_ListEffectiveHosts_FullMethodName:                           {needs{caller.Read, anywhere}, small, true},
	adminv1.AllowedHostService_ReviewAllowedHosts_FullMethodName:                           {needs{caller.Read, anywhere}, small, true},
	adminv1.AllowedHostService_CheckHost_FullMethodName:                                    {needs{caller.Read, anywhere}, small, false},
	adminv1.DeniedHostService_ListDeniedHosts_FullMethodName:                               {needs{caller.Read, anywhere}, small, true},
	adminv1.DeniedHostService_ClearDeniedHosts_FullMethodName:                              {needs{caller.Change, anywhere}, small, false},
	adminv1.AllowedClientCertificateService_ListAllowedClientCertificates_FullMethodName:   {needs{caller.Read, anywhere}, small, true},
	adminv1.AllowedClientCertificateService_AddAllowedClientCertificates_FullMethodName:    {needs{caller.Change, anywhere}, large, false},
	adminv1.AllowedClientCertificateService_RemoveAllowedClientCertificates_FullMethodName: {needs{caller.Change, anywhere}, large, false},
	adminv1.RelayProxyService_GetRelayProxy_FullMethodName:                                 {needs{caller.Read, anywhere}, small, false},
	adminv1.RelayProxyService_SetRelayProxy_FullMethodName:                                 {needs{caller.Change, anywhere}, small, false},
	adminv1.RelayProxyService_ClearRelayProxy_FullMethodName:                               {needs{caller.Change, anywhere}, small, false},
	// The gateway dials.
	adminv1.RelayProxyService_TestRelayProxy_FullMethodName:         {needs{caller.Change, anywhere}, small, false},
	adminv1.SettingService_ListSettings_FullMethodName:              {needs{caller.Read, anywhere}, small, false},
	adminv1.SettingService_GetSetting_FullMethodName:                {needs{caller.Read, anywhere}, small, false},
	adminv1.SettingService_SetSetting_FullMethodName:                {needs{caller.Change, anywhere}, small, false},
	adminv1.ConfigurationService_ExportConfiguration_FullMethodName: {needs{caller.Read, anywhere}, small, true},
	adminv1.ConfigurationService_ApplyConfiguration_FullMethodName:  {needs{caller.Change, anywhere}, large, true},
	adminv1.RevisionService_ListRevisions_FullMethodName:            {needs{caller.Read, anywhere}, small, true},
	adminv1.RevisionService_GetRevision_FullMethodName:              {needs{caller.Read, anywhere}, small, true},
	adminv1.RevisionService_DiffRevisions_FullMethodName:            {needs{caller.Read, anywhere}, small, true},
	adminv1.RevisionService_RestoreRevision_FullMethodName:          {needs{caller.Change, anywhere}, small, true},
	adminv1.RevisionService_RevertRevision_FullMethodName:           {needs{caller.Change, anywhere}, small, true},
	adminv1.RevisionService_GetTrial_FullMethodName:                 {needs{caller.Read, anywhere}, small, false},
	adminv1.RevisionService_ConfirmTrial_FullMethodName:             {needs{caller.Change, anywhere}, small, false},
	adminv1.RevisionService_CancelTrial_FullMethodName:              {needs{caller.Change, anywhere}, small, false},
	adminv1.RevisionService_ExtendTrial_FullMethodName:              {needs{caller.Change, anywhere}, small, false},
	adminv1.RevisionService_VerifyRevisions_FullMethodName:          {needs{caller.Read, anywhere}, small, true},
	adminv1.EventService_ListEvents_FullMethodName:                  {needs{caller.Read, anywhere}, small, false},
	adminv1.EventService_WatchEvents_FullMethodName:                 {needs{caller.Read, anywhere}, small, false},
	adminv1.TunnelService_ListTunnels_FullMethodName:                {needs{caller.Read, anywhere}, small, true},
	adminv1.TunnelService_CloseTunnels_FullMethodName:               {needs{caller.Change, anywhere}, small, false},
	adminv1.DiscoveryService_GetDiscovery_FullMethodName:            {needs{caller.Read, anywhere}, small, false},
	adminv1.StatusService_GetStatus_FullMethodName:                  {needs{caller.Read, anywhere}, small, false},
	adminv1.StatusService_TrustClock_FullMethodName:                 {needs{caller.Change, anywhere}, small, false},
}

// callerFrom returns the caller of the call that ctx belongs to. It is false if the server's credentials do not say; such a call
// has to be refused.
func callerFrom(ctx context.Context) (caller.Caller, bool) {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return caller.Caller{}, false
	}
	info, ok := p.AuthInfo.(caller.AuthInfo)
	return info.Caller(), ok
}

// authorize returns nil if the caller of method may do what has these needs: call it at all, or have it done to what the request names.
func authorize(ctx context.Context, events event.Sink, method string, n needs) error {
	who, ok := callerFrom(ctx)
	var err error
	switch {
	case !ok:
		err = reason.New(reason.CallerUnknown)
	case n == (needs{}):
		err = reason.New(reason.MethodUnknown, "method", method)
	default:
		err = n.refuse(who)
	}
	if err != nil {
		events.Emit(event.AdminDenied(who, method, reason.Of(err)))
	}
	return err
}

// registrar registers services on server in such a way that the interceptors see each call before a byte of its body is decoded.
// Package grpc would read the whole message of a unary call first, so every method is served as a stream; on the wire a unary call
// is a stream of one message each way.
//
// Why this is not asked in grpc's tap handle: a call that is refused there is never cancelled, so that one with a time limit of
// years (grpc-timeout) leaves a timer of a kilobyte behind for as long.
type registrar struct {
	server   *grpc.Server
	requests *requests
	turns    *turns
}

func (r registrar) RegisterService(service *grpc.ServiceDesc, implementation any) {
	streams := *service
	streams.Methods, streams.Streams = nil, slices.Clone(service.Streams)
	for _, method := range service.Methods {
		streams.Streams = append(streams.Streams, grpc.StreamDesc{
			StreamName:    method.MethodName,
			ServerStreams: true, // else the interceptors are passed over
			Handler: func(srv any, stream grpc.ServerStream) error {
				answer, err := r.make(method, srv, stream, access["/"+service.ServiceName+"/"+method.MethodName])
				if err != nil {
					return err
				}
				return stream.SendMsg(answer) // without a turn: the client may not read it
			},
		})
	}
	r.server.RegisterService(&streams, implementation)
}

// make makes a unary call, and returns its answer.
func (r registrar) make(method grpc.MethodDesc, srv any, stream grpc.ServerStream, row rule) (answer any, err error) {
	in := r.requests.of(stream, row.most)
	defer in.done()
	receive := in.receive
	if row.turns {
		who, _ := callerFrom(stream.Context())
		done := func() {}
		defer func() { done() }()
		receive = func(m any) (err error) {
			if err := in.receive(m); err != nil { // before the turn: the client may not send it
				return err
			}
			turn, err := r.turns.take(stream.Context(), who)
			if err == nil {
				done = turn
			}
			return err
		}
	}
	return method.Handler(srv, stream.Context(), receive, nil)
}

// interceptors are for every call, outermost first: log; translate errors to gRPC; recover from a panic; authorize.
func interceptors(events event.Sink, log *slog.Logger) []grpc.StreamServerInterceptor {
	return []grpc.StreamServerInterceptor{
		logging.StreamServerInterceptor(logTo(log), logOptions()...),
		func(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
			return apierr.ToStatus(next(srv, stream))
		},
		recovery.StreamServerInterceptor(recovery.WithRecoveryHandlerContext(recovered(events))),
		func(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
			if err := authorize(stream.Context(), events, info.FullMethod, access[info.FullMethod].needs); err != nil {
				return err
			}
			return next(srv, stream)
		},
	}
}

// recovered tells the log of a panic with its stack, and the caller only that there was a fault.
func recovered(events event.Sink) recovery.RecoveryHandlerFuncContext {
	return func(_ context.Context, p any) error {
		events.Emit(event.Panic(p, debug.Stack()))
		return reason.New(reason.Internal)
	}
}

func logTo(log *slog.Logger) logging.Logger {
	return logging.LoggerFunc(func(ctx context.Context, level logging.Level, text string, fields ...any) {
		log.Log(ctx, slog.Level(level), text, fields...)
	})
}

// logOptions log each call when it ends, as debug output; denied calls and changes have events of their own.
func logOptions() []logging.Option {
	return []logging.Option{
		logging.WithLogOnEvents(logging.FinishCall),
		logging.WithLevels(func(codes.Code) logging.Level { return logging.LevelDebug }),
		logging.WithFieldsFromContext(func(ctx context.Context) logging.Fields {
			who, _ := callerFrom(ctx)
			return logging.Fields{"caller", who.Name}
		}),
	}
}

package adminapi

import (
	"context"
	"errors"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/reason"
	"github.com/omsgateway/omsgateway/internal/tunnel"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

type tunnelService struct {
	adminv1.UnimplementedTunnelServiceServer
	gateway Gateway
}

func (s *tunnelService) ListTunnels(_ context.Context, req *adminv1.ListTunnelsRequest) (*adminv1.ListTunnelsResponse, error) {
	fits, err := tunnelFilter(req.GetFilter())
	if err != nil {
		return nil, err
	}
	tunnels, next, err := page(s.gateway.Tunnels.List(fits), req.GetPageSize(), req.GetPageToken(),
		func(t tunnel.State) string { return strconv.FormatInt(t.ID, 10) }, tunnelsAfter)
	if err != nil {
		return nil, err
	}
	resp := &adminv1.ListTunnelsResponse{NextPageToken: next}
	now := time.Now()
	for _, t := range tunnels {
		resp.Tunnels = append(resp.Tunnels, &adminv1.Tunnel{
			Id:            t.ID,
			Client:        t.Client.String(),
			Host:          t.Target.Host.Name(),
			Port:          int32(t.Target.Port),
			TargetAddress: t.TargetAddress.String(),
			RelayProxy:    t.RelayProxy,
			AllowedHost:   t.Entry,
			OpenedAt:      timestamppb.New(t.Opened),
			BytesSent:     t.Sent,
			BytesReceived: t.Received,
			Idle:          durationpb.New(max(now.Sub(t.LastActive), 0)),

			TlsVersion:        t.TLS.Version,
			ServerName:        t.TLS.ServerName,
			ClientCertificate: t.TLS.Subject,
		})
	}
	return resp, nil
}

func (s *tunnelService) CloseTunnels(_ context.Context, req *adminv1.CloseTunnelsRequest) (*adminv1.CloseTunnelsResponse, error) {
	resp := &adminv1.CloseTunnelsResponse{}
	ids := req.GetIds()
	filter := req.GetFilter()
	byFilter := filter.GetHost() != "" || filter.GetClient() != ""
	switch {
	case len(ids) > maxItems:
		return nil, reason.New(reason.TooManyItems, "count", strconv.Itoa(len(ids)), "limit", strconv.Itoa(maxItems))
	case len(ids) > 0 && filter != nil:
		return nil, reason.New(reason.FilterInvalid, "field", "filter", "value", "given together with ids")
	case len(ids) == 0 && !byFilter:
		return nil, reason.New(reason.NothingGiven)
	}
	if byFilter {
		fits, err := tunnelFilter(filter)
		if err != nil {
			return nil, err
		}
		for _, t := range s.gateway.Tunnels.List(fits) {
			ids = append(ids, t.ID)
		}
	}
	for _, id := range ids {
		switch {
		case s.gateway.Tunnels.Close(id):
			resp.Closed++
		case !byFilter:
			resp.NotOpen = append(resp.NotOpen, id)
		}
	}
	return resp, nil
}

// tunnelFilter is the filter as a function.
func tunnelFilter(f *adminv1.TunnelFilter) (func(*tunnel.Info) bool, error) {
	var pattern hostname.Pattern
	var client netip.Addr
	if f.GetHost() != "" {
		p, err := hostname.ParsePattern(f.GetHost())
		if err != nil {
			return nil, reason.Wrap(err, reason.FilterInvalid, "field", "host", "value", f.GetHost())
		}
		pattern = p
	}
	if f.GetClient() != "" {
		addr, err := netip.ParseAddr(strings.TrimSpace(f.GetClient()))
		if err != nil {
			return nil, reason.Wrap(errors.New("it is one IP address, for example 192.0.2.7"),
				reason.FilterInvalid, "field", "client", "value", f.GetClient())
		}
		client = addr.Unmap()
	}
	anyPort := !strings.HasSuffix(strings.TrimSpace(f.GetHost()), ":"+strconv.Itoa(int(pattern.Port)))
	return func(t *tunnel.Info) bool {
		if client.IsValid() && t.Client.Addr() != client {
			return false
		}
		if f.GetHost() == "" {
			return true
		}
		target := t.Target
		if anyPort {
			target.Port = pattern.Port
		}
		return pattern.Covers(target)
	}, nil
}

// tunnelsAfter is the offset behind the tunnel that a page token names.
func tunnelsAfter(tunnels []tunnel.State, token string) (int, error) {
	id, err := strconv.ParseInt(token, 10, 64)
	if err != nil {
		return 0, err
	}
	for i, t := range tunnels {
		if t.ID > id {
			return i, nil
		}
	}
	return len(tunnels), nil
}

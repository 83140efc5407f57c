package adminapi

import (
	"context"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/omsgateway/omsgateway/internal/discovery"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

type discoveryService struct {
	adminv1.UnimplementedDiscoveryServiceServer
	gateway Gateway
}

func (s *discoveryService) GetDiscovery(context.Context, *adminv1.GetDiscoveryRequest) (*adminv1.GetDiscoveryResponse, error) {
	r := s.gateway.Discovery()
	resp := &adminv1.GetDiscoveryResponse{On: r.On, ReadAt: timestamppb.New(r.At), LeftOut: int32(r.IgnoredLeftOut)}
	for _, e := range r.Entries {
		resp.Hosts = append(resp.Hosts, &adminv1.LearnedHost{
			Host:      e.Pattern.String(),
			Agent:     e.Source.Particular(discovery.Agent),
			Workspace: e.Source.Particular(discovery.Workspace),
			Place:     e.Source.Particular(discovery.PlaceRead),
			Since:     timestamppb.New(e.Source.Since),
		})
	}
	for _, c := range r.ClientCertificates {
		resp.ClientCertificates = append(resp.ClientCertificates, &adminv1.LearnedClientCertificate{
			Subject:   c.Entry.String(),
			Agent:     c.Source.Particular(discovery.Agent),
			Workspace: c.Source.Particular(discovery.Workspace),
			Place:     c.Source.Particular(discovery.PlaceRead),
			Since:     timestamppb.New(c.Source.Since),
		})
	}
	// The bounds of a reading let hosts and certificates fit. Places and what is ignored have long texts.
	room := small - proto.Size(resp) - 1024
	fits := func(m proto.Message) bool {
		size := proto.Size(m) + 8 // at most, for the field's number and length
		if size > room {
			resp.LeftOut++
			return false
		}
		room -= size
		return true
	}
	for _, p := range r.Places {
		if place := discoveryPlace(p); fits(place) {
			resp.Places = append(resp.Places, place)
		}
	}
	for _, err := range r.Ignored {
		if ignored := problem(err); fits(ignored) {
			resp.Ignored = append(resp.Ignored, ignored)
		}
	}
	return resp, nil
}

func discoveryPlace(p discovery.Place) *adminv1.DiscoveryPlace {
	place := &adminv1.DiscoveryPlace{
		Agent: p.Agent, Version: p.Version, Path: p.Path, State: discoveryStates[p.State], ReadAt: known(p.ReadAt),
	}
	if p.Err != nil {
		place.Problem = problem(p.Err)
	}
	return place
}

var discoveryStates = map[discovery.State]adminv1.DiscoveryPlace_State{
	discovery.Missing: adminv1.DiscoveryPlace_MISSING,
	discovery.Empty:   adminv1.DiscoveryPlace_EMPTY,
	discovery.Read:    adminv1.DiscoveryPlace_READ,
	discovery.Failed:  adminv1.DiscoveryPlace_FAILED,
}

// known is a time as the API has it, nothing for the zero time.
func known(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

package adminapi

import (
	"context"
	"strconv"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/omsgateway/omsgateway/internal/event"
	"github.com/omsgateway/omsgateway/internal/reason"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

// Bounds of a list of events.
const (
	defaultEvents = 1000
	maxEvents     = 10_000
	maxEventBytes = 900 << 10 // of an answer, which must stay under 1 MiB with its framing
	maxFilterIDs  = 100
	maxFilterText = 256
)

type eventService struct {
	adminv1.UnimplementedEventServiceServer
	gateway Gateway
}

func (s *eventService) ListEvents(_ context.Context, req *adminv1.ListEventsRequest) (*adminv1.ListEventsResponse, error) {
	filter, err := eventFilter(req.GetFilter(), s.gateway.Clock.Now())
	if err != nil {
		return nil, err
	}
	limit := int(req.GetLimit())
	if limit <= 0 {
		limit = defaultEvents
	}
	kept, leftOut := s.gateway.Events.List(filter, min(limit, maxEvents))
	events := make([]*adminv1.Event, len(kept))
	size, first := 0, len(kept)
	for i := len(kept) - 1; i >= 0; i-- {
		events[i] = eventOf(kept[i])
		if size += proto.Size(events[i]) + 8; size > maxEventBytes {
			break
		}
		first = i
	}
	return &adminv1.ListEventsResponse{Events: events[first:], LeftOut: int32(leftOut + first)}, nil
}

func (s *eventService) WatchEvents(req *adminv1.WatchEventsRequest, stream adminv1.EventService_WatchEventsServer) error {
	filter, err := eventFilter(req.GetFilter(), s.gateway.Clock.Now())
	if err != nil {
		return err
	}
	who, _ := callerFrom(stream.Context())
	watcher, err := s.gateway.Events.Watch(who, filter, min(max(int(req.GetTail()), 0), maxEvents))
	if err != nil {
		return err
	}
	defer watcher.Close()
	for {
		e, missed, err := watcher.Next(stream.Context())
		if err != nil {
			return err
		}
		resp := &adminv1.WatchEventsResponse{Kind: &adminv1.WatchEventsResponse_Missed{Missed: missed}}
		if missed == 0 {
			resp.Kind = &adminv1.WatchEventsResponse_Event{Event: eventOf(e)}
		}
		if err := stream.Send(resp); err != nil {
			return err
		}
	}
}

func eventFilter(f *adminv1.EventFilter, now time.Time) (event.Filter, error) {
	refuse := func(field, value string) (event.Filter, error) {
		return event.Filter{}, reason.New(reason.FilterInvalid, "field", field, "value", value)
	}
	level := f.GetLevel()
	filter := event.Filter{Level: event.Level(level), Reason: reason.Reason(f.GetReason()), Text: f.GetText()}
	switch {
	case len(f.GetIds()) > maxFilterIDs:
		return refuse("ids", strconv.Itoa(len(f.GetIds()))+" ids")
	case len(f.GetKinds()) > maxFilterIDs:
		return refuse("kinds", strconv.Itoa(len(f.GetKinds()))+" kinds")
	case adminv1.Event_Level_name[int32(level)] == "":
		return refuse("level", level.String())
	case len(f.GetText()) > maxFilterText:
		return refuse("text", strconv.Itoa(len(f.GetText()))+" characters")
	}
	for _, id := range f.GetIds() {
		filter.IDs = append(filter.IDs, event.ID(id))
	}
	for _, kind := range f.GetKinds() {
		filter.Kinds = append(filter.Kinds, event.Kind(kind))
	}
	if since := f.GetSince(); since != nil {
		if since.CheckValid() != nil || since.AsDuration() < 0 {
			return refuse("since", since.String())
		}
		filter.Since = now.Add(-since.AsDuration())
	}
	return filter, nil
}

// eventOf keeps the numbering of levels, which event.Level and the API share.
func eventOf(e event.Event) *adminv1.Event {
	fields := make(map[string]string, len(e.Fields))
	for _, f := range e.Fields {
		fields[f.Name] = f.Value
	}
	return &adminv1.Event{
		Sequence:   e.Sequence,
		Time:       timestamppb.New(e.Time),
		Id:         int32(e.ID),
		Level:      adminv1.Event_Level(e.Level),
		Component:  string(e.Component),
		Connection: e.Connection,
		Text:       e.Text,
		Reason:     string(e.Reason),
		Fields:     fields,
		Kind:       string(e.Kind),
	}
}

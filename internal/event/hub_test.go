package event_test

import (
	"context"
	"errors"
	"net/netip"
	"testing"

	"go.uber.org/goleak"

	"omsgateway/internal/event"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var client = event.Client{Connection: 47, Addr: netip.MustParseAddrPort("10.1.2.3:51234")}

func TestListHasEmittedEventsInOrder(t *testing.T) {
	h := event.NewHub(event.Options{})
	defer end(t, h)
	h.Emit(event.Started("1.0", []string{"127.0.0.1:8080"}))
	h.Emit(event.TunnelStarted(client)) // Debug: not enabled
	h.Emit(event.HostForbidden(client, "a.example.com", 443))
	events, leftOut := h.List(event.Filter{}, 10)
	if len(events) != 2 || leftOut != 0 || events[0].ID != event.ServiceStarted || events[1].ID != event.Forbidden {
		t.Fatalf("events = %v, left out %d", events, leftOut)
	}
	if events[0].Sequence != 1 || events[1].Sequence != 2 {
		t.Errorf("sequences = %d, %d; want 1, 2", events[0].Sequence, events[1].Sequence)
	}
}

func end(t *testing.T, h *event.Hub) {
	t.Helper()
	if err := h.Close(context.Background()); err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

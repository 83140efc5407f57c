package event_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/omsgateway/omsgateway/internal/event"
)

func TestLibrariesLogAsEvents(t *testing.T) {
	h := event.NewHub(event.Options{Level: event.Debug})
	defer end(t, h)
	log := event.Logger(h, event.GatewayServer)
	ctx := context.Background()
	log.DebugContext(ctx, "step", "n", 1)
	log.InfoContext(ctx, "call ended", "code", "OK", "empty", "")
	log.WarnContext(ctx, "slow", slog.Group("peer", "name", "a b", "port", 5))
	log.With("method", "Get").WithGroup("grpc").With("x", 1).ErrorContext(ctx, "broken", "err", errors.New("end\nof file"), slog.Attr{})
	log.WithGroup("").InfoContext(ctx, "no group", "k", "v")

	type row struct {
		ID    event.ID
		Level event.Level
		Text  string
	}
	want := []row{
		{200, event.Debug, "step n=1"},
		{100, event.Info, "call ended code=OK empty=-"},
		{100, event.Info, `slow peer.name="a b" peer.port=5`},
		{400, event.Error, `broken method=Get grpc.x=1 grpc.err="end\nof file"`},
		{100, event.Info, "no group k=v"},
	}
	events, _ := h.List(event.Filter{}, 10)
	var got []row
	for _, e := range events {
		got = append(got, row{e.ID, e.Level, e.Text})
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestLoggerFollowsTheLevel(t *testing.T) {
	h := event.NewHub(event.Options{Level: event.Info})
	defer end(t, h)
	log := event.Logger(h, event.GatewayServer)
	ctx := context.Background()
	if log.Enabled(ctx, slog.LevelDebug) || !log.Enabled(ctx, slog.LevelInfo) {
		t.Error("at Info: Debug is enabled, or Info is not")
	}
	h.SetLevel(event.Error)
	if log.Enabled(ctx, slog.LevelWarn) || !log.Enabled(ctx, slog.LevelError) {
		t.Error("at Error: Warn is enabled, or Error is not")
	}
}

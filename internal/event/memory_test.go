package event_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/omsgateway/omsgateway/internal/caller"
	"github.com/omsgateway/omsgateway/internal/event"
)

// listed are the events that a hub lists, a line each.
func listed(h *event.Hub) (lines []string) {
	events, _ := h.List(event.Filter{}, 100_000)
	for _, e := range events {
		lines = append(lines, fmt.Sprintf("%d %v %s %d %d %s [%d] %s %s %v", e.Sequence, e.Time.UTC(), e.Kind, e.ID, e.Level, e.Component,
			e.Connection, e.Text, e.Reason, e.Fields))
	}
	return lines
}

func hub(t testing.TB) *event.Hub {
	t.Helper()
	h := event.NewHub(event.Options{Level: event.Debug})
	t.Cleanup(func() {
		if err := h.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return h
}

// full is a hub with events of each ring.
func full(t testing.TB) *event.Hub {
	t.Helper()
	h := hub(t)
	h.Emit(event.Started("1.2.3", []string{"127.0.0.1:8080"}))
	h.Made([]event.Event{event.HostAdded(caller.Caller{Name: "alice", Via: "unix socket"}, "a.example.com")})
	h.Emit(event.Failure(event.GatewayServer, "to do something", os.ErrPermission))
	return h
}

func TestEventsOutliveARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events")
	before := full(t)
	if err := before.Save(path); err != nil {
		t.Fatal(err)
	}
	after := hub(t)
	after.Emit(event.Note(event.GatewayServer, "before the file was read"))
	if err := after.Load(path); err != nil {
		t.Fatal(err)
	}
	after.Emit(event.Note(event.GatewayServer, "after it"))
	got := listed(after)
	if len(got) != 5 {
		t.Fatalf("%q", got)
	}
	if diff := cmp.Diff(listed(before), got[:3]); diff != "" {
		t.Errorf("the events before (-want +got):\n%s", diff)
	}
	for i, want := range []int64{4, 5} {
		events, _ := after.List(event.Filter{}, 100)
		if events[3+i].Sequence != want {
			t.Errorf("%+v, want the sequence %d", events[3+i], want)
		}
	}
	// A flood pushes out what others have made, and no change of an administrator before the restart.
	for range 13_000 {
		after.Emit(event.Note(event.GatewayServer, "flood"))
	}
	if found, _ := after.List(event.Filter{Text: "a.example.com"}, 10); len(found) != 1 {
		t.Errorf("the change is gone: %+v", found)
	}
}

func TestOnlyNewEventsAreSaved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events")
	if err := full(t).Save(path); err != nil {
		t.Fatal(err)
	}
	h := hub(t)
	if err := h.Load(path); err != nil {
		t.Fatal(err)
	}
	for _, want := range []bool{false, true, false} {
		_ = os.Remove(path)
		if err := h.Save(path); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(path); err == nil != want {
			t.Errorf("saved: %v, want %v", err == nil, want)
		}
		if !want {
			h.Emit(event.Note(event.GatewayServer, "new"))
		}
	}
}

func TestDamagedEvents(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events")
	if err := full(t).Save(path); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range whole {
		damaged := bytes.Clone(whole)
		damaged[i] ^= 0x10
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		h := event.NewHub(event.Options{})
		if err := h.Load(path); err == nil || len(listed(h)) > 0 {
			t.Errorf("byte %d: %v, %q", i, err, listed(h))
		}
		_ = h.Close(t.Context())
	}
}

func FuzzEvents(f *testing.F) {
	f.Add(event.Encode(full(f)))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, body []byte) {
		if again, err := event.Reencoded(body); err == nil && !bytes.Equal(again, body) {
			t.Errorf("read  %x\nwrote %x", body, again)
		}
	})
}

package event_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/omsgateway/omsgateway/internal/caller"
	"github.com/omsgateway/omsgateway/internal/event"
	"github.com/omsgateway/omsgateway/internal/reason"
)

var root = caller.Caller{Name: "root"}

// Whatever else happens, and whatever the level of the log is, changes are kept.
func TestChangesSurviveAFlood(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log", "changes.log")
	out := &recorder{}
	h := event.NewHub(event.Options{Outputs: []event.Output{out}, Changes: path})
	h.SetLevel(event.Error)
	const changes, flood = 20, 15_000
	for i := range changes {
		change := []event.Event{event.HostAdded(root, fmt.Sprintf("c%d.example.com", i))}
		if err := h.Record(t.Context(), change); err != nil {
			t.Fatal(err)
		}
		h.Made(change)
		for range flood / changes {
			h.Emit(event.Failure(event.GatewayServer, "to do something", errors.New("no")))
		}
	}
	events, _ := h.List(event.Filter{Text: "was added by root"}, 1000)
	if len(events) != changes {
		t.Errorf("%d of %d changes are kept", len(events), changes)
	}
	all, _ := h.List(event.Filter{}, 100_000)
	for i := 1; i < len(all); i++ {
		if all[i-1].Sequence >= all[i].Sequence {
			t.Fatalf("event %d has the sequence %d after %d", i, all[i].Sequence, all[i-1].Sequence)
		}
	}
	end(t, h)
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(string(file), " [0] INFO GatewayServer - Allowed host c"); got != changes {
		t.Errorf("%d lines in the log of changes:\n%s", got, file)
	}
	for _, line := range out.recorded() {
		if strings.Contains(line, "was added") {
			t.Errorf("the log of level Error has %q", line)
		}
	}
}

// Changes have places of their own in the queue of an output that does not keep up, and come first.
func TestChangesAreNotDropped(t *testing.T) {
	out := &recorder{gate: make(chan struct{})}
	h := event.NewHub(event.Options{Outputs: []event.Output{out}})
	for i := range 20_000 {
		h.Emit(note(i))
	}
	for i := range 100 {
		h.Made([]event.Event{event.HostAdded(root, fmt.Sprintf("c%d.example.com", i))})
	}
	if h.Dropped() == 0 {
		t.Fatal("nothing was dropped, so the test shows nothing")
	}
	close(out.gate)
	end(t, h)
	got := 0
	for _, line := range out.recorded() {
		if strings.Contains(line, "was added") {
			got++
		}
	}
	if got != 100 {
		t.Errorf("%d of 100 changes were written", got)
	}
}

// A change that cannot be written down is told so, and one that fails afterwards has a line that says so.
func TestRecordFails(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "changes.log")
	h := event.NewHub(event.Options{Changes: path})
	defer end(t, h)
	change := []event.Event{event.HostAdded(root, "a.example.com")}
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	err := h.Record(t.Context(), change)
	if reason.Of(err) != reason.ChangeNotRecorded || !strings.Contains(err.Error(), path) {
		t.Errorf("error %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := h.Record(t.Context(), change); err != nil {
		t.Error(err)
	}
	h.NotMade(root, errors.New("the disk is full"))
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Allowed host a.example.com was added by root\n",
		"ERROR GatewayServer - The change by root that was written down last was not made: the disk is full\n"} {
		if strings.Count(string(file), want) != 1 {
			t.Errorf("%q is not there once:\n%s", want, file)
		}
	}
	before := len(file)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.Record(ended, change); reason.Of(err) != reason.ChangeNotRecorded || !errors.Is(err, context.Canceled) {
		t.Errorf("of somebody who has gone: %v", err)
	}
	if info, err := os.Stat(path); err != nil || info.Size() != int64(before) {
		t.Errorf("something was written for somebody who has gone: %v", err)
	}
}

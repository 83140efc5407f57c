package event_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/omsgateway/omsgateway/internal/caller"
	"github.com/omsgateway/omsgateway/internal/event"
	"github.com/omsgateway/omsgateway/internal/reason"
)

var administrator = caller.Caller{Name: "root", Role: caller.Change}

func watch(t *testing.T, h *event.Hub, f event.Filter, tail int) *event.Watcher {
	t.Helper()
	w, err := h.Watch(administrator, f, tail)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

func next(t *testing.T, w *event.Watcher) (event.Event, int64) {
	t.Helper()
	e, missed, err := w.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return e, missed
}

func TestWatchGoesFromTheTailToTheLive(t *testing.T) {
	h := event.NewHub(event.Options{})
	defer end(t, h)
	for i := 1; i <= 5; i++ {
		h.Emit(note(i))
		h.Emit(event.HostForbidden(client, fmt.Sprintf("h%d", i), 443))
	}
	w := watch(t, h, event.Filter{IDs: []event.ID{event.Information}}, 3)
	none := watch(t, h, event.Filter{}, 0)
	h.Emit(note(6))
	h.Emit(event.Stopped())
	h.Emit(note(7))
	for i := 3; i <= 7; i++ {
		if e, missed := next(t, w); e.Text != fmt.Sprintf("note %d", i) || missed != 0 {
			t.Errorf("event %q, missed %d; want note %d", e.Text, missed, i)
		}
	}
	if e, _ := next(t, none); e.Text != "note 6" {
		t.Errorf("without a tail the first is %q", e.Text)
	}
}

// Whenever a watch begins while events flow, what it gets has neither a gap nor a duplicate that it is not told of.
func TestWatchHasNoGap(t *testing.T) {
	h := event.NewHub(event.Options{})
	defer end(t, h)
	for i := range 10_000 {
		h.Emit(note(i))
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				h.Emit(note(i))
			}
		}
	}()
	defer func() {
		close(stop)
		<-stopped
	}()
	for range 20 {
		w := watch(t, h, event.Filter{Text: "note"}, 10_000)
		first, _ := next(t, w)
		for expected := first.Sequence + 1; expected <= first.Sequence+11_500; {
			e, missed := next(t, w)
			if missed == 0 && e.Sequence != expected {
				t.Fatalf("sequence %d, want %d", e.Sequence, expected)
			}
			expected += max(missed, 1)
		}
		w.Close()
	}
}

func TestSlowWatcherIsToldWhatItMissed(t *testing.T) {
	h := event.NewHub(event.Options{})
	defer end(t, h)
	for i := range 5_000 { // more than the buffer has room for, but this is the tail
		h.Emit(note(i))
	}
	w := watch(t, h, event.Filter{Text: "note"}, 5_000)
	for range 1_300 {
		h.Emit(note(0))
		h.Emit(event.Stopped()) // does not fit, so it is not missed
	}
	events, missed := 0, int64(0)
	for events+int(missed) < 6_300 {
		e, n := next(t, w)
		if missed += n; n == 0 {
			if events++; missed > 0 {
				t.Fatalf("event %d after the gap", e.Sequence)
			}
		}
	}
	if events != 6_000 || missed != 300 {
		t.Errorf("%d events and %d missed, want 6000 and 300", events, missed)
	}
	h.Emit(note(9))
	if e, n := next(t, w); e.Text != "note 9" || n != 0 {
		t.Errorf("then %q, missed %d", e.Text, n)
	}
}

// What is missed is told at its place: between the events before and after the gap.
func TestMissedIsToldInOrder(t *testing.T) {
	h := event.NewHub(event.Options{})
	defer end(t, h)
	w := watch(t, h, event.Filter{}, 0)
	for i := range 1_005 {
		h.Emit(note(i))
	}
	if e, _ := next(t, w); e.Sequence != 1 {
		t.Errorf("first is %d", e.Sequence)
	}
	h.Emit(note(1_005))
	expected := int64(2)
	for expected <= 1_006 {
		e, missed := next(t, w)
		switch {
		case missed > 0 && (missed != 5 || expected != 1_001):
			t.Fatalf("missed %d before %d", missed, expected)
		case missed > 0:
			expected += missed
		case e.Sequence != expected:
			t.Fatalf("sequence %d, want %d", e.Sequence, expected)
		default:
			expected++
		}
	}
}

func TestWatchersAreBounded(t *testing.T) {
	h := event.NewHub(event.Options{})
	defer end(t, h)
	watchAs := func(name string, role caller.Role) (*event.Watcher, string) {
		t.Helper()
		w, err := h.Watch(caller.Caller{Name: name, Role: role}, event.Filter{}, 0)
		if err == nil {
			t.Cleanup(w.Close)
			return w, ""
		}
		if reason.Of(err) != reason.TooManyWatchers || w != nil {
			t.Errorf("watcher %v, error %v, want TOO_MANY_WATCHERS", w, err)
		}
		return w, err.Error()
	}
	wantNone := func(want string, name string, role caller.Role) {
		t.Helper()
		if _, got := watchAs(name, role); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	var last *event.Watcher
	for _, name := range []string{"ann", "ann", "ann", "ann", "bob", "bob", "bob", "bob"} {
		last, _ = watchAs(name, caller.Read)
	}
	wantNone("4 event watches are open, which is the limit for bob", "bob", caller.Read)
	wantNone("8 event watches are open, which is the limit for all callers together who may not change", "cy", caller.Read)
	for range 2 {
		if _, err := watchAs("root", caller.Change); err != "" {
			t.Errorf("an administrator is told %s", err)
		}
	}
	wantNone("10 event watches are open, which is the limit for all callers together", "root", caller.Change)
	last.Close()
	last.Close()
	if _, err := watchAs("cy", caller.Read); err != "" {
		t.Errorf("after one was closed: %s", err)
	}
}

func TestNextEndsWithItsContext(t *testing.T) {
	h := event.NewHub(event.Options{})
	defer end(t, h)
	w := watch(t, h, event.Filter{}, 0)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, _, err := w.Next(ctx)
		ended <- err
	}()
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestWatchesEndBeforeTheHub(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := event.NewHub(event.Options{})
		w := watch(t, h, event.Filter{}, 0)
		ended := make(chan error, 1)
		go func() {
			for {
				if _, _, err := w.Next(context.Background()); err != nil {
					ended <- err
					return
				}
			}
		}()
		h.Emit(note(1))
		synctest.Wait() // it sleeps in Next
		h.EndWatches()
		if err := <-ended; reason.Of(err) != reason.GatewayStopping {
			t.Errorf("error %v, want GATEWAY_STOPPING", err)
		}
		if _, err := h.Watch(administrator, event.Filter{}, 0); reason.Of(err) != reason.GatewayStopping {
			t.Errorf("a new watch: error %v, want GATEWAY_STOPPING", err)
		}
		h.Emit(note(2)) // the hub itself goes on
		if last := sequence(t, h); last != 2 {
			t.Errorf("last sequence %d, want 2", last)
		}
		end(t, h)
	})
}

func TestCloseEndsWatchesAfterWhatTheyStillHave(t *testing.T) {
	h := event.NewHub(event.Options{})
	w := watch(t, h, event.Filter{}, 0)
	h.Emit(event.Stopped())
	end(t, h)
	if e, _ := next(t, w); e.ID != event.ServiceStopped {
		t.Errorf("event %v", e)
	}
	if _, _, err := w.Next(t.Context()); reason.Of(err) != reason.GatewayStopping {
		t.Errorf("error %v, want GATEWAY_STOPPING", err)
	}
}

// However many other events come meanwhile, a watcher that does not keep up gets each change, at its place.
func TestWatchMissesNoChangeInAFlood(t *testing.T) {
	const changes = 1_000
	h := event.NewHub(event.Options{})
	defer end(t, h)
	w := watch(t, h, event.Filter{}, 0)
	for i := range changes {
		for range 5 {
			h.Emit(note(i))
		}
		h.Made([]event.Event{event.HostAdded(root, fmt.Sprintf("c%d.example.com", i))})
	}
	h.Emit(event.Stopped())
	got, counted := 0, int64(0)
	for counted < 6*changes+1 {
		e, missed := next(t, w)
		counted += max(missed, 1)
		if e.Kind != "ALLOWED_HOST_ADDED" {
			continue
		}
		if want := fmt.Sprintf("Allowed host c%d.example.com was added by root", got); e.Text != want {
			t.Fatalf("%q, want %q", e.Text, want)
		}
		if got++; counted != int64(6*got) {
			t.Fatalf("change %d comes as event %d", got, counted)
		}
	}
	if got != changes {
		t.Errorf("%d of %d changes came", got, changes)
	}
}

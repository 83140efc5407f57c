package event

import (
	"context"
	"sync"

	"github.com/omsgateway/omsgateway/internal/caller"
	"github.com/omsgateway/omsgateway/internal/reason"
)

const (
	maxWatchers          = 10
	maxWatchersPerCaller = 4
	watchBuffer          = 1_000 // live events that wait for a watcher

	// watchBufferChanges is how many more wait if they are changes, which others cannot push out: each of the changes that the rings keep,
	// and before it how many others were missed.
	watchBufferChanges = 2 * keepChanges
)

// Watcher follows the events that fit a filter.
type Watcher struct {
	hub    *Hub
	filter Filter
	wake   chan struct{} // has room for one: something has happened
	leave  func()        // gives the place back

	mu      sync.Mutex
	waiting []item
	live    int   // items of waiting beyond the tail that it began with
	missed  int64 // after the last of waiting
	err     error // why there will be no more
}

// item is an event, or that so many were missed.
type item struct {
	event  *Event
	missed int64
}

// Watch begins with the newest tail of the kept events that fit, oldest first, and goes on with each new one, without a gap or a
// duplicate between them. Who watches closes the watcher. At most 10 may be open, 4 of them of one caller, and 8 of those who may not
// change: TOO_MANY_WATCHERS.
func (h *Hub) Watch(who caller.Caller, f Filter, tail int) (*Watcher, error) {
	leave, full := h.places.Take(who)
	if full != nil {
		return nil, full
	}
	w := &Watcher{hub: h, filter: f.prepared(), wake: make(chan struct{}, 1), leave: sync.OnceFunc(leave)}
	kept, err := h.register(w)
	if err != nil {
		leave()
		return nil, err
	}
	fit, _ := newest(kept, &w.filter, max(tail, 0))
	before := make([]item, 0, len(fit))
	for _, e := range fit {
		before = append(before, item{event: e})
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting = append(before, w.waiting...)
	return w, nil
}

func tooManyWatchers(limit, whom string) *reason.Error {
	return reason.New(reason.TooManyWatchers, "limit", limit, "caller", whom)
}

// register begins to offer new events to w, and returns those kept before.
func (h *Hub) register(w *Watcher) (kept []*Event, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.watching {
		return nil, reason.New(reason.GatewayStopping)
	}
	h.watchers[w] = struct{}{}
	return h.rings.events(), nil
}

// Next waits for the next event. When events that fit came faster than Next was called, it answers at their place how many were
// missed, and no event. Changes have room of their own, so that a flood of others pushes none out. It fails when ctx ends, and with
// GATEWAY_STOPPING when the hub ends and all that waited was taken.
func (w *Watcher) Next(ctx context.Context) (e Event, missed int64, err error) {
	for {
		if i, ok, err := w.take(); ok || err != nil {
			if i.event != nil {
				e = *i.event
			}
			return e, i.missed, err
		}
		select {
		case <-w.wake:
		case <-ctx.Done():
			return Event{}, 0, ctx.Err()
		}
	}
}

// Close ends the watch; it may be called more than once.
func (w *Watcher) Close() {
	w.hub.mu.Lock()
	delete(w.hub.watchers, w)
	w.hub.mu.Unlock()
	w.leave()
}

func (w *Watcher) take() (i item, ok bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.waiting) > 0 {
		i, w.waiting[0] = w.waiting[0], item{}
		w.waiting = w.waiting[1:]
		w.live = min(w.live, len(w.waiting))
		return i, true, nil
	}
	if w.missed > 0 {
		i.missed, w.missed = w.missed, 0
		return i, true, nil
	}
	return item{}, false, w.err
}

// offer hands over a new event; the hub's mutex is held.
func (w *Watcher) offer(e *Event) {
	if !w.filter.fits(e) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	room := watchBuffer
	if e.changedBy != "" {
		room += watchBufferChanges
	}
	if w.live >= room {
		w.missed++
		return
	}
	if w.missed > 0 {
		w.waiting = append(w.waiting, item{missed: w.missed})
		w.missed = 0
		w.live++
	}
	w.waiting = append(w.waiting, item{event: e})
	w.live++
	w.notify()
}

func (w *Watcher) end(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.err = err
	w.notify()
}

func (w *Watcher) notify() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

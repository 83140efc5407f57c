package event

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/omsgateway/omsgateway/internal/caller"
	"github.com/omsgateway/omsgateway/internal/clock"
	"github.com/omsgateway/omsgateway/internal/reason"
)

// Options make a hub.
type Options struct {
	Level   Level    // the least serious level that is kept; zero means Info
	Outputs []Output // closed by the hub's Close
	Changes string   // path of the log of changes, kept as a [File] is; "" for none

	Clock clock.Clock // what says when an event happened, and when a minute is over; nil means [clock.System]
}

// Hub takes the gateway's events to the outputs, the rings and the watchers. Its methods may be called at the same time.
type Hub struct {
	level   atomic.Int32
	dropped atomic.Int64
	errors  atomic.Int64
	changes *changeLog     // nil if there is none
	places  *caller.Places // of watchers
	clock   clock.Clock
	closing sync.Once
	minutes func()        // ends the calls of summarize
	stop    chan struct{} // closed when Close begins: outputs that fail are given up

	saving sync.Mutex // held by Save; it guards saved
	saved  int64      // the sequence of the last event at the last Save

	mu       sync.Mutex // guards what is below
	closed   bool
	queues   []*queue
	sequence int64
	rings    rings
	repeats  repeats
	watchers map[*Watcher]struct{}
	watching bool // new watchers are accepted
}

// NewHub starts a hub, which Close ends.
func NewHub(o Options) *Hub {
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	h := &Hub{
		clock: o.Clock, stop: make(chan struct{}),
		rings: newRings(), repeats: newRepeats(),
		places:   caller.NewPlaces(maxWatchers, maxWatchersPerCaller, tooManyWatchers),
		watchers: map[*Watcher]struct{}{}, watching: true,
	}
	if o.Level == 0 {
		o.Level = Info
	}
	h.SetLevel(o.Level)
	if o.Changes != "" {
		h.changes = newChangeLog(o.Changes, o.Clock)
	}
	for _, out := range o.Outputs {
		h.AddOutput(out)
	}
	h.minutes = clock.Every(h.clock, time.Minute, h.summarize)
	return h
}

// Emit takes e if its level is enabled. It never blocks; an output that is too slow misses events, which Dropped counts.
func (h *Hub) Emit(e Event) {
	if h.Enabled(e.Level) {
		h.emit(e)
	}
}

// AddOutput begins to write events to out, which RemoveOutput or Close closes.
func (h *Hub) AddOutput(out Output) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		_ = out.Close()
		return
	}
	q := newQueue(out, h)
	h.queues = append(h.queues, q)
	go q.run()
}

// RemoveOutput stops writing events to out, which AddOutput or the options have added, writes what is queued for it, and closes it. It
// waits for no longer than ctx lasts; the error names an output that is stuck.
func (h *Hub) RemoveOutput(ctx context.Context, out Output) error {
	h.mu.Lock()
	i := slices.IndexFunc(h.queues, func(q *queue) bool { return q.out == out })
	if i < 0 || h.closed {
		h.mu.Unlock()
		return nil
	}
	q := h.queues[i]
	h.queues = slices.Delete(slices.Clone(h.queues), i, i+1)
	q.close()
	h.mu.Unlock()
	return q.wait(ctx)
}

// Reopen has each output that is a [File], and the log of changes, open its file anew, so that one that was moved away is left alone and
// there is one at the path again. It waits for nothing; what fails is an event.
func (h *Hub) Reopen() {
	h.mu.Lock()
	for _, q := range h.queues {
		q.reopen()
	}
	h.mu.Unlock()
	if h.changes != nil {
		go func() { h.reopened(h.changes.file, h.changes.reopen()) }()
	}
}

// reopened tells of a file that could not be opened anew.
func (h *Hub) reopened(f *File, err error) {
	if err != nil {
		h.Emit(Failure(GatewayServer, "to open "+f.Name()+" anew", err))
	}
}

// Enabled reports whether events of this level are kept. Who would build a costly Debug event asks first.
func (h *Hub) Enabled(l Level) bool { return l <= Level(h.level.Load()) }

// SetLevel changes the least serious level that is kept, at once.
func (h *Hub) SetLevel(l Level) { h.level.Store(int32(l)) }

// Dropped is how many events the outputs have missed since the start, counted for each output.
func (h *Hub) Dropped() int64 { return h.dropped.Load() }

// Errors is how many events with the ids 400 to 403 there were since the start, those held back as repeats included.
func (h *Hub) Errors() int64 { return h.errors.Load() }

// List returns the newest events that fit, at most limit, oldest first, and how many more fit.
func (h *Hub) List(f Filter, limit int) (events []Event, leftOut int) {
	f = f.prepared()
	h.mu.Lock()
	kept := h.rings.events()
	h.mu.Unlock()
	fit, leftOut := newest(kept, &f, limit)
	events = make([]Event, len(fit))
	for i, e := range fit {
		events[i] = *e
	}
	return events, leftOut
}

// EndWatches ends every watch with GATEWAY_STOPPING, after what it still has; later ones are refused so. Close does it too.
func (h *Hub) EndWatches() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.watching = false
	for w := range h.watchers {
		w.end(reason.New(reason.GatewayStopping))
		delete(h.watchers, w)
	}
}

// Close writes what is queued, the repeats held back among it, closes the outputs and forgets later events. It waits for no
// longer than ctx lasts: an output that is stuck then stays so, and the error names it. Only the first call does anything.
func (h *Hub) Close(ctx context.Context) error {
	h.EndWatches()
	var errs []error
	h.closing.Do(func() {
		close(h.stop)
		h.minutes()
		h.mu.Lock()
		for _, e := range h.repeats.summaries(h.clock.Now()) {
			h.publish(&e)
		}
		h.closed = true
		for _, q := range h.queues {
			q.close()
		}
		queues := h.queues
		h.mu.Unlock()
		for _, q := range queues {
			errs = append(errs, q.wait(ctx))
		}
		if h.changes != nil {
			errs = append(errs, h.changes.close(ctx))
		}
	})
	return errors.Join(errs...)
}

// emit reports whether e was taken, which ends with Close. Unlike in Emit, e is on the heap from the start.
func (h *Hub) emit(e Event) bool {
	if e.Time.IsZero() {
		e.Time = h.clock.Now()
	}
	e.bound()
	if e.ID >= Fault && e.ID <= Network {
		h.errors.Add(1)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.closed && !h.repeats.hold(&e) {
		h.publish(&e)
	}
	return !h.closed
}

// publish gives e its place and hands it on; h.mu is held. From here on e never changes.
func (h *Hub) publish(e *Event) {
	if !e.logOnly {
		h.sequence++
		e.Sequence = h.sequence
		h.rings.add(e)
		for w := range h.watchers {
			w.offer(e)
		}
	}
	if !h.Enabled(e.Level) {
		return // a change, which the rings keep whatever the level is
	}
	for _, q := range h.queues {
		q.offer(e)
	}
}

// summarize publishes what was held back in the minute that is over.
func (h *Hub) summarize() {
	h.mu.Lock()
	minute := h.repeats
	h.repeats = newRepeats()
	h.mu.Unlock()
	for _, e := range minute.summaries(h.clock.Now()) {
		h.mu.Lock()
		h.publish(&e)
		h.mu.Unlock()
	}
}

// newest are the last of kept that fit, at most limit, and how many more fit.
func newest(kept []*Event, f *Filter, limit int) (fit []*Event, leftOut int) {
	for _, e := range kept {
		if f.fits(e) {
			fit = append(fit, e)
		}
	}
	leftOut = max(0, len(fit)-limit)
	return fit[leftOut:], leftOut
}

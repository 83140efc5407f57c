package event

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"omsgateway/internal/reason"
)

// Options make a hub.
type Options struct {
	Level   Level    // the least serious level that is kept; zero means Info
	Outputs []Output // closed by the hub's Close
}

// Hub takes the gateway's events to the outputs, the rings and the watchers. Its methods may be called at the same time.
type Hub struct {
	level   atomic.Int32
	dropped atomic.Int64
	queues  []*queue
	stop    chan struct{} // closed by Close: the repeats' goroutine ends
	stopped chan struct{} // that goroutine has ended

	mu       sync.Mutex // guards what is below
	closed   bool
	sequence int64
	rings    rings
	repeats  repeats
	watchers map[*Watcher]struct{}
	watching bool // new watchers are accepted
}

// NewHub starts a hub, which Close ends.
func NewHub(o Options) *Hub {
	h := &Hub{
		stop: make(chan struct{}), stopped: make(chan struct{}),
		rings: newRings(), repeats: repeats{},
		watchers: map[*Watcher]struct{}{}, watching: true,
	}
	if o.Level == 0 {
		o.Level = Info
	}
	h.SetLevel(o.Level)
	for _, out := range o.Outputs {
		q := newQueue(out, h)
		h.queues = append(h.queues, q)
		go q.run()
	}
	go h.summarize()
	return h
}

// Emit takes e if its level is enabled. It never blocks; an output that is too slow misses events, which Dropped counts.
func (h *Hub) Emit(e Event) {
	if !h.Enabled(e.Level) {
		return
	}
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	e.Text = clean(cut(e.Text, maxText))
	for i, f := range e.Fields {
		if value := clean(cut(f.Value, maxText)); value != f.Value {
			e.Fields[i].Value = value
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || h.repeats.hold(&e) {
		return
	}
	h.publish(&e)
}

// Enabled tells whether events of this level are kept. Who would build a costly Debug event asks first.
func (h *Hub) Enabled(l Level) bool { return l <= Level(h.level.Load()) }

// SetLevel changes the least serious level that is kept, at once.
func (h *Hub) SetLevel(l Level) { h.level.Store(int32(l)) }

// Dropped is how many events the outputs have missed since the start, counted for each output.
func (h *Hub) Dropped() int64 { return h.dropped.Load() }

// List answers the newest events that fit, at most limit, oldest first, and how many more fit.
func (h *Hub) List(f Filter, limit int) (events []Event, leftOut int) {
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

// Close writes what is queued, the repeats held back among it, closes the outputs and forgets later events. When ctx ends first,
// the rest is dropped, and the error of ctx tells so; an output that is stuck in a write then stays so.
func (h *Hub) Close(ctx context.Context) error {
	h.EndWatches()
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		return nil
	}
	h.summarizeLocked()
	h.closed = true
	for _, q := range h.queues {
		close(q.events)
	}
	h.mu.Unlock()
	close(h.stop)
	<-h.stopped
	var err error
	for _, q := range h.queues {
		if e := q.wait(ctx); e != nil {
			err = e
		}
	}
	return err
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
	for _, q := range h.queues {
		q.offer(e)
	}
}

// summarize publishes what was held back, every minute.
func (h *Hub) summarize() {
	defer close(h.stopped)
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			h.mu.Lock()
			h.summarizeLocked()
			h.mu.Unlock()
		case <-h.stop:
			return
		}
	}
}

func (h *Hub) summarizeLocked() {
	if h.closed || len(h.repeats) == 0 {
		return
	}
	for _, e := range h.repeats.summaries() {
		h.publish(&e)
	}
	h.repeats = repeats{}
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

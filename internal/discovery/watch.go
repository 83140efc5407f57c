package discovery

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/omsgateway/omsgateway/internal/event"
	"github.com/omsgateway/omsgateway/internal/osdefaults"
)

// How soon a change is followed: when nothing has changed for quiet, or patience after the first of many changes; and after every
// at the latest, whatever was noticed.
const (
	quiet    = 500 * time.Millisecond
	patience = 3 * time.Second
	every    = 5 * time.Minute
)

// Options are what a Watcher is made from.
type Options struct {
	Agents []osdefaults.AgentFiles
	Events event.Sink
	// On reports whether hosts are to be learned; Recheck tells the Watcher that the answer has changed. Nothing is read while it
	// is off.
	On func() bool
	// Apply puts a Reading in force. It is called for the first Reading and for each that may differ from the one before.
	Apply func(context.Context, *Reading) error
}

// Watcher keeps what the agents are configured to reach in force until it is stopped.
type Watcher struct {
	options Options
	reader  *Reader
	folders *folders
	every   time.Duration
	current atomic.Pointer[Reading]
	recheck chan struct{}
	changed chan struct{}
	stop    context.CancelFunc
	running sync.WaitGroup

	announced *Reading // the last one whose news were told, nil before the first
}

// Watch reads everything once, puts it in force, and follows every change from then on until Stop. Problems are events: 300 if
// there is no agent, 400 for what cannot be read or is not learned, each once while it lasts.
func Watch(ctx context.Context, o Options) *Watcher { return watchEvery(ctx, o, every) }

func watchEvery(ctx context.Context, o Options, every time.Duration) *Watcher {
	ctx, stop := context.WithCancel(ctx)
	w := &Watcher{
		options: o,
		reader:  NewReader(o.Agents, time.Now),
		every:   every,
		recheck: make(chan struct{}, 1),
		changed: make(chan struct{}, 1),
		stop:    stop,
	}
	folders, err := watchFolders()
	if err != nil {
		o.Events.Emit(event.Failure(event.GatewayServer,
			"to watch the folders of monitoring agents; they are read every "+every.String(), err))
	}
	w.folders = folders
	w.running.Go(func() { w.folders.follow(ctx, func() { signal(w.changed) }) })
	for _, row := range table() {
		for _, files := range o.Agents {
			if files.Kind == row.kind && row.watch != nil {
				w.running.Go(func() { row.watch(ctx, files.Base, func() { signal(w.changed) }) })
			}
		}
	}
	w.read(ctx)
	w.running.Go(func() { w.run(ctx) })
	return w
}

// Stop ends the watching. What is in force stays.
func (w *Watcher) Stop() {
	w.stop()
	w.running.Wait()
}

// Current is the last Reading, never nil.
func (w *Watcher) Current() *Reading { return w.current.Load() }

// Recheck makes the Watcher ask On and read again soon. It does not wait.
func (w *Watcher) Recheck() { signal(w.recheck) }

// signal leaves a note that is there at most once.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (w *Watcher) run(ctx context.Context) {
	defer w.folders.close()
	due := time.NewTimer(w.every)
	defer due.Stop()
	var first time.Time // of the changes that were not followed yet
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.changed:
			if first.IsZero() {
				first = time.Now()
			}
			due.Reset(min(quiet, time.Until(first.Add(patience))))
			continue
		case <-w.recheck:
		case <-due.C:
		}
		first = time.Time{}
		w.read(ctx)
		due.Reset(w.every)
	}
}

// read makes a Reading and puts it in force.
func (w *Watcher) read(ctx context.Context) {
	var now *Reading
	if w.options.On() {
		w.folders.begin()
		now = w.reader.read(w.folders.watch)
		w.folders.end()
	} else {
		now = &Reading{At: time.Now()}
		w.reader = NewReader(w.options.Agents, time.Now) // what was learned is forgotten
		w.folders.begin()
		w.folders.end()
	}
	w.current.Store(now)
	if err := w.options.Apply(ctx, now); err != nil {
		if ctx.Err() == nil {
			w.options.Events.Emit(event.Failure(event.GatewayServer, "to allow what monitoring agents are configured to reach", err))
		}
		return
	}
	w.announce(now)
}

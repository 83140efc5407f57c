package event

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// Output is where events are written: one goroutine calls it, and it may block.
type Output interface {
	Name() string                // for texts: "the log file ..."
	Write(events []*Event) error // after an error the same events come again, a second later
	Close() error
}

const (
	queueLength        = 8_192           // events that wait for an output
	queueLengthChanges = 1_024           // events of changes, which others cannot push out
	batchLength        = 256             // events in one Write
	retryAfter         = 1 * time.Second // between two tries of a Write that failed

	// gatherFor is how long the first event of a batch waits for others: to wake up and to write for each line would cost a busy
	// gateway more than the lines.
	gatherFor = 20 * time.Millisecond
)

// queue is one output with the events that wait for it.
type queue struct {
	out     Output
	hub     *Hub
	events  chan *Event  // closed by the hub, as the next
	changes chan *Event  // of changes, which come first
	again   chan *File   // has the output if it is to be opened anew
	done    chan error   // has the error of the end
	dropped atomic.Int64 // since the last notice
}

func newQueue(out Output, h *Hub) *queue {
	return &queue{
		out: out, hub: h, done: make(chan error, 1),
		events: make(chan *Event, queueLength), changes: make(chan *Event, queueLengthChanges), again: make(chan *File, 1),
	}
}

// offer never blocks.
func (q *queue) offer(e *Event) {
	to := q.events
	if e.changedBy != "" {
		to = q.changes
	}
	select {
	case to <- e:
	default:
		q.drop(1)
	}
}

// reopen has run open the output anew, if it is a file.
func (q *queue) reopen() {
	file, ok := q.out.(*File)
	if !ok {
		return
	}
	select {
	case q.again <- file:
	default: // it is about to
	}
}

func (q *queue) drop(n int) {
	q.dropped.Add(int64(n))
	q.hub.dropped.Add(int64(n))
}

// close ends run when all that waits is written; the hub's mutex is held, so that nothing is offered any more.
func (q *queue) close() {
	close(q.events)
	close(q.changes)
}

// wait waits for the end of run.
func (q *queue) wait(ctx context.Context) error {
	select {
	case err := <-q.done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("writing the last events to %s: %w", q.out.Name(), ctx.Err())
	}
}

// run writes events until the channels are closed and empty.
func (q *queue) run() {
	batch := make([]*Event, 0, batchLength)
	for {
		e := q.first()
		if e == nil {
			break
		}
		select {
		case <-time.After(gatherFor):
		case <-q.hub.stop:
		}
		batch = q.fill(append(batch[:0], e))
		q.write(batch)
		if len(q.events) < queueLength/2 {
			if n := q.dropped.Swap(0); n > 0 && !q.hub.emit(dropped(q.out.Name(), n)) {
				q.dropped.Add(n)
			}
		}
		clear(batch)
	}
	q.done <- q.finish()
}

// finish says what was dropped last, and closes the output.
func (q *queue) finish() error {
	var err error
	if n := q.dropped.Swap(0); n > 0 {
		e := dropped(q.out.Name(), n)
		e.Time = q.hub.clock.Now()
		err = q.out.Write([]*Event{&e})
	}
	return errors.Join(err, q.out.Close())
}

// first waits for an event; nil is the end. The two channels are closed together.
func (q *queue) first() *Event {
	for {
		if e := waiting(q.changes); e != nil {
			return e
		}
		select {
		case file := <-q.again:
			q.hub.reopened(file, file.Reopen())
		case e := <-q.changes:
			if e == nil {
				e = <-q.events // what is left, and nil then
			}
			return e
		case e := <-q.events:
			if e == nil {
				e = <-q.changes
			}
			return e
		}
	}
}

// fill adds to batch what is waiting, changes first.
func (q *queue) fill(batch []*Event) []*Event {
	for _, from := range []chan *Event{q.changes, q.events} {
		for len(batch) < batchLength {
			e := waiting(from)
			if e == nil {
				break
			}
			batch = append(batch, e)
		}
	}
	return batch
}

// waiting is the next event that waits, nil if there is none.
func waiting(events chan *Event) *Event {
	select {
	case e := <-events:
		return e
	default:
		return nil
	}
}

// write tries until it succeeds, or until it fails while the hub is closing.
func (q *queue) write(batch []*Event) {
	for failures := 0; ; failures++ {
		err := q.out.Write(batch)
		if err == nil {
			return
		}
		if failures == 0 {
			q.hub.Emit(Failure(GatewayServer, "to write to "+q.out.Name(), err))
		}
		select {
		case <-q.hub.stop:
			q.drop(len(batch))
			return
		default:
		}
		select {
		case <-time.After(retryAfter):
		case <-q.hub.stop:
		}
	}
}

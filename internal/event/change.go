package event

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/omsgateway/omsgateway/internal/caller"
	"github.com/omsgateway/omsgateway/internal/clock"
	"github.com/omsgateway/omsgateway/internal/reason"
)

// recordTime is how long the lines of a change may take to be written.
const recordTime = 5 * time.Second

// Changes takes the events of changes that administrators make, which never compete with others: before a change is made its lines are
// written to a log of their own, and afterwards its events have a ring, and places in the queues, of their own. [Hub] implements it.
type Changes interface {
	Sink

	// Record writes a line for each event of a change that is about to be made. After an error the change must not be made:
	// CHANGE_NOT_RECORDED, after 5 s at the latest.
	Record(ctx context.Context, lines []Event) error

	// NotMade adds a line about a change that was recorded and then failed.
	NotMade(who caller.Caller, why error)

	// Made tells of a change that was made, whatever the level of the log: the events are those that were recorded, or fewer that stand
	// for many.
	Made(events []Event)
}

// Record implements Changes. Without a log of changes it does nothing.
func (h *Hub) Record(ctx context.Context, lines []Event) error {
	if h.changes == nil || len(lines) == 0 {
		return nil
	}
	now := h.clock.Now()
	stamped := make([]*Event, len(lines))
	for i, e := range lines {
		e.Time = now
		e.bound()
		stamped[i] = &e
	}
	return h.changes.write(ctx, stamped, lines[0].changedBy)
}

// NotMade implements Changes.
func (h *Hub) NotMade(who caller.Caller, why error) {
	if h.changes == nil {
		return
	}
	e := changeNotMade(who.Name, why)
	e.Time = h.clock.Now()
	e.bound()
	if err := h.changes.write(context.Background(), []*Event{&e}, who.Name); err != nil {
		h.Emit(Failure(GatewayServer, "to write down that a change was not made", err))
	}
}

// Made implements Changes.
func (h *Hub) Made(events []Event) {
	now := h.clock.Now()
	for _, e := range events {
		e.Time = now
		e.bound()
		h.mu.Lock()
		if !h.closed {
			h.publish(&e)
		}
		h.mu.Unlock()
	}
}

// changeLog is the log of changes. One is written at a time, and who wants to write waits.
type changeLog struct {
	file  *File
	clock clock.Clock
	turn  chan struct{} // holds one element while something is written
}

func newChangeLog(path string, c clock.Clock) *changeLog {
	return &changeLog{file: NewFile(path), clock: c, turn: make(chan struct{}, 1)}
}

// The states of lines that are being written.
const (
	writing int32 = iota
	written
	givenUp
)

// write writes lines of a change by who. A system that takes longer than that is not waited for: if the lines get into the file later,
// another one says that the change was not made.
func (l *changeLog) write(ctx context.Context, lines []*Event, who string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, recordTime, errors.New("it took longer than "+recordTime.String()))
	defer cancel()
	refuse := func(err error) error { return reason.Wrap(err, reason.ChangeNotRecorded, "file", l.file.path) }
	if ctx.Err() != nil {
		return refuse(context.Cause(ctx))
	}
	select {
	case l.turn <- struct{}{}:
	case <-ctx.Done():
		return refuse(context.Cause(ctx))
	}
	var state atomic.Int32
	done := make(chan error, 1)
	go func() {
		defer func() { <-l.turn }()
		err := l.file.Write(lines)
		if state.CompareAndSwap(writing, written) {
			done <- err
			return
		}
		if err == nil {
			late := changeNotMade(who, refuse(context.Cause(ctx)))
			late.Time = l.clock.Now()
			late.bound()
			_ = l.file.Write([]*Event{&late})
		}
	}()
	select {
	case err := <-done:
		if err != nil {
			return refuse(err)
		}
		return nil
	case <-ctx.Done():
	}
	if state.CompareAndSwap(writing, givenUp) {
		return refuse(context.Cause(ctx))
	}
	if err := <-done; err != nil {
		return refuse(err)
	}
	return nil
}

// reopen opens the file anew, unless something is being written: that finds the file at the path by itself.
func (l *changeLog) reopen() error {
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
		return l.file.Reopen()
	default:
		return nil
	}
}

// close waits for what is being written, but no longer than ctx lasts.
func (l *changeLog) close(ctx context.Context) error {
	select {
	case l.turn <- struct{}{}:
		return l.file.Close()
	case <-ctx.Done():
		return ctx.Err()
	}
}

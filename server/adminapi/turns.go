package adminapi

import (
	"context"
	"sync"
	"time"

	"github.com/omsgateway/omsgateway/internal/caller"
	"github.com/omsgateway/omsgateway/internal/reason"
)

// turns bounds the calls that work on whole lists or whole configurations, each of which takes many times its answer in memory: one is
// made at a time of all callers who may only read, and one of those who may change. A caller waits for a turn with one call at a time, so
// that whoever makes many delays nobody else by more than one.
type turns struct {
	wait time.Duration
	of   [2]chan struct{} // hold an element while a call is made; the second is for callers who may change

	mu      sync.Mutex
	callers map[string]*waiting // who waits, or has a turn, by name
}

// waiting is one caller.
type waiting struct {
	calls int           // that wait, or have a turn
	next  chan struct{} // holds an element for the one that waits for the turn, or has it
}

func newTurns() *turns {
	return &turns{
		wait: largeWait, callers: map[string]*waiting{},
		of: [2]chan struct{}{make(chan struct{}, 1), make(chan struct{}, 1)},
	}
}

// take waits for the turn of a caller, which done gives back. The errors are LARGE_CALL_BUSY and that of ctx.
func (t *turns) take(ctx context.Context, who caller.Caller) (done func(), err error) {
	overdue := time.NewTimer(t.wait)
	defer overdue.Stop()
	of := t.of[0]
	if who.Role >= caller.Change {
		of = t.of[1]
	}
	mine, leave := t.join(who.Name)
	for i, turn := range []chan struct{}{mine.next, of} {
		select {
		case turn <- struct{}{}:
			continue
		case <-ctx.Done():
			err = ctx.Err()
		case <-overdue.C:
			err = reason.New(reason.LargeCallBusy)
		}
		if i > 0 {
			<-mine.next
		}
		leave()
		return nil, err
	}
	return func() {
		<-of
		<-mine.next
		leave()
	}, nil
}

// join counts a call of the caller of this name, until leave.
func (t *turns) join(name string) (c *waiting, leave func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c = t.callers[name]
	if c == nil {
		c = &waiting{next: make(chan struct{}, 1)}
		t.callers[name] = c
	}
	c.calls++
	return c, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if c.calls--; c.calls == 0 {
			delete(t.callers, name)
		}
	}
}

package gateway

import (
	"context"
	"errors"
	"sync"
	"time"
)

// How long the parts of the end may take. What hangs in the disk is left to the system, which ends it with the process.
const (
	adminStopTime = 2 * time.Second // calls of the admin API
	stateStopTime = 3 * time.Second // what is written and read in the state folder, all together
	logStopTime   = time.Second     // at least, the last lines of the logs
)

var errStuck = errors.New("the disk took longer than " + stateStopTime.String() + ", which is not waited for when the gateway ends")

// ending bounds what the end waits for in the state folder, so that a disk that is stuck is waited for once and not for each file. Its time
// begins with the first call of a method.
type ending struct{ deadline func() time.Time }

func newEnding() ending {
	return ending{sync.OnceValue(func() time.Time { return time.Now().Add(stateStopTime) })}
}

// wait runs f and returns its error, or an error as soon as the time is over; f then goes on until the process ends.
func (e ending) wait(f func() error) error {
	ctx, cancel := context.WithDeadline(context.Background(), e.deadline())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return errStuck
	}
}

// forLogs returns a context for writing what the logs still have to tell.
func (e ending) forLogs() (context.Context, context.CancelFunc) {
	until := e.deadline()
	if least := time.Now().Add(logStopTime); until.Before(least) {
		until = least
	}
	return context.WithDeadline(context.Background(), until)
}

package adminclient

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/omsgateway/omsgateway/internal/apierr"
	"github.com/omsgateway/omsgateway/internal/reason"
)

// A gateway serves a few connections of each user at a time, and refuses the calls of the next ones. A client over the limit waits
// for its turn, at most turnWait, less than a call of omsgwctl may take. It comes again after a pause, which doubles from firstPause
// to longestPause; by chance it is up to a half shorter or longer, so that those who were refused together do not come together.
const (
	turnWait     = 20 * time.Second
	firstPause   = 20 * time.Millisecond
	longestPause = time.Second
)

// isTurnedAway reports whether a call was refused, and not made, because too many connections are open.
func isTurnedAway(err error) bool {
	return err != nil && reason.Of(apierr.FromStatus(err)) == reason.TooManyCalls
}

// turn is one call's wait for its turn.
type turn struct {
	end   time.Time // zero before the first refusal
	pause time.Duration
}

// wait waits before the next attempt. It returns false, at once, where there is no time for another one: then the refusal says more
// than that the time is over.
func (t *turn) wait(ctx context.Context) bool {
	if t.end.IsZero() {
		t.end, t.pause = time.Now().Add(turnWait), firstPause
		if deadline, ok := ctx.Deadline(); ok && deadline.Before(t.end) {
			t.end = deadline
		}
	}
	pause := t.pause/2 + rand.N(t.pause) //nolint:gosec // not a secret
	t.pause = min(2*t.pause, longestPause)
	if time.Until(t.end) <= pause {
		return false
	}
	select {
	case <-ctx.Done():
		return false
	case <-time.After(pause):
		return true
	}
}

package splice

import (
	"fmt"
	"time"
)

// Stalled is the Err of a [Result] that ended with EndStalled.
type Stalled struct {
	Receiver Side          // for which bytes waited
	Limit    time.Duration // Options.Stall
}

func (s *Stalled) Error() string {
	return fmt.Sprintf("the %s has taken none of the bytes that wait for it for %v", s.Receiver, s.Limit)
}

// looks is how often a receiver is looked at before it counts as stalled. Traffic costs nothing for that: the register has the carrier
// of a pair look now and then, and the system knows what a receiver has taken.
const looks = 4

// receiver is what the last look at a side of a pair has found.
type receiver struct {
	since int64  // since when it has taken nothing of what waits for it, as far as looks can tell; 0 if nothing waits
	taken uint64 // how many bytes it had taken
}

// look notes whether bytes wait and how many have been taken, and returns how long none have been although some waited.
func (r *receiver) look(now int64, waits bool, taken uint64) time.Duration {
	switch {
	case !waits:
		r.since = 0
	case r.since == 0 || taken != r.taken:
		r.since, r.taken = now, taken
	default:
		return time.Duration(now - r.since)
	}
	return 0
}

package admission

import (
	"strconv"

	"github.com/omsgateway/omsgateway/internal/reason"
)

// pool is how much of something there is, how much of that is taken, and by how many clients.
type pool struct{ limit, taken, holders int64 }

// crowded reports whether seven eighths are taken.
func (p pool) crowded() bool { return p.taken >= p.limit-p.limit/8 }

// share is what each holder would have if there were one more.
func (p pool) share() int64 { return max(p.limit/(p.holders+1), 1) }

// check fails, for this reason, if a client that has so much gets no more.
func (p pool) check(of *client, have int64, why reason.Reason) error {
	if !p.crowded() || have < p.share() {
		return nil
	}
	return reason.New(why, "limit", strconv.FormatInt(p.share(), 10), "client", of.String())
}

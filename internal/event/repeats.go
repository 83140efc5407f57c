package event

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/omsgateway/omsgateway/internal/reason"
)

// Repeats of one client address, host and reason: so many pass in a minute, the others become one line when it is over.
const (
	repeatLimit = 10
	repeatKeys  = 10_000 // more at once are not counted and pass
)

// repeatOf is what makes one event a repeat of another, beside its kind and reason.
type repeatOf struct {
	client netip.Addr
	host   string
}

type repeatKey struct {
	repeatOf
	reason  reason.Reason
	id      ID
	logOnly bool
}

// repeats counts the repeats of the current minute.
type repeats map[repeatKey]*repeated

type repeated struct {
	count int
	last  *Event // the last one that was held back
}

// hold counts e and tells whether it is to be held back.
func (r repeats) hold(e *Event) bool {
	if !e.repeat.client.IsValid() {
		return false
	}
	key := repeatKey{e.repeat, e.Reason, e.ID, e.logOnly}
	seen := r[key]
	if seen == nil {
		if len(r) < repeatKeys {
			r[key] = &repeated{count: 1}
		}
		return false
	}
	if seen.count++; seen.count <= repeatLimit {
		return false
	}
	seen.last = e
	return true
}

// summaries are the events that stand for those held back.
func (r repeats) summaries() []Event {
	var all []Event
	for _, seen := range r {
		if held := seen.count - repeatLimit; held > 0 {
			e := *seen.last
			e.Time = time.Now()
			if e.logOnly {
				e.Text = fmt.Sprintf("%s repeats=%d", e.Text, held)
			} else {
				e.Text = fmt.Sprintf("%s (%d more from %s within a minute)", e.Text, held, e.repeat.client)
			}
			e.Fields = append(slices.Clip(e.Fields), Field{"repeats", strconv.Itoa(held)})
			all = append(all, e)
		}
	}
	return all
}

package event

import (
	"cmp"
	"slices"
	"sort"
)

// How many events the rings keep: of all, of refusals and errors, and of changes.
const (
	keepAll     = 10_000
	keepRefused = 2_000
	keepChanges = 1_000
)

// rings are the events that the admin API can list. The second ring has refusals and errors alone, and the third one changes, so that
// others cannot push them out.
type rings struct {
	all, refused, changes ring
}

func newRings() rings {
	return rings{all: ring{limit: keepAll}, refused: ring{limit: keepRefused}, changes: ring{limit: keepChanges}}
}

func (r *rings) add(e *Event) {
	r.all.add(e)
	if e.changedBy != "" {
		r.changes.add(e)
	} else if e.Level == Error || e.Reason != "" {
		r.refused.add(e)
	}
}

// events are all that is kept, each once, in the order of their sequence. The events are shared and never change.
func (r *rings) events() []*Event {
	all := r.all.events()
	if len(all) == 0 {
		return nil
	}
	older := append(r.refused.before(all[0].Sequence), r.changes.before(all[0].Sequence)...) // none is in both
	slices.SortFunc(older, func(a, b *Event) int { return cmp.Compare(a.Sequence, b.Sequence) })
	return append(older, all...)
}

// ring keeps the last limit events, and takes memory only as it fills.
type ring struct {
	limit int
	kept  []*Event
	next  int // where the next one goes, once kept is full
}

func (r *ring) add(e *Event) {
	if len(r.kept) < r.limit {
		r.kept = append(r.kept, e)
		return
	}
	r.kept[r.next] = e
	r.next = (r.next + 1) % r.limit
}

// before is a copy of those with a lower sequence, oldest first.
func (r *ring) before(sequence int64) []*Event {
	events := r.events()
	older := sort.Search(len(events), func(i int) bool { return events[i].Sequence >= sequence })
	return events[:older:older]
}

// events is a copy, oldest first.
func (r *ring) events() []*Event {
	return append(append(make([]*Event, 0, len(r.kept)), r.kept[r.next:]...), r.kept[:r.next]...)
}

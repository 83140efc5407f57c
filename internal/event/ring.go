package event

import "sort"

// How many events the rings keep: of all, and of refusals and errors.
const (
	keepAll     = 10_000
	keepRefused = 2_000
)

// rings are the events that the admin API can list. The second ring has refusals and errors alone, so that others cannot push
// them out.
type rings struct {
	all, refused ring
}

func newRings() rings { return rings{all: ring{limit: keepAll}, refused: ring{limit: keepRefused}} }

func (r *rings) add(e *Event) {
	r.all.add(e)
	if e.Level == Error || e.Reason != "" {
		r.refused.add(e)
	}
}

// events are all that is kept, each once, in the order of their sequence. The events are shared and never change.
func (r *rings) events() []*Event {
	all, refused := r.all.events(), r.refused.events()
	if len(all) == 0 {
		return nil
	}
	older := sort.Search(len(refused), func(i int) bool { return refused[i].Sequence >= all[0].Sequence })
	return append(refused[:older:older], all...)
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

// events is a copy, oldest first.
func (r *ring) events() []*Event {
	return append(append(make([]*Event, 0, len(r.kept)), r.kept[r.next:]...), r.kept[:r.next]...)
}

package admission

import (
	"github.com/omsgateway/omsgateway/internal/policy"
	"github.com/omsgateway/omsgateway/internal/reason"
)

// Queue names the places that are waited for.
type Queue uint8

// The queues. A place is in one of them at a time, or in none.
const (
	Heads      Queue = iota // the request has not come
	Handshakes              // the TLS handshake has no verdict
)

func (in Queue) limit(l policy.Limits) int64 {
	if in == Heads {
		return int64(l.MaxRequestHeads)
	}
	return int64(l.MaxHandshakes)
}

// full is why nobody gets a place, and overShare why a client gets no more.
func (in Queue) full() reason.Reason {
	if in == Heads {
		return reason.TooManyRequestHeads
	}
	return reason.TooManyHandshakes
}

func (in Queue) overShare() reason.Reason {
	if in == Heads {
		return reason.TooManyClientHeads
	}
	return reason.TooManyClientHandshakes
}

// queue is the places that are waited for, by client. What a client has changes by one at a time, so that the clients can be kept
// sorted by it without a search: levels has those that have the same number.
type queue struct {
	taken   int64
	holders int64
	levels  []list[share, *share] // by number, each with those first that have had it longest
	most    int                   // that a client has
	spare   list[share, *share]   // of clients that have nothing any more, for the next ones
}

// share is what a client has of a queue. It is in the level of its number.
type share struct {
	links_ links[share]
	number int
	places list[Place, *Place] // in the order in which they were last heard
}

func (s *share) links() *links[share] { return &s.links_ }

func (q *queue) pool(in Queue, l policy.Limits) pool {
	return pool{limit: in.limit(l), taken: q.taken, holders: q.holders}
}

// longest is the place that has waited longest, of the client that has most, or nil if there is none.
func (q *queue) longest() *Place {
	if q.most == 0 {
		return nil
	}
	return q.levels[q.most].first.places.first
}

// silent are the places that entered the queue before a time, and of which nothing was heard since.
func (q *queue) silent(before int64) (all []*Place) {
	for n := q.most; n > 0; n-- {
		for s := q.levels[n].first; s != nil; s = s.links_.next {
			for p := s.places.first; p != nil && p.noted.Load() < before; p = p.links_.next {
				if !p.heard.Load() {
					all = append(all, p)
				}
			}
		}
	}
	return all
}

// add puts a place behind the others of its client.
func (q *queue) add(p *Place) {
	s := p.client.shares[p.queue]
	if s == nil {
		s = q.unused()
		p.client.shares[p.queue] = s
		q.holders++
	}
	s.places.append(p)
	q.taken++
	q.move(s, s.number+1)
	q.most = max(q.most, s.number)
}

// remove is the opposite of add.
func (q *queue) remove(p *Place) {
	s := p.client.shares[p.queue]
	s.places.remove(p)
	q.taken--
	q.move(s, s.number-1)
	if s.number == 0 {
		p.client.shares[p.queue] = nil
		q.spare.append(s)
		q.holders--
	}
	if q.levels[q.most].first == nil {
		q.most--
	}
}

// unused is a share that nobody has.
func (q *queue) unused() *share {
	s := q.spare.first
	if s == nil {
		return &share{}
	}
	q.spare.remove(s)
	return s
}

// move takes a share to the level of a number.
func (q *queue) move(s *share, number int) {
	if s.number > 0 {
		q.levels[s.number].remove(s)
	}
	s.number = number
	if number == 0 {
		return
	}
	for len(q.levels) <= number {
		q.levels = append(q.levels, list[share, *share]{})
	}
	q.levels[number].append(s)
}

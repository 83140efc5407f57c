package caller

import (
	"strconv"
	"sync"

	"github.com/omsgateway/omsgateway/internal/reason"
)

// Places bounds how many of something callers have at a time: connections, say, or watches. One caller gets no more than its share, and
// all who may not change leave a quarter for those who may, so that nobody can keep administrators out. Callers without a role count as
// one, since somebody who may use many user ids (a user namespace, say) would otherwise have as many shares.
type Places struct {
	full             Full
	total, perCaller int

	mu      sync.Mutex
	taken   int
	readers int            // taken by callers who may not change
	callers map[string]int // taken, by name; "" is all without a role
}

// Full makes the error that there is no place: limit is how many there are for whom.
type Full func(limit, whom string) *reason.Error

// NewPlaces makes total places, perCaller for one caller at most.
func NewPlaces(total, perCaller int, full Full) *Places {
	return &Places{full: full, total: total, perCaller: perCaller, callers: make(map[string]int)}
}

// Take takes a place for who; release gives it back, and is to be called once. It fails if there is none for this caller.
func (p *Places) Take(who Caller) (release func(), err *reason.Error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	name, reads := who.Name, who.Role < Change
	if who.Role == None {
		name = ""
	}
	forReaders := p.total - p.total/4
	switch {
	case p.callers[name] >= p.perCaller:
		return nil, p.full(strconv.Itoa(p.perCaller), who.Name)
	case p.taken >= p.total:
		return nil, p.full(strconv.Itoa(p.total), "all callers together")
	case reads && p.readers >= forReaders:
		return nil, p.full(strconv.Itoa(forReaders), "all callers together who may not change")
	}
	p.add(name, reads, 1)
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.add(name, reads, -1)
	}, nil
}

// add counts n more places of a caller; the lock is held.
func (p *Places) add(name string, reads bool, n int) {
	p.taken += n
	if reads {
		p.readers += n
	}
	if p.callers[name] += n; p.callers[name] == 0 {
		delete(p.callers, name)
	}
}

package usage

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/omsgateway/omsgateway/internal/hostname"
)

// MaxUsed is how many entries are remembered that were used, those included that the policy no longer has, since they may come
// back. When it is passed, the tenth that was used longest ago is forgotten at once.
const MaxUsed = 120_000

// Use says how often an entry has allowed a request, and when for the first and the last time, in whole seconds.
type Use struct {
	Count       int64
	First, Last time.Time
}

// Used says that the entry with this pattern has allowed a request. But for the first time it allocates nothing and waits for
// nobody except those who use another entry for the first time.
func (m *Memory) Used(pattern hostname.Pattern, at time.Time) {
	m.uses.note(pattern, seconds(at))
	m.change()
}

// UseOf is the zero Use if the entry was never used.
func (m *Memory) UseOf(pattern hostname.Pattern) Use {
	m.uses.mu.RLock()
	defer m.uses.mu.RUnlock()
	u := m.uses.of[pattern]
	if u == nil {
		return Use{}
	}
	return Use{Count: u.count.Load(), First: time.Unix(u.first, 0), Last: time.Unix(u.last.Load(), 0)}
}

type uses struct {
	mu sync.RWMutex
	of map[hostname.Pattern]*use
}

// use has times in seconds since 1970.
type use struct {
	first       int64
	count, last atomic.Int64
}

func newUses() *uses { return &uses{of: map[hostname.Pattern]*use{}} }

func newUse(count, first, last int64) *use {
	made := &use{first: first}
	made.count.Store(count)
	made.last.Store(last)
	return made
}

func (u *use) again(at int64) {
	u.count.Add(1)
	if u.last.Load() != at { // else it need not be taken from other processors
		u.last.Store(at)
	}
}

func (u *uses) note(pattern hostname.Pattern, at int64) {
	u.mu.RLock()
	known := u.of[pattern]
	u.mu.RUnlock()
	if known == nil {
		known = u.add(pattern, at)
	}
	if known != nil {
		known.again(at)
	}
}

// add notes the first use, unless somebody else has just done so, whose use is answered.
func (u *uses) add(pattern hostname.Pattern, at int64) *use {
	u.mu.Lock()
	defer u.mu.Unlock()
	if known := u.of[pattern]; known != nil {
		return known
	}
	u.put(pattern, newUse(1, at, at))
	return nil
}

// put keeps memory of its own, not that of the file that the pattern may have been read from.
func (u *uses) put(pattern hostname.Pattern, made *use) {
	if len(u.of) == MaxUsed {
		u.forgetTenth()
	}
	pattern.Host = pattern.Host.Clone()
	u.of[pattern] = made
}

func (u *uses) forgetTenth() {
	all := u.list()
	slices.SortFunc(all, func(a, b used) int { return cmp.Compare(a.last.Load(), b.last.Load()) })
	for _, old := range all[:len(all)/10] {
		delete(u.of, old.pattern)
	}
}

// used is a use with its pattern.
type used struct {
	pattern hostname.Pattern
	*use
}

// sorted are all, by pattern. It does not keep others waiting while it sorts.
func (u *uses) sorted() []used {
	u.mu.RLock()
	all := u.list()
	u.mu.RUnlock()
	slices.SortFunc(all, func(a, b used) int { return a.pattern.Compare(b.pattern) })
	return all
}

// list must be called with the lock.
func (u *uses) list() []used {
	all := make([]used, 0, len(u.of))
	for pattern, use := range u.of {
		all = append(all, used{pattern, use})
	}
	return all
}

// Package demand remembers which hosts clients were let through to in the last seven days: how often on each day, and how many clients
// that were. From it can be told beforehand whom a change of the policy would cut off.
//
// It has no clock: whoever tells it something says when that was. What is lost from it is safe, since nothing is decided by it.
package demand

import (
	"cmp"
	"math"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/omsgateway/omsgateway/internal/hostname"
)

// Bounds of the memory.
const (
	// Days is how many days are remembered, today included. They are days of UTC.
	Days = 7
	// MaxHosts is how many hosts are remembered, about 8 MB. When it is passed, the tenth that was asked for longest ago is forgotten at
	// once.
	MaxHosts = 20_000
	// FewClients is up to how many clients a number of them is right in nine of ten cases. More are an estimate (see clients).
	FewClients = 8
)

// Memory is what is remembered. Its methods may be called from any goroutine.
type Memory struct {
	mu        sync.RWMutex
	hosts     map[hostname.Target]*host
	days      [Days]int64  // since 1970, that each slot is about; of no day before the first one
	began     int64        // seconds since 1970; 0 before the first request
	forgotten int64        // when a host was forgotten for the last time, 0 for never
	today     atomic.Int64 // the day for which the slots are ready

	changed atomic.Bool // since the last Save or Load
	saving  sync.Mutex
}

// host is what is remembered of one. The slot of a day is its number modulo Days.
type host struct {
	requests [Days]atomic.Uint32
	last     atomic.Int64 // seconds since 1970
	clients  clients
}

// New makes an empty memory.
func New() *Memory {
	m := &Memory{hosts: map[hostname.Target]*host{}}
	m.today.Store(-1)
	return m
}

// Allowed says that a client was let through to target. For a host that is remembered it allocates nothing, and but for the first request
// of a day waits only for those who ask for a host for the first time.
func (m *Memory) Allowed(target hostname.Target, client netip.Addr, at time.Time) {
	now := seconds(at)
	if m.today.Load() != now/day {
		m.turn(now)
	}
	m.mu.RLock()
	known := m.hosts[target]
	m.mu.RUnlock()
	if known == nil {
		known = m.add(target, now)
	}
	slot := slotOf(now / day)
	if n := &known.requests[slot]; n.Load() < math.MaxUint32 {
		n.Add(1)
	}
	if known.last.Load() != now {
		known.last.Store(now)
	}
	known.clients.note(client, slot)
	if !m.changed.Load() { // seldom written, so that processors need not take turns
		m.changed.Store(true)
	}
}

// Sum is what clients asked for, of some hosts.
type Sum struct {
	Hosts    []Host // that asked for most often first
	Requests int64
	Clients  int       // how many there were, more than FewClients roughly
	Since    time.Time // the first moment that is counted; zero if nothing is
	// AtLeast is set if hosts had to be forgotten in this time, so that there may have been more of all.
	AtLeast bool
}

// Host is one host of a Sum.
type Host struct {
	Target   hostname.Target
	Requests int64
}

// Of adds up what fits, in the last Days days before at.
func (m *Memory) Of(fits func(hostname.Target) bool, at time.Time) Sum {
	now := seconds(at)
	m.turn(now)
	m.mu.RLock()
	all := m.list()
	sum := Sum{AtLeast: m.forgotten > 0 && m.forgotten/day > now/day-Days}
	if m.began > 0 {
		sum.Since = time.Unix(max(m.began, (now/day-Days+1)*day), 0)
	}
	m.mu.RUnlock()
	var seen clients
	for _, h := range all {
		var requests int64
		for i := range h.requests {
			requests += int64(h.requests[i].Load())
		}
		if requests == 0 || !fits(h.target) {
			continue
		}
		sum.Hosts = append(sum.Hosts, Host{Target: h.target, Requests: requests})
		sum.Requests += requests
		seen.join(&h.clients)
	}
	sum.Clients = seen.count()
	slices.SortFunc(sum.Hosts, func(a, b Host) int {
		return cmp.Or(cmp.Compare(b.Requests, a.Requests), cmp.Compare(a.Target.String(), b.Target.String()))
	})
	return sum
}

const (
	day        = 24 * 60 * 60 // seconds
	maxSeconds = 1<<40 - 1    // that a file has room for
)

// seconds are those since 1970: a clock may be wrong by anything.
func seconds(at time.Time) int64 { return min(max(at.Unix(), 0), maxSeconds) }

func slotOf(day int64) int { return int(day % Days) }

// turn makes the slots ready for the day of now: those of other days than the last ones are emptied. A clock that was put back makes
// what it counted in the future void.
func (m *Memory) turn(now int64) {
	if m.today.Load() == now/day {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	today := now / day
	m.began = min(m.began, now)
	m.forgotten = min(m.forgotten, now)
	for slot, of := range m.days {
		if of > today-Days && of <= today && slotOf(of) == slot {
			continue
		}
		for _, h := range m.hosts {
			h.requests[slot].Store(0)
			h.clients.forget(slot)
		}
	}
	for d := max(today-Days+1, 0); d <= today; d++ {
		m.days[slotOf(d)] = d
	}
	for target, h := range m.hosts {
		h.last.Store(min(h.last.Load(), now))
		if h.isEmpty() {
			delete(m.hosts, target)
		}
	}
	m.today.Store(today)
}

func (h *host) isEmpty() bool {
	for i := range h.requests {
		if h.requests[i].Load() > 0 {
			return false
		}
	}
	return true
}

// add remembers a host, or returns the one that somebody else has just added.
func (m *Memory) add(target hostname.Target, now int64) *host {
	m.mu.Lock()
	defer m.mu.Unlock()
	if known := m.hosts[target]; known != nil {
		return known
	}
	if len(m.hosts) == MaxHosts {
		m.forgetTenth()
	}
	target.Host = target.Host.Clone() // not with the memory of the request
	made := &host{}
	m.hosts[target] = made
	if m.began == 0 {
		m.began = now
	}
	return made
}

func (m *Memory) forgetTenth() {
	all := m.list()
	slices.SortFunc(all, func(a, b known) int { return cmp.Compare(a.last.Load(), b.last.Load()) })
	for _, old := range all[:len(all)/10] {
		m.forgotten = max(m.forgotten, old.last.Load(), 1)
		delete(m.hosts, old.target)
	}
}

// known is a host with its name.
type known struct {
	target hostname.Target
	*host
}

// list must be called with the lock.
func (m *Memory) list() []known {
	all := make([]known, 0, len(m.hosts))
	for target, h := range m.hosts {
		all = append(all, known{target, h})
	}
	return all
}

package clock

import (
	"slices"
	"strconv"
	"sync"
	"time"
)

// Hand is a clock for tests, whose time passes only by [Hand.Advance].
type Hand struct {
	mu     sync.Mutex
	wall   time.Time
	passed time.Duration // since boot
	boots  int
	synced bool
	timers []*handTimer // that are to come
}

// NewHand makes a clock that shows start, of a computer that has just been started.
func NewHand(start time.Time) *Hand { return &Hand{wall: start.Round(0)} }

// Now implements Clock.
func (h *Hand) Now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.wall
}

// SinceBoot implements Clock.
func (h *Hand) SinceBoot() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.passed
}

// Boot implements Clock.
func (h *Hand) Boot() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return "boot " + strconv.Itoa(h.boots)
}

// Synchronised implements Clock. At first it is not.
func (h *Hand) Synchronised() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.synced
}

// SetSynchronised says whether the wall clock is synchronised from now on.
func (h *Hand) SetSynchronised(is bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.synced = is
}

// AfterFunc implements Clock, but f is called in the goroutine of Advance, at the earliest with the next one.
func (h *Hand) AfterFunc(d time.Duration, f func()) Timer {
	h.mu.Lock()
	defer h.mu.Unlock()
	t := &handTimer{hand: h, due: h.passed + max(d, 0), call: f}
	h.timers = append(h.timers, t)
	return t
}

// Advance lets d pass on both clocks. It makes all calls that come due until then, in their order, each at its time, and returns when
// the last one has.
func (h *Hand) Advance(d time.Duration) {
	h.mu.Lock()
	end := h.passed + d
	for next := h.next(end); next != nil; next = h.next(end) {
		h.pass(next.due - h.passed)
		h.remove(next)
		h.mu.Unlock()
		next.call()
		h.mu.Lock()
	}
	h.pass(end - h.passed)
	h.mu.Unlock()
}

// Set sets the wall clock, as somebody does who finds it wrong: no time passes.
func (h *Hand) Set(wall time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.wall = wall.Round(0)
}

// Reboot has the computer started anew after d, by the wall clock. What was to be called is forgotten.
func (h *Hand) Reboot(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.wall = h.wall.Add(d)
	h.passed, h.timers = 0, nil
	h.boots++
}

// next returns the timer that is due first, until end, or nil; of two at the same time the one made first. The lock is held.
func (h *Hand) next(end time.Duration) (first *handTimer) {
	for _, t := range h.timers {
		if t.due <= end && (first == nil || t.due < first.due) {
			first = t
		}
	}
	return first
}

// pass lets d pass, if that is above zero: a call may have advanced the clock itself. The lock is held.
func (h *Hand) pass(d time.Duration) {
	h.wall = h.wall.Add(max(d, 0))
	h.passed += max(d, 0)
}

// remove takes a timer from those that are to come, and reports whether it was there. The lock is held.
func (h *Hand) remove(t *handTimer) bool {
	i := slices.Index(h.timers, t)
	if i < 0 {
		return false
	}
	h.timers = slices.Delete(h.timers, i, i+1)
	return true
}

type handTimer struct {
	hand *Hand
	due  time.Duration // since boot
	call func()
}

// Stop implements Timer.
func (t *handTimer) Stop() bool {
	t.hand.mu.Lock()
	defer t.hand.mu.Unlock()
	return t.hand.remove(t)
}

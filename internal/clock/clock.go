// Package clock tells the time, and calls functions when it has passed. Whoever decides by the time, or writes it down, is handed a
// [Clock] by the wiring: [System], or in a test a [Hand], whose time passes as the test says.
//
// There are two times. The wall clock is for people, and for what outlives a restart of the computer; it may be wrong, and it may be
// set forward or back. The time since the computer was started only goes forward, and goes on while the computer sleeps; what is to
// happen within one boot goes by that.
package clock

import "time"

// Clock is a source of time. Its methods may be called from any goroutine.
type Clock interface {
	// Now returns the wall clock's time.
	Now() time.Time

	// SinceBoot returns how long ago the computer was started, the time that it slept included.
	SinceBoot() time.Duration

	// Boot names the run of the computer from its start on: SinceBoot of two moments can be compared only if both have the same. It is
	// empty where the system does not say, and then a moment that was written down counts as one of another boot.
	Boot() string

	// Synchronised reports whether the system says that the wall clock follows one that is right, as by NTP; false where it does not say.
	Synchronised() bool

	// AfterFunc calls f once, in a goroutine of its own, when d has passed by SinceBoot. A d that is not above zero has passed.
	AfterFunc(d time.Duration, f func()) Timer
}

// Timer is a call that is to come.
type Timer interface {
	// Stop prevents the call, and reports whether it has. It does not wait for one that has begun.
	Stop() bool
}

// Every calls f each time that d, which is above zero, has passed, until end is called; the next time begins when f returns. end waits
// for a call that has begun, so f must not call it; only its first call does anything.
func Every(c Clock, d time.Duration, f func()) (end func()) {
	r := &repetition{clock: c, pause: d, call: f, turn: make(chan struct{}, 1)}
	r.turn <- struct{}{}
	r.next = c.AfterFunc(d, r.run)
	<-r.turn
	return r.end
}

type repetition struct {
	clock Clock
	pause time.Duration
	call  func()

	turn  chan struct{} // holds one while call runs; it guards what follows. Unlike a mutex it lets the time of package synctest go on
	ended bool
	next  Timer
}

func (r *repetition) run() {
	r.turn <- struct{}{}
	defer func() { <-r.turn }()
	if r.ended {
		return
	}
	r.call()
	r.next = r.clock.AfterFunc(r.pause, r.run)
}

func (r *repetition) end() {
	r.turn <- struct{}{}
	defer func() { <-r.turn }()
	r.ended = true
	r.next.Stop()
}

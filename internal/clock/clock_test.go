package clock_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/omsgateway/omsgateway/internal/clock"
)

var (
	_ clock.Clock = clock.System{}
	_ clock.Clock = (*clock.Hand)(nil)

	friday = time.Date(2026, 11, 27, 18, 0, 0, 0, time.UTC)
)

// The time since boot is that of the computer, not of the process, and only goes forward.
func TestSystem(t *testing.T) {
	var c clock.System
	first := c.SinceBoot()
	if first < time.Second {
		t.Errorf("the computer was started %v ago", first)
	}
	if again := c.SinceBoot(); again < first {
		t.Errorf("%v since boot, and then %v", first, again)
	}
	if name, again := c.Boot(), c.Boot(); name != again {
		t.Errorf("the boot is %q, and then %q", name, again)
	}
	if age := time.Since(c.Now()); age < 0 || age > time.Hour {
		t.Errorf("now was %v ago", age)
	}
}

func TestSystemAfterFunc(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c clock.System
		for _, d := range []time.Duration{-time.Second, 0, time.Second, 75 * time.Second, 25 * time.Hour} {
			began := time.Now()
			called := make(chan time.Duration)
			timer := c.AfterFunc(d, func() { called <- time.Since(began) })
			if got, want := <-called, max(d, 0); got != want {
				t.Errorf("after %v, want %v", got, want) // the bubble's clock
			}
			if timer.Stop() {
				t.Errorf("a call after %v was stopped when it had begun", d)
			}
		}
	})
}

func TestSystemStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c clock.System
		for _, stopAfter := range []time.Duration{0, 15 * time.Second} { // before it has looked the first time, and afterwards
			var calls atomic.Int32
			timer := c.AfterFunc(time.Minute, func() { calls.Add(1) })
			<-time.After(stopAfter)
			if !timer.Stop() || timer.Stop() {
				t.Error("the first Stop prevents the call, and the second one finds none")
			}
			<-time.After(time.Hour)
			if n := calls.Load(); n != 0 {
				t.Errorf("stopped after %v, it was called %d times", stopAfter, n)
			}
		}
	})
}

// Calls come in the order of their time, each at its time, those that others make on the way among them.
func TestHandAdvance(t *testing.T) {
	c := clock.NewHand(friday)
	var calls []string
	note := func(what string) func() {
		return func() { calls = append(calls, fmt.Sprintf("%s %v %s", what, c.SinceBoot(), c.Now().Sub(friday))) }
	}
	c.AfterFunc(3*time.Minute, note("third"))
	c.AfterFunc(time.Minute, func() {
		note("first")()
		c.AfterFunc(time.Minute, note("second"))
		c.AfterFunc(time.Hour, note("late"))
	})
	c.AfterFunc(3*time.Minute, note("fourth"))
	stopped := c.AfterFunc(time.Minute, note("stopped"))
	if !stopped.Stop() || stopped.Stop() {
		t.Error("the first Stop prevents the call, and the second one finds none")
	}
	c.AfterFunc(-time.Second, note("at once"))
	if len(calls) > 0 {
		t.Errorf("calls before any time has passed: %q", calls)
	}
	c.Advance(59 * time.Second)
	c.Advance(time.Hour)
	want := []string{"at once 0s 0s", "first 1m0s 1m0s", "second 2m0s 2m0s", "third 3m0s 3m0s", "fourth 3m0s 3m0s"}
	if diff := cmp.Diff(want, calls); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got, want := c.SinceBoot(), time.Hour+59*time.Second; got != want || !c.Now().Equal(friday.Add(want)) {
		t.Errorf("%v have passed, and it is %v", got, c.Now())
	}
}

// A wall clock that is set moves no call; a computer that is started anew has forgotten all of them.
func TestHandSetAndReboot(t *testing.T) {
	c := clock.NewHand(friday)
	calls, before := 0, c.Boot()
	c.AfterFunc(time.Hour, func() { calls++ })
	c.Set(friday.AddDate(1, 0, 0))
	c.Advance(time.Minute)
	if calls != 0 || c.Boot() != before || c.SinceBoot() != time.Minute {
		t.Errorf("%d calls %v after boot, before an hour has passed", calls, c.SinceBoot())
	}
	c.Reboot(time.Minute)
	if c.Boot() == before || c.SinceBoot() != 0 || !c.Now().Equal(friday.AddDate(1, 0, 0).Add(2*time.Minute)) {
		t.Errorf("after a restart it is %v, %v after boot %q", c.Now(), c.SinceBoot(), c.Boot())
	}
	c.Advance(2 * time.Hour)
	if calls != 0 {
		t.Error("a call has outlived a restart of the computer")
	}
}

func TestEvery(t *testing.T) {
	c := clock.NewHand(friday)
	calls := 0
	end := clock.Every(c, time.Minute, func() { calls++ })
	c.Advance(59 * time.Second)
	if calls != 0 {
		t.Errorf("%d calls before the first minute is over", calls)
	}
	c.Advance(10 * time.Minute)
	if calls != 10 {
		t.Errorf("%d calls in ten minutes", calls)
	}
	end()
	end()
	c.Advance(time.Hour)
	if calls != 10 {
		t.Errorf("%d calls after the end", calls-10)
	}
}

// The end waits for a call that has begun.
func TestEveryEndWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun, done := make(chan struct{}), false
		end := clock.Every(clock.System{}, time.Minute, func() {
			close(begun)
			<-time.After(time.Second)
			done = true
		})
		<-begun
		end()
		if !done {
			t.Error("the end did not wait")
		}
	})
}

package clock

import (
	"sync"
	"time"
)

// System is the clock of the computer.
type System struct{}

// Now implements Clock. Two of its times can be subtracted although the wall clock was set in between, as those of time.Now can.
func (System) Now() time.Time { return time.Now() }

// SinceBoot implements Clock: CLOCK_BOOTTIME on Linux (clock_gettime(2)), GetTickCount64 on Windows, which is exact to some 16 ms.
func (System) SinceBoot() time.Duration { return sinceBoot() }

// Boot implements Clock: /proc/sys/kernel/random/boot_id on Linux (random(4)), on Windows from version 10 on the number by which the
// loader counts its attempts to boot.
func (System) Boot() string { return boot() }

// Synchronised implements Clock: on Linux what the kernel was told by the program that keeps its clock (adjtimex(2)). Windows does not say
// it in a way that can be relied on.
func (System) Synchronised() bool { return synchronised() }

// AfterFunc implements Clock. When the computer has slept, the call comes up to 10 s late.
func (System) AfterFunc(d time.Duration, f func()) Timer {
	t := &systemTimer{call: f, pause: d, began: time.Now(), beganBoot: sinceBoot()}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.timer = time.AfterFunc(min(d, lookTime), t.look)
	return t
}

// lookTime is how often a timer looks whether the computer has slept meanwhile: those of package time do not go on then on Linux.
const lookTime = 10 * time.Second

type systemTimer struct {
	call      func()
	pause     time.Duration
	began     time.Time
	beganBoot time.Duration

	mu    sync.Mutex
	timer *time.Timer
	over  bool // it is stopped, or the call has begun
}

func (t *systemTimer) look() {
	t.mu.Lock()
	if t.over {
		t.mu.Unlock()
		return
	}
	if left := t.left(); left > 0 {
		t.timer.Reset(min(left, lookTime))
		t.mu.Unlock()
		return
	}
	t.over = true
	t.mu.Unlock()
	t.call()
}

// left returns how long it still is. It asks package time, too, since GetTickCount64 may be behind by its inaccuracy.
func (t *systemTimer) left() time.Duration {
	return t.pause - max(time.Since(t.began), sinceBoot()-t.beganBoot)
}

// Stop implements Timer.
func (t *systemTimer) Stop() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	stopped := !t.over
	t.over = true
	t.timer.Stop()
	return stopped
}

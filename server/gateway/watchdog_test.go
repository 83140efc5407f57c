package gateway

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestWatchdog has the gateway hang for a while, and the check asked at its own times meanwhile.
func TestWatchdog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alive := 0
		orders := Orders{Watchdog: time.Minute, Alive: func() { alive++ }}
		hangs := make(chan struct{}, 1)
		end := attendWatchdog(orders, func() {
			hangs <- struct{}{}
			<-hangs
		})
		later := func(d time.Duration, want int) {
			t.Helper()
			<-time.After(d)
			synctest.Wait()
			if alive != want {
				t.Fatalf("it was told %d times that the gateway is alive, want %d", alive, want)
			}
		}
		later(time.Minute, 4)
		hangs <- struct{}{} // from here on the check waits
		later(time.Hour, 4)
		<-hangs // the check goes on, and the next one comes at once
		later(time.Second, 6)
		end()
		later(time.Hour, 6)
	})
}

func TestNoWatchdog(t *testing.T) {
	attendWatchdog(Orders{}, func() { t.Error("it was checked") })()
}

package gateway

import "time"

// attendWatchdog tells the service manager that the gateway is alive, until end: four times within the time that it waits for that, so that
// a gateway that is stopped for a moment is still in time. Each time comes after check has returned; of a check that hangs the service
// manager hears no more, and end does not wait for it.
func attendWatchdog(o Orders, check func()) (end func()) {
	if o.Watchdog <= 0 {
		return func() {}
	}
	stop := make(chan struct{})
	go func() {
		tick := time.NewTicker(o.Watchdog / 4)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				check()
				o.Alive()
			case <-stop:
				return
			}
		}
	}()
	return func() { close(stop) }
}

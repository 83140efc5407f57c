package gateway

import "time"

// notifyRunning has nobody to tell: this is for a gateway that runs in a terminal.
func notifyRunning() {}

func notifyStopping(time.Duration) {}

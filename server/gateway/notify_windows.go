package gateway

import "time"

// notifyRunning has nobody to tell: this is for a gateway that runs in a terminal.
func notifyRunning() {}

func watchdogTime() time.Duration { return 0 }

func notifyAlive() {}

func notifyStopping(time.Duration) {}

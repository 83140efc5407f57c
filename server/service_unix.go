//go:build unix

package main

import (
	"fmt"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// stopMargin is how much longer than the drain time a stop may take before the service manager ends the process.
const stopMargin = 15 * time.Second

// ready tells the service manager that clients and administrators are served; see sd_notify(3).
func (orders) ready() { _, _ = daemon.SdNotify(false, daemon.SdNotifyReady) }

// stopping tells the service manager that the stop has begun and how long it may take.
func (orders) stopping(drain time.Duration) {
	_, _ = daemon.SdNotify(false, fmt.Sprintf("%s\nEXTEND_TIMEOUT_USEC=%d", daemon.SdNotifyStopping, (drain+stopMargin).Microseconds()))
}

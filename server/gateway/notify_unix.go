//go:build unix

package gateway

import (
	"fmt"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// stopMargin is how much longer than the drain time a stop may take before the service manager ends the process.
const stopMargin = 15 * time.Second

// notifyRunning tells the service manager that clients and administrators are served; see sd_notify(3).
func notifyRunning() { _, _ = daemon.SdNotify(false, daemon.SdNotifyReady) }

// watchdogTime is how long the service manager waits for notifyAlive (WatchdogSec=, systemd.service(5)); 0 if it does not.
func watchdogTime() time.Duration {
	d, err := daemon.SdWatchdogEnabled(false)
	if err != nil { // what it says is no time
		return 0
	}
	return d
}

// notifyAlive tells the service manager that the gateway does not hang.
func notifyAlive() { _, _ = daemon.SdNotify(false, daemon.SdNotifyWatchdog) }

// notifyStopping tells the service manager that the stop has begun and how long it may take.
func notifyStopping(drain time.Duration) {
	_, _ = daemon.SdNotify(false, fmt.Sprintf("%s\nEXTEND_TIMEOUT_USEC=%d", daemon.SdNotifyStopping, (drain+stopMargin).Microseconds()))
}

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

// notifyStopping tells the service manager that the stop has begun and how long it may take.
func notifyStopping(drain time.Duration) {
	_, _ = daemon.SdNotify(false, fmt.Sprintf("%s\nEXTEND_TIMEOUT_USEC=%d", daemon.SdNotifyStopping, (drain+stopMargin).Microseconds()))
}

package winservice

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"

	"github.com/omsgateway/omsgateway/internal/event"
	"github.com/omsgateway/omsgateway/internal/osdefaults"
	"github.com/omsgateway/omsgateway/internal/setup"
	"github.com/omsgateway/omsgateway/internal/statefolder"
	"github.com/omsgateway/omsgateway/server/gateway"
)

const (
	// startTime is how long a start may take before the service manager doubts it.
	startTime = 30 * time.Second
	// stopMargin is how much longer than the drain time a stop may take before it does.
	stopMargin = 15 * time.Second
	// shutdownDrain is the longest that busy tunnels may take to end when the computer shuts down: Windows gives a service 5 s then
	// (WaitToKillServiceTimeout), or 10 s if it is told early (SERVICE_CONFIG_PRESHUTDOWN_INFO).
	shutdownDrain = 3 * time.Second
	// failed is the code with which the service ends after an error.
	failed = 1
)

// Run is the service, from its start to its end; version is the program's. It is an error if no service manager has started it.
func Run(version string) error {
	err := svc.Run(osdefaults.ServiceName, Service{Version: version})
	if errors.Is(err, windows.ERROR_FAILED_SERVICE_CONTROLLER_CONNECT) {
		return errors.New("only the service manager runs this: use Start-Service " + osdefaults.ServiceName +
			`, or "omsgateway" alone for a gateway in this terminal`)
	}
	return err
}

// Service is the conversation with the service manager, an svc.Handler; Version is the program's.
type Service struct{ Version string }

// Execute implements svc.Handler. The arguments that a start can be given mean nothing.
func (s Service) Execute(_ []string, requests <-chan svc.ChangeRequest, status chan<- svc.Status) (specific bool, code uint32) {
	status <- svc.Status{State: svc.StartPending, WaitHint: milliseconds(startTime)}
	o := gateway.Options{Version: s.Version, Log: event.NewWindowsLog(), Registry: setup.Registry}
	if err := o.Complete(); err != nil {
		return true, failed
	}
	keepCrash(o.StateDir)

	stop, stopNow := context.WithCancel(context.Background())
	defer stopNow()
	hurry, hurryUp := context.WithCancel(context.Background())
	defer hurryUp()
	states, pause, ended := make(chan svc.Status), make(chan bool, 1), make(chan error, 1)
	go func() {
		ended <- gateway.Run(gateway.Orders{
			Stop:    stop,
			Hurry:   hurry,
			Pause:   pause,
			Running: func() { states <- accepting(svc.Running) },
			Paused:  func() { states <- accepting(svc.Paused) },
			Stopping: func(drain time.Duration) {
				states <- svc.Status{State: svc.StopPending, WaitHint: milliseconds(drain + stopMargin)}
			},
		}, o)
	}()
	for {
		select {
		case err := <-ended:
			if err != nil { // which the event log tells
				return true, failed
			}
			return false, 0
		case state := <-states:
			status <- state
		case request := <-requests:
			switch request.Cmd {
			case svc.Interrogate:
				status <- request.CurrentStatus
			case svc.Pause:
				status <- svc.Status{State: svc.PausePending}
				replace(pause, true)
			case svc.Continue:
				status <- svc.Status{State: svc.ContinuePending}
				replace(pause, false)
			case svc.Stop:
				stopNow()
			case svc.PreShutdown, svc.Shutdown:
				stopNow()
				time.AfterFunc(shutdownDrain, hurryUp)
			}
		}
	}
}

// replace puts an order into a channel that has a place for one. It never waits, since run may wait for the reader of its states:
// of two orders that run has not seen yet the last one counts.
func replace(orders chan bool, order bool) {
	select {
	case <-orders:
	default:
	}
	orders <- order
}

// accepting is a state in which the service accepts orders.
func accepting(state svc.State) svc.Status {
	return svc.Status{State: state, Accepts: svc.AcceptStop | svc.AcceptPauseAndContinue | svc.AcceptPreShutdown | svc.AcceptShutdown}
}

func milliseconds(d time.Duration) uint32 { return uint32(d.Milliseconds()) }

// keepCrash lets a crash leave its traces in a file, since a service has no standard error. It does without if that fails.
func keepCrash(stateDir string) {
	file := osdefaults.CrashFile(stateDir)
	if statefolder.Make(stateDir) != nil || os.MkdirAll(filepath.Dir(file), 0o700) != nil {
		return
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return
	}
	defer f.Close() // SetCrashOutput has a copy of its own
	_ = debug.SetCrashOutput(f, debug.CrashOptions{})
}

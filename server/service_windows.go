package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"

	"github.com/omsgateway/omsgateway/internal/event"
	"github.com/omsgateway/omsgateway/internal/original"
	"github.com/omsgateway/omsgateway/internal/osdefaults"
	"github.com/omsgateway/omsgateway/internal/statefolder"
)

const (
	// startTime is how long a start may take before the service manager doubts it.
	startTime = 30 * time.Second
	// stopMargin is how much longer than the drain time a stop may take before it does.
	stopMargin = 15 * time.Second
	// shutdownDrain is the longest that busy tunnels may take to end when the computer shuts down: Windows gives a service 5 s then
	// (WaitToKillServiceTimeout), or 10 s if it is told early (SERVICE_CONFIG_PRESHUTDOWN_INFO).
	shutdownDrain = 3 * time.Second
)

// serviceCommands are those of the Windows service.
func serviceCommands() []*cobra.Command {
	command := &cobra.Command{
		Use:   "service",
		Short: "Install, uninstall or run the Windows service " + osdefaults.ServiceName,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return errors.New("say what to do: install, uninstall or run")
		},
	}
	command.AddCommand(
		&cobra.Command{
			Use:   "install",
			Short: "Install this program as the service, from where it is",
			Long: `install makes the service ` + osdefaults.ServiceName + `, its event log and its folder
` + osdefaults.StateDir() + `. It does not start the service, and leaves the firewall as it is.

The program has to stay where it is, in a folder that only administrators can write to.`,
			Example: "  omsgateway service install\n  Start-Service " + osdefaults.ServiceName,
			Args:    cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				return failed(installService(cmd.OutOrStdout()))
			},
		},
		&cobra.Command{
			Use:   "uninstall",
			Short: "Stop the service and remove it; configuration and logs stay",
			Args:  cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				return failed(uninstallService(cmd.Context(), cmd.OutOrStdout()))
			},
		},
		&cobra.Command{
			Use:   "run",
			Short: "Run the gateway as the service; only the service manager can do it",
			Args:  cobra.NoArgs,
			RunE: func(*cobra.Command, []string) error {
				return failed(runService())
			},
		},
	)
	return []*cobra.Command{command}
}

// notifyRunning has nobody to tell: this is for a gateway that runs in a terminal.
func notifyRunning() {}

func notifyStopping(time.Duration) {}

// runService is the service, from its start to its end. Whether a service manager is there is found out by connecting to it.
func runService() error {
	err := svc.Run(osdefaults.ServiceName, service{})
	if errors.Is(err, windows.ERROR_FAILED_SERVICE_CONTROLLER_CONNECT) {
		return errors.New("only the service manager runs this: use Start-Service " + osdefaults.ServiceName +
			`, or "omsgateway" alone for a gateway in this terminal`)
	}
	return err
}

// systemLogs is where a program that is no service tells what it has done to the gateway, besides the log file.
func systemLogs() []event.Output { return []event.Output{event.NewWindowsLog()} }

// service is the conversation with the service manager.
type service struct{}

// Execute implements svc.Handler. The arguments that a start can be given mean nothing.
func (service) Execute(_ []string, requests <-chan svc.ChangeRequest, status chan<- svc.Status) (specific bool, code uint32) {
	status <- svc.Status{State: svc.StartPending, WaitHint: milliseconds(startTime)}
	o := options{log: event.NewWindowsLog(), registry: original.Registry}
	if err := o.complete(); err != nil {
		return true, exitFailed
	}
	keepCrash(o.stateDir)

	stop, stopNow := context.WithCancel(context.Background())
	defer stopNow()
	hurry, hurryUp := context.WithCancel(context.Background())
	defer hurryUp()
	states, pause, ended := make(chan svc.Status), make(chan bool, 1), make(chan error, 1)
	go func() {
		ended <- run(orders{
			stop:    stop,
			hurry:   hurry,
			pause:   pause,
			running: func() { states <- accepting(svc.Running) },
			paused:  func() { states <- accepting(svc.Paused) },
			stopping: func(drain time.Duration) {
				states <- svc.Status{State: svc.StopPending, WaitHint: milliseconds(drain + stopMargin)}
			},
		}, o)
	}()
	for {
		select {
		case err := <-ended:
			if err != nil { // which the event log tells
				return true, exitFailed
			}
			return false, 0
		case s := <-states:
			status <- s
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

// accepting is a state in which the service takes orders.
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

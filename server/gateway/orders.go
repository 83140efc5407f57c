package gateway

import (
	"context"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/omsgateway/omsgateway/internal/config"
	"github.com/omsgateway/omsgateway/internal/event"
	"github.com/omsgateway/omsgateway/internal/settings"
	"github.com/omsgateway/omsgateway/server/adminapi"
)

// Orders are what the system asks of the gateway, and what it wants to be told.
type Orders struct {
	Stop  context.Context // done when the gateway is asked to stop: idle tunnels close, busy ones may end within DrainSeconds
	Hurry context.Context // done when it is asked a second time, or has no more time: then it waits for nothing
	Pause <-chan bool     // true: accept nobody, but keep tunnels; false: accept again; nil if it is never asked

	Reopen <-chan os.Signal // the files of the logs are to be opened anew; nil if it is never asked

	Watchdog time.Duration // how long to wait for Alive before the gateway counts as one that hangs; 0 if nobody does
	Alive    func()        // told that it does not hang

	Running  func()                    // told when clients and administrators are served, also after a pause
	Paused   func()                    // told when nobody is accepted any more
	Stopping func(drain time.Duration) // told when the stop has begun, and how long it may take
}

// Signals are the orders that signals give until end: the first interrupt or SIGTERM stops the gateway, the second hurries
// it. So does SIGHUP on a terminal, which has been closed then; elsewhere it asks for the logs to be opened anew.
func Signals(parent context.Context) (o Orders, end func()) {
	stop, stopNow := context.WithCancel(parent)
	hurry, hurryUp := context.WithCancel(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	reopen := make(chan os.Signal, 1)
	if onTerminal() {
		signal.Notify(signals, syscall.SIGHUP)
	} else {
		signal.Notify(reopen, syscall.SIGHUP)
	}
	done := make(chan struct{})
	go func() {
		for _, obey := range []func(){stopNow, hurryUp} {
			select {
			case <-signals:
				obey()
			case <-done:
				return
			}
		}
	}()
	o = Orders{
		Stop: stop, Hurry: hurry, Reopen: reopen,
		Watchdog: watchdogTime(), Alive: notifyAlive,
		Running: notifyRunning, Paused: func() {}, Stopping: notifyStopping,
	}
	return o, func() {
		signal.Stop(signals)
		signal.Stop(reopen)
		close(done)
		stopNow()
		hurryUp()
	}
}

// attend pauses, goes on and opens logs anew as it is asked, until the gateway has to stop.
func attend(orders Orders, clients *listener, store *settings.Store, state *atomic.Int32, events *event.Hub) {
	for {
		select {
		case <-orders.Stop.Done():
			return
		case <-orders.Reopen:
			events.Reopen()
			events.Emit(event.Note(event.GatewayServer, "The files of the logs were opened anew (SIGHUP)"))
		case pause := <-orders.Pause:
			if pause {
				clients.close()
				state.Store(int32(adminapi.Paused))
				events.Emit(event.Paused())
				orders.Paused()
			} else if err := clients.open(orders.Stop, func() config.Settings { return store.Current().Settings }); err != nil {
				events.Emit(event.Failure(event.GatewayServer, "to go on after a pause", err))
				orders.Paused()
			} else {
				state.Store(int32(adminapi.Running))
				events.Emit(event.Continued(clients.addresses()))
				orders.Running()
			}
		}
	}
}

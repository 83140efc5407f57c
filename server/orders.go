package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// orders are what the system asks of the process. What it is told in return, ready and stopping, is service_unix.go and
// service_windows.go.
type orders struct {
	hurry context.Context // done when the process is asked to stop a second time: then it waits for nothing
	stop  func()          // ends the watch
}

// watchOrders answers a context that is done when the process is asked to stop.
func watchOrders(parent context.Context) (context.Context, orders) {
	ctx, cancel := context.WithCancel(parent)
	hurry, hurryUp := context.WithCancel(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		for _, obey := range []func(){cancel, hurryUp} {
			select {
			case <-signals:
				obey()
			case <-done:
				return
			}
		}
	}()
	return ctx, orders{hurry: hurry, stop: func() {
		signal.Stop(signals)
		close(done)
		cancel()
		hurryUp()
	}}
}

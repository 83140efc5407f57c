// Package testpipe has what tests that serve a named pipe need on Windows, and under Wine. On other systems it does nothing.
package testpipe

import (
	"context"
	"runtime"

	"go.uber.org/goleak"

	"github.com/omsgateway/omsgateway/internal/localsock"
)

// Prime is to be called when the serving of address has begun, before anybody dials it.
//
// go-winio keeps one instance of a pipe that it never serves, so that the pipe exists between two clients. On Windows that one is
// disconnected, as it was opened for neither reading nor writing. Under Wine 8 it listens, and the first client would wait on it for
// an answer for ever; so somebody else has to be that client. On Windows he is served and goes away.
func Prime(address string) error {
	if runtime.GOOS != "windows" {
		return nil
	}
	conn, err := localsock.Dial(context.Background(), address)
	if err != nil {
		return err
	}
	return conn.Close()
}

// Poller leaves out the goroutine of go-winio that waits for all its pipes and never ends.
func Poller() goleak.Option {
	return goleak.IgnoreAnyFunction("github.com/Microsoft/go-winio.ioCompletionProcessor")
}

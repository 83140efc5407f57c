package gateway

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// A disk that is stuck is waited for once, however many files are on it, and the logs have a second more.
func TestEndingIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEnding()
		<-time.After(time.Hour) // before the end
		failed := errors.New("it failed")
		if err := e.wait(func() error { return failed }); !errors.Is(err, failed) {
			t.Errorf("the error is %v", err)
		}
		stuck := make(chan struct{})
		began := time.Now()
		for range 3 {
			err := e.wait(func() error { <-stuck; return nil })
			if !errors.Is(err, errStuck) {
				t.Errorf("of what is stuck: %v", err)
			}
		}
		if took := time.Since(began); took != stateStopTime {
			t.Errorf("three files took %v, want %v for all", took, stateStopTime)
		}
		ctx, cancel := e.forLogs()
		defer cancel()
		<-ctx.Done()
		if took := time.Since(began); took != stateStopTime+logStopTime {
			t.Errorf("with the logs it is %v", took)
		}
		close(stuck)
	})
}

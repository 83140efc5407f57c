package adminclient_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/omsgateway/omsgateway/internal/adminclient"
	"github.com/omsgateway/omsgateway/internal/apierr"
	"github.com/omsgateway/omsgateway/internal/osdefaults"
	"github.com/omsgateway/omsgateway/internal/reason"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

// Forty programs at the same time, each with a connection of its own, where three are served at a time.
func TestClientsOverTheLimitWaitForTheirTurn(t *testing.T) {
	dir := stateDir(t)
	startLimited(t, dir, &admin{name: "busy"}, 3, nil)
	const clients = 40
	failed := make(chan error, 3*clients)
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			c, err := adminclient.Dial(t.Context(), adminclient.Options{Address: osdefaults.AddressIn(dir), Wait: time.Minute})
			if err != nil {
				failed <- err
				return
			}
			defer c.Close()
			for range 3 {
				if s, err := c.Status.GetStatus(t.Context(), &adminv1.GetStatusRequest{}); err != nil || s.GetVersion() != "busy" {
					failed <- fmt.Errorf("answered by %q: %w", s.GetVersion(), err)
				}
			}
		})
	}
	all.Wait()
	close(failed)
	for err := range failed {
		t.Error(err)
	}
}

// One client that waits for its turn; the calls that it makes meanwhile wait with it, a stream too.
func TestCallsWaitTogether(t *testing.T) {
	dir := stateDir(t)
	refused := make(chan struct{}, 1)
	startLimited(t, dir, &admin{name: "busy"}, 1, func() {
		select {
		case refused <- struct{}{}:
		default:
		}
	})
	o := adminclient.Options{Address: osdefaults.AddressIn(dir)}
	first := dial(t, o)
	wantVersion(t, first, "busy")

	second := dial(t, o)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() { wantVersion(t, second, "busy") })
		all.Go(func() {
			if _, err := watch(t, second); err != nil {
				t.Error(err)
			}
		})
	}
	<-refused
	first.Close()
	all.Wait()
}

func TestWaitForATurnHasAnEnd(t *testing.T) {
	dir := stateDir(t)
	startLimited(t, dir, &admin{name: "busy"}, 1, nil)
	o := adminclient.Options{Address: osdefaults.AddressIn(dir)}
	wantVersion(t, dial(t, o), "busy")
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err := dial(t, o).Status.GetStatus(ctx, &adminv1.GetStatusRequest{})
	if code := status.Code(err); code == codes.DeadlineExceeded { // the machine was so slow that no refusal came before
		return
	}
	wantError(t, apierr.FromStatus(err), reason.TooManyCalls, "1 is the limit for")
}

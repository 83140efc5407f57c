package adminapi_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"

	"github.com/omsgateway/omsgateway/internal/caller"
	"github.com/omsgateway/omsgateway/internal/localsock"
	"github.com/omsgateway/omsgateway/internal/reason"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
	"github.com/omsgateway/omsgateway/server/adminapi"
)

// While a call about whole configurations is made for somebody who may only read, the next one waits, but not for long; others do not, nor
// do those who may change.
func TestCallsAboutWholeConfigurationsHaveTurns(t *testing.T) {
	var role atomic.Int32
	role.Store(int32(caller.Read))
	a := startFor(t, as{localsock.ClientCredentials(), func() caller.Caller {
		return caller.Caller{Name: "ann", Role: caller.Role(role.Load()), ToChange: "ask"}
	}})
	a.server.Turns().Limit(10 * time.Millisecond)
	done, err := a.server.Turns().Take(t.Context(), caller.Caller{Name: "bob", Role: caller.Read})
	if err != nil {
		t.Fatal(err)
	}
	revisions, status := adminv1.NewRevisionServiceClient(a.conn), adminv1.NewStatusServiceClient(a.conn)
	verify := func() error {
		_, err := revisions.VerifyRevisions(t.Context(), &adminv1.VerifyRevisionsRequest{})
		return err
	}
	check(t, verify(), codes.ResourceExhausted, reason.LargeCallBusy)
	if _, err := status.GetStatus(t.Context(), &adminv1.GetStatusRequest{}); err != nil {
		t.Errorf("another call: %v", err)
	}
	role.Store(int32(caller.Change))
	if err := verify(); err != nil {
		t.Errorf("of one who may change: %v", err)
	}
	role.Store(int32(caller.Read))
	done()
	for range 2 { // it gives the turn back
		if err := verify(); err != nil {
			t.Errorf("with the turn: %v", err)
		}
	}
	if n := a.server.Turns().Callers(); n != 0 {
		t.Errorf("%d callers are still counted", n)
	}
}

// Whoever makes many calls delays others by no more than one, and a call that is given up leaves nothing behind.
func TestTurnsGoRoundCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := adminapi.NewTurns()
		ann, bob := caller.Caller{Name: "ann", Role: caller.Read}, caller.Caller{Name: "bob", Role: caller.Read}
		var mu sync.Mutex
		var made []string
		note := func(what string) {
			mu.Lock()
			defer mu.Unlock()
			made = append(made, what)
		}
		var calls sync.WaitGroup
		call := func(ctx context.Context, who caller.Caller) {
			calls.Go(func() {
				done, err := turns.Take(ctx, who)
				if err != nil {
					note(err.Error())
					return
				}
				time.Sleep(time.Second) //nolint:forbidigo // the bubble's clock
				note(who.Name)
				done()
			})
			synctest.Wait()
		}
		given, giveUp := context.WithCancel(t.Context())
		for range 3 {
			call(t.Context(), ann)
		}
		call(given, ann)
		giveUp()
		call(t.Context(), bob)
		calls.Wait()
		want := []string{context.Canceled.Error(), "ann", "bob", "ann", "ann"}
		if diff := cmp.Diff(want, made); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if n := turns.Callers(); n != 0 {
			t.Errorf("%d callers are still counted", n)
		}
	})
}

// What works on whole lists or configurations has turns: such a method without one lets a reader fill the memory.
func TestWhichMethodsHaveTurns(t *testing.T) {
	var have []string
	for method, turns := range adminapi.HaveTurns() {
		if turns {
			have = append(have, strings.TrimPrefix(method, "/omsgateway.admin.v1."))
		}
	}
	slices.Sort(have)
	want := []string{
		"AllowedClientCertificateService/ListAllowedClientCertificates",
		"AllowedHostService/ListAllowedHosts",
		"AllowedHostService/ListEffectiveHosts",
		"AllowedHostService/ReviewAllowedHosts",
		"ConfigurationService/ApplyConfiguration",
		"ConfigurationService/ExportConfiguration",
		"DeniedHostService/ListDeniedHosts",
		"RevisionService/DiffRevisions",
		"RevisionService/GetRevision",
		"RevisionService/ListRevisions",
		"RevisionService/RestoreRevision",
		"RevisionService/RevertRevision",
		"RevisionService/VerifyRevisions",
		"TunnelService/ListTunnels",
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

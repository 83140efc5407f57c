package adminapi_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/omsgateway/omsgateway/internal/config"
	"github.com/omsgateway/omsgateway/internal/event"
	"github.com/omsgateway/omsgateway/internal/reason"
	"github.com/omsgateway/omsgateway/internal/settings"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

func TestRelayProxy(t *testing.T) {
	a, ctx := start(t), t.Context()
	relay := adminv1.NewRelayProxyServiceClient(a.conn)
	get := func() *adminv1.RelayProxy {
		t.Helper()
		r, err := relay.GetRelayProxy(ctx, &adminv1.GetRelayProxyRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if r.GetEtag() != a.Store.Current().Etag {
			t.Errorf("etag %s, in force is %s", r.GetEtag(), a.Store.Current().Etag)
		}
		return r.GetRelayProxy()
	}
	if got := get(); got != nil {
		t.Errorf("at first there is %v", got)
	}

	plain := &adminv1.RelayProxy{Address: "http://proxy.example.com:3128"}
	withUser := &adminv1.RelayProxy{Address: "https://192.0.2.7:443", Username: "svc", PasswordSet: true}
	for _, step := range []struct {
		request       *adminv1.SetRelayProxyRequest
		now, previous *adminv1.RelayProxy
	}{
		{&adminv1.SetRelayProxyRequest{Address: " Proxy.example.com.:3128/"}, plain, nil},
		{&adminv1.SetRelayProxyRequest{Address: "https://192.0.2.7", Username: "svc", Password: "hunter2"}, withUser, plain},
		{&adminv1.SetRelayProxyRequest{Address: "proxy.example.com:3128"}, plain, withUser}, // which clears the credentials
	} {
		step.request.ValidateOnly = true
		before := a.Store.Current()
		r, err := relay.SetRelayProxy(ctx, step.request)
		if err != nil || a.Store.Current() != before || r.GetEtag() == before.Etag {
			t.Fatalf("%v: %v, %v; validate_only is to answer as if and change nothing", step.request.GetAddress(), r, err)
		}
		step.request.ValidateOnly = false
		if r, err = relay.SetRelayProxy(ctx, step.request); err != nil {
			t.Fatal(err)
		}
		want := &adminv1.SetRelayProxyResponse{RelayProxy: step.now, PreviousRelayProxy: step.previous, Etag: a.Store.Current().Etag}
		if diff := cmp.Diff(want, r, protocmp.Transform()); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		if diff := cmp.Diff(step.now, get(), protocmp.Transform()); diff != "" {
			t.Errorf("read back (-want +got):\n%s", diff)
		}
	}

	stale := "0123456789abcdef"
	_, err := relay.SetRelayProxy(ctx, &adminv1.SetRelayProxyRequest{Address: "other", Etag: stale})
	check(t, err, codes.Aborted, reason.EtagMismatch)
	_, err = relay.ClearRelayProxy(ctx, &adminv1.ClearRelayProxyRequest{Etag: stale})
	check(t, err, codes.Aborted, reason.EtagMismatch)
	if cleared, err := relay.ClearRelayProxy(ctx, &adminv1.ClearRelayProxyRequest{ValidateOnly: true}); err != nil ||
		!proto.Equal(cleared.GetPreviousRelayProxy(), plain) || get() == nil {
		t.Errorf("validate_only clears: %v, %v", cleared, err)
	}
	for _, previous := range []*adminv1.RelayProxy{plain, nil} {
		cleared, err := relay.ClearRelayProxy(ctx, &adminv1.ClearRelayProxyRequest{})
		if err != nil || !proto.Equal(cleared.GetPreviousRelayProxy(), previous) || get() != nil {
			t.Errorf("cleared: %v, %v", cleared, err)
		}
	}
}

// The password is in the configuration file and in the policy, and nowhere else; nor can it be guessed from what a reader sees.
func TestThePasswordOfTheRelayProxyStaysSecret(t *testing.T) {
	a, ctx := start(t), t.Context()
	relay := adminv1.NewRelayProxyServiceClient(a.conn)
	set := func(address, username, password string) (*adminv1.SetRelayProxyResponse, error) {
		return relay.SetRelayProxy(ctx, &adminv1.SetRelayProxyRequest{Address: address, Username: username, Password: password})
	}
	first, err := set("proxy", "svc", "hunter2")
	if err != nil {
		t.Fatal(err)
	}
	again, err := set("http://proxy:80", "svc", "hunter2")
	if err != nil || again.GetEtag() != first.GetEtag() {
		t.Errorf("the same once more is a change: %v", err)
	}
	other, err := set("proxy", "svc", "hunter2hunter2")
	if err != nil || other.GetEtag() == first.GetEtag() {
		t.Errorf("another password is no change: %v", err)
	}
	back, err := set("proxy", "svc", "hunter2")
	if err != nil || back.GetEtag() == first.GetEtag() {
		t.Errorf("the etag follows from the password, so that a reader can try passwords: %v", err)
	}

	for name, c := range map[string]struct {
		address, username, password string
		why                         reason.Reason
	}{
		"no address":            {"", "", "", reason.RelayAddressEmpty},
		"in the address":        {"http://svc:hunter2@proxy", "", "", reason.RelayAddressHasUser},
		"in place of the port":  {"proxy:hunter2", "", "", reason.RelayAddressInvalid},
		"without a user":        {"proxy", "", "hunter2", reason.RelayUsernameMissing},
		"in the user":           {"proxy", "svc:hunter2", "", reason.RelayUsernameInvalid},
		"with a line break":     {"proxy", "svc", "hunter2\n", reason.RelayPasswordInvalid},
		"the gateway as itself": {"localhost:8080", "svc", "hunter2", reason.RelayIsGateway},
	} {
		_, err := set(c.address, c.username, c.password)
		want := codes.InvalidArgument
		if c.why == reason.RelayIsGateway {
			want = codes.FailedPrecondition
		}
		check(t, err, want, c.why)
		if err != nil && strings.Contains(fmt.Sprintf("%+v", err), "hunter2") {
			t.Errorf("%s: the error tells the password: %v", name, err)
		}
	}
	if _, err := relay.ClearRelayProxy(ctx, &adminv1.ClearRelayProxyRequest{}); err != nil {
		t.Fatal(err)
	}

	events, _ := a.Events.List(event.Filter{}, 1000)
	var texts []string
	for _, e := range events {
		if strings.Contains(fmt.Sprintf("%+v", e), "hunter2") {
			t.Errorf("an event tells the password: %+v", e)
		}
		if e.ID == event.Information && strings.Contains(strings.ToLower(e.Text), "relay proxy") {
			texts = append(texts, strings.TrimSpace(e.Text[:strings.LastIndex(e.Text, " by ")]))
		}
	}
	want := []string{
		`Relay proxy was changed from "none" to "http://proxy:80 with user svc"`,
		`Password for relay proxy "http://proxy:80 with user svc" was changed`,
		`Password for relay proxy "http://proxy:80 with user svc" was changed`,
		`Relay proxy was changed from "http://proxy:80 with user svc" to "none"`,
	}
	slices.Sort(texts)
	slices.Sort(want)
	if diff := cmp.Diff(want, texts); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func TestTestRelayProxy(t *testing.T) {
	a, ctx := start(t), t.Context()
	relay := adminv1.NewRelayProxyServiceClient(a.conn)
	_, err := relay.TestRelayProxy(ctx, &adminv1.TestRelayProxyRequest{Target: "a.example.com"})
	check(t, err, codes.FailedPrecondition, reason.RelayNotSet)

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
			if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
				_, _ = io.WriteString(conn, "HTTP/1.1 403 no\r\n\r\n")
			}
			_ = conn.Close()
		}
	}()
	if _, err := relay.SetRelayProxy(ctx, &adminv1.SetRelayProxyRequest{Address: l.Addr().String()}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := a.Store.Update(ctx, settings.Request{}, func(c *config.Config) error {
		return c.Settings.Set("RelayProxyBypass", "*.near.example.com")
	}); err != nil {
		t.Fatal(err)
	}
	_, err = relay.TestRelayProxy(ctx, &adminv1.TestRelayProxyRequest{Target: "*.example.com"})
	check(t, err, codes.InvalidArgument, reason.HostIsWildcard)
	_, err = relay.TestRelayProxy(ctx, &adminv1.TestRelayProxyRequest{Target: "https://a.example.com/"})
	check(t, err, codes.InvalidArgument, reason.HostIsURL)

	for target, bypassed := range map[string]bool{"A.example.com": false, "b.near.example.com:443": true} {
		got, err := relay.TestRelayProxy(ctx, &adminv1.TestRelayProxyRequest{Target: target})
		if err != nil {
			t.Fatal(err)
		}
		var steps []string
		for _, s := range got.GetSteps() {
			steps = append(steps, strings.TrimSpace(s.GetStep().String()+" "+s.GetProblem().GetReason()))
		}
		if diff := cmp.Diff([]string{"DNS", "TCP", "CONNECT RELAY_FORBIDDEN"}, steps); diff != "" {
			t.Errorf("steps (-want +got):\n%s", diff)
		}
		canonical := strings.ToLower(strings.TrimSuffix(target, ":443")) + ":443"
		if got.GetBypassed() != bypassed || got.GetTarget() != canonical ||
			got.GetRelayProxy().GetAddress() != "http://"+l.Addr().String() {
			t.Errorf("%s: %v", target, got)
		}
	}
}

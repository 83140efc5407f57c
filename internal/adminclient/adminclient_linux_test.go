package adminclient_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/omsgateway/omsgateway/internal/adminclient"
	"github.com/omsgateway/omsgateway/internal/filelock"
	"github.com/omsgateway/omsgateway/internal/localsock"
	"github.com/omsgateway/omsgateway/internal/osdefaults"
	"github.com/omsgateway/omsgateway/internal/reason"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

func TestRunningGateway(t *testing.T) {
	dir := stateDir(t)
	start(t, dir, &admin{name: "running"})
	for name, o := range map[string]adminclient.Options{
		"address given":        {Address: osdefaults.AddressIn(dir)},
		"address by variable":  {},
		"relative socket path": {Address: "unix:admin.sock"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(adminclient.AddressVariable, osdefaults.AddressIn(dir))
			t.Chdir(dir)
			c := dial(t, o)
			wantVersion(t, c, "running")
			if _, err := watch(t, c); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestStoppedGatewayIsStoodInFor(t *testing.T) {
	dir := stateDir(t)
	t.Chdir(dir)
	for _, address := range []string{osdefaults.AddressIn(dir), "unix:admin.sock"} {
		c := dial(t, adminclient.Options{Address: address})
		for range 2 {
			wantVersion(t, c, "stand-in")
			wantFree(t, dir) // the gateway could be started now
		}
	}
}

// A script keeps a session open while it stops and starts the gateway.
func TestSessionOutlivesRestarts(t *testing.T) {
	dir := stateDir(t)
	g := start(t, dir, &admin{name: "first"})
	c := dial(t, adminclient.Options{Address: osdefaults.AddressIn(dir)})
	wantVersion(t, c, "first")
	for i := range 10 {
		g.stop(t)
		wantVersion(t, c, "stand-in")
		name := fmt.Sprintf("run %d", i)
		g = start(t, dir, &admin{name: name})
		wantVersion(t, c, name)
		g.stop(t)
		g = start(t, dir, &admin{name: "at once"})
		wantVersion(t, c, "at once")
	}
}

func TestStartingGatewayIsWaitedFor(t *testing.T) {
	dir := stateDir(t)
	lock := hold(t, dir)
	early, err := localsock.Listen(osdefaults.AddressIn(dir)) // shows that the client tries, and that it goes on
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan error, 1)
	go func() {
		c, err := adminclient.Dial(t.Context(), adminclient.Options{Address: osdefaults.AddressIn(dir)})
		if err == nil {
			var s *adminv1.GetStatusResponse
			if s, err = c.Status.GetStatus(t.Context(), &adminv1.GetStatusRequest{}); s.GetVersion() != "started" {
				err = errors.Join(err, fmt.Errorf("version %q", s.GetVersion()))
			}
			c.Close()
		}
		got <- err
	}()
	conn, err := early.Accept()
	if err != nil {
		t.Fatal(err)
	}
	early.Close()
	conn.Close()
	lock.Release()
	start(t, dir, &admin{name: "started"})
	if err := <-got; err != nil {
		t.Error(err)
	}
}

func TestWaitHasAnEnd(t *testing.T) {
	dir := stateDir(t)
	defer hold(t, dir).Release()
	_, err := adminclient.Dial(t.Context(), adminclient.Options{Address: osdefaults.AddressIn(dir), Wait: 120 * time.Millisecond})
	wantError(t, err, reason.GatewayUnreachable, "start it with: omsgateway --state-dir "+dir, "has the lock of "+dir)
}

func TestCancelledWait(t *testing.T) {
	dir := stateDir(t)
	defer hold(t, dir).Release()
	ctx, cancel := context.WithTimeout(t.Context(), 120*time.Millisecond)
	defer cancel()
	_, err := adminclient.Dial(ctx, adminclient.Options{Address: osdefaults.AddressIn(dir)})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want the context's error", err)
	}
}

func TestStandInsWaitForEachOther(t *testing.T) {
	dir := stateDir(t)
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			c, err := adminclient.Dial(t.Context(), adminclient.Options{Address: osdefaults.AddressIn(dir), Wait: time.Minute})
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			for range 3 {
				wantVersion(t, c, "stand-in")
			}
		})
	}
	all.Wait()
	wantFree(t, dir)
}

func TestOneClientForManyCalls(t *testing.T) {
	dir := stateDir(t)
	g := start(t, dir, &admin{name: "running"})
	c := dial(t, adminclient.Options{Address: osdefaults.AddressIn(dir), Wait: time.Minute})
	together := func(want string) {
		var all sync.WaitGroup
		for range 6 {
			all.Go(func() { wantVersion(t, c, want) })
		}
		all.Wait()
	}
	together("running")
	g.stop(t)
	together("stand-in")
	wantFree(t, dir)
}

// A stand-in for a stream would keep the gateway from starting for as long as somebody watches.
func TestStreamsAreNotStoodInFor(t *testing.T) {
	dir := stateDir(t)
	c := dial(t, adminclient.Options{Address: osdefaults.AddressIn(dir)})
	_, err := watch(t, c)
	wantError(t, err, reason.GatewayUnreachable, "start it with: omsgateway --state-dir "+dir)
	if status.Code(err) != codes.Unavailable {
		t.Errorf("code %v", status.Code(err))
	}
	wantFree(t, dir)
	wantVersion(t, c, "stand-in")
}

func TestGatewayThatIsNotStoodInFor(t *testing.T) {
	dir := stateDir(t)
	o := adminclient.Options{Address: osdefaults.AddressIn(dir), NoStandIn: true}
	_, err := adminclient.Dial(t.Context(), o)
	wantError(t, err, reason.GatewayUnreachable, "start it with: omsgateway --state-dir "+dir)

	g := start(t, dir, &admin{name: "running"})
	c := dial(t, o)
	wantVersion(t, c, "running")
	g.stop(t)
	_, err = c.Status.GetStatus(t.Context(), &adminv1.GetStatusRequest{})
	wantError(t, err, reason.GatewayUnreachable, "start it with: omsgateway --state-dir "+dir)
	wantFree(t, dir)
}

func TestCallIsNotSentTwice(t *testing.T) {
	dir := stateDir(t)
	a := &admin{name: "running", added: make(chan struct{})}
	g := start(t, dir, a)
	c := dial(t, adminclient.Options{Address: osdefaults.AddressIn(dir)})
	failed := make(chan error, 1)
	go func() {
		_, err := c.Hosts.AddAllowedHosts(t.Context(), &adminv1.AddAllowedHostsRequest{})
		failed <- err
	}()
	<-a.added
	g.stop(t)
	if err := <-failed; status.Code(err) != codes.Unavailable {
		t.Errorf("%v, want UNAVAILABLE", err) // a second AddAllowedHosts would be answered by the stand-in
	}
	wantVersion(t, c, "stand-in")
}

func TestMessagesAreBounded(t *testing.T) {
	dir := stateDir(t)
	start(t, dir, &admin{name: "running"})
	c := dial(t, adminclient.Options{Address: osdefaults.AddressIn(dir)})
	_, err := c.Hosts.AddAllowedHosts(t.Context(), &adminv1.AddAllowedHostsRequest{})
	if status.Code(err) != codes.ResourceExhausted {
		t.Errorf("an answer of more than 1 MiB: %v", err)
	}
	_, err = c.Hosts.AddAllowedHosts(t.Context(), &adminv1.AddAllowedHostsRequest{Etag: strings.Repeat("x", 1<<20)})
	if status.Code(err) != codes.ResourceExhausted {
		t.Errorf("a request of more than 1 MiB: %v", err)
	}
}

func TestClosedClient(t *testing.T) {
	dir := stateDir(t)
	c := dial(t, adminclient.Options{Address: osdefaults.AddressIn(dir)})
	c.Close()
	wantFree(t, dir)
	if _, err := c.Status.GetStatus(t.Context(), &adminv1.GetStatusRequest{}); status.Code(err) != codes.Canceled {
		t.Errorf("a call after Close: %v", err)
	}
	c.Close()
}

func TestNothingIsWrittenWhereNoGatewayWas(t *testing.T) {
	for name, address := range map[string]string{
		"folder without a gateway": "unix:%s/admin.sock",
		"no folder":                "unix:%s/absent/admin.sock",
		"socket of another name":   "unix:%s/other.sock",
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			address := fmt.Sprintf(address, dir)
			_, err := adminclient.Dial(t.Context(), adminclient.Options{Address: address})
			wantError(t, err, reason.GatewayUnreachable, "no gateway answers at "+address, "--address or OMSGATEWAY_ADDRESS")
			if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
				t.Errorf("the folder has %v (%v)", entries, err)
			}
		})
	}
}

func TestAddressThatIsNone(t *testing.T) {
	for _, address := range []string{"gateway.example.com:8443", "unix:", "npipe:omsgateway-admin"} {
		_, err := adminclient.Dial(t.Context(), adminclient.Options{Address: address})
		wantError(t, err, reason.AddressInvalid, address)
	}
}

func TestStandInThatFails(t *testing.T) {
	dir := stateDir(t)
	t.Setenv(standInVariable, "complain")
	_, err := adminclient.Dial(t.Context(), adminclient.Options{Address: osdefaults.AddressIn(dir)})
	wantError(t, err, reason.GatewayUnreachable, "start it with", ": and standing in for it failed: config.json has a wrong value")
}

func TestComplaintIsBounded(t *testing.T) {
	dir := stateDir(t)
	t.Setenv(standInVariable, "complain without end")
	_, err := adminclient.Dial(t.Context(), adminclient.Options{Address: osdefaults.AddressIn(dir)})
	wantError(t, err, reason.GatewayUnreachable, "xxx")
	if size := len(err.Error()); size < 64<<10 || size > 65<<10 {
		t.Errorf("the error has %d bytes", size)
	}
}

// It neither speaks nor ends with its input.
func TestSilentStandInIsKilled(t *testing.T) {
	dir := stateDir(t)
	t.Setenv(standInVariable, "silent")
	_, err := adminclient.Dial(t.Context(), adminclient.Options{Address: osdefaults.AddressIn(dir), Wait: 100 * time.Millisecond})
	wantError(t, err, reason.GatewayUnreachable, "context deadline exceeded")
}

func TestAnotherUsersGateway(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to run a process as another user")
	}
	dir := stateDir(t) // mode 0700, above it too
	start(t, dir, &admin{})
	got := dialAs(t, 54321, osdefaults.AddressIn(dir))
	want := "GATEWAY_DENIED: this account may not open " + osdefaults.AddressIn(dir) + "; use root or the account that runs the gateway: " +
		"connecting to " + filepath.Join(dir, "admin.sock") + ": permission denied"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestAnotherUsersStoppedGateway(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to run a process as another user")
	}
	dir, err := os.MkdirTemp("", "adminclient") //nolint:usetesting // one that others can reach, but not write
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	hold(t, dir).Release()
	got := dialAs(t, 54321, osdefaults.AddressIn(dir))
	want := "GATEWAY_UNREACHABLE: no gateway answers at " + osdefaults.AddressIn(dir) + "; start it with: omsgateway --state-dir " + dir +
		": and this account cannot stand in for it: open the lock file: open " + osdefaults.LockFile(dir) + ": permission denied"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// dialAs dials as another user. The answer is the error's reason and text.
func dialAs(t *testing.T, uid uint32, address string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
	cmd.Env = append(os.Environ(), "ADMINCLIENT_TEST_DIAL="+address)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(bytes.TrimSpace(out))
}

func dial(t *testing.T, o adminclient.Options) *adminclient.Client {
	t.Helper()
	c, err := adminclient.Dial(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func wantVersion(t *testing.T, c *adminclient.Client, want string) {
	t.Helper()
	s, err := c.Status.GetStatus(t.Context(), &adminv1.GetStatusRequest{})
	if err != nil {
		t.Error(err)
	} else if s.GetVersion() != want {
		t.Errorf("answered by %q, want %q", s.GetVersion(), want)
	}
}

func watch(t *testing.T, c *adminclient.Client) (*adminv1.WatchEventsResponse, error) {
	t.Helper()
	stream, err := c.Events.WatchEvents(t.Context(), &adminv1.WatchEventsRequest{}, grpc.WaitForReady(false))
	if err != nil {
		return nil, err
	}
	return stream.Recv()
}

func wantFree(t *testing.T, dir string) {
	t.Helper()
	if held, err := filelock.Held(osdefaults.LockFile(dir)); held || err != nil {
		t.Errorf("the lock is held: %t (%v)", held, err)
	}
}

func wantError(t *testing.T, err error, want reason.Reason, texts ...string) {
	t.Helper()
	if reason.Of(err) != want {
		t.Errorf("error %v, want %s", err, want)
		return
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("error %.500q, want %q in it", err, text)
		}
	}
}

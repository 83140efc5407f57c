package adminclient_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/peer"

	"github.com/omsgateway/omsgateway/internal/adminclient"
	"github.com/omsgateway/omsgateway/internal/apierr"
	"github.com/omsgateway/omsgateway/internal/caller"
	"github.com/omsgateway/omsgateway/internal/filelock"
	"github.com/omsgateway/omsgateway/internal/localsock"
	"github.com/omsgateway/omsgateway/internal/osdefaults"
	"github.com/omsgateway/omsgateway/internal/reason"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

// standInVariable tells the stand-in what to do wrong.
const standInVariable = "ADMINCLIENT_TEST_STAND_IN"

// TestMain lets this binary play the program omsgateway, which a client looks for beside itself, and another user's omsgwctl.
func TestMain(m *testing.M) {
	switch {
	case filepath.Base(os.Args[0]) == "omsgateway":
		if err := playStandIn(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, "omsgateway:", err)
			os.Exit(1)
		}
	case os.Getenv("ADMINCLIENT_TEST_DIAL") != "":
		c, err := adminclient.Dial(context.Background(), adminclient.Options{Address: os.Getenv("ADMINCLIENT_TEST_DIAL")})
		if err == nil {
			c.Close()
		}
		fmt.Printf("%s: %v\n", reason.Of(err), err)
	default:
		os.Setenv("GORACE", "atexit_sleep_ms=0") // else every stand-in under the race detector takes a second to end
		remove, err := installOmsgateway()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
			remove()
			os.Exit(code)
		}))
	}
}

// installOmsgateway puts this binary beside itself under the name omsgateway.
func installOmsgateway() (remove func(), err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	program := filepath.Join(filepath.Dir(self), "omsgateway")
	return func() { os.Remove(program) }, os.Symlink(self, program)
}

// playStandIn is omsgateway admin-stdio --state-dir DIR.
func playStandIn(args []string) error {
	if len(args) != 3 || args[0] != "admin-stdio" || args[1] != "--state-dir" {
		return fmt.Errorf("arguments %q", args)
	}
	switch os.Getenv(standInVariable) {
	case "complain":
		return errors.New("config.json has a wrong value at settings.ListenPort")
	case "complain without end":
		for range 100 {
			fmt.Fprint(os.Stderr, strings.Repeat("x", 64<<10))
		}
		return errors.New("the end")
	case "silent":
		<-time.After(time.Hour) // the client kills it long before
	}
	lock, err := filelock.Acquire(osdefaults.LockFile(args[2]))
	if errors.Is(err, filelock.ErrHeld) {
		return reason.New(reason.ConfigInUse, "folder", args[2])
	}
	if err != nil {
		return err
	}
	defer lock.Release()
	err = newServer(&admin{name: "stand-in"}, grpc.Creds(localsock.StdioCredentials())).Serve(localsock.StdioListener())
	if !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// admin is an admin API that says which gateway it belongs to, as its version.
type admin struct {
	adminv1.UnimplementedStatusServiceServer
	adminv1.UnimplementedEventServiceServer
	adminv1.UnimplementedAllowedHostServiceServer
	name  string
	added chan struct{} // if not nil, AddAllowedHosts sends there and then waits for its context
}

func newServer(a *admin, o ...grpc.ServerOption) *grpc.Server {
	s := grpc.NewServer(o...)
	adminv1.RegisterStatusServiceServer(s, a)
	adminv1.RegisterEventServiceServer(s, a)
	adminv1.RegisterAllowedHostServiceServer(s, a)
	return s
}

func (a *admin) GetStatus(context.Context, *adminv1.GetStatusRequest) (*adminv1.GetStatusResponse, error) {
	return &adminv1.GetStatusResponse{Version: a.name}, nil
}

func (a *admin) AddAllowedHosts(ctx context.Context, _ *adminv1.AddAllowedHostsRequest) (*adminv1.AddAllowedHostsResponse, error) {
	if a.added != nil {
		a.added <- struct{}{}
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return &adminv1.AddAllowedHostsResponse{Etag: strings.Repeat("x", 1<<20)}, nil
}

func (a *admin) WatchEvents(_ *adminv1.WatchEventsRequest, stream grpc.ServerStreamingServer[adminv1.WatchEventsResponse]) error {
	return stream.Send(&adminv1.WatchEventsResponse{})
}

// gateway is a gateway that runs.
type gateway struct {
	server *grpc.Server
	lock   *filelock.Lock
	ended  chan error
}

func start(t *testing.T, dir string, a *admin) *gateway {
	t.Helper()
	return startLimited(t, dir, a, 64, nil)
}

// startLimited starts a gateway that serves so many connections of one user. Calls on others it refuses, and tells turnedAway.
func startLimited(t *testing.T, dir string, a *admin, perUser int, turnedAway func()) *gateway {
	t.Helper()
	authorize := func(ctx context.Context) error {
		p, _ := peer.FromContext(ctx)
		info, _ := p.AuthInfo.(caller.AuthInfo)
		err := info.Caller().May(caller.Read)
		if err != nil && turnedAway != nil {
			turnedAway()
		}
		return apierr.ToStatus(err)
	}
	g := &gateway{ended: make(chan error, 1), server: newServer(a,
		grpc.Creds(localsock.ServerCredentials(localsock.Rules{})),
		grpc.UnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
			if err := authorize(ctx); err != nil {
				return nil, err
			}
			return next(ctx, req)
		}),
		grpc.StreamInterceptor(func(srv any, s grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
			if err := authorize(s.Context()); err != nil {
				return err
			}
			return next(srv, s)
		}))}
	g.lock = hold(t, dir)
	listener, err := localsock.Listen(osdefaults.AddressIn(dir))
	if err != nil {
		t.Fatal(err)
	}
	go func() { g.ended <- g.server.Serve(caller.Limit(listener, 64, perUser)) }()
	t.Cleanup(func() { g.stop(t) })
	return g
}

func (g *gateway) stop(t *testing.T) {
	t.Helper()
	if g.server == nil {
		return
	}
	g.server.Stop()
	if err := <-g.ended; err != nil {
		t.Errorf("serving: %v", err)
	}
	g.lock.Release()
	g.server = nil
}

// hold takes the lock of the state folder dir.
func hold(t *testing.T, dir string) *filelock.Lock {
	t.Helper()
	lock, err := filelock.Acquire(osdefaults.LockFile(dir))
	if err != nil {
		t.Fatal(err)
	}
	return lock
}

// stateDir is the folder of a gateway that has run before.
func stateDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	hold(t, dir).Release()
	return dir
}

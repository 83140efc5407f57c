package localsock_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/omsgateway/omsgateway/internal/caller"
	"github.com/omsgateway/omsgateway/internal/localsock"
)

// TestMain lets a test start this binary again as another process, which may be another user's.
func TestMain(m *testing.M) {
	part, ok := parts[os.Getenv("LOCALSOCK_TEST_PART")]
	if !ok {
		// On Windows go-winio keeps one for the pipes of the process.
		goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/Microsoft/go-winio.ioCompletionProcessor"))
		return
	}
	if err := part(os.Getenv("LOCALSOCK_TEST_ADDRESS")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// parts is what another process does: the name is LOCALSOCK_TEST_PART.
var parts = map[string]func(address string) error{
	// ask prints as whom the server sees this process.
	"ask": func(address string) error {
		fmt.Println(ask(address))
		return nil
	},
	// ask-to-read does too, with a call that only reads.
	"ask-to-read": func(address string) error {
		fmt.Println(askToRead(address))
		return nil
	},
	// hold asks, and keeps the connection until its standard input ends.
	"hold": func(address string) error {
		client := newClient(address)
		defer client.Close()
		fmt.Println(askOver(client))
		_, err := io.Copy(io.Discard, os.Stdin)
		return err
	},
	// outlast asks, and waits for the server to end the connection.
	"outlast": func(address string) error {
		client := newClient(address)
		defer client.Close()
		fmt.Println(askOver(client))
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if !client.WaitForStateChange(ctx, connectivity.Ready) {
			return errors.New("the connection stays open")
		}
		fmt.Println("ended")
		return nil
	},
	// dial prints why it cannot connect.
	"dial": func(address string) error {
		conn, err := localsock.Dial(context.Background(), address)
		if err == nil {
			return conn.Close()
		}
		if errors.Is(err, fs.ErrPermission) {
			err = fmt.Errorf("%w (no permission)", err)
		}
		fmt.Println(err)
		return nil
	},
	// flood opens connections without a pause, 20 at a time, until its standard input ends.
	"flood": func(address string) error {
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_, _ = io.Copy(io.Discard, os.Stdin)
		}()
		for open := make(chan net.Conn, 20); ; {
			select {
			case <-ended:
				return nil
			default:
			}
			if len(open) == cap(open) {
				oldest := <-open
				_, _ = oldest.Read(make([]byte, 1)) // the server has taken it from its queue
				oldest.Close()
			}
			conn, err := localsock.Dial(context.Background(), address)
			if err != nil {
				return err
			}
			open <- conn
		}
	},
	// self serves and asks itself.
	"self": func(string) error {
		dir, err := os.MkdirTemp("", "localsock")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		address := "unix:" + filepath.Join(dir, "admin.sock")
		listener, err := localsock.Listen(address)
		if err != nil {
			return err
		}
		server := newServer(localsock.ServerCredentials(localsock.Rules{ChangeGroup: "daemon", ReadGroup: "bin"}))
		go server.Serve(listener)
		defer server.Stop()
		fmt.Println(ask(address))
		return nil
	},
	// stand-in serves on standard input and output until the other side ends it.
	"stand-in": func(string) error {
		err := newServer(localsock.StdioCredentials()).Serve(localsock.StdioListener())
		if !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	},
	// stop serves on standard input and output, and stops at the first call.
	"stop": func(string) error {
		called := make(chan struct{}, 1)
		server := grpc.NewServer(grpc.Creds(localsock.StdioCredentials()),
			grpc.UnaryInterceptor(func(context.Context, any, *grpc.UnaryServerInfo, grpc.UnaryHandler) (any, error) {
				called <- struct{}{}
				return &grpc_health_v1.HealthCheckResponse{}, nil
			}))
		grpc_health_v1.RegisterHealthServer(server, grpc_health_v1.UnimplementedHealthServer{})
		go server.Serve(localsock.StdioListener())
		<-called
		server.Stop() // returns only when no reader is left
		return nil
	},
}

// newServer answers every call with an error whose text is the caller as the server sees it.
func newServer(creds credentials.TransportCredentials) *grpc.Server {
	server := grpc.NewServer(grpc.Creds(creds), grpc.UnaryInterceptor(
		func(ctx context.Context, _ any, _ *grpc.UnaryServerInfo, _ grpc.UnaryHandler) (any, error) {
			from, ok := peer.FromContext(ctx)
			if !ok {
				return nil, status.Error(codes.Unauthenticated, "no peer")
			}
			info, ok := from.AuthInfo.(caller.AuthInfo)
			if !ok {
				return nil, status.Error(codes.Unauthenticated, "no caller")
			}
			who := info.Caller()
			if !who.Local {
				return nil, status.Error(codes.Unauthenticated, "a caller from elsewhere")
			}
			need := caller.Change
			if metadata.ValueFromIncomingContext(ctx, "need") != nil {
				need = caller.Read
			}
			if err := who.May(need); err != nil {
				return nil, status.Errorf(codes.PermissionDenied, "%s by %s, %s: %v", who.Name, who.Via, who.Role, err)
			}
			return nil, status.Errorf(codes.AlreadyExists, "%s by %s, %s", who.Name, who.Via, who.Role)
		}))
	grpc_health_v1.RegisterHealthServer(server, grpc_health_v1.UnimplementedHealthServer{})
	return server
}

func newClient(address string) *grpc.ClientConn {
	return clientOver(func(ctx context.Context, _ string) (net.Conn, error) { return localsock.Dial(ctx, address) })
}

func clientOver(dial func(context.Context, string) (net.Conn, error)) *grpc.ClientConn {
	client, err := grpc.NewClient("passthrough:///gateway",
		grpc.WithTransportCredentials(localsock.ClientCredentials()), grpc.WithContextDialer(dial))
	if err != nil {
		panic(err) // the arguments are constants
	}
	return client
}

// ask returns the caller as which the server at address sees this process.
func ask(address string) string {
	client := newClient(address)
	defer client.Close()
	return askOver(client)
}

// askToRead does too, for a call that only reads.
func askToRead(address string) string {
	client := newClient(address)
	defer client.Close()
	ctx := metadata.AppendToOutgoingContext(context.Background(), "need", "read")
	_, err := grpc_health_v1.NewHealthClient(client).Check(ctx, &grpc_health_v1.HealthCheckRequest{})
	return status.Convert(err).Message()
}

func askOver(client *grpc.ClientConn) string {
	_, err := grpc_health_v1.NewHealthClient(client).Check(context.Background(), &grpc_health_v1.HealthCheckRequest{})
	return status.Convert(err).Message()
}

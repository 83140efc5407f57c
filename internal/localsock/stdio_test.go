package localsock_test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"os/user"
	"testing"

	"github.com/omsgateway/omsgateway/internal/localsock"
)

func TestStandIn(t *testing.T) {
	account, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	cmd, conn := startChild(t, "stand-in")
	client := clientOver(func(context.Context, string) (net.Conn, error) { return conn, nil })
	for range 3 {
		if got, want := askOver(client), account.Username+" by stand-in, administer"; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	client.Close()
	if err := cmd.Wait(); err != nil {
		t.Errorf("the end of its standard input: %v", err)
	}
}

// A server can stop while its client is still there and silent.
func TestStandInStops(t *testing.T) {
	cmd, conn := startChild(t, "stop")
	client := clientOver(func(context.Context, string) (net.Conn, error) { return conn, nil })
	defer client.Close()
	askOver(client)
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

func startChild(t *testing.T, part string) (*exec.Cmd, net.Conn) {
	t.Helper()
	childIn, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out, childOut, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), "LOCALSOCK_TEST_PART="+part)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = childIn, childOut, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	childIn.Close()
	childOut.Close()
	conn := localsock.PipeConn(out, in)
	t.Cleanup(func() { conn.Close() })
	return cmd, conn
}

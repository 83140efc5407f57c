package localsock_test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"os/user"
	"testing"

	"golang.org/x/net/http2"

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

// Whoever has started a stand-in may be gone before it has answered: it ends in order, having done what it was asked.
func TestStandInThatNobodyReads(t *testing.T) {
	cmd, answers, calls := startChildPipes(t, "stand-in")
	answers.Close()
	if _, err := calls.WriteString(http2.ClientPreface + "\x00\x00\x00\x04\x00\x00\x00\x00\x00"); err != nil { // and SETTINGS
		t.Fatal(err)
	}
	calls.Close()
	if err := cmd.Wait(); err != nil {
		t.Errorf("nobody reads its standard output: %v", err)
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
	cmd, out, in := startChildPipes(t, part)
	conn := localsock.PipeConn(out, in)
	t.Cleanup(func() { conn.Close() })
	return cmd, conn
}

// startChildPipes returns the child's standard output and input.
func startChildPipes(t *testing.T, part string) (cmd *exec.Cmd, out, in *os.File) {
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
	cmd = exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), "LOCALSOCK_TEST_PART="+part)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = childIn, childOut, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	childIn.Close()
	childOut.Close()
	t.Cleanup(func() { in.Close() })
	return cmd, out, in
}

package main_test

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"syscall"
	"testing"

	"github.com/omsgateway/omsgateway/internal/osdefaults"
)

// TestMemoryLimit reads what the gateway says of its limit, which follows the settings unless GOMEMLIMIT says it.
func TestMemoryLimit(t *testing.T) {
	limits := func(r *running) []string {
		said := omsgwctl(t, r, "event", "list", "--kind", "STEP")
		return regexp.MustCompile(`Memory is collected more often from \d+ MiB on`).FindAllString(said, -1)
	}
	r := runGateway(t, "--set", "LogLevel=Debug")
	omsgwctl(t, r, "setting", "set", "MaxConnections", "10")
	omsgwctl(t, r, "setting", "set", "DrainSeconds", "7")
	if got := limits(r); len(got) != 2 || got[0] == got[1] {
		t.Errorf("for two numbers of connections: %q", got)
	}
	r.stop(t)
	t.Setenv("GOMEMLIMIT", "2GiB")
	if got := limits(runGateway(t, "--set", "LogLevel=Debug")); len(got) != 0 {
		t.Errorf("with GOMEMLIMIT: %q", got)
	}
}

// TestMemoryIsClosed looks at who owns what /proc shows of a gateway that runs with an account of its own: root, and not the account,
// where others of the account may not read it (proc(5), PR_SET_DUMPABLE in prctl(2)).
func TestMemoryIsClosed(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to run the gateway as another user")
	}
	const account = 54321
	dir, err := os.MkdirTemp("", "omsgateway-memory") //nolint:usetesting // other users cannot reach those of t.TempDir
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chown(dir, account, account); err != nil {
		t.Fatal(err)
	}
	r := runGatewayWith(t, func(line []string) []string {
		id := strconv.Itoa(account)
		return append([]string{"setpriv", "--reuid", id, "--regid", id, "--clear-groups"}, line...)
	}, dir, "--listen", "127.0.0.1:0")
	ownerOf := func(path string) uint32 {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return info.Sys().(*syscall.Stat_t).Uid
	}
	if owner := ownerOf(osdefaults.LockFile(dir)); owner != account {
		t.Errorf("the gateway runs as user %d", owner)
	}
	if owner := ownerOf(fmt.Sprintf("/proc/%d/mem", r.process.Pid)); owner != 0 {
		t.Errorf("the memory of the gateway belongs to user %d", owner)
	}
	r.stop(t)
}

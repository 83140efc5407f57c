package main_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/omsgateway/omsgateway/internal/osdefaults"
)

// askForNewHosts has two clients ask for ever new hosts until ctx is done, eight at a time, and counts how many were refused.
func askForNewHosts(ctx context.Context, t *testing.T, flooding *sync.WaitGroup, proxy string) *atomic.Int64 {
	t.Helper()
	var refused atomic.Int64
	for n := range 8 {
		client := fmt.Sprintf("127.0.0.%d", 4+n%2)
		flooding.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				if err := askFor(client, proxy, fmt.Sprintf("h%d-%d.example.com:443", i, n)); err != nil {
					t.Errorf("%s: %v", client, err)
					return
				}
				refused.Add(1)
			}
		})
	}
	return &refused
}

// changeMuch makes 20 changes and one of 20,000 hosts. What it returns finds all of them again: in the list of events, and, when it has
// stopped the gateway, in the log of changes of the state folder; the log is not full of what else has happened.
func changeMuch(t *testing.T, r *running, dir string) (check func(state string)) {
	t.Helper()
	many := filepath.Join(dir, "hosts.txt")
	var list strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&list, "many%d.example.com\n", i)
	}
	if err := os.WriteFile(many, []byte(list.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	input, err := os.Open(many)
	if err != nil {
		t.Fatal(err)
	}
	defer input.Close()
	cmd := exec.Command(filepath.Join(binaries, "omsgwctl"), "allowed-host", "add", "-")
	cmd.Env = append(os.Environ(), "OMSGATEWAY_ADDRESS="+r.address)
	cmd.Stdin = input
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("adding many hosts: %v\n%.500s", err, out)
	}
	for i := range 20 {
		omsgwctl(t, r, "allowed-host", "add", fmt.Sprintf("change%d.example.org", i))
	}
	return func(state string) {
		changes := omsgwctl(t, r, "event", "list", "--id", "100", "--limit", "10000")
		for i := range 20 {
			if want := fmt.Sprintf("Allowed host change%d.example.org was added by", i); strings.Count(changes, want) != 1 {
				t.Errorf("the list of events does not have %q once", want)
			}
		}
		if !strings.Contains(changes, "were added") {
			t.Error("the list of events has nothing of the many hosts")
		}
		r.stop(t)
		log, err := os.ReadFile(osdefaults.ChangesFile(state))
		if err != nil {
			t.Fatal(err)
		}
		for prefix, want := range map[string]int{"many": 20_000, "change": 20} {
			if got := strings.Count(string(log), "Allowed host "+prefix); got != want {
				t.Errorf("the log of changes has %d hosts %s..., want %d", got, prefix, want)
			}
		}
		info, err := os.Stat(osdefaults.LogFile(state))
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%d bytes of log, %d bytes of changes", info.Size(), len(log))
		if info.Size() > 1<<20 {
			t.Error("which is too much log")
		}
	}
}

// askFor asks for a target from an address of this computer, and wants to be refused.
func askFor(client, proxy, target string) error {
	dialer := net.Dialer{Timeout: patience, LocalAddr: &net.TCPAddr{IP: net.ParseIP(client)}}
	conn, err := dialer.Dial("tcp", proxy)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.(*net.TCPConn).SetLinger(0) // leaves no port behind that waits
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := fmt.Fprintf(conn, "CONNECT %s HTTP/1.1\r\n\r\n", target); err != nil {
		return err
	}
	status, err := bufio.NewReader(conn).ReadString('\n')
	if err == nil && !strings.Contains(status, " 403 ") {
		err = fmt.Errorf("the answer is %q", status)
	}
	return err
}

package main_test

import (
	"bufio"
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

// TestChangesSurviveAFloodOfRefusals lets clients ask for ever new hosts while administrators change things, one of them 20,000 hosts at
// once. Afterwards the list of events has all changes, the log of changes all hosts, and the log is not full of the flood.
func TestChangesSurviveAFloodOfRefusals(t *testing.T) {
	t.Parallel()
	const atLeast = 15_000 // refusals, more than all rings together have room for
	dir := t.TempDir()
	r := runGatewayIn(t, dir, "--listen", "127.0.0.1:0")
	var refused atomic.Int64
	stop := make(chan struct{})
	var flooding sync.WaitGroup
	for _, client := range []string{"127.0.0.2", "127.0.0.3"} {
		flooding.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				if err := askFor(client, r.proxy, fmt.Sprintf("h%d-%s.example.com:443", i, client)); err != nil {
					t.Errorf("%s: %v", client, err)
					return
				}
				refused.Add(1)
			}
		})
	}
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
	for over := time.Now().Add(patience); refused.Load() < atLeast && !t.Failed(); {
		if time.Now().After(over) {
			t.Fatalf("only %d requests were refused", refused.Load())
		}
		<-time.After(10 * time.Millisecond)
	}
	close(stop)
	flooding.Wait()

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
	log, err := os.ReadFile(osdefaults.ChangesFile(dir))
	if err != nil {
		t.Fatal(err)
	}
	for prefix, want := range map[string]int{"many": 20_000, "change": 20} {
		if got := strings.Count(string(log), "Allowed host "+prefix); got != want {
			t.Errorf("the log of changes has %d hosts %s..., want %d", got, prefix, want)
		}
	}
	info, err := os.Stat(osdefaults.LogFile(dir))
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > 1<<20 {
		t.Errorf("the log has %d bytes", info.Size())
	}
	t.Logf("%d refusals, %d bytes of log, %d bytes of changes", refused.Load(), info.Size(), len(log))
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

package main_test

import (
	"bytes"
	"net"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestWatchdogOfTheServiceManager is the service manager: it hears of the gateway again and again, and also when it was stopped for a
// moment.
func TestWatchdogOfTheServiceManager(t *testing.T) {
	t.Parallel()
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Net: "unixgram", Name: filepath.Join(t.TempDir(), "notify")})
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close()
	r := runGatewayWith(t, func(line []string) []string {
		return append([]string{"env", "NOTIFY_SOCKET=" + manager.LocalAddr().String(), "WATCHDOG_USEC=100000"}, line...)
	}, t.TempDir(), "--listen", "127.0.0.1:0")
	hear := func(want string) {
		t.Helper()
		message := make([]byte, 1000)
		if err := manager.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		if n, err := manager.Read(message); err != nil || !bytes.HasPrefix(message[:n], []byte(want)) {
			t.Fatalf("heard %q, %v; want %s\n%s", message[:n], err, want, r.log)
		}
	}
	hear("READY=1")
	for range 3 {
		hear("WATCHDOG=1")
		for _, s := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGCONT} {
			if err := r.process.Signal(s); err != nil {
				t.Fatal(err)
			}
		}
	}
	hear("WATCHDOG=1")
	r.stop(t)
}

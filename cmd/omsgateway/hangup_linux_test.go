package main_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/omsgateway/omsgateway/internal/osdefaults"
)

// TestHangUpReopensTheLogs moves both logs away, as logrotate does, and sends SIGHUP: the gateway goes on, with logs at their paths.
func TestHangUpReopensTheLogs(t *testing.T) {
	dir := t.TempDir()
	r := runGatewayIn(t, dir, "--listen", "127.0.0.1:0")
	omsgwctl(t, r, "allowed-host", "add", "before.example.com")
	logs := []string{osdefaults.LogFile(dir), osdefaults.ChangesFile(dir)}
	for range 2 {
		for _, file := range logs {
			if err := os.Rename(file, file+".moved"); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		for _, file := range logs {
			awaitFile(t, r, file)
		}
	}
	omsgwctl(t, r, "allowed-host", "add", "after.example.com")
	r.stop(t)
	for _, file := range logs {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), "Allowed host after.example.com was added") {
			t.Errorf("%s lacks the change that came after it was opened anew:\n%s", file, text)
		}
	}
}

func awaitFile(t *testing.T, r *running, file string) {
	t.Helper()
	for over := time.Now().Add(patience); ; <-time.After(10 * time.Millisecond) {
		if _, err := os.Stat(file); err == nil {
			return
		}
		select {
		case <-r.ended:
			t.Fatalf("the gateway has ended: %v\n%s", r.err, r.log)
		default:
		}
		if time.Now().After(over) {
			t.Fatalf("there is no %s\n%s", file, r.log)
		}
	}
}

// TestEndOfTheTerminal closes the terminal that a gateway runs on, which stops it in good order.
func TestEndOfTheTerminal(t *testing.T) {
	terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer terminal.Close()
	if err := unix.IoctlSetPointerInt(int(terminal.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(terminal.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	inside, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	log := &syncBuffer{changed: make(chan struct{}, 1)}
	// Under nohup this test would hand the signal on as one that is ignored.
	cmd := exec.Command("env", "--default-signal=HUP",
		filepath.Join(binaries, "omsgateway"), "--state-dir", t.TempDir(), "--listen", "127.0.0.1:0")
	cmd.Stdin, cmd.Stderr = inside, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	err = cmd.Start()
	_ = inside.Close()
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		err = cmd.Wait()
	}()
	defer func() {
		_ = cmd.Process.Kill()
		<-ended
	}()
	if _, err := log.wait(ended, regexp.MustCompile(`started and listens on`)); err != nil {
		t.Fatalf("%v\n%s", err, log)
	}
	_ = terminal.Close()
	select {
	case <-ended:
	case <-time.After(patience):
		t.Fatalf("it goes on without its terminal\n%s", log)
	}
	if err != nil || !strings.Contains(log.String(), "OMS Gateway stopped") {
		t.Errorf("it ended with %v\n%s", err, log)
	}
}

package main_test

import (
	"archive/zip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A gateway that hangs says nothing of itself; its files do, and the archive says what is missing.
func TestSupportOfAGatewayThatHangs(t *testing.T) {
	t.Parallel()
	r := runGateway(t)
	omsgwctl(t, r, "allowed-host", "add", "a.example.com")
	if err := r.process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "support.zip")
	command := exec.CommandContext(t.Context(), filepath.Join(binaries, "omsgwctl"), "--address", r.address, "support", "--output", file)
	said, err := command.CombinedOutput()
	if err := r.process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if err != nil || !strings.Contains(string(said), "status.json is missing") {
		t.Fatalf("%v\n%s", err, said)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	archive, err := zip.OpenReader(file)
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	for _, name := range []string{"contents.txt", "config.json", "omsgateway.log", "changes.log", "files.txt"} {
		if _, err := archive.Open(name); err != nil {
			t.Errorf("%v\n%s", err, said)
		}
	}
}

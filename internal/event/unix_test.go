//go:build unix

package event_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/omsgateway/omsgateway/internal/event"
)

const nobody = 65534

func TestFileFollowsNoLinkAndNoDevice(t *testing.T) {
	folder := t.TempDir()
	target := filepath.Join(folder, "target")
	if err := os.WriteFile(target, []byte("as it was"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		make func(path string) error
	}{
		{"link", func(path string) error { return os.Symlink(target, path) }},
		{"dangling link", func(path string) error { return os.Symlink(filepath.Join(folder, "absent"), path) }},
		{"fifo", func(path string) error { return syscall.Mkfifo(path, 0o600) }},
		{"fifo with a reader", func(path string) error {
			if err := syscall.Mkfifo(path, 0o600); err != nil {
				return err
			}
			reader, err := os.OpenFile(path, os.O_RDWR, 0)
			t.Cleanup(func() { _ = reader.Close() })
			return err
		}},
		{"folder", func(path string) error { return os.Mkdir(path, 0o700) }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "log")
			if err := test.make(path); err != nil {
				t.Fatal(err)
			}
			if err := tryWrite(openFile(t, path), "x"); err == nil {
				t.Error("there is no error")
			}
		})
	}
	if got := read(t, target); got != "as it was" {
		t.Errorf("the target of the link has %q", got)
	}
	if diff := cmp.Diff([]string{"target"}, names(t, folder)); diff != "" {
		t.Error(diff)
	}
}

func TestRootGivesLogsToTheOwnerOfTheFolder(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	state := t.TempDir()
	if err := os.Lchown(state, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(state, "log", "omsgateway.log")
	write(t, openFile(t, path), "x")
	for _, name := range []string{path, filepath.Dir(path)} {
		info, err := os.Lstat(name)
		if err != nil {
			t.Fatal(err)
		}
		if owner := info.Sys().(*syscall.Stat_t); owner.Uid != nobody || owner.Gid != nobody {
			t.Errorf("%s belongs to %d:%d, want %d:%d", name, owner.Uid, owner.Gid, nobody, nobody)
		}
	}
}

// The limit of a file's size stands in for a full disk: both end a write after some of its bytes.
func TestFullDiskLeavesWholeLines(t *testing.T) {
	if path := os.Getenv("TEST_FULL_DISK"); path != "" {
		fillDisk(path)
		return
	}
	path := filepath.Join(t.TempDir(), "log")
	out := child(t, "TestFullDiskLeavesWholeLines", "TEST_FULL_DISK="+path)
	text, err := out.CombinedOutput()
	if err != nil || !strings.Contains(string(text), "then: <nil>") {
		t.Fatalf("%v\n%s", err, text)
	}
	if diff := cmp.Diff(line("one")+line("two")+line("four"), read(t, path)); diff != "" {
		t.Error(diff)
	}
}

func fillDisk(path string) {
	limit := func(size uint64) {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: size, Max: 1 << 30}); err != nil {
			fmt.Println("setrlimit:", err)
			os.Exit(1)
		}
	}
	f := event.NewFile(path)
	fmt.Println("first:", tryWrite(f, "one", "two"))
	limit(uint64(len(line("one")+line("two")) + 20))
	if err := tryWrite(f, "three"); !errors.Is(err, syscall.EFBIG) {
		fmt.Println("full:", err)
		os.Exit(1)
	}
	limit(1 << 29)
	fmt.Println("then:", tryWrite(f, "four"))
	os.Exit(0)
}

// Standard error may be a pipe whose reader is gone: the gateway goes on.
func TestBrokenStandardErrorIsSurvived(t *testing.T) {
	if os.Getenv("TEST_BROKEN_STDERR") != "" {
		useBrokenStderr()
		return
	}
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	_ = reader.Close()
	cmd := child(t, "TestBrokenStandardErrorIsSurvived", "TEST_BROKEN_STDERR=1")
	cmd.Stderr = writer
	text, err := cmd.Output()
	_ = writer.Close()
	if err != nil || !strings.Contains(string(text), "survived: true") {
		t.Errorf("%v\n%s", err, text)
	}
}

func useBrokenStderr() {
	e := event.Stopped()
	err := event.Stderr().Write([]*event.Event{&e})
	fmt.Println("survived:", errors.Is(err, syscall.EPIPE))
	os.Exit(0)
}

// Where standard error is the journal, as JOURNAL_STREAM tells, lines begin with their level.
func TestJournalLinesHaveTheirLevel(t *testing.T) {
	if os.Getenv("TEST_JOURNAL") != "" {
		useJournal()
		return
	}
	for _, journal := range []bool{true, false} {
		reader, writer, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		info, err := writer.Stat()
		if err != nil {
			t.Fatal(err)
		}
		stat := info.Sys().(*syscall.Stat_t)
		stream := fmt.Sprintf("%d:%d", stat.Dev, stat.Ino)
		if !journal {
			stream = fmt.Sprintf("%d:%d", stat.Dev, stat.Ino+1)
		}
		cmd := child(t, "TestJournalLinesHaveTheirLevel", "TEST_JOURNAL=1", "JOURNAL_STREAM="+stream)
		cmd.Stderr = writer
		if err := cmd.Run(); err != nil {
			t.Fatal(err)
		}
		_ = writer.Close()
		var got []string
		for lines := bufio.NewScanner(reader); lines.Scan(); {
			before, _, _ := strings.Cut(lines.Text(), "0001")
			got = append(got, before)
		}
		_ = reader.Close()
		want := []string{"", "", "", ""}
		if journal {
			want = []string{"<3>", "<4>", "<6>", "<7>"}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("journal %v: %s", journal, diff)
		}
	}
}

func useJournal() {
	var events []*event.Event
	for level := event.Error; level <= event.Debug; level++ {
		events = append(events, &event.Event{Level: level, Component: event.GatewayServer})
	}
	if event.Stderr().Write(events) != nil {
		os.Exit(1)
	}
	os.Exit(0)
}

// child runs one test of this package in a process of its own.
func child(t *testing.T, test string, env ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "-test.run=^"+test+"$")
	cmd.Env = append(append(os.Environ(), "GORACE=atexit_sleep_ms=0"), env...)
	return cmd
}

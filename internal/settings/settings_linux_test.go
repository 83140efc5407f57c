package settings_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/omsgateway/omsgateway/internal/caller"
	"github.com/omsgateway/omsgateway/internal/config"
	"github.com/omsgateway/omsgateway/internal/event"
	"github.com/omsgateway/omsgateway/internal/osdefaults"
	"github.com/omsgateway/omsgateway/internal/reason"
	"github.com/omsgateway/omsgateway/internal/settings"
)

// A folder that may be written and not read cannot be synced: the file is replaced by then, so the change is made, and an event
// tells. Without the right to write nothing is made.
func TestFolderRights(t *testing.T) {
	dir, events := filepath.Join(t.TempDir(), "state"), &recorder{}
	s := open(t, settings.Options{Dir: dir, Events: events})
	update(t, s, add(t, "a.example.com"))
	effect := &effect{}
	s.AddEffect(effect)
	events.take()

	chmod(t, dir, 0o500)
	now := s.Current()
	err := asNobody(t, dir, func() error {
		_, _, err := s.Update(t.Context(), settings.Request{Caller: caller.Caller{Name: "test"}}, set("DrainSeconds", "9"))
		return err
	})
	chmod(t, dir, 0o700)
	wantError(t, err, reason.ConfigNotWritten, "create a temporary file")
	if s.Current() != now || len(events.take()) > 0 || strings.Join(effect.log, ", ") != ": prepare 8080 to 8080, : roll back" {
		t.Errorf("something was changed; effects %q", effect.log)
	}

	chmod(t, dir, 0o300)
	err = asNobody(t, dir, func() error {
		_, _, err := s.Update(t.Context(), settings.Request{Caller: caller.Caller{Name: "test"}}, set("DrainSeconds", "9"))
		return err
	})
	chmod(t, dir, 0o700)
	if err != nil {
		t.Fatal(err)
	}
	if c, err := config.Read(osdefaults.ConfigFile(dir)); err != nil || c.Settings.DrainTimeout != 9*time.Second {
		t.Errorf("the file has %+v, %v", c.Settings, err)
	}
	if got := s.Current().Settings.DrainTimeout; got != 9*time.Second {
		t.Errorf("in force is %d, want 9", got)
	}
	if len(events.events) != 2 || events.events[0].ID != event.Information || events.events[1].ID != event.Fault ||
		!strings.Contains(events.events[1].Text, "could not be synced") {
		t.Errorf("events %+v, want that of the change and that of the sync", events.events)
	}
	if !strings.HasSuffix(strings.Join(effect.log, ", "), ": commit") {
		t.Errorf("effects %q, want a commit at the end", effect.log)
	}
}

func TestNamedPipeInPlaceOfTheFile(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(osdefaults.ConfigFile(dir), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := settings.Open(settings.Options{Dir: dir, Events: &recorder{}})
	wantError(t, err, reason.ConfigUnreadable, "it is not a file")
}

// asNobody runs f as an account that owns folder and is not root, on a thread of its own, since Linux keeps the account for each thread
// (setresuid(2), without what the C library adds).
func asNobody(t *testing.T, folder string, f func() error) error {
	t.Helper()
	if os.Geteuid() != 0 {
		return f()
	}
	const nobody = 65534
	if err := os.Lchown(folder, nobody, -1); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{osdefaults.ConfigFile(folder), osdefaults.HistoryDir(folder)} {
		if err := os.Lchown(path, nobody, -1); err != nil {
			t.Fatal(err)
		}
	}
	chmod(t, filepath.Dir(folder), 0o711)
	chmod(t, filepath.Dir(filepath.Dir(folder)), 0o711)
	result := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with its goroutine
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, ^uintptr(0), nobody, ^uintptr(0)); errno != 0 {
			result <- errno
			return
		}
		result <- f()
	}()
	return <-result
}

func chmod(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

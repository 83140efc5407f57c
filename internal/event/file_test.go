package event_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/omsgateway/omsgateway/internal/event"
)

const maxLog = 10 << 20

func write(t *testing.T, f *event.File, texts ...string) {
	t.Helper()
	if err := tryWrite(f, texts...); err != nil {
		t.Fatal(err)
	}
}

func tryWrite(f *event.File, texts ...string) error {
	var events []*event.Event
	for _, text := range texts {
		e := event.Note(event.GatewayServer, text)
		e.Time = time.Date(2020, 2, 28, 13, 19, 5, 0, time.Local)
		events = append(events, &e)
	}
	return f.Write(events)
}

func line(text string) string { return "2020-02-28 13:19:05 [0] INFO GatewayServer - " + text + "\n" }

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func openFile(t *testing.T, path string) *event.File {
	t.Helper()
	f := event.NewFile(path)
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func names(t *testing.T, folder string) []string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

// sized makes a file of a size.
func sized(t *testing.T, path string, size int64) {
	t.Helper()
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
}

func TestFileIsMadeWithItsFolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log", "omsgateway.log")
	f := openFile(t, path)
	if _, err := os.Stat(filepath.Dir(path)); err == nil {
		t.Error("NewFile made the folder")
	}
	write(t, f, "one", "two")
	write(t, f, "three")
	if diff := cmp.Diff(line("one")+line("two")+line("three"), read(t, path)); diff != "" {
		t.Error(diff)
	}
	if runtime.GOOS == "windows" {
		return
	}
	for name, want := range map[string]os.FileMode{path: 0o640, filepath.Dir(path): os.ModeDir | 0o750} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode(); got&^want != 0 || got&0o600 == 0 {
			t.Errorf("%s has mode %v, want at most %v", name, got, want)
		}
	}
}

func TestFileGoesOnWhereItWas(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	write(t, openFile(t, path), "before the restart")
	write(t, openFile(t, path), "after it")
	if diff := cmp.Diff(line("before the restart")+line("after it"), read(t, path)); diff != "" {
		t.Error(diff)
	}
}

func TestFileRotates(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "log")
	f := openFile(t, path)
	for i := 1; i <= 7; i++ {
		write(t, f, fmt.Sprintf("file %d", i))
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, maxLog-int64(len(line("file 1")))); err != nil {
			t.Fatal(err)
		}
		write(t, f, "filled") // exactly
	}
	write(t, f, "file 8")
	if diff := cmp.Diff([]string{"log", "log.1", "log.2", "log.3", "log.4"}, names(t, folder)); diff != "" {
		t.Error(diff)
	}
	for i, want := range map[int]string{1: "file 7", 2: "file 6", 3: "file 5", 4: "file 4"} {
		name := fmt.Sprintf("%s.%d", path, i)
		if info, err := os.Stat(name); err != nil || info.Size() != maxLog {
			t.Errorf("%s: %v, %v; want %d bytes", name, info, err, maxLog)
		}
		if !strings.HasPrefix(read(t, name), line(want)) {
			t.Errorf("%s does not begin with %q", name, want)
		}
	}
	if diff := cmp.Diff(line("file 8"), read(t, path)); diff != "" {
		t.Error(diff)
	}
}

func TestFileThatCannotBeRotatedGrowsToTwiceItsSize(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	if err := os.MkdirAll(filepath.Join(path+".4", "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	sized(t, path+".3", 0)
	sized(t, path, maxLog)
	f := openFile(t, path)
	write(t, f, "more")
	if info, err := os.Stat(path); err != nil || info.Size() != maxLog+int64(len(line("more"))) {
		t.Errorf("the log is %v, %v", info, err)
	}
	if err := os.Truncate(path, 2*maxLog); err != nil {
		t.Fatal(err)
	}
	if err := tryWrite(f, "too much"); err == nil {
		t.Error("a log of 20 MiB grows on")
	}
	if err := os.RemoveAll(path + ".4"); err != nil {
		t.Fatal(err)
	}
	write(t, f, "again")
	if diff := cmp.Diff(line("again"), read(t, path)); diff != "" {
		t.Error(diff)
	}
}

func TestFileThatIsDeletedOrMovedIsMadeAgain(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "log", "omsgateway.log")
	tests := []struct {
		name string
		do   func() error
	}{
		{"deleted", func() error { return os.Remove(path) }},
		{"moved", func() error { return os.Rename(path, path+".old") }},
		{"replaced", func() error { return errors.Join(os.Rename(path, path+".old"), os.WriteFile(path, nil, 0o600)) }},
		{"folder deleted", func() error { return os.RemoveAll(filepath.Dir(path)) }},
	}
	f := openFile(t, path)
	for _, test := range tests {
		if runtime.GOOS == "windows" {
			t.Skip("an open file cannot be deleted or moved on Windows")
		}
		write(t, f, "lost")
		if err := test.do(); err != nil {
			t.Fatal(err)
		}
		write(t, f, "after "+test.name)
		if diff := cmp.Diff(line("after "+test.name), read(t, path)); diff != "" {
			t.Error(diff)
		}
	}
}

func TestFileThatWasEmptiedFillsFromItsBeginning(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	f := openFile(t, path)
	write(t, f, "old")
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	write(t, f, "new")
	if diff := cmp.Diff(line("new"), read(t, path)); diff != "" {
		t.Error(diff)
	}
}

func TestFileErrorsAndRecovers(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "log")
	f := openFile(t, filepath.Join(folder, "omsgateway.log"))
	if err := os.WriteFile(folder, nil, 0o600); err != nil { // a file where the folder should be
		t.Fatal(err)
	}
	if err := tryWrite(f, "lost"); err == nil {
		t.Fatal("there is no error")
	}
	if err := os.Remove(folder); err != nil {
		t.Fatal(err)
	}
	write(t, f, "again")
	if diff := cmp.Diff(line("again"), read(t, filepath.Join(folder, "omsgateway.log"))); diff != "" {
		t.Error(diff)
	}
}

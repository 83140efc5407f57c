package atomicfile_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/omsgateway/omsgateway/internal/atomicfile"
)

func TestWriteReplacesTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.json")
	for _, content := range []string{"first", "a longer second", "", "third"} {
		if err := atomicfile.Write(path, []byte(content)); err != nil {
			t.Fatal(err)
		}
		if got := read(t, path); got != content {
			t.Errorf("content = %q, want %q", got, content)
		}
		wantNames(t, filepath.Dir(path), "config.json")
	}
	if info := stat(t, path); runtime.GOOS != "windows" && info.Mode() != 0o600 {
		t.Errorf("mode = %v, want 0600", info.Mode())
	}
}

func TestWriteReplacesALinkAndNotItsTarget(t *testing.T) {
	folder := t.TempDir()
	target, path := filepath.Join(folder, "target"), filepath.Join(folder, "config.json")
	if err := os.WriteFile(target, []byte("keep"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, path); err != nil {
		t.Skip("no symbolic links here:", err)
	}
	if err := atomicfile.Write(path, []byte("new")); err != nil {
		t.Fatal(err)
	}
	if read(t, target) != "keep" || read(t, path) != "new" || !stat(t, path).Mode().IsRegular() {
		t.Error("the link was followed")
	}
}

func TestWriteIntoNoFolder(t *testing.T) {
	err := atomicfile.Write(filepath.Join(t.TempDir(), "absent", "config.json"), []byte("x"))
	wantError(t, err, "create a temporary file")
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v is not ErrNotExist", err)
	}
}

func TestWriteOverAFolder(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "config.json")
	if err := os.MkdirAll(filepath.Join(path, "inside"), 0o700); err != nil {
		t.Fatal(err)
	}
	wantError(t, atomicfile.Write(path, []byte("x")), "put the new file in place")
	wantNames(t, folder, "config.json")
}

func TestReadersSeeTheFileWhole(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a file that is open for reading cannot be replaced on Windows")
	}
	path := filepath.Join(t.TempDir(), "config.json")
	contents := [][]byte{bytes.Repeat([]byte("a"), 100_000), bytes.Repeat([]byte("b"), 200_000)}
	if err := atomicfile.Write(path, contents[0]); err != nil {
		t.Fatal(err)
	}
	var writer sync.WaitGroup
	done := make(chan struct{})
	writer.Go(func() {
		defer close(done)
		for i := range 50 {
			if err := atomicfile.Write(path, contents[i%2]); err != nil {
				t.Error(err)
			}
		}
	})
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, contents[0]) && !bytes.Equal(got, contents[1]) {
			t.Fatalf("read %d bytes, error %v", len(got), err)
		}
	}
	writer.Wait()
}

func TestRemoveTemps(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "config.json")
	if err := atomicfile.Write(path, []byte("keep")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		".config.json.123.tmp", ".config.json.456.tmp", // left by a Write of path
		".config.json", "config.json.tmp", ".other.json.123.tmp", // not
	} {
		if err := os.WriteFile(filepath.Join(folder, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(folder, ".config.json.folder.tmp"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := atomicfile.RemoveTemps(path); err != nil {
		t.Fatal(err)
	}
	wantNames(t, folder, ".config.json", ".config.json.folder.tmp", ".other.json.123.tmp", "config.json", "config.json.tmp")

	wantError(t, atomicfile.RemoveTemps(filepath.Join(folder, "absent", "config.json")), "look for old temporary files")
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func stat(t *testing.T, path string) os.FileInfo {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func wantNames(t *testing.T, folder string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, entry := range entries {
		got = append(got, entry.Name())
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("the folder has %q, want %q", got, want)
	}
}

func wantError(t *testing.T, err error, text string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), text) {
		t.Fatalf("error %v, want one with %q", err, text)
	}
}

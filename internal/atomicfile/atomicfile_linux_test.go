package atomicfile_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/omsgateway/omsgateway/internal/atomicfile"
)

const nobody = 65534

func TestRootGivesTheFileToTheOwnerOfTheFolder(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	folder := t.TempDir()
	if err := os.Lchown(folder, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(folder, "config.json")
	if err := atomicfile.Write(path, []byte("x")); err != nil {
		t.Fatal(err)
	}
	info := stat(t, path)
	if owner := info.Sys().(*syscall.Stat_t); owner.Uid != nobody || owner.Gid != nobody || info.Mode() != 0o600 {
		t.Errorf("owner %d:%d, mode %v; want %d:%d, 0600", owner.Uid, owner.Gid, info.Mode(), nobody, nobody)
	}
}

// A folder that may be written and not read lets everything succeed but the opening of the folder for its sync.
func TestFolderThatCannotBeSynced(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "config.json")
	if err := os.Chmod(folder, 0o300); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Chmod(folder, 0o700); err != nil {
			t.Error(err)
		}
	})
	err := asNobody(t, folder, func() error { return atomicfile.Write(path, []byte("new")) })
	syncErr, ok := errors.AsType[*atomicfile.SyncError](err)
	if !ok || syncErr.Folder != folder || !errors.Is(err, os.ErrPermission) {
		t.Fatalf("error %v, want a SyncError of %s", err, folder)
	}
	if got := read(t, path); got != "new" {
		t.Errorf("content = %q, want the new one", got)
	}
}

func TestFolderThatCannotBeWritten(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "config.json")
	if err := atomicfile.Write(path, []byte("old")); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(folder, 0o500); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Chmod(folder, 0o700); err != nil {
			t.Error(err)
		}
	})
	err := asNobody(t, folder, func() error { return atomicfile.Write(path, []byte("new")) })
	wantError(t, err, "create a temporary file")
	if got := read(t, path); got != "old" {
		t.Errorf("content = %q, want the old one", got)
	}
}

// asNobody runs f as an account that owns folder and is not root. Linux keeps the account for each thread (setresuid(2), without what the
// C library adds), so a thread of its own is enough; it ends with its goroutine.
func asNobody(t *testing.T, folder string, f func() error) error {
	t.Helper()
	if os.Geteuid() != 0 {
		return f()
	}
	if err := os.Lchown(folder, nobody, -1); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Dir(folder), 0o711); err != nil { // TempDir's own is for its account alone
		t.Fatal(err)
	}
	result := make(chan error)
	go func() {
		runtime.LockOSThread()
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, ^uintptr(0), nobody, ^uintptr(0)); errno != 0 {
			result <- errno
			return
		}
		result <- f()
	}()
	return <-result
}

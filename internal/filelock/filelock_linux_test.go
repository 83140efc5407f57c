package filelock_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/omsgateway/omsgateway/internal/filelock"
)

func TestRootGivesTheFileToTheOwnerOfTheFolder(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	const nobody = 65534
	folder := t.TempDir()
	if err := os.Lchown(folder, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(folder, "lock")
	lock, err := filelock.Acquire(path)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Release()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	if owner := info.Sys().(*syscall.Stat_t); owner.Uid != nobody || owner.Gid != nobody || info.Mode() != 0o600 {
		t.Errorf("owner %d:%d, mode %v; want %d:%d, 0600", owner.Uid, owner.Gid, info.Mode(), nobody, nobody)
	}
}

// Whoever owns the folder must not make root touch a file elsewhere.
func TestLinkIsNotFollowed(t *testing.T) {
	folder := t.TempDir()
	target, path := filepath.Join(folder, "target"), filepath.Join(folder, "lock")
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
	if _, err := filelock.Acquire(path); err == nil {
		t.Error("Acquire followed a symbolic link")
	}
	if _, err := filelock.Held(path); err == nil {
		t.Error("Held followed a symbolic link")
	}
	if _, err := os.Lstat(target); !os.IsNotExist(err) {
		t.Errorf("the link's target: %v, want none", err)
	}
}

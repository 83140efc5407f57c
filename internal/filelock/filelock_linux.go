package filelock

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// The lock is an open file description lock, fcntl(2): it belongs to the open file like a flock(2), but can be asked for
// without being taken for an instant.
func lock(f *os.File) (held bool, err error) {
	err = fcntl(f, unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK})
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		return true, nil
	}
	return false, err
}

func probe(f *os.File) (held bool, err error) {
	found := unix.Flock_t{Type: unix.F_WRLCK}
	err = fcntl(f, unix.F_OFD_GETLK, &found)
	return found.Type != unix.F_UNLCK, err
}

func fcntl(f *os.File, command int, arg *unix.Flock_t) error {
	for {
		if err := unix.FcntlFlock(f.Fd(), command, arg); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// openOrCreate changes the owner of nothing but a file that it has just made: in a folder of another account, a file that is
// there already may be a link to anything.
func openOrCreate(path string) (*os.File, error) {
	const flags = os.O_RDWR | unix.O_NOFOLLOW | unix.O_NONBLOCK
	for range 10 {
		f, err := os.OpenFile(path, flags, 0)
		if !errors.Is(err, os.ErrNotExist) {
			return f, err
		}
		f, err = os.OpenFile(path, flags|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, os.ErrExist) {
			continue // another process was faster
		}
		if err != nil {
			return nil, err
		}
		if err := giveToFolderOwner(f); err != nil {
			return nil, errors.Join(err, f.Close(), os.Remove(path))
		}
		return f, nil
	}
	return nil, &os.PathError{Op: "open", Path: path, Err: unix.EAGAIN}
}

func giveToFolderOwner(f *os.File) error {
	if os.Geteuid() != 0 {
		return nil
	}
	info, err := os.Stat(filepath.Dir(f.Name()))
	if err != nil {
		return err
	}
	owner := info.Sys().(*syscall.Stat_t)
	return f.Chown(int(owner.Uid), int(owner.Gid))
}

func openExisting(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
}

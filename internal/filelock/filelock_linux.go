package filelock

import (
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/omsgateway/omsgateway/internal/folder"
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

func openOrCreate(path string) (*os.File, error) {
	const flags = os.O_RDWR | folder.NoFollow
	in, err := folder.Open(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	defer in.Close()
	name := filepath.Base(path)
	for range 10 {
		f, err := in.OpenFile(name, flags)
		if !errors.Is(err, os.ErrNotExist) {
			return f, err
		}
		f, err = in.Create(name, flags, 0o600)
		if !errors.Is(err, os.ErrExist) { // else another process was faster
			return f, err
		}
	}
	return nil, &os.PathError{Op: "open", Path: path, Err: unix.EAGAIN}
}

func openExisting(path string) (*os.File, error) {
	in, err := folder.Open(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	defer in.Close()
	return in.OpenFile(filepath.Base(path), os.O_RDONLY|folder.NoFollow)
}

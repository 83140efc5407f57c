package filelock

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/windows"
)

// lock tries for a while, since a probe of another process has the lock for an instant.
func lock(f *os.File) (held bool, err error) {
	for range 20 {
		held, err = try(f, windows.LOCKFILE_EXCLUSIVE_LOCK)
		if !held {
			return false, err
		}
		time.Sleep(10 * time.Millisecond)
	}
	return true, nil
}

// probe takes a shared lock, which ends when f is closed: Windows cannot be asked for a lock without taking it.
func probe(f *os.File) (held bool, err error) { return try(f, 0) }

// try locks one byte far beyond the content of f, which others may thus read (a lock on Windows is mandatory).
func try(f *os.File, flags uint32) (held bool, err error) {
	at := windows.Overlapped{OffsetHigh: 1 << 30}
	err = windows.LockFileEx(windows.Handle(f.Fd()), flags|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &at)
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) || errors.Is(err, windows.ERROR_IO_PENDING) {
		return true, nil
	}
	return false, err
}

func openOrCreate(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
}

func openExisting(path string) (*os.File, error) { return os.Open(path) }

// Package filelock lets one process own something by holding a lock file, and others ask whether it is owned. The system drops
// the lock when the process ends, however it ends; the file stays.
package filelock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// ErrHeld says that another process, or another Lock of this one, holds the lock.
var ErrHeld = errors.New("the lock is held by another process")

// askAgain is how long AcquireWithin waits between two tries.
const askAgain = 50 * time.Millisecond

// Lock is a lock that is held.
type Lock struct{ file *os.File }

// Acquire takes the lock at path without waiting and makes the file (mode 0600) if there is none. When root makes it in a
// folder of another account, the file gets the folder's owner, so that the service can take the lock later. The error is
// ErrHeld if somebody else has the lock.
func Acquire(path string) (*Lock, error) {
	f, err := openOrCreate(path)
	if err != nil {
		return nil, fmt.Errorf("open the lock file: %w", err)
	}
	held, err := lock(f)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
	}
	if held {
		return nil, errors.Join(ErrHeld, f.Close())
	}
	return &Lock{file: f}, nil
}

// AcquireWithin is [Acquire], but a lock that somebody else has is waited for as long as wait, or until ctx is done.
func AcquireWithin(ctx context.Context, path string, wait time.Duration) (*Lock, error) {
	over := time.After(wait)
	for {
		lock, err := Acquire(path)
		if wait == 0 || !errors.Is(err, ErrHeld) {
			return lock, err
		}
		select {
		case <-time.After(askAgain):
		case <-over:
			return lock, err
		case <-ctx.Done():
			return lock, err
		}
	}
}

// Release gives the lock back.
func (l *Lock) Release() error { return l.file.Close() }

// Held reports whether somebody holds the lock at path. It never makes an Acquire of another process fail. Without the
// right to open the file the answer is an error, os.ErrPermission.
func Held(path string) (bool, error) {
	f, err := openExisting(path)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("open the lock file: %w", err)
	}
	defer f.Close()
	held, err := probe(f)
	if err != nil {
		return false, fmt.Errorf("ask for the lock of %s: %w", path, err)
	}
	return held, nil
}

// Each operating system has its own
//
//	openOrCreate(path string) (*os.File, error)  // to lock it; does not follow a symbolic link
//	openExisting(path string) (*os.File, error)  // to probe it
//	lock(f *os.File) (held bool, err error)      // locks f until it is closed, or tells that another has it
//	probe(f *os.File) (held bool, err error)     // reports whether another has it

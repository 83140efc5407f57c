// Package atomicfile replaces a file whole: whoever reads it, even after a crash or a power cut, finds the old content or the
// new one, never a part.
package atomicfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Write makes data the content of path: a temporary file in the same folder with mode 0600, sync, rename, sync of the folder.
// When root writes into a folder of another account, the file gets the folder's owner and group, so that the service can read
// what an administrator wrote. A symbolic link at path is replaced, not followed.
//
// An error says which step failed; path is then as it was, except when the error is a *SyncError.
func Write(path string, data []byte) error { return write(path, data) }

// write is Write of content in several parts.
func write(path string, parts ...[]byte) error {
	temp, err := writeTemp(path, parts)
	if err != nil {
		return err
	}
	if err := rename(temp, path); err != nil {
		return errors.Join(fmt.Errorf("put the new file in place: %w", err), os.Remove(temp))
	}
	folder := filepath.Dir(path)
	if err := syncFolder(folder); err != nil {
		return &SyncError{Folder: folder, Err: err}
	}
	return nil
}

// SyncError says that a file was replaced, but that its folder could not be synced: a power cut now may bring back the old
// file.
type SyncError struct {
	Folder string
	Err    error
}

func (e *SyncError) Error() string {
	return fmt.Sprintf("the file is written, but its folder %s could not be synced to the disk: %v", e.Folder, e.Err)
}

func (e *SyncError) Unwrap() error { return e.Err }

// RemoveTemps removes the temporary files that a Write of path left behind when its process died. Only the process that alone
// writes path may call it.
func RemoveTemps(path string) error {
	folder, pattern := tempName(path)
	entries, err := os.ReadDir(folder)
	if err != nil {
		return fmt.Errorf("look for old temporary files: %w", err)
	}
	var errs []error
	for _, entry := range entries {
		if match, _ := filepath.Match(pattern, entry.Name()); match && entry.Type().IsRegular() {
			if err := os.Remove(filepath.Join(folder, entry.Name())); err != nil {
				errs = append(errs, fmt.Errorf("remove an old temporary file: %w", err))
			}
		}
	}
	return errors.Join(errs...)
}

// tempName is the folder and the name of the temporary files of path; a * stands for the random part.
func tempName(path string) (folder, pattern string) {
	return filepath.Dir(path), "." + filepath.Base(path) + ".*.tmp"
}

func writeTemp(path string, parts [][]byte) (name string, err error) {
	folder, pattern := tempName(path)
	f, err := os.CreateTemp(folder, pattern) // mode 0600, and never through a link that is there already
	if err != nil {
		return "", fmt.Errorf("create a temporary file: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	if err := fill(f, folder, parts); err != nil {
		return "", errors.Join(err, f.Close())
	}
	if err := f.Close(); err != nil {
		return "", fmt.Errorf("close the temporary file: %w", err)
	}
	return f.Name(), nil
}

func fill(f *os.File, folder string, parts [][]byte) error {
	if err := protect(f, folder); err != nil {
		return fmt.Errorf("protect the temporary file: %w", err)
	}
	for _, part := range parts {
		if _, err := f.Write(part); err != nil {
			return fmt.Errorf("write the temporary file: %w", err)
		}
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("sync the temporary file: %w", err)
	}
	return nil
}

// Each operating system has its own
//
//	protect(f *os.File, folder string) error  // gives the new file f in folder to whom it belongs
//	rename(from, to string) error             // replaces to, durably as far as the system can
//	syncFolder(folder string) error           // makes a rename in folder durable

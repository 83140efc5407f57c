// Package atomicfile replaces a file whole: whoever reads it, even after a crash or a power cut, finds the old content or the
// new one, never a part.
package atomicfile

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/omsgateway/omsgateway/internal/folder"
)

// Write makes data the content of path: a temporary file in the same folder with mode 0600, sync, rename, sync of the folder.
// When root writes into a folder of another account, the file gets the folder's owner and group, so that the service can read
// what an administrator wrote, and nothing leads out of the folder (package folder). A symbolic link at path is replaced, not followed.
//
// An error says which step failed; path is then as it was, except when the error is a *SyncError.
func Write(path string, data []byte) error { return write(path, data) }

// write is Write of content in several parts.
func write(path string, parts ...[]byte) error {
	in, err := folder.Open(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("create a temporary file: %w", err)
	}
	defer in.Close()
	return writeIn(in, filepath.Base(path), parts...)
}

// WriteIn is Write of a file in a folder that is open.
func WriteIn(in *folder.Folder, name string, data []byte) error { return writeIn(in, name, data) }

func writeIn(in *folder.Folder, name string, parts ...[]byte) error {
	temp, err := writeTemp(in, name, parts)
	if err != nil {
		return err
	}
	if err := rename(in, temp, name); err != nil {
		return errors.Join(fmt.Errorf("put the new file in place: %w", err), in.Remove(temp))
	}
	if err := syncFolder(in); err != nil {
		return &SyncError{Folder: in.Path("."), Err: err}
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
	names, err := temps(path)
	if err != nil {
		return fmt.Errorf("look for old temporary files: %w", err)
	}
	if len(names) == 0 {
		return nil
	}
	in, err := folder.Open(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("remove old temporary files: %w", err)
	}
	defer in.Close()
	var errs []error
	for _, name := range names {
		if err := in.Remove(name); err != nil {
			errs = append(errs, fmt.Errorf("remove an old temporary file: %w", err))
		}
	}
	return errors.Join(errs...)
}

// temps are the names of temporary files of path.
func temps(path string) (names []string, err error) {
	entries, err := os.ReadDir(filepath.Dir(path))
	for _, entry := range entries {
		if match, _ := filepath.Match(tempName(filepath.Base(path), "*"), entry.Name()); match && entry.Type().IsRegular() {
			names = append(names, entry.Name())
		}
	}
	return names, err
}

// tempName is the name of a temporary file of the file name.
func tempName(name, random string) string { return "." + name + "." + random + ".tmp" }

func writeTemp(in *folder.Folder, name string, parts [][]byte) (temp string, err error) {
	temp = tempName(name, rand.Text())
	f, err := in.Create(temp, os.O_RDWR, 0o600)
	if err != nil {
		return "", fmt.Errorf("create a temporary file: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, in.Remove(temp))
		}
	}()
	if err := fill(f, parts); err != nil {
		return "", errors.Join(err, f.Close())
	}
	if err := f.Close(); err != nil {
		return "", fmt.Errorf("close the temporary file: %w", err)
	}
	return temp, nil
}

func fill(f *os.File, parts [][]byte) error {
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
//	rename(in *folder.Folder, from, to string) error  // replaces to, durably as far as the system can
//	syncFolder(in *folder.Folder) error               // makes a rename in the folder durable

package event

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// How much a log file and its predecessors hold: path, and path.1 (the newest) to path.4.
const (
	maxFileSize = 10 << 20
	maxFiles    = 5
	keepBuffer  = 1 << 20 // bytes of a buffer that is used again
)

// File writes one line for each event to a file of at most 10 MiB and keeps four predecessors. It makes the file, and its folder,
// when there is something to write; a file that was deleted or moved away is made again. Files are 0640 and the folder 0750; what
// root makes belongs to the owner of the folder that it is in. A symbolic link or a device is not written to.
type File struct {
	path   string
	file   *os.File // nil while it is closed
	buffer []byte
}

// NewFile does not touch the file system.
func NewFile(path string) *File { return &File{path: path} }

// Name implements Output.
func (f *File) Name() string { return "the log file " + f.path }

// Write implements Output. What a full disk took of a Write that failed is cut off again where the system permits it.
func (f *File) Write(events []*Event) error {
	f.buffer = f.buffer[:0]
	for _, e := range events {
		f.buffer = append(appendLine(f.buffer, e), '\n')
	}
	size, err := f.open()
	if err != nil {
		return err
	}
	if size > 0 && size+int64(len(f.buffer)) > maxFileSize {
		// A reader may stand in the way of the renames on Windows: then this file grows to twice its size before it is an error.
		if err := f.rotate(); err != nil && size >= 2*maxFileSize {
			return err
		}
		if size, err = f.open(); err != nil {
			return err
		}
	}
	if cap(f.buffer) > keepBuffer {
		defer func() { f.buffer = nil }()
	}
	if n, err := f.file.Write(f.buffer); err != nil {
		if n > 0 {
			_ = f.file.Truncate(size)
		}
		_ = f.Close()
		return err
	}
	return nil
}

// Reopen closes the file and opens the one at the path, which it makes if there is none. A file that is not open is left to the next
// Write.
func (f *File) Reopen() error {
	if f.file == nil {
		return nil
	}
	err := f.Close()
	_, openErr := f.open()
	return cmp.Or(openErr, err)
}

// Close implements Output.
func (f *File) Close() error {
	if f.file == nil {
		return nil
	}
	err := f.file.Close()
	f.file = nil
	return err
}

// open makes sure that f.file is the file at the path, and returns its size.
func (f *File) open() (size int64, err error) {
	if f.file != nil {
		opened, err := f.file.Stat()
		if there, e := os.Lstat(f.path); err == nil && e == nil && os.SameFile(opened, there) {
			return there.Size(), nil
		}
		_ = f.Close()
	}
	if err := makeFolder(filepath.Dir(f.path)); err != nil {
		return 0, err
	}
	file, err := openAppending(f.path)
	if err != nil {
		return 0, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", f.path)
	}
	if err != nil {
		_ = file.Close()
		return 0, err
	}
	f.file = file
	return info.Size(), nil
}

// rotate moves the file and its predecessors one place on; the oldest is lost.
func (f *File) rotate() error {
	if err := f.Close(); err != nil {
		return err
	}
	for i := maxFiles - 1; i > 0; i-- {
		if err := os.Rename(f.numbered(i-1), f.numbered(i)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func (f *File) numbered(i int) string {
	if i == 0 {
		return f.path
	}
	return fmt.Sprintf("%s.%d", f.path, i)
}

// openAppending opens the file, or makes it and then gives it its owner.
func openAppending(path string) (*os.File, error) {
	const flags = os.O_WRONLY | os.O_APPEND | noFollow
	file, err := os.OpenFile(path, flags|os.O_CREATE|os.O_EXCL, 0o640)
	if errors.Is(err, fs.ErrExist) {
		return os.OpenFile(path, flags, 0)
	}
	if err != nil {
		return nil, err
	}
	if err := adopt(file); err != nil {
		_ = file.Close()
		return nil, err
	}
	return file, nil
}

// makeFolder makes the last folder of the path, where the ones before it exist.
func makeFolder(folder string) error {
	if err := os.Mkdir(folder, 0o750); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return nil
		}
		return err
	}
	made, err := os.OpenFile(folder, os.O_RDONLY|noFollow, 0)
	if err != nil {
		return err
	}
	defer func() { _ = made.Close() }()
	return adopt(made)
}

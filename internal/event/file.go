package event

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/omsgateway/omsgateway/internal/folder"
)

// How much a log file and its predecessors hold: path, and path.1 (the newest) to path.4.
const (
	maxFileSize = 10 << 20
	maxFiles    = 5
	keepBuffer  = 1 << 20 // bytes of a buffer that is used again
)

// File writes one line for each event to a file of at most 10 MiB and keeps four predecessors. It makes the file, and its folder,
// when there is something to write; a file that was deleted or moved away is made again. Files are 0640 and the folder 0750; what
// root makes in a folder of another account belongs to that, and nothing leads out of the folder above (package folder). A symbolic link
// or a device is not written to.
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
	above, err := f.above()
	if err != nil {
		return 0, err
	}
	defer above.Close()
	if err := above.Mkdir(f.folder(), 0o750); err != nil {
		return 0, err
	}
	file, err := openAppending(above, f.numbered(0))
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
	above, err := f.above()
	if err != nil {
		return err
	}
	defer above.Close()
	for i := maxFiles - 1; i > 0; i-- {
		if err := above.Rename(f.numbered(i-1), f.numbered(i)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// above opens the folder that the folder of the files is in, the state folder.
func (f *File) above() (*folder.Folder, error) {
	return folder.Open(filepath.Dir(filepath.Dir(f.path)))
}

// folder is the folder of the files, as seen from above.
func (f *File) folder() string { return filepath.Base(filepath.Dir(f.path)) }

// numbered is the i-th file, as seen from above.
func (f *File) numbered(i int) string {
	name := f.folder() + "/" + filepath.Base(f.path)
	if i > 0 {
		name = fmt.Sprintf("%s.%d", name, i)
	}
	return name
}

// openAppending opens the file, or makes it.
func openAppending(in *folder.Folder, name string) (*os.File, error) {
	const flags = os.O_WRONLY | os.O_APPEND | folder.NoFollow
	file, err := in.Create(name, flags, 0o640)
	if errors.Is(err, fs.ErrExist) {
		return in.OpenFile(name, flags)
	}
	return file, err
}

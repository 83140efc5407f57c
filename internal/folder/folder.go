// Package folder reaches the files that a program keeps in a folder of its own, also when that belongs to a lesser account than the
// process has: root stands in for a service whose account owns the folder, and must not be led elsewhere by what that account puts there.
package folder

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Folder is an open folder. Names are of files in it, or in folders in it, with slashes.
//
// Where it belongs to a lesser account, all of it goes through an [os.Root], so that neither a link nor a folder that is exchanged
// meanwhile leads out of it, nor does a hard link to what is another account's, and what is made there is
// given to its owner. Elsewhere it is like the functions of package os.
type Folder struct {
	path string
	root *os.Root // nil where the account of this process has no more rights than the folder's owner
	owner
}

// Open opens the folder at path, which Close gives back.
func Open(path string) (*Folder, error) {
	root, owner, err := openLesser(path)
	if err != nil {
		return nil, err
	}
	return &Folder{path: path, root: root, owner: owner}, nil
}

// Sub opens a folder in this one, which Close gives back. A link does not lead out of a folder of a lesser account.
func (f *Folder) Sub(name string) (*Folder, error) {
	if f.root == nil {
		return Open(f.Path(name))
	}
	// OpenRoot would wait for whoever writes a named pipe. One that is put in its place right now still makes it wait.
	if info, err := f.root.Stat(name); err != nil {
		return nil, err
	} else if !info.IsDir() {
		return nil, &fs.PathError{Op: "open", Path: f.Path(name), Err: errors.New("it is not a folder")}
	}
	root, err := f.root.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	return &Folder{path: f.Path(name), root: root, owner: f.owner}, nil
}

// Close gives the folder back.
func (f *Folder) Close() {
	if f.root != nil {
		_ = f.root.Close() // nothing is written through it
	}
}

// Path returns the path of a file.
func (f *Folder) Path(name string) string { return filepath.Join(f.path, filepath.FromSlash(name)) }

// OpenFile is [os.OpenFile] for a file that is there.
func (f *Folder) OpenFile(name string, flags int) (*os.File, error) {
	if f.root == nil {
		return os.OpenFile(f.Path(name), flags, 0)
	}
	file, err := f.root.OpenFile(name, flags, 0)
	if err != nil {
		return nil, err
	}
	if err := f.check(file); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// Create makes a file that must not be there yet, opens it with flags, and gives it to the owner of the folder.
func (f *Folder) Create(name string, flags int, perm fs.FileMode) (file *os.File, err error) {
	flags |= os.O_CREATE | os.O_EXCL
	if f.root == nil {
		return os.OpenFile(f.Path(name), flags, perm)
	}
	if file, err = f.root.OpenFile(name, flags, perm); err != nil {
		return nil, err
	}
	if err := f.give(file); err != nil {
		return nil, errors.Join(err, file.Close(), f.root.Remove(name))
	}
	return file, nil
}

// Mkdir makes a folder, which may be there already, and gives a new one to the owner of this one.
func (f *Folder) Mkdir(name string, perm fs.FileMode) error {
	mkdir := func() error { return os.Mkdir(f.Path(name), perm) }
	if f.root != nil {
		mkdir = func() error { return f.root.Mkdir(name, perm) }
	}
	if err := mkdir(); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return nil
		}
		return err
	}
	if f.root == nil {
		return nil
	}
	made, err := f.OpenFile(name, os.O_RDONLY|NoFollow)
	if err != nil {
		return err
	}
	return errors.Join(f.give(made), made.Close())
}

// Rename is [os.Rename] within the folder.
func (f *Folder) Rename(from, to string) error {
	if f.root == nil {
		return os.Rename(f.Path(from), f.Path(to))
	}
	return f.root.Rename(from, to)
}

// Remove is [os.Remove].
func (f *Folder) Remove(name string) error {
	if f.root == nil {
		return os.Remove(f.Path(name))
	}
	return f.root.Remove(name)
}

// ReadFile reads at most limit bytes of the file at path, which is opened as [Folder] says. What is no file, such as a named pipe, is an
// error and not waited for.
func ReadFile(path string, limit int64) (data []byte, err error) {
	f, err := Open(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.ReadFile(filepath.Base(path), limit)
}

// ReadFile reads at most limit bytes of a file, as the function ReadFile does.
func (f *Folder) ReadFile(name string, limit int64) (data []byte, err error) {
	file, err := f.OpenFile(name, os.O_RDONLY|noWait)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, &fs.PathError{Op: "read", Path: f.Path(name), Err: errors.New("it is not a file")}
	}
	return io.ReadAll(io.LimitReader(file, limit))
}

// What each operating system has a file for:
//
//	const NoFollow                                               // flags of OpenFile: follow no link at the end, wait for no FIFO
//	const noWait                                                 // wait for no FIFO
//	type owner                                                   // of a folder of a lesser account
//	openLesser(path string) (root *os.Root, o owner, err error)  // no root if it does not belong to one
//	(o owner) give(file *os.File) error                          // makes it the file's owner
//	(o owner) check(file *os.File) error                         // refuses what leads out of the owner's folder

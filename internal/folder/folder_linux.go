package folder

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// NoFollow are flags for opening a file that may have been exchanged: a link at the end is an error, and a FIFO is not waited for.
const NoFollow = syscall.O_NOFOLLOW | syscall.O_NONBLOCK

const noWait = syscall.O_NONBLOCK

type owner struct{ user, group int }

func openLesser(path string) (*os.Root, owner, error) {
	if os.Geteuid() != 0 {
		return nil, owner{}, nil
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, owner{}, err
	}
	info, err := root.Stat(".")
	if err != nil {
		_ = root.Close()
		return nil, owner{}, err
	}
	stat := info.Sys().(*syscall.Stat_t) //nolint:forcetypeassert // on Linux it is always one
	if stat.Uid == 0 {
		return nil, owner{}, root.Close()
	}
	return root, owner{int(stat.Uid), int(stat.Gid)}, nil
}

func (o owner) give(file *os.File) error { return file.Chown(o.user, o.group) }

// check refuses a file that belongs to somebody else than the owner and has another name elsewhere: a hard link, by which the owner leads
// out of the folder where the kernel lets everybody make one (fs.protected_hardlinks, proc(5)).
func (o owner) check(file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	stat := info.Sys().(*syscall.Stat_t) //nolint:forcetypeassert // on Linux it is always one
	if info.Mode().IsRegular() && stat.Nlink > 1 && int(stat.Uid) != o.user {
		return &fs.PathError{Op: "open", Path: file.Name(), Err: errors.New("it is a hard link to the file of another account")}
	}
	return nil
}

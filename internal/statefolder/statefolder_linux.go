package statefolder

import (
	"errors"
	"io/fs"
	"os"
	"os/user"
	"slices"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/omsgateway/omsgateway/internal/osdefaults"
	"github.com/omsgateway/omsgateway/internal/reason"
)

func makeFolder(path string) error { return os.MkdirAll(path, 0o700) }

// shut looks at the folder and at the configuration in it. An open folder is mended only if a gateway has used it already, so that nobody
// who names /tmp has it shut for all.
func shut(path string) (mended []string, err error) {
	_, err = os.Lstat(osdefaults.LockFile(path))
	used := err == nil
	for _, name := range []string{path, osdefaults.ConfigFile(path)} {
		done, err := shutOne(name, used)
		if err != nil {
			return mended, err
		}
		if done {
			mended = append(mended, name)
		}
	}
	return mended, nil
}

func shutOne(path string, mayMend bool) (mended bool, err error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ELOOP) || errors.Is(err, fs.ErrPermission) {
		return false, nil // a link, and what may not be opened, is for whoever reads it
	}
	if err != nil {
		return false, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return false, err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.IsDir() && !info.Mode().IsRegular() {
		return false, nil
	}
	self := os.Geteuid()
	if owner := int(stat.Uid); owner != 0 && self != 0 && owner != self {
		return false, reason.New(reason.ConfigFolderOpen, "path", path, "command", "chown "+strconv.Itoa(self)+" "+path)
	}
	if !isOpen(f, info, stat) {
		return false, nil
	}
	if mayMend && info.Mode()&fs.ModeSticky == 0 && f.Chmod(info.Mode()&^0o022) == nil {
		return true, nil
	}
	return false, reason.New(reason.ConfigFolderOpen, "path", path, "command", "chmod go-w "+path)
}

// isOpen reports whether others than root, the gateway's account and its groups may write a file.
func isOpen(f *os.File, info fs.FileInfo, stat *syscall.Stat_t) bool {
	switch mode := info.Mode().Perm(); {
	case mode&0o002 != 0:
		return true
	case mode&0o020 == 0:
		return false
	}
	// With an access list the bit says what anybody in it may do at most (acl(5)).
	size, err := unix.Fgetxattr(int(f.Fd()), "system.posix_acl_access", nil)
	return err == nil && size > 0 || !isGroupOfGateway(stat)
}

// isGroupOfGateway reports whether the group of a file is one of the account's that runs the gateway: this one, or where root stands in
// for it the file's owner.
func isGroupOfGateway(stat *syscall.Stat_t) bool {
	group := int(stat.Gid)
	if group == 0 {
		return true
	}
	if os.Geteuid() != 0 {
		groups, _ := os.Getgroups()
		return group == os.Getegid() || slices.Contains(groups, group)
	}
	account, err := user.LookupId(strconv.Itoa(int(stat.Uid)))
	return err == nil && account.Gid == strconv.Itoa(group)
}

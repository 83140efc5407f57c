package gateways

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// checkOwned refuses a file that others than its user and root can write, or whose folder they can: they would decide where changes go.
func checkOwned(file string) error {
	for _, path := range []string{filepath.Dir(file), file} {
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if stat, ok := info.Sys().(*syscall.Stat_t); ok && stat.Uid != 0 && int(stat.Uid) != os.Geteuid() {
			return fmt.Errorf("%s belongs to somebody else, who so decides where changes go; move it away", path)
		}
		if info.Mode()&0o022 != 0 {
			return fmt.Errorf("others can write %s, and so decide where changes go; look into it, then mend it: chmod go-w %s", path, path)
		}
	}
	return nil
}

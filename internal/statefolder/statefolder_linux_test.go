package statefolder_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/omsgateway/omsgateway/internal/osdefaults"
	"github.com/omsgateway/omsgateway/internal/reason"
	"github.com/omsgateway/omsgateway/internal/statefolder"
)

func checkAccess(t *testing.T, path string) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != os.ModeDir|0o700 {
		t.Errorf("the mode of %s is %v", path, info.Mode())
	}
}

func TestShut(t *testing.T) {
	const folder, config, stranger = 0o700, 0o600, 65534
	for name, c := range map[string]struct {
		folder, config os.FileMode
		group          int  // of the folder, if not 0
		unused         bool // by a gateway
		acl            string
		mended         []string
		refused        string // the command
	}{
		"as it is made":             {folder: folder, config: config},
		"readable":                  {folder: 0o755, config: 0o644},
		"own group":                 {folder: 0o770, config: 0o660},
		"others write":              {folder: 0o707, config: config, mended: []string{""}},
		"another group writes":      {folder: 0o770, config: config, group: stranger, mended: []string{""}},
		"another user writes":       {folder: folder, config: config, acl: "u:65534:rwx", mended: []string{""}},
		"the configuration is open": {folder: folder, config: 0o602, mended: []string{"config.json"}},
		"both":                      {folder: 0o777, config: 0o666, mended: []string{"", "config.json"}},
		"no gateway's yet":          {folder: 0o777, config: config, unused: true, refused: "chmod go-w "},
		"shared by all":             {folder: 0o777 | os.ModeSticky, config: config, refused: "chmod go-w "},
	} {
		t.Run(name, func(t *testing.T) {
			path := t.TempDir()
			err := os.WriteFile(osdefaults.ConfigFile(path), []byte("{}"), config)
			if !c.unused {
				err = errors.Join(err, os.WriteFile(osdefaults.LockFile(path), nil, 0o600))
			}
			err = errors.Join(err, os.Chmod(osdefaults.ConfigFile(path), c.config), os.Chmod(path, c.folder))
			if c.group != 0 {
				if os.Geteuid() != 0 {
					t.Skip("only root can give a folder to any group")
				}
				err = errors.Join(err, os.Chown(path, -1, c.group))
			}
			if err != nil {
				t.Fatal(err)
			}
			if c.acl != "" {
				if out, err := exec.Command("setfacl", "-m", c.acl, path).CombinedOutput(); err != nil {
					t.Skipf("no access lists here: %v %s", err, out)
				}
			}
			mended, err := statefolder.Shut(path)
			var want []string
			for _, name := range c.mended {
				want = append(want, filepath.Join(path, name))
			}
			if diff := cmp.Diff(want, mended); diff != "" {
				t.Errorf("mended (-want +got):\n%s", diff)
			}
			if c.refused != "" {
				why := reason.From(err)
				if why == nil || why.Reason != reason.ConfigFolderOpen || why.Parts["command"] != c.refused+path {
					t.Errorf("the error is %v", err)
				}
				if info, _ := os.Stat(path); info.Mode().Perm() != 0o777 {
					t.Errorf("it was changed to %v", info.Mode())
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if again, err := statefolder.Shut(path); len(again) != 0 || err != nil {
				t.Errorf("the second time: %v, %v", again, err)
			}
			for _, name := range c.mended {
				if info, err := os.Stat(filepath.Join(path, name)); err != nil || info.Mode()&0o022 != 0 {
					t.Errorf("%q is %v still, %v", name, info.Mode(), err)
				}
			}
		})
	}
}

package folder_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/omsgateway/omsgateway/internal/folder"
)

const nobody = 65534

// lesser is a folder of a lesser account, with a link to a folder of root's.
func lesser(t *testing.T) (path, elsewhere string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root has accounts below it")
	}
	path, elsewhere = t.TempDir(), t.TempDir()
	if err := os.Symlink(elsewhere, filepath.Join(path, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Lchown(path, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	return path, elsewhere
}

func open(t *testing.T, path string) *folder.Folder {
	t.Helper()
	f, err := folder.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}

func TestNothingLeadsOutOfAFolderOfALesserAccount(t *testing.T) {
	path, elsewhere := lesser(t)
	secret := filepath.Join(elsewhere, "secret")
	if err := os.WriteFile(secret, []byte("s3cr3t"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secret, filepath.Join(path, "file")); err != nil {
		t.Fatal(err)
	}
	f := open(t, path)
	if err := os.WriteFile(filepath.Join(path, "own"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, do := range map[string]func() error{
		"OpenFile": func() error { _, err := f.OpenFile("link/secret", os.O_RDONLY); return err },
		"Create":   func() error { _, err := f.Create("link/new", os.O_WRONLY, 0o600); return err },
		"Mkdir":    func() error { return f.Mkdir("link/folder", 0o700) },
		"Rename":   func() error { return f.Rename("own", "link/own") },
		"Remove":   func() error { return f.Remove("link/secret") },
		"ReadFile": func() error { _, err := folder.ReadFile(filepath.Join(path, "file"), 100); return err },
	} {
		if err := do(); err == nil || !strings.Contains(err.Error(), "escapes") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got, err := os.ReadDir(elsewhere); err != nil || len(got) != 1 {
		t.Errorf("the other folder has %v, %v", got, err)
	}
}

func TestWhatIsMadeBelongsToTheOwnerOfTheFolder(t *testing.T) {
	path, _ := lesser(t)
	f := open(t, path)
	file, err := f.Create("file", os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for range 2 { // the second time it is there
		if err := f.Mkdir("folder", 0o750); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"file", "folder"} {
		info, err := os.Lstat(f.Path(name))
		if err != nil {
			t.Fatal(err)
		}
		if owner := info.Sys().(*syscall.Stat_t); owner.Uid != nobody || owner.Gid != nobody {
			t.Errorf("%s belongs to %d:%d", name, owner.Uid, owner.Gid)
		}
	}
}

// A hard link to what is another account's is refused, one that the owner has to a file of its own is not.
func TestHardLinksInAFolderOfALesserAccount(t *testing.T) {
	path, elsewhere := lesser(t)
	secret := filepath.Join(elsewhere, "secret")
	if err := os.WriteFile(secret, []byte("s3cr3t"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := open(t, path)
	for _, name := range []string{"file", "other"} {
		if err := os.Link(secret, filepath.Join(path, name)); err != nil {
			t.Fatal(err)
		}
	}
	for name, do := range map[string]func() error{
		"OpenFile": func() error { _, err := f.OpenFile("file", os.O_WRONLY|os.O_APPEND|folder.NoFollow); return err },
		"ReadFile": func() error { _, err := f.ReadFile("file", 100); return err },
	} {
		if err := do(); err == nil || !strings.Contains(err.Error(), "hard link") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := os.Chown(secret, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	if got, err := f.ReadFile("file", 100); err != nil || string(got) != "s3cr3t" {
		t.Errorf("of the owner's own: %q, %v", got, err)
	}
}

// What stands in the place of a folder is an error, and a named pipe is not waited for.
func TestSubIsAFolder(t *testing.T) {
	path, _ := lesser(t)
	if err := syscall.Mkfifo(filepath.Join(path, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := open(t, path)
	for name, want := range map[string]string{"fifo": "not a folder", "link": "escapes", "none": "no such file"} {
		if _, err := f.Sub(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// In a folder of its own account a process follows the links that it has made itself.
func TestLinksOfAnOwnFolder(t *testing.T) {
	path, elsewhere := t.TempDir(), t.TempDir()
	if err := os.Symlink(elsewhere, filepath.Join(path, "link")); err != nil {
		t.Fatal(err)
	}
	file, err := open(t, path).Create("link/new", os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := os.Lstat(filepath.Join(elsewhere, "new")); err != nil {
		t.Error(err)
	}
}

func TestReadFileIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("0123456789"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := folder.ReadFile(path, 4); err != nil || string(got) != "0123" {
		t.Errorf("%q, %v", got, err)
	}
	fifo := path + ".fifo"
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{fifo, filepath.Dir(path)} {
		if _, err := folder.ReadFile(path, 4); err == nil || !strings.Contains(err.Error(), "is not a file") {
			t.Errorf("%s: %v", path, err)
		}
	}
}

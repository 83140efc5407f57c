package discovery_test

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/omsgateway/omsgateway/internal/discovery"
	"github.com/omsgateway/omsgateway/internal/reason"
)

// Nothing is read that is no plain file in a plain folder, whatever leads there.
func TestLinksAndDevicesAreNotFollowed(t *testing.T) {
	good := func(f *folder) string { // outside of the agent's folder
		path := f.path("elsewhere/good")
		write(f.t, path, regional("linked"))
		return path
	}
	for name, arrange := range map[string]func(f *folder) error{
		"link to a file": func(f *folder) error { return os.Symlink(good(f), f.path(chunks+"1.json")) },
		"link within the agent's folder": func(f *folder) error {
			f.write("azuremonitoragent/good", regional("linked"))
			return os.Symlink("../../good", f.path(chunks+"1.json"))
		},
		"link to nothing": func(f *folder) error { return os.Symlink("nowhere", f.path(chunks+"1.json")) },
		"link to itself":  func(f *folder) error { return os.Symlink("1.json", f.path(chunks+"1.json")) },
		"named pipe":      func(f *folder) error { return syscall.Mkfifo(f.path(chunks+"1.json"), 0o600) },
		"socket":          func(f *folder) error { return unix.Mknod(f.path(chunks+"1.json"), unix.S_IFSOCK|0o600, 0) },
		"device": func(f *folder) error {
			err := unix.Mknod(f.path(chunks+"1.json"), unix.S_IFCHR|0o600, int(unix.Mkdev(1, 5))) // zero
			if err == unix.EPERM {
				f.t.Skip("this account may not make devices")
			}
			return err
		},
		"link to a folder": func(f *folder) error {
			f.remove("azuremonitoragent/config-cache")
			write(f.t, f.path("elsewhere/configchunks/1.json"), regional("linked"))
			return os.Symlink(f.path("elsewhere"), f.path("azuremonitoragent/config-cache"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFolder(t, chunks+"0.json", regional("a"))
			if err := arrange(f); err != nil {
				t.Fatal(err)
			}
			r := f.Read()
			wantReasons(t, r, reason.LearnedPlaceNotPlain)
			for _, e := range r.Entries {
				if strings.HasPrefix(e.Pattern.String(), "linked") {
					t.Errorf("%s was learned", e.Pattern)
				}
			}
		})
	}

	// Links beside workspaces are usual: /etc/opt/microsoft/omsagent/conf is one.
	f := newFolder(t, onboarding, "URL_TLD=opinsights.azure.com\n")
	if err := os.Symlink(workspace+"/conf", f.path("omsagent/conf")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(workspace, f.path("omsagent/"+other)); err != nil {
		t.Fatal(err)
	}
	r := f.Read()
	wantReasons(t, r)
	if len(r.Entries) != 3 {
		t.Errorf("%d hosts, want those of one workspace", len(r.Entries))
	}
}

// Names that no agent gives: they would go into lists and events, and into commands that are pasted into a shell.
func TestUnusualNames(t *testing.T) {
	f := newFolder(t, chunks+"1.json", regional("a"))
	for i, name := range []string{"a\nb", "a\x1bb", "a\xffb", "a\u202eb", "$(x)", "`x`", "a\"b", "a\u201cb", "a;b", "%a%"} {
		f.write(chunks+name+".json", regional(fmt.Sprint("r", i)))
	}
	r := f.Read()
	wantHosts(t, r, "a.monitoring.azure.com")
	wantReasons(t, r)
}

// What may not be read is named, with the command that grants it, and keeps what it said last.
func TestDenied(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can take the permissions of another account")
	}
	account, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	const ofChunks = "setfacl -m u:ACCOUNT:rX AMA AMA/config-cache AMA/config-cache/configchunks AMA/config-cache/configchunks/*.json " +
		"&& setfacl -m d:u:ACCOUNT:r AMA/config-cache/configchunks"
	for name, test := range map[string]struct {
		closed  string
		command string
	}{
		"file": {
			closed:  chunks + "1.json",
			command: ofChunks,
		},
		"folder": {
			closed:  strings.TrimSuffix(chunks, "/"),
			command: ofChunks,
		},
		"folder above": {
			closed:  "azuremonitoragent",
			command: ofChunks,
		},
		"workspace": {
			closed:  onboarding,
			command: "setfacl -m u:ACCOUNT:rX OMS OMS/*/ OMS/*/conf OMS/*/conf/omsadmin.conf",
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFolder(t, chunks+"1.json", regional("a"), onboarding, "URL_TLD=opinsights.azure.com\n")
			openToAll(t, f.base)
			before := len(f.Read().Entries)
			chmod(t, f.path(test.closed), 0)
			var r *discovery.Reading
			asNobody(t, func() { r = f.Read() })
			if len(r.Entries) != before {
				t.Errorf("%d hosts, and before %d", len(r.Entries), before)
			}
			wantReasons(t, r, reason.LearnedPlaceDenied)
			command := strings.NewReplacer("ACCOUNT", account.Username,
				"AMA", f.path("azuremonitoragent"), "OMS", f.path("omsagent")).Replace(test.command)
			for _, p := range r.Places {
				if p.Err == nil {
					continue
				}
				if parts := reason.From(p.Err).Parts; parts["command"] != command {
					t.Errorf("the command is\n%s\nwant\n%s", parts["command"], command)
				}
				if !strings.HasPrefix(p.Path, f.path(test.closed)) || !strings.Contains(p.Err.Error(), p.Path) {
					t.Errorf("%s failed with: %s", p.Path, p.Err)
				}
			}
			grant(t, strings.ReplaceAll(command, "u:"+account.Username+":", "u:"+strconv.Itoa(nobody)+":"))
			asNobody(t, func() { r = f.Read() })
			wantReasons(t, r)
		})
	}

	// Not even the folder of all agents may be listed.
	f := newFolder(t, onboarding, "URL_TLD=opinsights.azure.com\n")
	openToAll(t, f.base)
	chmod(t, f.base, 0o711)
	asNobody(t, func() {
		for _, p := range f.Read().Places {
			command := reason.From(p.Err).Parts["command"]
			if p.Path != f.base || !strings.HasPrefix(command, "setfacl -m u:"+account.Username+":rX "+f.base+" "+f.base+"/") {
				t.Errorf("%s: the command is %s", p.Path, command)
			}
		}
	})

	// At the first reading there is nothing to keep, and an agent whose cloud cannot be read is not taken for a new one.
	f = newFolder(t, chunks+"1.json", regional("a"))
	openToAll(t, f.base)
	chmod(t, f.path(strings.TrimSuffix(chunks, "/")), 0)
	asNobody(t, func() {
		if r := f.Read(); len(r.Entries) != 0 || !r.AgentFound() {
			t.Errorf("the first reading: %+v", r)
		}
	})
}

// grant runs the command that an event gives an administrator.
func grant(t *testing.T, command string) {
	t.Helper()
	if _, err := exec.LookPath("setfacl"); err != nil {
		if os.Getenv("OMSGATEWAY_TEST_REQUIRE") == "all" {
			t.Fatal(err)
		}
		t.Skip("setfacl is not installed")
	}
	out, err := exec.Command("sh", "-c", command).CombinedOutput()
	if strings.Contains(string(out), "not supported") {
		t.Skipf("this file system has no access lists: %s", out)
	}
	if err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
}

func openToAll(t *testing.T, base string) {
	t.Helper()
	for dir := base; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		chmod(t, dir, 0o755)
	}
	err := filepath.WalkDir(base, func(path string, _ os.DirEntry, err error) error {
		if err == nil {
			err = os.Chmod(path, 0o755)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func chmod(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

const nobody = 65534

// asNobody runs f with the file permissions of an account that owns nothing, on a thread of its own, since Linux keeps them for
// each thread (setfsuid(2)).
func asNobody(t *testing.T, f func()) {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with its goroutine
		_, err := unix.SetfsuidRetUid(nobody)
		if err == nil {
			f()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

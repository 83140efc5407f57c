package osdefaults_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/omsgateway/omsgateway/internal/osdefaults"
)

func TestFilesAreInTheStateFolder(t *testing.T) {
	dir := t.TempDir()
	seen := map[string]bool{}
	for _, path := range []string{
		osdefaults.ConfigFile(dir), osdefaults.SessionsFile(dir), osdefaults.UsageFile(dir), osdefaults.LockFile(dir),
		osdefaults.LogFile(dir), osdefaults.SavedOriginal(dir), osdefaults.DateFile(dir), osdefaults.DemandFile(dir),
	} {
		if !strings.HasPrefix(path, dir+string(filepath.Separator)) {
			t.Errorf("%s is not below %s", path, dir)
		}
		if seen[path] {
			t.Errorf("%s is used twice", path)
		}
		seen[path] = true
	}
}

func TestAddressOfTheInstalledGateway(t *testing.T) {
	if !filepath.IsAbs(osdefaults.StateDir()) {
		t.Errorf("StateDir() = %q is not absolute", osdefaults.StateDir())
	}
	if got := osdefaults.AddressIn(osdefaults.StateDir() + string(filepath.Separator)); got != osdefaults.AdminAddress() {
		t.Errorf("AddressIn(StateDir()) = %q, want %q", got, osdefaults.AdminAddress())
	}
	dir, ok := osdefaults.StateDirOf(osdefaults.AdminAddress())
	if !ok || dir != osdefaults.StateDir() {
		t.Errorf("StateDirOf(AdminAddress()) = %q, %v", dir, ok)
	}
}

func TestAddressOfAnotherFolder(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	address := osdefaults.AddressIn(dir)
	if address == osdefaults.AddressIn(other) || address == osdefaults.AdminAddress() {
		t.Errorf("AddressIn(%q) = %q is not its own", dir, address)
	}
	got, ok := osdefaults.StateDirOf(address)
	if runtime.GOOS == "windows" {
		if ok {
			t.Errorf("StateDirOf(%q) = %q, but a pipe's name does not tell its folder", address, got)
		}
		return
	}
	if !ok || got != dir {
		t.Errorf("StateDirOf(%q) = %q, %v, want %q", address, got, ok, dir)
	}
}

func TestAddressThatDoesNotTellItsFolder(t *testing.T) {
	for _, address := range []string{"", "unix:", "unix:admin.sock", "unix:/tmp/other.sock", "npipe:other", "localhost:8080"} {
		if dir, ok := osdefaults.StateDirOf(address); ok {
			t.Errorf("StateDirOf(%q) = %q", address, dir)
		}
	}
}

func TestGatewayBinary(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	candidates := osdefaults.GatewayBinary()
	if len(candidates) != 2 || filepath.Dir(candidates[0]) != filepath.Dir(self) {
		t.Fatalf("GatewayBinary() = %q: want the one beside %s first, then the installed one", candidates, self)
	}
	for _, path := range candidates {
		if !filepath.IsAbs(path) {
			t.Errorf("%s is not absolute", path)
		}
	}
}

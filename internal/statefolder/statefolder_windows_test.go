package statefolder_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/omsgateway/omsgateway/internal/osdefaults"
	"github.com/omsgateway/omsgateway/internal/statefolder"
)

// checkAccess reads who gets into the folder, and into the file config.json in it.
func checkAccess(t *testing.T, path string) {
	t.Helper()
	if isWine() {
		t.Skip("Wine keeps no descriptors of files, only the bits of a mode")
	}
	want := []string{"(A;OICI;FA;;;BA)", "(A;OICI;FA;;;SY)", "(A;OICI;FA;;;" + osdefaults.ServiceSID + ")",
		";RC;;;OW)"}
	sddl := dacl(t, path)
	if !strings.HasPrefix(sddl, "D:P") {
		t.Errorf("the folder inherits from above: %s", sddl)
	}
	for _, entry := range want {
		if !strings.Contains(sddl, entry) {
			t.Errorf("%s is not in %s", entry, sddl)
		}
	}
	for _, everybody := range []string{";;;WD)", ";;;BU)", ";;;AU)", ";;;CO)"} {
		for _, path := range []string{path, filepath.Join(path, "config.json")} {
			if got := dacl(t, path); strings.Contains(got, everybody) {
				t.Errorf("%s is open to %s: %s", path, everybody, got)
			}
		}
	}
}

func TestProtectWhatIsThere(t *testing.T) {
	if !windows.GetCurrentProcessToken().IsElevated() {
		t.Skip("needs an elevated process")
	}
	path := t.TempDir()
	if err := os.WriteFile(filepath.Join(path, "config.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := statefolder.Protect(path); err != nil {
		t.Fatal(err)
	}
	checkAccess(t, path)
}

// TestLinkIsNoFolder has a link to a folder in the place of the folder.
func TestLinkIsNoFolder(t *testing.T) {
	if isWine() {
		t.Skip("Wine 8 does not tell links from what they lead to")
	}
	folder := t.TempDir()
	link := filepath.Join(t.TempDir(), "state")
	if err := os.Symlink(folder, link); err != nil {
		t.Skip("no symbolic links here: ", err)
	}
	for name, act := range map[string]func(string) error{"Make": statefolder.Make, "Protect": statefolder.Protect} {
		if err := act(link); err == nil {
			t.Errorf("%s follows a link", name)
		}
	}
}

// TestDescriptor has the system read it.
func TestDescriptor(t *testing.T) {
	sd, err := windows.SecurityDescriptorFromString(statefolder.Descriptor)
	if err != nil {
		t.Fatal(err)
	}
	if owner, _, err := sd.Owner(); err != nil || !owner.IsWellKnown(windows.WinBuiltinAdministratorsSid) {
		t.Errorf("the owner is %v (%v)", owner, err)
	}
	if control, _, err := sd.Control(); err != nil || control&windows.SE_DACL_PROTECTED == 0 {
		t.Errorf("it inherits from above: %#x (%v)", control, err)
	}
	dacl, _, err := sd.DACL()
	if err != nil {
		t.Fatal(err)
	}
	const all, inherited = 0x1f01ff, windows.CONTAINER_INHERIT_ACE | windows.OBJECT_INHERIT_ACE
	want := map[string]uint32{
		"S-1-5-18": all, "S-1-5-32-544": all, osdefaults.ServiceSID: all,
		"S-1-3-4": windows.READ_CONTROL, // owners
	}
	for i := range uint32(dacl.AceCount) {
		var ace *windows.ACCESS_ALLOWED_ACE
		if err := windows.GetAce(dacl, i, &ace); err != nil {
			t.Fatal(err)
		}
		sid := (*windows.SID)(unsafe.Pointer(&ace.SidStart)).String()
		if uint32(ace.Mask) != want[sid] || ace.Header.AceFlags != inherited {
			t.Errorf("%s gets %#x with flags %#x, want %#x", sid, ace.Mask, ace.Header.AceFlags, want[sid])
		}
		delete(want, sid)
	}
	if len(want) != 0 {
		t.Errorf("nothing is said of %v", want)
	}
}

func isWine() bool {
	return windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil
}

func dacl(t *testing.T, path string) string {
	t.Helper()
	sd, err := windows.GetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		t.Fatal(err)
	}
	return sd.String()
}

package statefolder_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/windows"

	"omsgateway/internal/osdefaults"
	"omsgateway/internal/statefolder"
)

// checkAccess reads who gets into the folder, and into the file config.json in it.
func checkAccess(t *testing.T, path string) {
	t.Helper()
	if windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil {
		t.Skip("Wine keeps no descriptors of files, only the bits of a mode")
	}
	want := []string{"(A;OICI;FA;;;BA)", "(A;OICI;FA;;;SY)", "(A;OICI;FA;;;" + osdefaults.ServiceSID + ")"}
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

func dacl(t *testing.T, path string) string {
	t.Helper()
	sd, err := windows.GetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		t.Fatal(err)
	}
	return sd.String()
}

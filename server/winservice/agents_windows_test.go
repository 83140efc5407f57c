package winservice

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/windows"

	"github.com/omsgateway/omsgateway/internal/osdefaults"
)

func TestLetServiceRead(t *testing.T) {
	if windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil {
		t.Skip("Wine keeps no descriptors of files")
	}
	if !windows.GetCurrentProcessToken().IsElevated() {
		t.Skip("what this account makes does not belong to Administrators")
	}
	folder := t.TempDir()
	file := filepath.Join(folder, "chunk.json")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	before := len(dacl(t, folder))
	const read = ";0x1200a9;;;" + osdefaults.ServiceSID
	for range 2 { // a second time changes nothing
		if err := letServiceRead(folder, windows.SUB_CONTAINERS_AND_OBJECTS_INHERIT); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{folder, file} {
			if got := dacl(t, path); strings.Count(got, osdefaults.ServiceSID) != 1 || !strings.Contains(got, read) {
				t.Errorf("the descriptor of %s is %s", path, got)
			}
		}
	}
	if got := dacl(t, folder); len(got) <= before {
		t.Errorf("the descriptor lost something: %s", got)
	}
}

func TestLetServiceReadRefuses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, file + " that is not there"} {
		if err := letServiceRead(path, windows.NO_INHERITANCE); err == nil {
			t.Errorf("%s: no error", path)
		}
	}
}

func dacl(t *testing.T, path string) string {
	t.Helper()
	sd, err := windows.GetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		t.Fatal(err)
	}
	return sd.String()
}

package upstream_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/windows"

	"github.com/omsgateway/omsgateway/internal/policy"
	"github.com/omsgateway/omsgateway/internal/upstream"
)

// TestHostsFile finds a name of the hosts file, which is looked up with a final dot. It writes that file, and so runs on the fresh computer
// alone that Wine is (packaging/wine/run); docs/windows-checklist.md has it for others.
func TestHostsFile(t *testing.T) {
	if err := windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find(); err != nil {
		t.Skip("this computer's hosts file stays as it is")
	}
	file := filepath.Join(os.Getenv("SystemRoot"), "System32", "drivers", "etc", "hosts")
	if err := os.Remove(file); err != nil { // it is a link to that of the next computers
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("# pinned\r\n192.0.2.7\tPinned.example.com other.example.com\r\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	dialer := upstream.Dialer{Own: func(netip.Addr) (bool, error) { return true, nil }} // so that nothing is dialled
	for _, name := range []string{"pinned.example.com", "other.example.com"} {
		found, err := dialer.CheckTarget(t.Context(), target(t, name+":443"), direct(policy.Guard{}, time.Minute))
		want := []string{"192.0.2.7 ADDRESS_NOT_ALLOWED " + name}
		if diff := cmp.Diff(want, told(found.Addresses)); err != nil || diff != "" {
			t.Errorf("%s: %v, %v (-want +got):\n%s", name, err, found.Unresolved, diff)
		}
	}
}

package setup_test

import (
	"errors"
	"path"
	"strings"
	"testing"

	"golang.org/x/sys/windows/registry"

	"github.com/omsgateway/omsgateway/internal/osdefaults"
	"github.com/omsgateway/omsgateway/internal/setup"
)

func TestRegistry(t *testing.T) {
	if got, err := setup.Registry(); err != nil || got != (setup.Values{}) {
		t.Skipf("this computer has, or had, an original gateway: %+v, %v", got, err)
	}
	key, existed, err := registry.CreateKey(registry.LOCAL_MACHINE, osdefaults.OriginalKey, registry.SET_VALUE)
	if err != nil {
		t.Skip("needs an elevated administrator: ", err)
	}
	defer key.Close()
	if !existed {
		t.Cleanup(func() {
			parent := strings.ReplaceAll(path.Dir(strings.ReplaceAll(osdefaults.OriginalKey, `\`, "/")), "/", `\`)
			if err := errors.Join(
				registry.DeleteKey(registry.LOCAL_MACHINE, osdefaults.OriginalKey),
				registry.DeleteKey(registry.LOCAL_MACHINE, parent),
			); err != nil {
				t.Error(err)
			}
		})
	}
	for _, c := range []struct {
		name string
		set  func() error
		want setup.Values
		fail string
	}{
		{"texts", func() error {
			return errors.Join(key.SetStringValue("ListenPort", " 9000 "), key.SetStringValue("LogLevel", "Debug"))
		}, setup.Values{ListenPort: "9000", LogLevel: "Debug"}, ""},
		{"a number", func() error { return key.SetDWordValue("ListenPort", 65535) }, setup.Values{ListenPort: "65535", LogLevel: "Debug"}, ""},
		{"of another type", func() error { return key.SetBinaryValue("ListenPort", []byte{1}) }, setup.Values{LogLevel: "Debug"}, "ListenPort"},
		{"too long", func() error {
			return key.SetStringValue("ListenPort", strings.Repeat("1", 1000))
		}, setup.Values{LogLevel: "Debug"}, "ListenPort has more than"},
		{"absent", func() error { return errors.Join(key.DeleteValue("ListenPort"), key.DeleteValue("LogLevel")) }, setup.Values{}, ""},
	} {
		if err := c.set(); err != nil {
			t.Fatal(err)
		}
		got, err := setup.Registry()
		if got != c.want || (err == nil) != (c.fail == "") || err != nil && !strings.Contains(err.Error(), c.fail) {
			t.Errorf("%s: %+v and %v, want %+v and %q", c.name, got, err, c.want, c.fail)
		}
	}
}

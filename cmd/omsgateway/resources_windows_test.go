package main_test

import (
	"os"
	"path/filepath"
	"testing"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/omsgateway/omsgateway/internal/event"
)

// TestResources asks Windows for what make put into the programs: the texts of the event log, and the name and version that Explorer
// shows.
func TestResources(t *testing.T) {
	if os.Getenv("OMSGATEWAY_TEST_PROGRAMS") == "" {
		t.Skip("the programs that the tests build themselves have no resources: set OMSGATEWAY_TEST_PROGRAMS")
	}
	gateway := filepath.Join(binaries, "omsgateway.exe")
	library, err := windows.LoadLibraryEx(gateway, 0, windows.LOAD_LIBRARY_AS_DATAFILE)
	if err != nil {
		t.Fatal(err)
	}
	defer windows.FreeLibrary(library)
	const text = "[47] ERROR GatewayLogic - Target host (x) is forbidden."
	for _, id := range []event.ID{event.Information, event.ServiceStarted, event.Forbidden, event.Detail, event.NoAgent, event.Network} {
		if got := formatMessage(t, library, uint32(id), text); got != text {
			t.Errorf("event %d is shown as %q, want %q", id, got, text)
		}
	}
	for program, want := range map[string]string{"omsgateway.exe": "OMS Gateway", "omsgwctl.exe": "Administration of the OMS Gateway"} {
		file := filepath.Join(binaries, program)
		if got := versionText(t, file, "FileDescription"); got != want {
			t.Errorf("%s describes itself as %q, want %q", program, got, want)
		}
		if got := versionText(t, file, "ProductVersion"); got == "" {
			t.Errorf("%s has no version", program)
		}
	}
}

// formatMessage is the text of an event as who shows it makes it.
func formatMessage(t *testing.T, library windows.Handle, id uint32, text string) string {
	t.Helper()
	insert, err := windows.UTF16PtrFromString(text)
	if err != nil {
		t.Fatal(err)
	}
	var buffer [1000]uint16
	const flags = windows.FORMAT_MESSAGE_FROM_HMODULE | windows.FORMAT_MESSAGE_ARGUMENT_ARRAY
	inserts := [1]*uint16{insert}
	n, err := windows.FormatMessage(flags, uintptr(library), id, 0, buffer[:], (*byte)(unsafe.Pointer(&inserts[0])))
	if err != nil {
		t.Fatalf("event %d: %v", id, err)
	}
	return windows.UTF16ToString(buffer[:n])
}

// versionText is a text of the program's version resource, in English.
func versionText(t *testing.T, file, name string) string {
	t.Helper()
	size, err := windows.GetFileVersionInfoSize(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	info := make([]byte, size)
	if err := windows.GetFileVersionInfo(file, 0, size, unsafe.Pointer(&info[0])); err != nil {
		t.Fatal(err)
	}
	var value *uint16
	var length uint32
	path := `\StringFileInfo\040904b0\` + name
	if err := windows.VerQueryValue(unsafe.Pointer(&info[0]), path, unsafe.Pointer(&value), &length); err != nil {
		t.Fatalf("%s of %s: %v", name, file, err)
	}
	return windows.UTF16PtrToString(value)
}

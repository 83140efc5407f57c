package localsock_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/omsgateway/omsgateway/internal/caller"
	"github.com/omsgateway/omsgateway/internal/localsock"
	"github.com/omsgateway/omsgateway/internal/osdefaults"
)

// TestRoleOfToken takes groups away from this process's token, as Windows does for an administrator who is not elevated.
func TestRoleOfToken(t *testing.T) {
	administrators, users := wellKnown(t, windows.WinBuiltinAdministratorsSid), wellKnown(t, windows.WinBuiltinUsersSid)
	if !windows.GetCurrentProcessToken().IsElevated() {
		t.Skip("needs an elevated administrator")
	}
	for _, c := range []struct {
		name         string
		without      []*windows.SID
		role         caller.Role
		toChangeSays string
		toReadSays   string
	}{
		{name: "elevated administrator", role: caller.Administer},
		{
			name: "administrator who is not elevated", without: []*windows.SID{administrators},
			role: caller.Read, toChangeSays: `start it by "Run as administrator"`,
		},
		{
			name: "neither of them", without: []*windows.SID{administrators, users},
			role: caller.None, toChangeSays: "Run as administrator", toReadSays: "members of Users and Administrators may read",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			who, err := localsock.CallerOf(restricted(t, c.without))
			if err != nil {
				t.Fatal(err)
			}
			if who.Role != c.role || who.Via != "named pipe" || who.Name == "" {
				t.Errorf("the caller is %+v, want the role %s", who, c.role)
			}
			if !contains(who.ToChange, c.toChangeSays) || !contains(who.ToRead, c.toReadSays) {
				t.Errorf("it is told %q and %q, want %q and %q", who.ToChange, who.ToRead, c.toChangeSays, c.toReadSays)
			}
		})
	}
}

// contains is strings.Contains, but nothing is contained in nothing only.
func contains(text, part string) bool {
	return (text == "") == (part == "") && strings.Contains(text, part)
}

// restricted is an impersonation token like that of this process in which some groups count for denial only.
func restricted(t *testing.T, without []*windows.SID) windows.Token {
	t.Helper()
	var source windows.Token
	const access = windows.TOKEN_DUPLICATE | windows.TOKEN_QUERY | windows.TOKEN_ASSIGN_PRIMARY
	if err := windows.OpenProcessToken(windows.CurrentProcess(), access, &source); err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	disabled := make([]windows.SIDAndAttributes, len(without)+1)
	for i, sid := range without {
		disabled[i].Sid = sid
	}
	var made, impersonation windows.Token
	create := windows.NewLazySystemDLL("advapi32.dll").NewProc("CreateRestrictedToken")
	ok, _, err := syscall.SyscallN(create.Addr(), uintptr(source), 0, uintptr(len(without)), uintptr(unsafe.Pointer(&disabled[0])),
		0, 0, 0, 0, uintptr(unsafe.Pointer(&made)))
	if ok == 0 {
		t.Fatal(err)
	}
	defer made.Close()
	if err := windows.DuplicateTokenEx(made, windows.TOKEN_QUERY, nil, windows.SecurityIdentification, windows.TokenImpersonation,
		&impersonation); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { impersonation.Close() })
	return impersonation
}

func wellKnown(t *testing.T, kind windows.WELL_KNOWN_SID_TYPE) *windows.SID {
	t.Helper()
	sid, err := windows.CreateWellKnownSid(kind)
	if err != nil {
		t.Fatal(err)
	}
	return sid
}

// TestPipeDescriptor has the system read it: who gets in, and that Users cannot serve the pipe.
func TestPipeDescriptor(t *testing.T) {
	sd, err := windows.SecurityDescriptorFromString(fmt.Sprintf(localsock.PipeDescriptor, osdefaults.ServiceSID))
	if err != nil {
		t.Fatal(err)
	}
	owner, _, err := sd.Owner()
	if err != nil || owner.String() != osdefaults.ServiceSID {
		t.Errorf("the owner is %v (%v)", owner, err)
	}
	dacl, _, err := sd.DACL()
	if err != nil {
		t.Fatal(err)
	}
	const all = 0x1f01ff // FILE_ALL_ACCESS
	want := map[string]uint32{
		"S-1-5-18": all, "S-1-5-32-544": all, osdefaults.ServiceSID: all,
		"S-1-5-32-545": localsock.PipeAccess,
	}
	for i := range uint32(dacl.AceCount) {
		var ace *windows.ACCESS_ALLOWED_ACE
		if err := windows.GetAce(dacl, i, &ace); err != nil {
			t.Fatal(err)
		}
		sid := (*windows.SID)(unsafe.Pointer(&ace.SidStart)).String()
		if uint32(ace.Mask) != want[sid] {
			t.Errorf("%s gets %#x, want %#x", sid, ace.Mask, want[sid])
		}
		delete(want, sid)
	}
	if len(want) != 0 {
		t.Errorf("nothing is said of %v", want)
	}
	if localsock.PipeAccess&4 != 0 { // FILE_CREATE_PIPE_INSTANCE
		t.Error("Users may serve the pipe")
	}
}

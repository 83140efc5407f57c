package statefolder

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/windows"

	"omsgateway/internal/osdefaults"
)

// administrators are the owner of a folder that an elevated process makes: whichever of them it was, the service trusts the folder.
const administrators = "O:BA"

// access is who gets into the folder (Microsoft: Security Descriptor String Format).
const access = "D:P" + // protected: nothing is inherited from above
	"(A;OICI;FA;;;SY)" + // SYSTEM: all, here and below
	"(A;OICI;FA;;;BA)" + // Administrators: all
	"(A;OICI;FA;;;" + osdefaults.ServiceSID + ")" // the gateway's service: all

// Protect is Make, and gives the folder its owner and descriptor also if it is there already; for an installation, which has to be
// elevated.
func Protect(path string) error {
	if err := Make(path); err != nil {
		return err
	}
	sd, err := windows.SecurityDescriptorFromString(administrators + access)
	if err != nil {
		return err
	}
	owner, _, err := sd.Owner()
	if err != nil {
		return err
	}
	dacl, _, err := sd.DACL()
	if err != nil {
		return err
	}
	err = windows.SetNamedSecurityInfo(path, windows.SE_FILE_OBJECT,
		windows.OWNER_SECURITY_INFORMATION|windows.DACL_SECURITY_INFORMATION|windows.PROTECTED_DACL_SECURITY_INFORMATION,
		owner, nil, dacl, nil)
	if err != nil {
		return &os.PathError{Op: "protect", Path: path, Err: err}
	}
	return nil
}

func makeFolder(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	own, sddl, err := ownDescriptor()
	if err != nil {
		return err
	}
	sd, err := windows.SecurityDescriptorFromString(sddl)
	if err != nil {
		return err
	}
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return &os.PathError{Op: "mkdir", Path: path, Err: err}
	}
	attributes := windows.SecurityAttributes{SecurityDescriptor: sd}
	attributes.Length = uint32(unsafe.Sizeof(attributes))
	err = windows.CreateDirectory(name, &attributes)
	switch {
	case errors.Is(err, windows.ERROR_ALREADY_EXISTS):
		return checkOwner(path, own)
	case err != nil:
		return &os.PathError{Op: "mkdir", Path: path, Err: err}
	}
	return nil
}

// checkOwner refuses what is no folder, and a folder of somebody who may not decide what the gateway does.
func checkOwner(path string, own *windows.SID) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return &os.PathError{Op: "mkdir", Path: path, Err: windows.ERROR_DIRECTORY}
	}
	sd, err := windows.GetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.OWNER_SECURITY_INFORMATION)
	if err != nil {
		return &os.PathError{Op: "read the owner of", Path: path, Err: err}
	}
	owner, _, err := sd.Owner()
	if err != nil || owner == nil {
		return &os.PathError{Op: "read the owner of", Path: path, Err: errors.Join(err, windows.ERROR_INVALID_OWNER)}
	}
	if owner.IsWellKnown(windows.WinLocalSystemSid) || owner.IsWellKnown(windows.WinBuiltinAdministratorsSid) ||
		owner.String() == osdefaults.ServiceSID || owner.Equals(own) {
		return nil
	}
	return fmt.Errorf("%s belongs to %s, who could have put a configuration there: look into it, then move it away", path, owner)
}

// ownDescriptor is the account of this process and the descriptor of a folder that it makes. The accounts of services are shared
// with other services, so what they need is in access.
func ownDescriptor() (own *windows.SID, sddl string, err error) {
	token := windows.GetCurrentProcessToken()
	user, err := token.GetTokenUser()
	if err != nil {
		return nil, "", fmt.Errorf("reading the user of this process: %w", err)
	}
	own = user.User.Sid
	switch {
	case own.IsWellKnown(windows.WinLocalServiceSid), own.IsWellKnown(windows.WinNetworkServiceSid):
		return own, access, nil
	case own.IsWellKnown(windows.WinLocalSystemSid), token.IsElevated():
		return own, administrators + access, nil
	}
	return own, access + "(A;OICI;FA;;;" + own.String() + ")", nil
}

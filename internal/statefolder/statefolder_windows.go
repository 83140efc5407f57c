package statefolder

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/omsgateway/omsgateway/internal/osdefaults"
)

// administrators are the owner of a folder that an elevated process makes: whichever of them it was, the service trusts the folder.
const administrators = "O:BA"

// access is who gets into the folder (Microsoft: Security Descriptor String Format).
const access = "D:P" + // protected: nothing is inherited from above
	"(A;OICI;FA;;;SY)" + // SYSTEM: all, here and below
	"(A;OICI;FA;;;BA)" + // Administrators: all
	"(A;OICI;FA;;;" + osdefaults.ServiceSID + ")" + // the gateway's service: all
	"(A;OICI;RC;;;S-1-3-4)" // owners: no more than to read this, since LocalService, as which other services run too, owns files here

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
	own, _, err := ownDescriptor()
	if err != nil {
		return err
	}
	folder, err := open(path, own, windows.WRITE_DAC|windows.WRITE_OWNER)
	if err != nil {
		return err
	}
	defer closeHandle(folder)
	closed, err := isClosed(folder, path)
	if err != nil {
		return err
	}
	err = windows.SetSecurityInfo(folder, windows.SE_FILE_OBJECT,
		windows.OWNER_SECURITY_INFORMATION|windows.DACL_SECURITY_INFORMATION|windows.PROTECTED_DACL_SECURITY_INFORMATION,
		owner, nil, dacl, nil)
	if err != nil || closed {
		return pathError("protect", path, err)
	}
	return judgeFiles(path, own) // also what was made a moment ago
}

func shut(string) ([]string, error) { return nil, nil }

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
		return pathError("mkdir", path, err)
	}
	attributes := windows.SecurityAttributes{SecurityDescriptor: sd}
	attributes.Length = uint32(unsafe.Sizeof(attributes))
	err = windows.CreateDirectory(name, &attributes)
	if !errors.Is(err, windows.ERROR_ALREADY_EXISTS) {
		return pathError("mkdir", path, err)
	}
	folder, err := open(path, own, 0)
	if err != nil {
		return err
	}
	defer closeHandle(folder)
	if closed, err := isClosed(folder, path); closed || err != nil {
		return err
	}
	return judgeFiles(path, own)
}

// isClosed reports whether nobody else can have made a file in the folder, since it inherits no rights from above.
func isClosed(folder windows.Handle, path string) (bool, error) {
	sd, err := windows.GetSecurityInfo(folder, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		return false, pathError("read the rights of", path, err)
	}
	control, _, err := sd.Control()
	return control&windows.SE_DACL_PROTECTED != 0, pathError("read the rights of", path, err)
}

// judgeFiles refuses a file or folder of somebody who may not decide what the gateway does: whoever owns the folder at path, in
// %ProgramData% everybody may make files in it.
func judgeFiles(path string, own *windows.SID) error {
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		file := filepath.Join(path, entry.Name())
		sd, err := windows.GetNamedSecurityInfo(file, windows.SE_FILE_OBJECT, windows.OWNER_SECURITY_INFORMATION)
		if errors.Is(err, windows.ERROR_FILE_NOT_FOUND) {
			continue
		}
		if err != nil {
			return pathError("read the owner of", file, err)
		}
		if err := judgeOwner(sd, file, own, windows.WinLocalServiceSid); err != nil {
			return err
		}
	}
	return nil
}

// open opens a folder that is there already, with more rights than those to look at it. It refuses what is no folder, a link to
// one, and a folder of somebody who may not decide what the gateway does. What is judged is what is opened: the path may lead
// elsewhere a moment later.
func open(path string, own *windows.SID, rights uint32) (windows.Handle, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return 0, pathError("open", path, err)
	}
	folder, err := windows.CreateFile(name, windows.READ_CONTROL|windows.FILE_READ_ATTRIBUTES|rights,
		windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE|windows.FILE_SHARE_DELETE, nil, windows.OPEN_EXISTING,
		windows.FILE_FLAG_BACKUP_SEMANTICS|windows.FILE_FLAG_OPEN_REPARSE_POINT, 0)
	if err != nil {
		return 0, pathError("open", path, err)
	}
	if err := judge(folder, path, own); err != nil {
		closeHandle(folder)
		return 0, err
	}
	return folder, nil
}

func judge(folder windows.Handle, path string, own *windows.SID) error {
	var info windows.ByHandleFileInformation
	if err := windows.GetFileInformationByHandle(folder, &info); err != nil {
		return pathError("look at", path, err)
	}
	const kind = windows.FILE_ATTRIBUTE_DIRECTORY | windows.FILE_ATTRIBUTE_REPARSE_POINT
	if info.FileAttributes&kind != windows.FILE_ATTRIBUTE_DIRECTORY {
		return pathError("open", path, windows.ERROR_DIRECTORY)
	}
	sd, err := windows.GetSecurityInfo(folder, windows.SE_FILE_OBJECT, windows.OWNER_SECURITY_INFORMATION)
	if err != nil {
		return pathError("read the owner of", path, err)
	}
	return judgeOwner(sd, path, own)
}

// judgeOwner refuses what belongs to somebody who may not decide what the gateway does, and is not one of others either: files that the
// service makes belong to LocalService, and the folder does not.
func judgeOwner(sd *windows.SECURITY_DESCRIPTOR, path string, own *windows.SID, others ...windows.WELL_KNOWN_SID_TYPE) error {
	owner, _, err := sd.Owner()
	if err != nil || owner == nil {
		return pathError("read the owner of", path, errors.Join(err, windows.ERROR_INVALID_OWNER))
	}
	if owner.IsWellKnown(windows.WinLocalSystemSid) || owner.IsWellKnown(windows.WinBuiltinAdministratorsSid) ||
		owner.String() == osdefaults.ServiceSID || owner.Equals(own) ||
		slices.ContainsFunc(others, owner.IsWellKnown) {
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

// pathError is nil if err is.
func pathError(doing, path string, err error) error {
	if err == nil {
		return nil
	}
	return &os.PathError{Op: doing, Path: path, Err: err}
}

func closeHandle(h windows.Handle) { _ = windows.CloseHandle(h) }

package winservice

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"golang.org/x/sys/windows"

	"github.com/omsgateway/omsgateway/internal/osdefaults"
)

// letServiceReadAgents lets the service read the configuration chunks of the monitoring agents that are on this computer
// (internal/discovery). What cannot be granted is said and is no error: the gateway then tells the command in an event 400.
func letServiceReadAgents(out io.Writer) {
	for _, files := range osdefaults.Agents() {
		if files.Kind != osdefaults.AzureMonitorChunks {
			continue // the registry may be read by everybody
		}
		folders, err := filepath.Glob(filepath.Join(files.Base, filepath.Dir(filepath.FromSlash(files.Path))))
		if err != nil || len(folders) == 0 {
			continue
		}
		// The base is listed to find the agents' folders; on the way to the chunks nobody needs a right (SeChangeNotifyPrivilege).
		tell(out, letServiceRead(files.Base, windows.NO_INHERITANCE))
		for _, folder := range folders {
			tell(out, letServiceRead(folder, windows.SUB_CONTAINERS_AND_OBJECTS_INHERIT))
		}
	}
}

func tell(out io.Writer, err error) {
	if err != nil {
		fmt.Fprintf(out, "The service cannot learn hosts from there: %v\n", err)
	}
}

// letServiceRead adds the service's right to read to the descriptor of a folder, which must be no link and belong to SYSTEM or
// Administrators: in some of these places others may make folders, and this runs with all rights.
func letServiceRead(path string, inheritance uint32) error {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return err
	}
	folder, err := windows.CreateFile(name, windows.READ_CONTROL|windows.WRITE_DAC|windows.FILE_READ_ATTRIBUTES,
		windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE|windows.FILE_SHARE_DELETE, nil, windows.OPEN_EXISTING,
		windows.FILE_FLAG_BACKUP_SEMANTICS|windows.FILE_FLAG_OPEN_REPARSE_POINT, 0)
	if err != nil {
		return fmt.Errorf("opening %s: %w", path, err)
	}
	defer windows.CloseHandle(folder) //nolint:errcheck // nothing can be done
	sd, err := agentsOwn(folder)
	if err != nil {
		return fmt.Errorf("looking at %s: %w", path, err)
	}
	dacl, err := withService(sd, inheritance)
	if err == nil {
		err = windows.SetSecurityInfo(folder, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION, nil, nil, dacl, nil)
	}
	if err != nil {
		return fmt.Errorf("letting the service read %s: %w", path, err)
	}
	return nil
}

// agentsOwn is the descriptor of a folder that only SYSTEM or an administrator can have made.
func agentsOwn(folder windows.Handle) (*windows.SECURITY_DESCRIPTOR, error) {
	var info windows.ByHandleFileInformation
	if err := windows.GetFileInformationByHandle(folder, &info); err != nil {
		return nil, err
	}
	const kind = windows.FILE_ATTRIBUTE_DIRECTORY | windows.FILE_ATTRIBUTE_REPARSE_POINT
	if info.FileAttributes&kind != windows.FILE_ATTRIBUTE_DIRECTORY {
		return nil, windows.ERROR_DIRECTORY
	}
	sd, err := windows.GetSecurityInfo(folder, windows.SE_FILE_OBJECT, windows.OWNER_SECURITY_INFORMATION|windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		return nil, err
	}
	owner, _, err := sd.Owner()
	if err != nil {
		return nil, err
	}
	if owner == nil || !owner.IsWellKnown(windows.WinLocalSystemSid) && !owner.IsWellKnown(windows.WinBuiltinAdministratorsSid) {
		return nil, errors.New("it belongs neither to SYSTEM nor to Administrators, so no agent made it")
	}
	return sd, nil
}

func withService(sd *windows.SECURITY_DESCRIPTOR, inheritance uint32) (*windows.ACL, error) {
	before, _, err := sd.DACL()
	if err != nil {
		return nil, err
	}
	service, err := windows.StringToSid(osdefaults.ServiceSID)
	if err != nil {
		return nil, err
	}
	return windows.ACLFromEntries([]windows.EXPLICIT_ACCESS{{
		AccessPermissions: windows.FILE_GENERIC_READ | windows.FILE_GENERIC_EXECUTE,
		AccessMode:        windows.GRANT_ACCESS,
		Inheritance:       inheritance,
		Trustee: windows.TRUSTEE{
			TrusteeForm:  windows.TRUSTEE_IS_SID,
			TrusteeType:  windows.TRUSTEE_IS_WELL_KNOWN_GROUP,
			TrusteeValue: windows.TrusteeValueFromSID(service),
		},
	}}, before)
}

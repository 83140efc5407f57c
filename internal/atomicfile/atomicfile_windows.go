package atomicfile

import (
	"os"

	"golang.org/x/sys/windows"

	"github.com/omsgateway/omsgateway/internal/folder"
)

// rename returns when the move is on the disk (MOVEFILE_WRITE_THROUGH).
func rename(in *folder.Folder, from, to string) error {
	from, to = in.Path(from), in.Path(to)
	fromName, err := windows.UTF16PtrFromString(from)
	if err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	toName, err := windows.UTF16PtrFromString(to)
	if err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	if err := windows.MoveFileEx(fromName, toName, windows.MOVEFILE_REPLACE_EXISTING|windows.MOVEFILE_WRITE_THROUGH); err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return nil
}

// syncFolder has nothing to do: a folder cannot be synced on Windows, and rename writes through.
func syncFolder(*folder.Folder) error { return nil }

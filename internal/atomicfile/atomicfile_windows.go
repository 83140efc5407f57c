package atomicfile

import (
	"os"

	"golang.org/x/sys/windows"
)

// protect leaves the descriptor that the file inherits from its folder.
func protect(*os.File, string) error { return nil }

// rename returns when the move is on the disk (MOVEFILE_WRITE_THROUGH).
func rename(from, to string) error {
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
func syncFolder(string) error { return nil }

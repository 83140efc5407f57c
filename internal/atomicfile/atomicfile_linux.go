package atomicfile

import (
	"os"

	"github.com/omsgateway/omsgateway/internal/folder"
)

func rename(in *folder.Folder, from, to string) error { return in.Rename(from, to) }

func syncFolder(in *folder.Folder) error {
	d, err := in.OpenFile(".", os.O_RDONLY)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

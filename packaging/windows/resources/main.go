// Command resources writes what go-winres puts into the programs for Windows: the icon, the texts of the event log, and for each
// program the definition of its resources.
package main

import (
	"bytes"
	"embed"
	"fmt"
	"image/png"
	"os"
)

// definitions are in the format of go-winres; the version is filled in by its flags.
//
//go:embed omsgateway.json omsgwctl.json
var definitions embed.FS

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: resources FOLDER")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "resources:", err)
		os.Exit(1)
	}
}

// write makes folder, which must not be there yet, and its files.
func write(folder string) error {
	if err := os.CopyFS(folder, definitions); err != nil {
		return err
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, size := range iconSizes {
		var file bytes.Buffer
		if err := png.Encode(&file, icon(size)); err != nil {
			return err
		}
		if err := root.WriteFile(fmt.Sprintf("icon-%d.png", size), file.Bytes(), 0o600); err != nil {
			return err
		}
	}
	return root.WriteFile("messages.bin", messageTable(), 0o600)
}

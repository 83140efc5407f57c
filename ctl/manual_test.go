package ctl_test

import (
	"cmp"
	"os"
	"path/filepath"
	"testing"

	"github.com/omsgateway/omsgateway/ctl"
	"github.com/omsgateway/omsgateway/packaging/manual"
)

// TestManual writes the man pages into the folder OMSGATEWAY_WRITE_MANUAL, as make packages does, else into one that goes away.
func TestManual(t *testing.T) {
	dir := cmp.Or(os.Getenv("OMSGATEWAY_WRITE_MANUAL"), t.TempDir())
	root := ctl.Root()
	root.Long += "\n\nExit codes: " + ctl.ExitCodes + "."
	if err := manual.Write(root, dir); err != nil {
		t.Fatal(err)
	}
	for _, page := range []string{"omsgwctl", "omsgwctl-allowed-host-add", "omsgwctl-batch"} {
		if _, err := os.Stat(filepath.Join(dir, page+"."+manual.Section)); err != nil {
			t.Error(err)
		}
	}
}

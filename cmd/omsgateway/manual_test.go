package main

import (
	"cmp"
	"os"
	"path/filepath"
	"testing"

	"github.com/omsgateway/omsgateway/packaging/manual"
)

// TestManual writes the man pages into the folder OMSGATEWAY_WRITE_MANUAL, as make packages does, else into one that goes away.
func TestManual(t *testing.T) {
	t.Parallel()
	dir := cmp.Or(os.Getenv("OMSGATEWAY_WRITE_MANUAL"), t.TempDir())
	if err := manual.Write(newCommand(), dir); err != nil {
		t.Fatal(err)
	}
	for _, page := range []string{"omsgateway", "omsgateway-check-config"} {
		if _, err := os.Stat(filepath.Join(dir, page+"."+manual.Section)); err != nil {
			t.Error(err)
		}
	}
}

package statefolder_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/omsgateway/omsgateway/internal/statefolder"
)

func TestMakeIsForNobodyElse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "above", "state")
	for range 2 { // the second time it is there
		if err := statefolder.Make(path); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(path, "config.json"), []byte("{}"), 0o600); err != nil {
		t.Error(err)
	}
	checkAccess(t, path)
}

func TestMakeOverAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := statefolder.Make(path); err == nil {
		t.Error("a file is taken for the folder")
	}
}

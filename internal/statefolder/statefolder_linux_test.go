package statefolder_test

import (
	"os"
	"testing"
)

func checkAccess(t *testing.T, path string) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != os.ModeDir|0o700 {
		t.Errorf("the mode of %s is %v", path, info.Mode())
	}
}

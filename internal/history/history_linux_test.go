package history

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// A link to another revision is no revision, and what would be between them is missing.
func TestLink(t *testing.T) {
	_, dir := filled(t, 5)
	if err := os.Symlink(nameOf(3), filepath.Join(dir, nameOf(9))); err != nil {
		t.Fatal(err)
	}
	got := findings(t, reopened(dir), "")
	if want := []string{"MISSING 6", "DAMAGED 9"}; !slices.Equal(got, want) {
		t.Errorf("findings are %q, want %q", got, want)
	}
}

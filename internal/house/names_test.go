package house_test

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// noName matches what is no name of a file on Windows: what has a character of the system's, ends with a blank or a dot, or is a
// device whatever its extension (Microsoft: Naming Files, Paths, and Namespaces).
var noName = regexp.MustCompile(`(?i)[<>:"|?*\\]|[ .]$|^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)`)

// TestFilesCanBeCheckedOutOnWindows reads the names in this tree.
func TestFilesCanBeCheckedOutOnWindows(t *testing.T) {
	root := filepath.Join("..", "..")
	var files []string
	err := filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			if name := entry.Name(); file != root && (strings.HasPrefix(name, ".") || name == "bin" || name == "out") { // built, or git's
				return fs.SkipDir
			}
			return nil
		}
		name, err := filepath.Rel(root, file)
		files = append(files, filepath.ToSlash(name))
		return err
	})
	if err != nil || len(files) < 100 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, problem := range namesWrongOnWindows(files) {
		t.Error(problem)
	}
}

func TestNamesWrongOnWindowsAreFound(t *testing.T) {
	got := namesWrongOnWindows([]string{"a/nul.json", "a/Con", "a/b:c", "a/b.", "a/b /c", "a/null.json", "a/.b", "A/.B"})
	want := []string{
		"a/nul.json: nul.json is no name there", "a/Con: Con is no name there", "a/b:c: b:c is no name there", "a/b.: b. is no name there",
		"a/b /c: b  is no name there", "A/.B: a/.b is the same name there",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func namesWrongOnWindows(files []string) (problems []string) {
	seen := map[string]string{}
	for _, file := range files {
		for name := range strings.SplitSeq(file, "/") {
			if noName.MatchString(name) {
				problems = append(problems, fmt.Sprintf("%s: %s is no name there", file, name))
			}
		}
		lower := strings.ToLower(file)
		if other, ok := seen[lower]; ok {
			problems = append(problems, fmt.Sprintf("%s: %s is the same name there", file, other))
		}
		seen[lower] = file
	}
	return problems
}

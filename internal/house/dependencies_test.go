package house_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// goMod is the part of `go mod edit -json` that is needed here.
type goMod struct {
	Require []struct {
		Path, Version string
		Indirect      bool
	}
	Tool []struct{ Path string }
}

func TestDependenciesAreDocumented(t *testing.T) {
	var want []string
	for _, r := range readGoMod(t, filepath.Join("..", "..", "go.mod")).Require {
		if !r.Indirect {
			want = append(want, r.Path+" "+r.Version)
		}
	}
	files, err := filepath.Glob(filepath.Join("..", "..", "tools", "*", "go.mod"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no tools found: %v", err)
	}
	for _, file := range files {
		want = append(want, toolModule(t, file))
	}
	if diff := cmp.Diff(sorted(want), sorted(documented(t))); diff != "" {
		t.Errorf("docs/dependencies.md (-go.mod +page):\n%s", diff)
	}
}

// The generated code and the library it calls are one thing in two modules.
func TestGeneratorHasTheProductsProtobuf(t *testing.T) {
	const protobuf = "google.golang.org/protobuf"
	product := version(readGoMod(t, filepath.Join("..", "..", "go.mod")), protobuf)
	generator := version(readGoMod(t, filepath.Join("..", "..", "tools", "protoc-gen-go", "go.mod")), protobuf)
	if product == "" || product != generator {
		t.Errorf("%s is %q in go.mod and %q in tools/protoc-gen-go/go.mod", protobuf, product, generator)
	}
}

// documented returns "module version" for each row of the tables.
func documented(t *testing.T) []string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "dependencies.md"))
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for _, match := range regexp.MustCompile(`(?m)^\| (\S+\.\S+/\S+) \| (v\S+) \|`).FindAllStringSubmatch(string(page), -1) {
		rows = append(rows, match[1]+" "+match[2])
	}
	return rows
}

// toolModule returns "module version" of the tool that a module under tools/ is there for.
func toolModule(t *testing.T, file string) string {
	t.Helper()
	mod := readGoMod(t, file)
	if len(mod.Tool) != 1 {
		t.Fatalf("%s has %d tools, want 1", file, len(mod.Tool))
	}
	var longest string
	for _, r := range mod.Require {
		if strings.HasPrefix(mod.Tool[0].Path+"/", r.Path+"/") && len(r.Path) > len(longest) {
			longest = r.Path
		}
	}
	return longest + " " + version(mod, longest)
}

func version(mod goMod, path string) string {
	for _, r := range mod.Require {
		if r.Path == path {
			return r.Version
		}
	}
	return ""
}

func readGoMod(t *testing.T, file string) goMod {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "mod", "edit", "-json", file).Output()
	if err != nil {
		t.Fatalf("go mod edit -json %s: %v", file, err)
	}
	var mod goMod
	if err := json.Unmarshal(out, &mod); err != nil {
		t.Fatal(err)
	}
	return mod
}

func sorted(lines []string) []string {
	slices.Sort(lines)
	return slices.Compact(lines)
}

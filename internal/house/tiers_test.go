// Package house_test holds the tree to its rules: which package may import which, and which dependencies there are.
package house_test

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	module  = "github.com/omsgateway/omsgateway"
	adminv1 = "proto/omsgateway/admin/v1"
	forward = "server/forward"
)

// tiers has every package of the module, the highest first. A package imports only from tiers below its own.
var tiers = [][]string{
	{"cmd/omsgateway", "cmd/omsgwctl", "bench", "packaging/bom", "packaging/windows/resources"},
	{"server/winservice", "ctl"},
	{"server/gateway", "ctl/batch"},
	{"server/adminapi", forward, "internal/setup", "ctl/command", "ctl/support"},
	{"internal/settings", "internal/discovery", "internal/adminclient", "internal/testpipe"},
	{"internal/upstream", "internal/admission", "internal/tunnel", "internal/localsock", "internal/apierr"},
	{"internal/event", "internal/policy", "internal/resumption", "internal/usage", "internal/demand"},
	{"internal/config", "internal/history", "internal/statefolder", "internal/firewall", "internal/calendar", "ctl/gateways"},
	{
		"internal/hostname", "internal/handshake", "internal/splice", "internal/atomicfile", "internal/filelock", "internal/osdefaults",
		"internal/secret", "internal/caller", "ctl/lines", adminv1,
	},
	{"internal/clientcert"},
	{
		"internal/reason", "internal/printable", "internal/clock", "internal/socket", "internal/folder", "internal/ownaddr", "internal/testca",
		"internal/testnet", "internal/testscale", "packaging/manual",
	},
}

// adminv1Users and the packages below them may import the generated admin API, their tests included: no other package speaks it.
var adminv1Users = []string{adminv1, "server/adminapi", "ctl", "internal/adminclient"}

// unknownToForward is what the data path must not reach, however many packages lie between.
var unknownToForward = []string{"google.golang.org/grpc", module + "/internal/settings"}

// bannedNames say nothing about what a package provides.
var bannedNames = []string{"util", "utils", "common", "helper", "helpers", "types", "manager", "misc", "base", "shared"}

// imports maps a package, named by its folder, to the sorted import paths of its files for all systems together.
type imports map[string][]string

func TestPackagesImportOnlyLowerTiers(t *testing.T) {
	code, tests := readTree(t, filepath.Join("..", ".."))
	for _, want := range []string{"internal/reason", adminv1} {
		if _, ok := code[want]; !ok {
			t.Fatalf("package %s was not found: the test reads the wrong folder", want)
		}
	}
	for _, violation := range violations(code, tests) {
		t.Error(violation)
	}
}

func TestViolationsAreFound(t *testing.T) {
	const grpc = "google.golang.org/grpc"
	const mayNot = " imports adminv1, which only proto/omsgateway/admin/v1, server/adminapi, ctl and internal/adminclient may, " +
		"and what is below them"
	for name, c := range map[string]struct {
		code, tests imports
		want        []string
	}{
		"downwards is allowed": {
			code: imports{"cmd/omsgateway": {module + "/server/adminapi", module + "/internal/reason", "os"}},
		},
		"upwards": {
			code: imports{"internal/config": {module + "/internal/policy"}},
			want: []string{"internal/config imports internal/policy, which is not in a lower tier"},
		},
		"sideways": {
			code: imports{"internal/event": {module + "/internal/policy"}},
			want: []string{"internal/event imports internal/policy, which is not in a lower tier"},
		},
		"package without a tier": {
			code: imports{"internal/extra": {"os"}},
			want: []string{"internal/extra has no tier: add it to the table, or its code to a package that is there"},
		},
		"package named for nothing": {
			code: imports{"internal/util": {"os"}},
			want: []string{
				"internal/util has no tier: add it to the table, or its code to a package that is there",
				`internal/util: "util" says nothing about what the package provides`,
			},
		},
		"generated API in the wrong place": {
			code: imports{"cmd/omsgateway": {module + "/" + adminv1}},
			want: []string{"cmd/omsgateway" + mayNot},
		},
		"generated API below a package that may": {
			code: imports{"ctl/batch": {module + "/" + adminv1}},
		},
		"generated API beside a package that may": {
			code: imports{"ctlx": {module + "/" + adminv1}},
			want: []string{
				"ctlx has no tier: add it to the table, or its code to a package that is there",
				"ctlx" + mayNot,
			},
		},
		"generated API in a wrong test": {
			code:  imports{"internal/event": nil},
			tests: imports{"internal/event": {module + "/" + adminv1}, "ctl": {module + "/" + adminv1}},
			want:  []string{"a test of internal/event" + mayNot},
		},
		"gRPC in the data path": {
			code: imports{forward: {grpc + "/codes"}},
			want: []string{"server/forward reaches google.golang.org/grpc/codes"},
		},
		"gRPC behind the data path": {
			code: imports{
				forward:              {module + "/internal/localsock"},
				"internal/localsock": {grpc},
			},
			want: []string{"server/forward reaches google.golang.org/grpc through internal/localsock"},
		},
		"settings in the data path": {
			code: imports{forward: {module + "/internal/settings"}},
			want: []string{"server/forward reaches github.com/omsgateway/omsgateway/internal/settings"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, violations(c.code, c.tests)); diff != "" {
				t.Errorf("violations (-want +got):\n%s", diff)
			}
		})
	}
}

// violations names every arrow that the rules above do not allow. Tests may look upwards, since none imports them.
func violations(code, tests imports) []string {
	var found []string
	report := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }

	for _, pkg := range slices.Sorted(maps.Keys(code)) {
		if tierOf(pkg) < 0 {
			report("%s has no tier: add it to the table, or its code to a package that is there", pkg)
		}
		if name := path.Base(pkg); slices.Contains(bannedNames, name) {
			report("%s: %q says nothing about what the package provides", pkg, name)
		}
		for _, imported := range code[pkg] {
			own, ok := strings.CutPrefix(imported, module+"/")
			switch {
			case !ok:
			case own == adminv1 && !speaksAdmin(pkg):
				report("%s imports adminv1, which only %s may, and what is below them", pkg, list(adminv1Users))
			case tierOf(pkg) >= 0 && tierOf(own) <= tierOf(pkg):
				report("%s imports %s, which is not in a lower tier", pkg, own)
			}
		}
	}
	for _, pkg := range slices.Sorted(maps.Keys(tests)) {
		if slices.Contains(tests[pkg], module+"/"+adminv1) && !speaksAdmin(pkg) {
			report("a test of %s imports adminv1, which only %s may, and what is below them", pkg, list(adminv1Users))
		}
	}

	seen := map[string]bool{}
	var follow func(pkg, through string)
	follow = func(pkg, through string) {
		for _, imported := range code[pkg] {
			if slices.ContainsFunc(unknownToForward, func(banned string) bool {
				return imported == banned || strings.HasPrefix(imported, banned+"/")
			}) {
				report("%s reaches %s%s", forward, imported, through)
				continue
			}
			if own, ok := strings.CutPrefix(imported, module+"/"); ok && !seen[own] {
				seen[own] = true
				follow(own, " through "+own)
			}
		}
	}
	follow(forward, "")
	return found
}

// speaksAdmin reports whether a package may import the generated admin API.
func speaksAdmin(pkg string) bool {
	return slices.ContainsFunc(adminv1Users, func(user string) bool {
		return pkg == user || strings.HasPrefix(pkg, user+"/")
	})
}

// tierOf returns the place of a package in the table, or -1.
func tierOf(pkg string) int {
	return slices.IndexFunc(tiers, func(tier []string) bool { return slices.Contains(tier, pkg) })
}

func list(words []string) string {
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " and " + words[last]
}

// readTree reads the import clauses of every Go file of the module at root, whatever system a file is for.
func readTree(t *testing.T, root string) (code, tests imports) {
	t.Helper()
	code, tests = imports{}, imports{}
	err := filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return skipped(root, file, entry.Name())
		}
		if filepath.Ext(file) != ".go" {
			return nil
		}
		syntax, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		folder, err := filepath.Rel(root, filepath.Dir(file))
		if err != nil {
			return err
		}
		into, pkg := code, filepath.ToSlash(folder)
		if strings.HasSuffix(file, "_test.go") {
			into = tests
		}
		into[pkg] = append(into[pkg], importPaths(syntax)...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, graph := range []imports{code, tests} {
		for pkg := range graph {
			slices.Sort(graph[pkg])
			graph[pkg] = slices.Compact(graph[pkg])
		}
	}
	return code, tests
}

func importPaths(file *ast.File) []string {
	var paths []string
	for _, clause := range file.Imports {
		paths = append(paths, strings.Trim(clause.Path.Value, "\"`"))
	}
	return paths
}

// skipped returns fs.SkipDir for the folders that the go command leaves out as well, other modules among them.
func skipped(root, folder, name string) error {
	if folder == root {
		return nil
	}
	if name == "testdata" || name == "vendor" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") {
		return fs.SkipDir
	}
	_, err := os.Stat(filepath.Join(folder, "go.mod"))
	switch {
	case err == nil:
		return fs.SkipDir
	case errors.Is(err, fs.ErrNotExist):
		return nil
	default:
		return err
	}
}

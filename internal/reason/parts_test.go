package reason_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/omsgateway/omsgateway/internal/reason"
)

// addedLater has the parts that are not named where the error is made, but added where it passes through.
var addedLater = map[reason.Reason][]string{
	reason.RelayIsGateway: {"relay"}, // package upstream adds it to what package policy says
}

// TestPartsAreNamed reads the code of the whole module and holds every {part} of a text to a call that names it. Where a package
// hands the reason on in a variable, the name may stand anywhere in that package.
func TestPartsAreNamed(t *testing.T) {
	calls := readCalls(t, filepath.Join("..", ".."))
	if len(calls.named) < 50 {
		t.Fatalf("errors with %d reasons are made: the test reads the wrong folder", len(calls.named))
	}
	part := regexp.MustCompile(`\{([a-zA-Z]+)\}`)
	for _, r := range reason.All() {
		if !calls.mention(r) {
			t.Errorf("nothing is refused for %s", r)
		}
		for _, match := range part.FindAllStringSubmatch(r.Text(nil), -1) {
			if !calls.name(r, match[1]) && !slices.Contains(addedLater[r], match[1]) {
				t.Errorf("the text of %s has the part {%s}, which no call of reason.New or reason.Wrap names", r, match[1])
			}
		}
	}
	for r, parts := range addedLater {
		for _, name := range parts {
			if !strings.Contains(r.Text(nil), "{"+name+"}") || calls.name(r, name) {
				t.Errorf("the part {%s} of %s needs no exception", name, r)
			}
		}
	}
}

// TestSessionsHaveAlerts holds package handshake to the reasons that have an alert: it refuses with no other.
func TestSessionsHaveAlerts(t *testing.T) {
	mentioned := readCalls(t, filepath.Join("..", "handshake")).packages["."].mentions
	if len(mentioned) < 20 {
		t.Fatalf("package handshake names %d reasons: the test reads the wrong folder", len(mentioned))
	}
	for r := range mentioned {
		if r.Alert() == 0 {
			t.Errorf("package handshake names %s, which has no alert", r)
		}
	}
}

// calls is what the code says about reasons.
type calls struct {
	named    map[reason.Reason]map[string]bool // parts in calls with the reason as a constant
	packages map[string]*pkg                   // by folder
}

type pkg struct {
	mentions map[reason.Reason]bool
	literals map[string]bool
	variable bool // makes an error whose reason is no constant
}

// name reports whether a call may name the part of r.
func (c calls) name(r reason.Reason, part string) bool {
	if c.named[r][part] {
		return true
	}
	for _, p := range c.packages {
		if p.variable && p.mentions[r] && p.literals[part] {
			return true
		}
	}
	return false
}

// mention reports whether a package has something to do with r.
func (c calls) mention(r reason.Reason) bool {
	for _, p := range c.packages {
		if p.mentions[r] {
			return true
		}
	}
	return false
}

func readCalls(t *testing.T, root string) calls {
	t.Helper()
	constants := readConstants(t)
	c := calls{named: map[reason.Reason]map[string]bool{}, packages: map[string]*pkg{}}
	err := filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			if name := entry.Name(); file != root && (name == "testdata" || name == "bin" || strings.HasPrefix(name, ".")) {
				return fs.SkipDir
			}
			return nil
		case filepath.Ext(file) != ".go", strings.HasSuffix(file, "_test.go"):
			return nil
		}
		syntax, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		folder, err := filepath.Rel(root, filepath.Dir(file))
		if err != nil {
			return err
		}
		if c.packages[folder] == nil {
			c.packages[folder] = &pkg{mentions: map[reason.Reason]bool{}, literals: map[string]bool{}}
		}
		c.read(syntax, c.packages[folder], constants)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (c calls) read(file *ast.File, p *pkg, constants map[string]reason.Reason) {
	ast.Inspect(file, func(node ast.Node) bool {
		switch n := node.(type) {
		case *ast.BasicLit:
			if text, ok := literal(n); ok {
				p.literals[text] = true
			}
		case *ast.SelectorExpr:
			if r, ok := constants[selected(n)]; ok {
				p.mentions[r] = true
			}
		case *ast.CompositeLit:
			if selected(n.Type) == "Error" {
				p.variable = true
			}
		case *ast.CallExpr:
			switch selected(n.Fun) {
			case "New":
				c.call(n.Args, p, constants)
			case "Wrap":
				c.call(n.Args[1:], p, constants)
			}
		}
		return true
	})
}

// call notes a call of reason.New or reason.Wrap from its reason on.
func (c calls) call(args []ast.Expr, p *pkg, constants map[string]reason.Reason) {
	r, constant := constants[selected(args[0])]
	if !constant {
		p.variable = true
		return
	}
	if c.named[r] == nil {
		c.named[r] = map[string]bool{}
	}
	for i := 1; i < len(args); i += 2 {
		if name, ok := literal(args[i]); ok {
			c.named[r][name] = true
		}
	}
}

// readConstants returns the reasons by the names of their constants.
func readConstants(t *testing.T) map[string]reason.Reason {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	constants := map[string]reason.Reason{}
	for _, file := range files {
		syntax, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(syntax, func(node ast.Node) bool {
			spec, ok := node.(*ast.ValueSpec)
			if !ok || len(spec.Values) != 1 {
				return true
			}
			if of, ok := spec.Type.(*ast.Ident); ok && of.Name == "Reason" {
				text, _ := literal(spec.Values[0])
				constants[spec.Names[0].Name] = reason.Reason(text)
			}
			return true
		})
	}
	if got := slices.Sorted(maps.Values(constants)); !slices.Equal(got, reason.All()) {
		t.Fatalf("constants and tables have other reasons: %d and %d", len(got), len(reason.All()))
	}
	return constants
}

// selected returns the name behind "reason.", or "".
func selected(e ast.Expr) string {
	s, ok := e.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	if of, ok := s.X.(*ast.Ident); !ok || of.Name != "reason" {
		return ""
	}
	return s.Sel.Name
}

func literal(e ast.Expr) (string, bool) {
	l, ok := e.(*ast.BasicLit)
	if !ok || l.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(l.Value)
	return text, err == nil
}

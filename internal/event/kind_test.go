package event_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/omsgateway/omsgateway/internal/event"
)

// Every kind belongs to one constructor, and every constructor to one kind: each name stands once in the code beside the table.
func TestEveryConstructorHasAKindOfItsOwn(t *testing.T) {
	used := map[string]int{}
	isKind := regexp.MustCompile(`^[A-Z]+(_[A-Z]+)*$`)
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	events := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") || name == "kind.go" {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CompositeLit:
				if typ, ok := n.Type.(*ast.Ident); ok && typ.Name == "Event" && len(n.Elts) > 0 {
					events++
					if !hasKey(n, "Kind") {
						t.Errorf("%s: an event without a kind", name)
					}
				}
			case *ast.BasicLit:
				if text, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING && event.Kind(text).Meaning() != "" {
					used[text]++
				}
			}
			return true
		})
	}
	if events < 20 {
		t.Fatalf("only %d events were found: the test reads the wrong files", events)
	}
	for _, kind := range event.Kinds() {
		if n := used[string(kind)]; n != 1 {
			t.Errorf("%s stands %d times in the code", kind, n)
		}
		if !isKind.MatchString(string(kind)) {
			t.Errorf("%s is not in UPPER_SNAKE_CASE", kind)
		}
	}
}

func hasKey(lit *ast.CompositeLit, name string) bool {
	for _, element := range lit.Elts {
		if pair, ok := element.(*ast.KeyValueExpr); ok {
			if key, ok := pair.Key.(*ast.Ident); ok && key.Name == name {
				return true
			}
		}
	}
	return false
}

// TestEventsPage holds docs/events.md to the kinds. With OMSGATEWAY_WRITE_DOCS set it writes the page instead, as make generate does.
func TestEventsPage(t *testing.T) {
	path := filepath.Join("..", "..", "docs", "events.md")
	var b strings.Builder
	b.WriteString("# Events by kind\n\n" +
		"Made by `make generate` from the table in the program. An event has an id, which scripts for the original know\n" +
		"([administration.md](administration.md#events)), and a kind, which says what happened whatever the id is:\n\n" +
		"    omsgwctl event list --kind ALLOWED_HOST_ADDED,ALLOWED_HOST_REMOVED\n\n" +
		"What its text mentions is in its fields (`--json`), the parts of an error under the names that the reason's text has for them.\n\n" +
		"| kind | what it tells |\n|---|---|\n")
	for _, kind := range event.Kinds() {
		fmt.Fprintf(&b, "| `%s` | %s |\n", kind, kind.Meaning())
	}
	if os.Getenv("OMSGATEWAY_WRITE_DOCS") != "" {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(b.String(), strings.ReplaceAll(string(page), "\r\n", "\n")); diff != "" {
		t.Errorf("docs/events.md is not what the table says; run make generate (-want +got):\n%s", diff)
	}
}

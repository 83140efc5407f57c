package house_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
)

// TestContributingPageHasTheTiers holds docs/contributing.md to the table of tiers.
func TestContributingPageHasTheTiers(t *testing.T) {
	if diff := cmp.Diff(tiers, tiersIn(block(t, page(t, "contributing.md"), "### Tiers"))); diff != "" {
		t.Errorf("docs/contributing.md, Tiers (-table +page):\n%s", diff)
	}
}

// TestContributingPageHasEveryRoom holds the house of docs/contributing.md to the tree: each package is in a room, and each room is there.
func TestContributingPageHasEveryRoom(t *testing.T) {
	rooms := roomsIn(block(t, page(t, "contributing.md"), "## The house"))
	for _, room := range rooms {
		if found, err := filepath.Glob(filepath.Join("..", "..", filepath.FromSlash(room))); err != nil || len(found) == 0 {
			t.Errorf("docs/contributing.md has the room %s, which is not there (%v)", room, err)
		}
	}
	for _, missing := range homeless(slices.Concat(tiers...), rooms) {
		t.Errorf("docs/contributing.md, The house: no room for package %s", missing)
	}
}

// TestContributingPageNamesFilesThatAreThere looks for each path on the page, save those with a word in capitals that stands for any.
func TestContributingPageNamesFilesThatAreThere(t *testing.T) {
	paths := pathsIn(page(t, "contributing.md"))
	if len(paths) < 40 {
		t.Fatalf("docs/contributing.md names %d paths: the test reads it wrongly", len(paths))
	}
	for _, named := range paths {
		if found, err := filepath.Glob(filepath.Join("..", "..", filepath.FromSlash(named))); err != nil || len(found) == 0 {
			t.Errorf("docs/contributing.md names %s, which is not there (%v)", named, err)
		}
	}
}

func TestRoomsAndTiersAreRead(t *testing.T) {
	text := "    a/b/   one thing,\n           and more\n    c/     another\n"
	if diff := cmp.Diff([]string{"a/b/", "c/"}, roomsIn(text)); diff != "" {
		t.Errorf("rooms (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"a", "cc"}, homeless([]string{"a", "a/b", "a/b/x", "c", "cc"}, []string{"a/b/", "c/"})); diff != "" {
		t.Errorf("without a room (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"a/b.go", "a/*.sh"}, pathsIn("`a/b.go`, `a/NOUN_test.go`, `b.go`, a/c.go, `a/*.sh`")); diff != "" {
		t.Errorf("paths (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([][]string{{"a", "b"}, {"c", "d", "e"}}, tiersIn("    a, b\n    c,\n    d, e\n")); diff != "" {
		t.Errorf("tiers (-want +got):\n%s", diff)
	}
}

// TestDecisionsPageHasAnIndex holds the index at the head of docs/decisions.md to its sections: the same headings in the same order, each
// with a link that leads to it.
func TestDecisionsPageHasAnIndex(t *testing.T) {
	head, sections, _ := strings.Cut(page(t, "decisions.md"), "\n## ")
	entry := func(level int, heading string) string {
		return fmt.Sprintf("%*s- [%s](#%s)", 2*level, "", heading, anchor(heading))
	}
	var want, got []string
	for line := range strings.Lines("\n## " + sections) {
		marks, heading, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch marks {
		case "##":
			want = append(want, entry(0, heading))
		case "###":
			want = append(want, entry(1, heading))
		}
	}
	for line := range strings.Lines(head) {
		if strings.HasPrefix(strings.TrimSpace(line), "- ") {
			got = append(got, strings.TrimRight(line, "\n"))
		}
	}
	if len(want) < 100 {
		t.Fatalf("docs/decisions.md has %d headings: the test reads it wrongly", len(want))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("docs/decisions.md, index at its head (-sections +index):\n%s", diff)
	}
	seen := map[string]bool{}
	for _, line := range want {
		if seen[line] {
			t.Errorf("docs/decisions.md has two sections %s", strings.TrimSpace(line))
		}
		seen[line] = true
	}
}

// anchor returns the anchor that GitHub gives to a heading: lower case, hyphens for spaces, and no other punctuation.
func anchor(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return -1
	}, heading)
}

func page(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", name))
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(text), "\r\n", "\n")
}

// block returns the first block of indented lines below a heading.
func block(t *testing.T, page, heading string) string {
	t.Helper()
	_, below, _ := strings.Cut(page, "\n"+heading+"\n")
	found := regexp.MustCompile(`(?m)(?:^ {4}.*\n)+`).FindString(below)
	if found == "" {
		t.Fatalf("the page has no block below %q", heading)
	}
	return found
}

// roomsIn returns the first word of each line, save those of lines that go on.
func roomsIn(block string) []string {
	var rooms []string
	for line := range strings.Lines(block) {
		if line = strings.TrimPrefix(line, "    "); !strings.HasPrefix(line, " ") {
			rooms = append(rooms, strings.Fields(line)[0])
		}
	}
	return rooms
}

// tiersIn returns a tier for each line; one that ends with a comma goes on in the next.
func tiersIn(block string) [][]string {
	var found [][]string
	for _, line := range strings.Split(strings.ReplaceAll(strings.TrimSpace(block), ",\n", ", "), "\n") {
		tier := strings.Split(line, ",")
		for i := range tier {
			tier[i] = strings.TrimSpace(tier[i])
		}
		found = append(found, tier)
	}
	return found
}

// pathsIn returns what is marked as code, is in a folder, and has no word that stands for any.
func pathsIn(page string) []string {
	placeholder := regexp.MustCompile(`\b[A-Z]{4,}\b`)
	var paths []string
	for _, match := range regexp.MustCompile("`([a-z.]+/[\\w./*-]+)`").FindAllStringSubmatch(page, -1) {
		if !placeholder.MatchString(strings.ReplaceAll(match[1], "_", " ")) {
			paths = append(paths, match[1])
		}
	}
	return paths
}

// homeless returns the packages that are neither a room nor below one.
func homeless(packages, rooms []string) []string {
	return slices.DeleteFunc(slices.Clone(packages), func(pkg string) bool {
		return slices.ContainsFunc(rooms, func(room string) bool { return strings.HasPrefix(pkg+"/", strings.TrimSuffix(room, "/")+"/") })
	})
}

package reason_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/omsgateway/omsgateway/internal/reason"
)

// TestTroubleshootingPage holds docs/troubleshooting.md to the reasons: each has its row, with a cause and what to do, and no row is
// about one that there is not.
func TestTroubleshootingPage(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "troubleshooting.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := map[reason.Reason]int{}
	names := regexp.MustCompile("`([A-Z][A-Z0-9_]+)`")
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		if !strings.HasPrefix(line, "| `") {
			continue
		}
		if len(cells) != 3 || strings.TrimSpace(cells[1]) == "" || strings.TrimSpace(cells[2]) == "" {
			t.Errorf("the row has no cause, or does not say what to do: %s", line)
		}
		for _, name := range names.FindAllStringSubmatch(cells[0], -1) {
			rows[reason.Reason(name[1])]++
		}
	}
	for _, r := range reason.All() {
		if rows[r] != 1 {
			t.Errorf("docs/troubleshooting.md has %d rows for %s", rows[r], r)
		}
	}
	for r := range rows {
		if !slices.Contains(reason.All(), r) {
			t.Errorf("docs/troubleshooting.md has a row for %s, which is no reason", r)
		}
	}
}

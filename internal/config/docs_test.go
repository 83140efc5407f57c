package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/omsgateway/omsgateway/internal/config"
)

// TestSettingsPage holds docs/settings.md to the table of settings. With OMSGATEWAY_WRITE_DOCS set it writes the page instead, as
// make generate does.
func TestSettingsPage(t *testing.T) {
	path := filepath.Join("..", "..", "docs", "settings.md")
	var b strings.Builder
	b.WriteString("# Settings\n\n" +
		"Made by `make generate` from the table that the admin API, `omsgwctl setting` and the cmdlets use. Keys and choices\n" +
		"ignore case, and every change takes effect at once:\n\n    omsgwctl setting set LogLevel Debug\n\n" +
		"Each says which role changes it; one that is local only is changed on the gateway's own computer.\n\n" +
		"| setting | default | values | who | meaning |\n|---|---|---|---|---|\n")
	for _, row := range config.Table() {
		var values string
		switch row.Type {
		case config.Number:
			values = strings.TrimSpace(fmt.Sprintf("%d to %d %s", row.Min, row.Max, row.Unit))
		case config.Choice:
			values = strings.Join(row.Choices, ", ")
		case config.Address:
			values = "an IP address"
		case config.Hosts:
			values = "a list of hosts"
		}
		who := row.Role.String()
		if row.LocalOnly {
			who += ", local only"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", row.Key, row.Default, values, who, row.Help)
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
		t.Errorf("docs/settings.md is not what the table says; run make generate (-want +got):\n%s", diff)
	}
}

package manual_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/omsgateway/omsgateway/packaging/manual"
)

func TestWrite(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "1792000000")
	done := func(*cobra.Command, []string) {}
	root := &cobra.Command{Use: "program", Short: "Do things", Long: "Do *.things, and_more_things."}
	verb := &cobra.Command{Use: "verb THING", Short: "Do one thing", Example: "program verb '*.thing'", Run: done}
	root.AddCommand(verb, &cobra.Command{Use: "secret", Short: "Do nothing", Hidden: true, Run: done})
	verb.Flags().Bool("fast", false, "do it fast")

	dir := t.TempDir()
	if err := manual.Write(root, dir); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"program-verb.8", "program.8"}, names(t, dir)); diff != "" {
		t.Errorf("pages (-want +got):\n%s", diff)
	}
	for page, wants := range map[string][]string{
		"program.8":      {`"Oct 2026" "program" "OMS gateway"`, "Do *.things, and_more_things."},
		"program-verb.8": {"program verb THING", "do it fast", "program verb '*.thing'"},
	} {
		text, err := os.ReadFile(filepath.Join(dir, page))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range wants {
			if !strings.Contains(strings.NewReplacer(`\-`, "-", `\&`, "").Replace(string(text)), want) {
				t.Errorf("%s does not have %q:\n%s", page, want, text)
			}
		}
	}
}

func TestWriteNowhere(t *testing.T) {
	if err := manual.Write(&cobra.Command{Use: "program"}, filepath.Join(t.TempDir(), "missing")); err == nil {
		t.Error("no error for a folder that is not there")
	}
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, entry := range entries {
		all = append(all, entry.Name())
	}
	return all
}

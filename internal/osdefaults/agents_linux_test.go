package osdefaults_test

import (
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/omsgateway/omsgateway/internal/osdefaults"
)

// What the Linux packages let the gateway read is what it reads: the patterns of agent-access, and in the units around it the agents' own
// folders, which alone may be written to, and what is watched for changes.
func TestLinuxPackagesGrantWhatIsRead(t *testing.T) {
	var patterns, own []string
	for _, files := range osdefaults.Agents() {
		patterns = append(patterns, files.Base+"/"+files.Path)
		first, _, _ := strings.Cut(files.Path, "/")
		own = append(own, "-"+path.Join(files.Base, first))
	}
	own = slices.Compact(own)

	packaging := func(name, pattern string) []string {
		t.Helper()
		data, err := os.ReadFile("../../packaging/" + name)
		if err != nil {
			t.Fatal(err)
		}
		var found []string
		for _, match := range regexp.MustCompile(pattern).FindAllSubmatch(data, -1) {
			found = append(found, string(match[1]))
		}
		return found
	}
	if diff := cmp.Diff(patterns, packaging("linux/agent-access", `(?m)^grant '(.*)'$`)); diff != "" {
		t.Errorf("agent-access grants (-want +got):\n%s", diff)
	}
	writable := packaging("systemd/omsgateway-agent-access.service", `(?m)^ReadWritePaths=(.*)$`)
	if diff := cmp.Diff(own, strings.Fields(strings.Join(writable, " "))); diff != "" {
		t.Errorf("agent-access may write to (-want +got):\n%s", diff)
	}
	for _, watched := range packaging("systemd/omsgateway-agent-access.path", `(?m)^PathChanged=(.*)$`) {
		if !slices.ContainsFunc(patterns, func(pattern string) bool { return strings.HasPrefix(pattern, watched+"/") }) {
			t.Errorf("%s is watched, and nothing below it is read", watched)
		}
	}
}

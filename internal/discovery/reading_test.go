package discovery_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/omsgateway/omsgateway/internal/discovery"
	"github.com/omsgateway/omsgateway/internal/osdefaults"
	"github.com/omsgateway/omsgateway/internal/reason"
)

// TestReadings reads the agents' folders in testdata/reading. Each archive has the files below the folder that all agents share,
// and in its last file, "want", what is read of the agents that are there, or that none is.
func TestReadings(t *testing.T) {
	archives, err := filepath.Glob(filepath.Join("testdata", "reading", "*.txtar"))
	if err != nil || len(archives) == 0 {
		t.Fatalf("no archives: %v", err)
	}
	for _, archive := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(archive), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(archive)
			if err != nil {
				t.Fatal(err)
			}
			base, want := t.TempDir(), ""
			for _, f := range a.Files {
				if f.Name == "want" {
					want = string(f.Data)
					continue
				}
				write(t, filepath.Join(base, filepath.FromSlash(f.Name)), string(f.Data))
			}
			all := agentsIn(base)
			there := slices.DeleteFunc(slices.Clone(all), func(files osdefaults.AgentFiles) bool {
				own, _, _ := strings.Cut(files.Path, "/")
				return !slices.ContainsFunc(a.Files, func(f txtar.File) bool { return strings.HasPrefix(f.Name, own+"/") })
			})
			if len(there) == 0 {
				there = all
			}
			got := filepath.ToSlash(describe(base, discovery.NewReader(there, time.Now).Read()))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s\nwhole:\n%s", diff, got)
			}
		})
	}
}

// agentsIn has the paths of Linux below base.
func agentsIn(base string) []osdefaults.AgentFiles {
	return []osdefaults.AgentFiles{
		{Kind: osdefaults.AzureMonitorChunks, Base: base, Path: "azuremonitoragent/config-cache/configchunks/*.json"},
		{Kind: osdefaults.OMSOnboarding, Base: base, Path: "omsagent/*/conf/omsadmin.conf"},
		{Kind: osdefaults.OMSCertificates, Base: base, Path: "omsagent/*/certs/oms.crt"},
	}
}

// describe writes a reading down, without times, with paths below base.
func describe(base string, r *discovery.Reading) string {
	var b strings.Builder
	states := map[discovery.State]string{
		discovery.Missing: "missing", discovery.Empty: "empty", discovery.Read: "read", discovery.Failed: "failed",
	}
	for _, p := range r.Places {
		fmt.Fprintf(&b, "%s: %s %s\n", p.Agent, states[p.State], p.Path)
		if p.Err != nil {
			fmt.Fprintf(&b, "  %s: %s\n", reason.Of(p.Err), p.Err)
		}
	}
	for _, e := range r.Entries {
		fmt.Fprintf(&b, "host %s", e.Pattern)
		if e.Source.Particular(discovery.Workspace) != "" {
			fmt.Fprintf(&b, " of workspace %s", e.Source.Particular(discovery.Workspace))
		}
		fmt.Fprintf(&b, "\n  %s, %s\n", e.Source.Particular(discovery.Agent), e.Source.Particular(discovery.PlaceRead))
	}
	for _, c := range r.ClientCertificates {
		fmt.Fprintf(&b, "certificate %s of workspace %s\n  %s, %s\n", c.Entry, c.Source.Particular(discovery.Workspace), c.Source.Particular(discovery.Agent), c.Source.Particular(discovery.PlaceRead))
	}
	for _, err := range r.Ignored {
		fmt.Fprintf(&b, "ignored %s\n  %s\n", reason.Of(err), err)
	}
	if r.IgnoredLeftOut > 0 {
		fmt.Fprintf(&b, "and %d more\n", r.IgnoredLeftOut)
	}
	return strings.ReplaceAll(b.String(), base+string(filepath.Separator), "")
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

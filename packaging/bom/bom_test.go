package main

import (
	"debug/buildinfo"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRun(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "1792000000")
	program := filepath.Join(t.TempDir(), "program")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "github.com/omsgateway/omsgateway/cmd/omsgwctl")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	grpc := module(t, program, "google.golang.org/grpc")
	sbom, licences := filepath.Join(t.TempDir(), "sbom.json"), filepath.Join(t.TempDir(), "licences.txt")
	if err := run(t.Context(), "1.2.3", sbom, licences, []string{program, program}); err != nil {
		t.Fatal(err)
	}

	var got document
	if err := json.Unmarshal(read(t, sbom), &got); err != nil {
		t.Fatal(err)
	}
	if got.Metadata.Timestamp != "2026-10-14T17:46:40Z" || got.Metadata.Component.Version != "1.2.3" {
		t.Errorf("metadata: %+v", got.Metadata)
	}
	components := map[string]component{}
	var refs []string
	for _, c := range got.Components {
		if _, ok := components[c.Name]; ok {
			t.Errorf("%s is there twice", c.Name)
		}
		components[c.Name] = c
		refs = append(refs, c.Ref)
	}
	if c := components[grpc.Path]; c.PackageURL != "pkg:golang/google.golang.org/grpc@"+grpc.Version || len(c.Hashes) != 1 {
		t.Errorf("component: %+v", c)
	}
	if c := components[standardLibrary]; !strings.HasPrefix(c.Version, "1.") {
		t.Errorf("Go's library: %+v", c)
	}
	if diff := cmp.Diff(refs, got.Dependencies[0].DependsOn); diff != "" {
		t.Errorf("dependencies (-components +dependencies):\n%s", diff)
	}

	text := string(read(t, licences))
	for _, want := range []string{"\n" + grpc.Path + " " + grpc.Version + "\n", "\nGo 1.", "Apache License", "Redistribution and use"} {
		if !strings.Contains(text, want) {
			t.Errorf("the licences do not have %q", want)
		}
	}
}

func TestRunOnSomethingElse(t *testing.T) {
	file := filepath.Join(t.TempDir(), "no-program")
	if err := os.WriteFile(file, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context(), "1.2.3", "", "", []string{file}); err == nil {
		t.Error("no error")
	}
}

func TestComponentWithoutSum(t *testing.T) {
	for _, sum := range []string{"", "h2:AAAA", "h1:?"} {
		if c, err := (part{path: "example.com/m", version: "v1.0.0", sum: sum}).component(); err == nil {
			t.Errorf("sum %q: %+v", sum, c)
		}
	}
}

func TestPackageURL(t *testing.T) {
	c, err := part{path: "github.com/Some/Module", version: "v1.0.0", sum: "h1:AAAA"}.component()
	if err != nil || c.PackageURL != "pkg:golang/github.com/some/module@v1.0.0" || c.Name != "github.com/Some/Module" {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestLicenceIn(t *testing.T) {
	dir := t.TempDir()
	if text, err := licenceIn(dir); err == nil {
		t.Errorf("an empty folder has the licence %q", text)
	}
	for name, text := range map[string]string{"LICENSE.md": "a\r\nb\r\n", "NOTICE": "c\n", "LICENSING.go": "d", "README": "e"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "licenses"), 0o700); err != nil {
		t.Fatal(err)
	}
	text, err := licenceIn(dir)
	if diff := cmp.Diff("a\nb\n\nc", text); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func module(t *testing.T, program, path string) *debug.Module {
	t.Helper()
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range info.Deps {
		if m.Path == path {
			return m
		}
	}
	t.Fatalf("%s is not in %s", path, program)
	return nil
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

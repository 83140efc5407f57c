// Command bom says what a release is made of: a bill of materials in CycloneDX, and the licences that go with the programs. Both
// come from what the Go linker wrote into the programs themselves (as `go version -m` shows it), so they tell what is in there.
package main

import (
	"cmp"
	"context"
	"debug/buildinfo"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

func main() {
	version := flag.String("version", "", "version of the release")
	sbom := flag.String("sbom", "", "file for the bill of materials, CycloneDX as JSON")
	licences := flag.String("licences", "", "file for the licences of all modules")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: bom -version VERSION [-sbom FILE] [-licences FILE] PROGRAM...")
		flag.PrintDefaults()
	}
	flag.Parse()
	if *version == "" || flag.NArg() == 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(context.Background(), *version, *sbom, *licences, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "bom:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, version, sbom, licences string, programs []string) error {
	made, err := buildTime()
	if err != nil {
		return err
	}
	parts, err := readParts(programs)
	if err != nil {
		return err
	}
	if sbom != "" {
		if err := writeFile(sbom, func() ([]byte, error) { return billOfMaterials(version, made, parts) }); err != nil {
			return err
		}
	}
	if licences != "" {
		return writeFile(licences, func() ([]byte, error) { return licenceTexts(ctx, parts) })
	}
	return nil
}

func writeFile(path string, content func() ([]byte, error)) error {
	data, err := content()
	if err != nil {
		return fmt.Errorf("making %s: %w", path, err)
	}
	return os.WriteFile(path, data, 0o644) //nolint:gosec // to be read by everybody
}

// buildTime is SOURCE_DATE_EPOCH (https://reproducible-builds.org/specs/source-date-epoch/), else now.
func buildTime() (time.Time, error) {
	epoch := os.Getenv("SOURCE_DATE_EPOCH")
	if epoch == "" {
		return time.Now().UTC(), nil
	}
	seconds, err := strconv.ParseInt(epoch, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("reading SOURCE_DATE_EPOCH: %w", err)
	}
	return time.Unix(seconds, 0).UTC(), nil
}

// part is a module in one of the programs, or Go's own library with the path "std" and without a sum.
type part struct {
	path, version string
	sum           string // as in go.sum: h1:BASE64
}

// readParts lists what is in the programs, each part once, sorted by path.
func readParts(programs []string) ([]part, error) {
	var parts []part
	for _, program := range programs {
		info, err := buildinfo.ReadFile(program)
		if err != nil {
			return nil, fmt.Errorf("reading what is in %s: %w", program, err)
		}
		// What follows the version are experiments and the like: "go1.26.8 X:...".
		release, _, _ := strings.Cut(info.GoVersion, " ")
		parts = append(parts, part{path: standardLibrary, version: strings.TrimPrefix(release, "go")})
		for _, module := range info.Deps {
			if module.Replace != nil {
				module = module.Replace
			}
			parts = append(parts, part{path: module.Path, version: module.Version, sum: module.Sum})
		}
	}
	slices.SortFunc(parts, func(a, b part) int {
		return cmp.Or(strings.Compare(a.path, b.path), strings.Compare(a.version, b.version))
	})
	return slices.Compact(parts), nil
}

const standardLibrary = "std"

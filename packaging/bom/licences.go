package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// licenceName is how modules name the files that must go with their code.
var licenceName = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents)([.-].*)?$`)

// licenceTexts has every licence once, under the names of the modules that it covers. The modules must be in Go's module cache.
func licenceTexts(ctx context.Context, parts []part) ([]byte, error) {
	var texts []string
	covers := map[string][]string{}
	for _, p := range parts {
		dir, err := p.dir(ctx)
		if err != nil {
			return nil, err
		}
		text, err := licenceIn(dir)
		if err != nil {
			return nil, fmt.Errorf("module %s: %w", p.path, err)
		}
		if covers[text] == nil {
			texts = append(texts, text)
		}
		covers[text] = append(covers[text], p.title())
	}
	var b bytes.Buffer
	b.WriteString("The programs of the OMS gateway contain the following software.\n")
	for _, text := range texts {
		fmt.Fprintf(&b, "\n%s\n%s\n\n%s\n", strings.Repeat("=", 80), strings.Join(covers[text], "\n"), text)
	}
	return b.Bytes(), nil
}

func (p part) title() string {
	if p.path == standardLibrary {
		return "Go " + p.version
	}
	return p.path + " " + p.version
}

// dir is the folder that p was compiled from.
func (p part) dir(ctx context.Context) (string, error) {
	args := []string{"list", "-m", "-f", "{{.Dir}}", p.path}
	if p.path == standardLibrary {
		args = []string{"env", "GOROOT"}
	}
	out, err := exec.CommandContext(ctx, "go", args...).Output()
	dir := strings.TrimSpace(string(out))
	if err != nil || dir == "" {
		return "", fmt.Errorf("finding the folder of %s: go %s: %q, %w", p.path, strings.Join(args, " "), dir, err)
	}
	return dir, nil
}

// licenceIn joins the licence files of a folder.
func licenceIn(dir string) (string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	var texts []string
	for _, entry := range entries {
		if entry.IsDir() || !licenceName.MatchString(entry.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			return "", err
		}
		texts = append(texts, strings.Trim(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n"))
	}
	if len(texts) == 0 {
		return "", fmt.Errorf("no licence in %s", dir)
	}
	return strings.Join(texts, "\n\n"), nil
}

package main

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// document is the part of CycloneDX 1.6 that is used here: https://cyclonedx.org/docs/1.6/json/
type document struct {
	BOMFormat    string       `json:"bomFormat"`
	SpecVersion  string       `json:"specVersion"`
	Version      int          `json:"version"`
	Metadata     metadata     `json:"metadata"`
	Components   []component  `json:"components"`
	Dependencies []dependency `json:"dependencies"`
}

type metadata struct {
	Timestamp string    `json:"timestamp"`
	Component component `json:"component"`
}

type component struct {
	Type       string `json:"type"`
	Ref        string `json:"bom-ref"`
	Name       string `json:"name"`
	Version    string `json:"version"`
	PackageURL string `json:"purl,omitempty"`
	Hashes     []hash `json:"hashes,omitempty"`
}

type hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type dependency struct {
	Ref       string   `json:"ref"`
	DependsOn []string `json:"dependsOn"`
}

func billOfMaterials(version string, made time.Time, parts []part) ([]byte, error) {
	release := component{Type: "application", Ref: "omsgateway@" + version, Name: "omsgateway", Version: version}
	d := document{
		BOMFormat:   "CycloneDX",
		SpecVersion: "1.6",
		Version:     1,
		Metadata:    metadata{Timestamp: made.Format(time.RFC3339), Component: release},
		Components:  make([]component, 0, len(parts)),
	}
	uses := dependency{Ref: release.Ref}
	for _, p := range parts {
		c, err := p.component()
		if err != nil {
			return nil, err
		}
		d.Components = append(d.Components, c)
		uses.DependsOn = append(uses.DependsOn, c.Ref)
	}
	d.Dependencies = []dependency{uses}
	data, err := json.MarshalIndent(d, "", "  ")
	return append(data, '\n'), err
}

// component has a package URL, whose path is lower case for Go (https://github.com/package-url/purl-spec), and, as other makers of
// such documents do, the module's sum as SHA-256: it is one, over the list of the files' hashes (https://go.dev/ref/mod#go-sum-files).
func (p part) component() (component, error) {
	url := "pkg:golang/" + strings.ToLower(p.path) + "@" + p.version
	c := component{Type: "library", Ref: url, Name: p.path, Version: p.version, PackageURL: url}
	if p.path == standardLibrary {
		return c, nil
	}
	encoded, ok := strings.CutPrefix(p.sum, "h1:")
	sum, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil {
		return component{}, fmt.Errorf("module %s has no sum: %q", p.path, p.sum)
	}
	c.Hashes = []hash{{Algorithm: "SHA-256", Content: hex.EncodeToString(sum)}}
	return c, nil
}

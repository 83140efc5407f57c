package gateways_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/omsgateway/omsgateway/ctl/gateways"
)

func valid(address string) error {
	if !strings.HasPrefix(address, "ssh:") {
		return errors.New("no address")
	}
	return nil
}

func add(name string) func([]gateways.Gateway) ([]gateways.Gateway, error) {
	return func(list []gateways.Gateway) ([]gateways.Gateway, error) {
		return append(list, gateways.Gateway{Name: name, Address: "ssh:" + name}), nil
	}
}

// However many add one at the same time, none is lost.
func TestChangesAtOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a", "gateways.json")
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			if err := gateways.Change(t.Context(), file, valid, add(fmt.Sprintf("gw%02d", i))); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	list, err := gateways.Read(file, valid)
	if err != nil || len(list) != 20 || list[0].Name != "gw00" || list[19].Address != "ssh:gw19" {
		t.Errorf("%v, %v", list, err)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	refused := errors.New("refused")
	err = gateways.Change(t.Context(), file, valid, func([]gateways.Gateway) ([]gateways.Gateway, error) { return nil, refused })
	if again, _ := gateways.Read(file, valid); !errors.Is(err, refused) || !cmp.Equal(list, again) {
		t.Errorf("%v, %v", err, again)
	}
}

func TestNoFile(t *testing.T) {
	if list, err := gateways.Read(filepath.Join(t.TempDir(), "gateways.json"), valid); list != nil || err != nil {
		t.Errorf("%v, %v", list, err)
	}
}

func TestWrongFiles(t *testing.T) {
	for text, want := range map[string]string{
		"": "EOF", "[]": "cannot unmarshal", `{"version": 2}`: "version 2", `{"version": 1} x`: "something follows",
		`{"version": 1, "gateway": []}`:                                                                      "unknown field",
		`{"version": 1, "gateways": [{"name": "-a", "address": "ssh:a"}]}`:                                   `"-a" is no name`,
		`{"version": 1, "gateways": [{"name": "a", "address": "x"}]}`:                                        "gateway a: no address",
		`{"version": 1, "gateways": [{"name": "ALL", "address": "ssh:a"}]}`:                                  "a meaning of its own",
		`{"version": 1, "gateways": [{"name": "a", "address": "ssh:a", "pin": ""}]}`:                         "unknown field",
		`{"version": 1, "gateways": [{"name": "a", "address": "ssh:a"}, {"name": "A", "address": "ssh:a"}]}`: "gateway A is there twice",
		strings.Repeat(" ", 1<<20+1):                                                                         "more than 1048576 bytes",
	} {
		file := filepath.Join(t.TempDir(), "gateways.json")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := gateways.Read(file, valid); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.80s: %v, want %q", text, err, want)
		}
		if err := gateways.Change(t.Context(), file, valid, add("b")); err == nil {
			t.Errorf("%.80s was changed", text)
		}
	}
}

// Whoever can write the file, or put another one in its place, decides where changes go.
func TestFileOfOthers(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "gateways.json")
	if err := gateways.Change(t.Context(), file, valid, add("a")); err != nil {
		t.Fatal(err)
	}
	for path, mode := range map[string]os.FileMode{file: 0o620, dir: 0o777} {
		before, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := gateways.Read(file, valid); err == nil || !strings.Contains(err.Error(), "chmod go-w "+path) {
			t.Errorf("%s: %v", path, err)
		}
		if err := os.Chmod(path, before.Mode()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := gateways.Read(file, valid); err != nil {
		t.Error(err)
	}
}

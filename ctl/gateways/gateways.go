// Package gateways keeps the gateways that a user has given names, in a file of his own.
package gateways

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/omsgateway/omsgateway/internal/atomicfile"
	"github.com/omsgateway/omsgateway/internal/filelock"
)

// Gateway is a gateway with a name.
type Gateway struct {
	Name    string `json:"name"`    // a letter or digit, then letters, digits, '.', '_' and '-', at most 63; its case does not count
	Address string `json:"address"` // of the admin API
}

// Local is the name that always stands for the gateway of this computer. All is kept for all gateways.
const (
	Local = "local"
	All   = "all"
)

// Bounds of the file.
const (
	version  = 1
	maxFile  = 1 << 20 // bytes
	maxNamed = 1000    // gateways
	lockWait = 10 * time.Second
)

// File is where the names are kept: gateways.json in the folder omsgateway of the user's configuration.
func File() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("finding the folder of your configuration: %w", err)
	}
	return filepath.Join(dir, "omsgateway", "gateways.json"), nil
}

// Read returns the gateways of a file, sorted by name; none if there is no file. check is what is wrong with an address, or nil. A file
// that others can write, and one that is wrong anywhere, is an error.
func Read(file string, check func(address string) error) ([]Gateway, error) {
	if err := checkOwned(file); err != nil {
		return nil, err
	}
	opened, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer opened.Close()
	data, err := io.ReadAll(io.LimitReader(opened, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("%s has more than %d bytes", file, maxFile)
	}
	list, err := decode(data, check)
	if err != nil {
		return nil, fmt.Errorf("%s is wrong: %w; mend it, or move it away", file, err)
	}
	return list, nil
}

// Change lets change make another list of the gateways of a file, and writes it; several at once wait for each other.
func Change(ctx context.Context, file string, check func(address string) error, change func([]Gateway) ([]Gateway, error)) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	lock, err := filelock.AcquireWithin(ctx, file+".lock", lockWait)
	if err != nil {
		return fmt.Errorf("waiting for another change of %s: %w", file, err)
	}
	defer func() { _ = lock.Release() }()
	list, err := Read(file, check)
	if err != nil {
		return err
	}
	if list, err = change(slices.Clone(list)); err != nil {
		return err
	}
	if len(list) > maxNamed {
		return fmt.Errorf("there would be more than %d gateways", maxNamed)
	}
	data, err := json.MarshalIndent(document{Version: version, Gateways: list}, "", "  ")
	if err != nil {
		return err
	}
	err = atomicfile.Write(file, append(data, '\n'))
	if _, unsynced := errors.AsType[*atomicfile.SyncError](err); unsynced {
		return nil
	}
	return err
}

// CheckName says what is wrong with a name, or nil.
func CheckName(name string) error {
	switch {
	case !nameForm.MatchString(name):
		return fmt.Errorf("%q is no name: it begins with a letter or digit, and has letters, digits, '.', '_' and '-', at most 63",
			cut(name))
	case strings.EqualFold(name, Local) || strings.EqualFold(name, All):
		return fmt.Errorf("%q has a meaning of its own; choose another name", name)
	}
	return nil
}

// Find returns the place of a name in a list, or -1.
func Find(list []Gateway, name string) int {
	return slices.IndexFunc(list, func(g Gateway) bool { return strings.EqualFold(g.Name, name) })
}

var nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

// document is the file.
type document struct {
	Version  int       `json:"version"`
	Gateways []Gateway `json:"gateways"`
}

func decode(data []byte, check func(address string) error) ([]Gateway, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	var d document
	if err := decoder.Decode(&d); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows after its end")
	}
	if d.Version != version {
		return nil, fmt.Errorf("it has version %d, and this program understands %d", d.Version, version)
	}
	if len(d.Gateways) > maxNamed {
		return nil, fmt.Errorf("it has more than %d gateways", maxNamed)
	}
	for i, g := range d.Gateways {
		if err := CheckName(g.Name); err != nil {
			return nil, err
		}
		if Find(d.Gateways[:i], g.Name) >= 0 {
			return nil, fmt.Errorf("gateway %s is there twice", g.Name)
		}
		if err := check(g.Address); err != nil {
			return nil, fmt.Errorf("gateway %s: %w", g.Name, err)
		}
	}
	slices.SortFunc(d.Gateways, func(a, b Gateway) int {
		return strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name))
	})
	return d.Gateways, nil
}

func cut(text string) string {
	const most = 80
	if len(text) > most {
		return text[:most] + "..."
	}
	return text
}

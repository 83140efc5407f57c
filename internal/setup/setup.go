// Package setup gives a gateway its first configuration: what Windows setup hands over (properties, and what was saved of an original
// OMS gateway), and what the original keeps in the registry.
package setup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/omsgateway/omsgateway/internal/atomicfile"
	"github.com/omsgateway/omsgateway/internal/caller"
	"github.com/omsgateway/omsgateway/internal/config"
	"github.com/omsgateway/omsgateway/internal/event"
	"github.com/omsgateway/omsgateway/internal/filelock"
	"github.com/omsgateway/omsgateway/internal/osdefaults"
	"github.com/omsgateway/omsgateway/internal/reason"
	"github.com/omsgateway/omsgateway/internal/settings"
	"github.com/omsgateway/omsgateway/internal/statefolder"
)

// folderWaitTime is how long a state folder that is in use is waited for.
const folderWaitTime = 3 * time.Second

// logStopTime is how long the log may take to write its last lines.
const logStopTime = 5 * time.Second

// Apply changes the configuration in stateDir of a gateway that is stopped as setup was told: first what was saved from an original
// gateway, then the properties on in. It is one change: an error leaves everything as it was. The log file and logs tell what was done.
// [Done] keeps the change, [Undo] takes it back.
func Apply(ctx context.Context, stateDir string, in io.Reader, logs ...event.Output) error {
	// What an earlier setup has left is not for Undo, whatever becomes of this one.
	if err := statefolder.Make(stateDir); err != nil {
		return fmt.Errorf("making the folder of the configuration: %w", err)
	}
	if err := os.Remove(beforeSetup(stateDir)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("tidying up after an earlier setup: %w", err)
	}
	properties, err := ReadProperties(in)
	if err != nil {
		return err
	}
	events := event.NewHub(event.Options{
		Level:   event.Info,
		Outputs: append(logs, event.NewFile(osdefaults.LogFile(stateDir))),
		Changes: osdefaults.ChangesFile(stateDir),
	})
	defer closeEvents(events)
	store, err := settings.OpenWithin(ctx, folderWaitTime, settings.Options{Dir: stateDir, Events: events})
	if err != nil {
		return err
	}
	defer closeStore(store, events)
	events.SetLevel(event.Level(store.Current().Settings.LogLevel))

	// Only once the folder is known to be the gateway's own is anything in it believed.
	original, err := readOriginal(osdefaults.SavedOriginal(stateDir))
	if err != nil {
		return err
	}
	if err := keepConfiguration(stateDir); err != nil {
		return err
	}
	report := ""
	request := settings.Request{Caller: caller.Caller{Name: "setup"}, Method: "setup"}
	if _, _, err := store.Update(ctx, request, func(c *config.Config) error {
		if original != nil {
			report = original.Change(c, time.Now())
		}
		return properties.Change(c)
	}); err != nil {
		return err
	}
	if original != nil {
		events.Emit(event.Note(event.GatewayServer, report))
	}
	if properties.Given() {
		return decide(osdefaults.ConfigFile(stateDir), store.Current().Config)
	}
	return nil
}

// decide writes a configuration that has none but defaults: they were asked for, so that the first start must not look for others in
// the registry of an original.
func decide(path string, c config.Config) error {
	_, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		err = atomicfile.Write(path, c.Encode())
	}
	if err != nil {
		return fmt.Errorf("writing the configuration: %w", err)
	}
	return nil
}

// keepConfiguration keeps the configuration for Undo; an empty file stands for none.
func keepConfiguration(stateDir string) error {
	path := osdefaults.ConfigFile(stateDir)
	before, err := os.ReadFile(path)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		err = atomicfile.Write(beforeSetup(stateDir), before)
	}
	if err != nil {
		return fmt.Errorf("keeping %s: %w", path, err)
	}
	return nil
}

// Done keeps what [Apply] has changed.
func Done(stateDir string) error {
	saved := osdefaults.SavedOriginal(stateDir)
	for _, err := range []error{os.Rename(saved, saved+".done"), os.Remove(beforeSetup(stateDir))} {
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("tidying up after setup: %w", err)
		}
	}
	return nil
}

// Undo puts the configuration back as it was before [Apply], if that has come so far as to change it.
func Undo(ctx context.Context, stateDir string) (err error) {
	if _, err := os.Lstat(beforeSetup(stateDir)); errors.Is(err, fs.ErrNotExist) {
		return nil // setup has not come that far
	}
	// A setup that has refused somebody else's folder is undone too: nothing in there is believed, and nothing is written.
	if err := statefolder.Make(stateDir); err != nil {
		return fmt.Errorf("looking at the folder of the configuration: %w", err)
	}
	lock, err := filelock.AcquireWithin(ctx, osdefaults.LockFile(stateDir), folderWaitTime)
	if errors.Is(err, filelock.ErrHeld) {
		err = reason.New(reason.ConfigInUse, "folder", stateDir)
	}
	if err != nil {
		return fmt.Errorf("taking the state folder: %w", err)
	}
	defer func() { err = errors.Join(err, lock.Release()) }()
	before, err := os.ReadFile(beforeSetup(stateDir))
	if err != nil {
		return fmt.Errorf("reading the configuration from before setup: %w", err)
	}
	path := osdefaults.ConfigFile(stateDir)
	if len(before) == 0 {
		if err = os.Remove(path); errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	} else {
		err = atomicfile.Write(path, before)
	}
	if err != nil {
		return fmt.Errorf("putting back the configuration from before setup: %w", err)
	}
	return os.Remove(beforeSetup(stateDir))
}

func beforeSetup(stateDir string) string { return osdefaults.ConfigFile(stateDir) + ".before-setup" }

// readOriginal is nil if nothing was saved.
func readOriginal(path string) (*Original, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // absent is not invalid
	}
	if err != nil {
		return nil, fmt.Errorf("reading what was saved from the original: %w", err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, config.MaxFileSize))
	if err != nil {
		return nil, fmt.Errorf("reading what was saved from the original: %w", err)
	}
	original, err := ReadOriginal(data)
	return &original, err
}

func closeStore(store *settings.Store, events event.Sink) {
	if err := store.Close(); err != nil {
		events.Emit(event.Failure(event.GatewayServer, "to give the state folder back", err))
	}
}

func closeEvents(events *event.Hub) {
	ctx, cancel := context.WithTimeout(context.Background(), logStopTime)
	defer cancel()
	_ = events.Close(ctx)
}

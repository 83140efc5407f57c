package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"omsgateway/internal/config"
	"omsgateway/internal/event"
	"omsgateway/internal/installer"
	"omsgateway/internal/osdefaults"
	"omsgateway/internal/settings"
)

func newSetup() *cobra.Command {
	var stateDir string
	command := &cobra.Command{
		Use:   "setup",
		Short: "Write what setup was told into the configuration of a gateway that is stopped",
		Long: `setup is what the Windows package runs before the service starts. It takes over what the package has saved from an original
OMS Gateway (` + osdefaults.SavedOriginal("") + ` in the state folder), and then the properties on standard input, lines NAME=value:
PORTNUMBER, HASPROXY, PROXY, HASAUTH, USERNAME, PASSWORD. A property that is not given changes nothing.`,
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return failed(setup(cmd.Context(), stateDir, cmd.InOrStdin()))
		},
	}
	command.Flags().StringVar(&stateDir, "state-dir", osdefaults.StateDir(), "folder of the configuration, its lock and the log")
	return command
}

// setup changes the configuration as setup was told: first what was saved from an original gateway, which is taken over once, then
// the properties on in. It is one change: an error leaves everything as it was. The log tells what was done.
func setup(ctx context.Context, stateDir string, in io.Reader) error {
	properties, err := installer.ReadProperties(in)
	if err != nil {
		return err
	}
	events := event.NewHub(event.Options{
		Level:   event.Info,
		Outputs: []event.Output{event.NewFile(osdefaults.LogFile(stateDir))},
	})
	defer closeEvents(events)
	store, err := openStore(ctx, settings.Options{Dir: stateDir, Events: events})
	if err != nil {
		return err
	}
	defer closeStore(store, events)
	setLogLevel(events, store.Current())

	// Only once the folder is known to be the gateway's own is anything in it believed.
	saved := osdefaults.SavedOriginal(stateDir)
	original, err := readOriginal(saved)
	if err != nil {
		return err
	}
	report := ""
	if _, _, err := store.Update(ctx, settings.Request{Caller: "setup"}, func(c *config.Config) error {
		if original != nil {
			report = original.Change(c, time.Now())
		}
		return properties.Change(c)
	}); err != nil {
		return err
	}
	if original == nil {
		return nil
	}
	events.Emit(event.Note(event.GatewayServer, report))
	if err := os.Rename(saved, saved+".done"); err != nil {
		return fmt.Errorf("putting away what was saved from the original: %w", err)
	}
	return nil
}

// readOriginal is nil if nothing was saved.
func readOriginal(path string) (*installer.Original, error) {
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
	original, err := installer.ReadOriginal(data)
	return &original, err
}

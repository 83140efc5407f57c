package main

import (
	"github.com/spf13/cobra"

	"github.com/omsgateway/omsgateway/internal/osdefaults"
	"github.com/omsgateway/omsgateway/internal/setup"
)

func newSetup() *cobra.Command {
	var stateDir string
	command := &cobra.Command{
		Use:   "setup",
		Short: "Write what setup was told into the configuration of a gateway that is stopped",
		Long: `setup is what the Windows package runs before the service starts. It takes over what the package has saved from an original
OMS Gateway (` + osdefaults.SavedOriginal("") + ` in the state folder), and then the properties on standard input, lines NAME=value:
PORTNUMBER, HASPROXY, PROXY, HASAUTH, USERNAME, PASSWORD. A property that is not given changes nothing. The package then runs
"setup done" if all else went well, and "setup undo" if not, which puts the configuration back.`,
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return failed(setup.Apply(cmd.Context(), stateDir, cmd.InOrStdin(), systemLogs()...))
		},
	}
	command.PersistentFlags().StringVar(&stateDir, "state-dir", osdefaults.StateDir(), "folder of the configuration, its lock and the log")
	command.AddCommand(
		&cobra.Command{
			Use: "done", Short: "Keep what setup has written", Args: cobra.NoArgs,
			RunE: func(*cobra.Command, []string) error { return failed(setup.Done(stateDir)) },
		},
		&cobra.Command{
			Use: "undo", Short: "Put the configuration back as it was before setup", Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error { return failed(setup.Undo(cmd.Context(), stateDir)) },
		},
	)
	return command
}

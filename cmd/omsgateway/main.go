// Command omsgateway is the gateway: an HTTP forward proxy that accepts only CONNECT, only to allowed hosts.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/omsgateway/omsgateway/internal/config"
	"github.com/omsgateway/omsgateway/internal/event"
	"github.com/omsgateway/omsgateway/internal/osdefaults"
	"github.com/omsgateway/omsgateway/server/gateway"
)

// version is stamped by the linker.
var version = "dev"

// Exit codes: done, failed, wrong usage.
const (
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	closeMemory()
	command := newCommand()
	err := command.ExecuteContext(context.Background())
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "omsgateway:", err)
	if failed, ok := errors.AsType[failure](err); ok && failed.error != nil {
		os.Exit(exitFailed)
	}
	fmt.Fprintln(os.Stderr, "Run 'omsgateway --help' for usage.")
	os.Exit(exitUsage)
}

// failure is an error of the work itself; any other error that the command line answers is wrong usage.
type failure struct{ error }

func (f failure) Unwrap() error { return f.error }

func failed(err error) error {
	if err == nil {
		return nil
	}
	return failure{err}
}

func newCommand() *cobra.Command {
	o := gateway.Options{Version: version, Log: event.Stderr()}
	command := &cobra.Command{
		Use:   "omsgateway",
		Short: "Let computers without internet access send monitoring data to Azure through this one",
		Long: `omsgateway is an HTTP forward proxy that accepts only CONNECT, only to allowed hosts. It runs in the foreground until it
is interrupted; a second interrupt ends it at once.

Allowed hosts and settings are changed while it runs, with omsgwctl. They are kept in one file in the state folder.`,
		Example: `  omsgateway
  omsgateway --state-dir ./state --listen 127.0.0.1:8080
  omsgateway --set LogLevel=Debug
  omsgateway check-config /var/lib/omsgateway/config.json`,
		Version:       version,
		Args:          cobra.NoArgs,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.Complete(); err != nil {
				return err
			}
			orders, end := gateway.Signals(cmd.Context())
			defer end()
			return failed(gateway.Run(orders, o))
		},
	}
	flags := command.Flags()
	flags.StringVar(&o.StateDir, "state-dir", "", "folder of the configuration, its lock and the log (default "+osdefaults.StateDir()+")")
	flags.StringVar(&o.Address, "address", "", "where the admin API listens, unix:PATH or npipe:NAME (default "+
		osdefaults.AdminAddress()+"; with --state-dir, in that folder)")
	flags.StringVar(&o.Listen, "listen", "", "where clients connect, HOST:PORT, for this run only; port 0 takes a free one")
	flags.StringArrayVar(&o.Set, "set", nil, "set a setting for this run only, KEY=VALUE; may be repeated")
	command.CompletionOptions.DisableDefaultCmd = true
	command.SetVersionTemplate("omsgateway {{.Version}}\n")
	command.AddCommand(newCheckConfig(), newAdminStdio(), newSetup())
	command.AddCommand(serviceCommands()...)
	return command
}

func newCheckConfig() *cobra.Command {
	return &cobra.Command{
		Use:     "check-config FILE",
		Short:   "Tell whether a configuration file is one that the gateway would start with",
		Example: "  omsgateway check-config /var/lib/omsgateway/config.json",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errors.New("check-config needs one FILE")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := config.Read(args[0])
			if err != nil {
				return failed(err)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s is valid: %d allowed hosts\n", args[0], len(c.AllowedHosts))
			return nil
		},
	}
}

func newAdminStdio() *cobra.Command {
	var stateDir string
	command := &cobra.Command{
		Use:   "admin-stdio",
		Short: "Serve the admin API on standard input and output for a gateway that is stopped",
		Long: `admin-stdio is what omsgwctl runs when the gateway is stopped: the admin API on standard input and output, without a data
path. It holds the lock of the state folder, so that no gateway starts meanwhile, and ends with its input.`,
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return failed(gateway.ServeStdio(cmd.Context(), stateDir, version))
		},
	}
	command.Flags().StringVar(&stateDir, "state-dir", osdefaults.StateDir(), "folder of the configuration, its lock and the log")
	return command
}

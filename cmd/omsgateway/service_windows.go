package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/omsgateway/omsgateway/internal/event"
	"github.com/omsgateway/omsgateway/internal/firewall"
	"github.com/omsgateway/omsgateway/internal/osdefaults"
	"github.com/omsgateway/omsgateway/server/winservice"
)

// serviceCommands are those of the Windows service.
func serviceCommands() []*cobra.Command {
	command := &cobra.Command{
		Use:   "service",
		Short: "Install, uninstall or run the Windows service, or open the firewall for it: " + osdefaults.ServiceName,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return errors.New("say what to do: install, uninstall, firewall or run")
		},
	}
	update := false
	openFirewall := &cobra.Command{
		Use:   "firewall",
		Short: "Let clients in at the port of the configuration, by the rule " + firewall.Clients + " of the Windows firewall",
		Long: `firewall makes the inbound rule ` + firewall.Clients + ` of the Windows firewall, or changes the one that is there: TCP,
the port of the setting ListenPort only, and this program as the service ` + osdefaults.ServiceName + ` only. From where one may connect,
and in which networks, stays as an administrator has set it.

Run it as an administrator after ListenPort was changed: the service itself may not change the firewall. The service has to be
installed, with this program.`,
		Example: "  omsgateway service firewall",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return failed(winservice.OpenFirewall(cmd.Context(), cmd.OutOrStdout(), update))
		},
	}
	openFirewall.Flags().BoolVar(&update, "update", false, "change the rule only if it is there")
	command.AddCommand(openFirewall,
		&cobra.Command{
			Use:   "install",
			Short: "Install this program as the service, from where it is",
			Long: `install makes the service ` + osdefaults.ServiceName + `, its event log and its folder
` + osdefaults.StateDir() + `. It does not start the service, and leaves the firewall as it is:
"omsgateway service firewall" opens it.

The program has to stay where it is, in a folder that only administrators can write to.`,
			Example: "  omsgateway service install\n  omsgateway service firewall\n  Start-Service " + osdefaults.ServiceName,
			Args:    cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				return failed(winservice.Install(cmd.OutOrStdout()))
			},
		},
		&cobra.Command{
			Use:   "uninstall",
			Short: "Stop the service and remove it with its rule of the firewall; configuration and logs stay",
			Args:  cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				return failed(winservice.Uninstall(cmd.Context(), cmd.OutOrStdout()))
			},
		},
		&cobra.Command{
			Use:   "run",
			Short: "Run the gateway as the service; only the service manager can do it",
			Args:  cobra.NoArgs,
			RunE: func(*cobra.Command, []string) error {
				return failed(winservice.Run(version))
			},
		},
	)
	return []*cobra.Command{command}
}

// systemLogs is where a program that is no service tells what it has done to the gateway, besides the log file.
func systemLogs() []event.Output { return []event.Output{event.NewWindowsLog()} }

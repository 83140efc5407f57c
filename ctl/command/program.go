// Package command is what all commands of omsgwctl have in common: how they reach a gateway, what they print, how they fail, and
// how they explain themselves.
//
// A command is two functions: what it asks of one gateway, which returns a message, and how people see that message. [Asking] and
// [Changing] make a command of them.
package command

import (
	"context"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// Program is one run of omsgwctl.
type Program struct {
	Version string
	In      io.Reader
	Out     io.Writer
	Err     io.Writer
	JSON    bool   // --json
	Client  string // what the gateway is told as the program that calls; "" is omsgwctl itself

	NoStandIn bool // a gateway that is stopped is not reached

	address   string      // --address, "" if not given
	gateway   gatewayFlag // --gateway
	mentioned bool        // where changes are made was said
	started   bool        // the command line was understood: an error from here on is not wrong usage
	stoodIn   bool        // the last change was made while the gateway is stopped
}

// The groups of commands in the help.
const (
	GroupSetUp  = "set-up"
	GroupWatch  = "watch"
	GroupScript = "script"
)

// Run carries out one command line and returns the exit code. root is what [Program.Root] made.
func (p *Program) Run(ctx context.Context, root *cobra.Command, args []string) int {
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitDone
	}
	return p.report(cmd, args, err)
}

// Root makes the command omsgwctl, which has commands and what belongs to every program: version, help and completion.
func (p *Program) Root(commands ...*cobra.Command) *cobra.Command {
	root := Noun(&cobra.Command{
		Use:   "omsgwctl",
		Short: "Administer the OMS gateway",
		Long: `Administer the OMS gateway: which hosts clients may reach, how it is set up, and what it does. Every change takes
effect at once; nothing restarts and no tunnel is cut.`,
		Example: `omsgwctl status
omsgwctl allowed-host add myworkspace.ods.opinsights.azure.com
omsgwctl event watch --level error`,
		Version: p.Version,
	})
	root.PersistentPreRun = func(*cobra.Command, []string) { p.started = true }
	root.SilenceErrors, root.SilenceUsage = true, true
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetIn(p.In)
	root.SetOut(p.Out)
	root.SetErr(p.Err)
	root.SetVersionTemplate("omsgwctl {{.Version}}\n")
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) { writeHelp(cmd.OutOrStdout(), cmd) })
	root.SetHelpCommand(helpCommand())
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return flagError(err) })
	root.PersistentFlags().StringVar(&p.address, "address", "",
		"unix:PATH, npipe:NAME or ssh:[USER@]HOST (default: $OMSGATEWAY_ADDRESS, else the system's `address`)")
	root.PersistentFlags().Var(&p.gateway, "gateway",
		"the gateway with this `name`; local is this computer's (default: $"+GatewayVariable+")")
	_ = root.RegisterFlagCompletionFunc("gateway", func(cmd *cobra.Command, _ []string, word string) ([]string, cobra.ShellCompDirective) {
		return GatewayNames(cmd, nil, word)
	})
	root.Flags().BoolP("version", "v", false, "print the version of this program")
	root.PersistentFlags().BoolP("help", "h", false, "show this help")

	root.AddGroup(
		&cobra.Group{ID: GroupSetUp, Title: "Set up the gateway"},
		&cobra.Group{ID: GroupWatch, Title: "See what it does"},
		&cobra.Group{ID: GroupScript, Title: "For scripts and shells"},
	)
	root.AddCommand(commands...)
	root.AddCommand(p.completion(), p.version())
	return root
}

func (p *Program) version() *cobra.Command {
	return p.WithJSON(&cobra.Command{
		Use:     "version",
		Short:   "Print the version of this program",
		Long:    "Print the version of this program. The gateway's own version is part of its status.",
		Example: "omsgwctl version",
		GroupID: GroupScript,
		Args:    Takes(),
		RunE: func(*cobra.Command, []string) error {
			if p.JSON {
				return p.Printf("{\"version\": %s}\n", Quote(p.Version))
			}
			return p.Printf("omsgwctl %s\n", p.Version)
		},
	})
}

// Noun makes cmd a command that does nothing by itself and has verbs. Without a verb the root shows its help; any other noun
// calls it wrong usage, so that a script notices.
func Noun(cmd *cobra.Command, verbs ...*cobra.Command) *cobra.Command {
	cmd.AddCommand(verbs...)
	cmd.Use += " COMMAND"
	cmd.SuggestionsMinimumDistance = 2
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 && !cmd.HasParent() {
			return nil
		}
		var names []string
		for _, verb := range cmd.Commands() {
			if verb.IsAvailableCommand() {
				names = append(names, verb.Name())
			}
		}
		if len(args) == 0 {
			return Usagef("%s needs one of: %s", cmd.Name(), strings.Join(names, ", "))
		}
		if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
			return Usagef("%s has no command %q; did you mean %s?", cmd.Name(), args[0], strings.Join(near, " or "))
		}
		return Usagef("%s has no command %q; it has %s", cmd.Name(), args[0], strings.Join(names, ", "))
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	return cmd
}

// WithJSON gives a command the flag --json.
func (p *Program) WithJSON(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().BoolVar(&p.JSON, "json", false, "print JSON for scripts instead of text for people")
	return cmd
}

// Takes checks that a command gets exactly the arguments that it names.
func Takes(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names):
			are := "is"
			if len(names)-len(args) > 1 {
				are = "are"
			}
			return Usagef("%s %s missing", strings.Join(names[len(args):], " and "), are)
		case len(args) > len(names):
			return Usagef("%q is one argument too many", args[len(names)])
		}
		return nil
	}
}

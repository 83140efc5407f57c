// Package ctl is the program omsgwctl, which administers a gateway over its admin API.
package ctl

import (
	"context"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"

	"github.com/omsgateway/omsgateway/internal/adminclient"
)

// Every call of the admin API ends after callTimeout, and a gateway that starts is waited for at most startWait.
const (
	callTimeout = 30 * time.Second
	startWait   = 10 * time.Second
)

// Main carries out one command line of the program of this version, and returns the exit code.
func Main(ctx context.Context, version string, args []string, in io.Reader, out, errs io.Writer) int {
	a := &app{streams: streams{in: in, out: out, err: errs}, release: version}
	root := a.root()
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitDone
	}
	return a.report(cmd, args, err)
}

type streams struct {
	in       io.Reader
	out, err io.Writer
}

// app is one run of the program.
type app struct {
	streams
	release string // its version
	address string // --address, "" if not given
	json    bool   // --json
	started bool   // the command line was understood: an error from here on is not wrong usage
}

func (a *app) root() *cobra.Command {
	root := noun(&cobra.Command{
		Use:   "omsgwctl",
		Short: "Administer the OMS gateway",
		Long: `Administer the OMS gateway: which hosts clients may reach, how it is set up, and what it does. Every change takes
effect at once; nothing restarts and no tunnel is cut.`,
		Example: `omsgwctl status
omsgwctl allowed-host add myworkspace.ods.opinsights.azure.com
omsgwctl event watch --level error`,
		Version: a.release,
	})
	root.PersistentPreRun = func(*cobra.Command, []string) { a.started = true }
	root.SilenceErrors, root.SilenceUsage = true, true
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.SetVersionTemplate("omsgwctl {{.Version}}\n")
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) { writeHelp(cmd.OutOrStdout(), cmd) })
	root.SetHelpCommand(helpCommand())
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return flagError(err) })
	root.PersistentFlags().StringVar(&a.address, "address", "",
		"`address` of the admin API, unix:PATH or npipe:NAME (default: $OMSGATEWAY_ADDRESS, else the system's)")
	root.Flags().BoolP("version", "v", false, "print the version of this program")
	root.PersistentFlags().BoolP("help", "h", false, "show this help")

	root.AddGroup(
		&cobra.Group{ID: groupSetUp, Title: "Set up the gateway"},
		&cobra.Group{ID: groupWatch, Title: "See what it does"},
		&cobra.Group{ID: groupScript, Title: "For scripts and shells"},
	)
	root.AddCommand(
		a.allowedHost(), a.allowedClientCertificate(), a.relayProxy(), a.setting(),
		a.status(), a.check(), a.denied(), a.discovery(), a.tunnel(), a.event(),
		a.batch(), a.completion(), a.version(),
	)
	return root
}

const (
	groupSetUp  = "set-up"
	groupWatch  = "watch"
	groupScript = "script"
)

func (a *app) version() *cobra.Command {
	return a.withJSON(&cobra.Command{
		Use:     "version",
		Short:   "Print the version of this program",
		Long:    "Print the version of this program. The gateway's own version is part of its status.",
		Example: "omsgwctl version",
		GroupID: groupScript,
		Args:    takes(),
		RunE: func(*cobra.Command, []string) error {
			if a.json {
				return a.printf("{\"version\": %s}\n", quote(a.release))
			}
			return a.printf("omsgwctl %s\n", a.release)
		},
	})
}

// noun makes cmd a command that does nothing by itself and has verbs. Without a verb the root shows its help; any other noun
// calls it wrong usage, so that a script notices.
func noun(cmd *cobra.Command, verbs ...*cobra.Command) *cobra.Command {
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
			return usagef("%s needs one of: %s", cmd.Name(), strings.Join(names, ", "))
		}
		if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
			return usagef("%s has no command %q; did you mean %s?", cmd.Name(), args[0], strings.Join(near, " or "))
		}
		return usagef("%s has no command %q; it has %s", cmd.Name(), args[0], strings.Join(names, ", "))
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	return cmd
}

// withJSON gives a command the flag --json.
func (a *app) withJSON(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().BoolVar(&a.json, "json", false, "print JSON for scripts instead of text for people")
	return cmd
}

// takes checks that a command gets exactly the arguments that it names.
func takes(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names):
			are := "is"
			if len(names)-len(args) > 1 {
				are = "are"
			}
			return usagef("%s %s missing", strings.Join(names[len(args):], " and "), are)
		case len(args) > len(names):
			return usagef("%q is one argument too many", args[len(names)])
		}
		return nil
	}
}

// connected runs do with a connection to the gateway, which may be one that is waited for or stood in for.
func (a *app) connected(ctx context.Context, do func(context.Context, *adminclient.Client) error) error {
	c, err := adminclient.Dial(ctx, adminclient.Options{Address: a.address, Wait: startWait})
	if err != nil {
		return err
	}
	defer c.Close()
	return do(ctx, c)
}

// call makes one unary call within the time limit. Its error is an *apierr.Error.
func call[Request, Response any](ctx context.Context,
	method func(context.Context, *Request, ...grpc.CallOption) (*Response, error), request *Request) (*Response, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	response, err := method(ctx, request)
	return response, fromCall(err, "this command")
}

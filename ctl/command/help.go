package command

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// writeHelp prints the help of one command.
func writeHelp(w io.Writer, cmd *cobra.Command) {
	fmt.Fprintf(w, "%s\n\nUSAGE\n  %s\n", strings.TrimSpace(cmd.Long), cmd.UseLine())
	for _, group := range append(slices.Clone(cmd.Groups()), &cobra.Group{Title: "Commands"}) {
		writeCommands(w, cmd, group)
	}
	if cmd.Example != "" {
		fmt.Fprintf(w, "\nEXAMPLES\n  %s\n", strings.ReplaceAll(cmd.Example, "\n", "\n  "))
	}
	if flags := cmd.LocalNonPersistentFlags(); flags.HasAvailableFlags() {
		fmt.Fprintf(w, "\nFLAGS\n%s", flags.FlagUsages())
	}
	if flags := cmd.Root().PersistentFlags(); flags.HasAvailableFlags() {
		fmt.Fprintf(w, "\nFLAGS OF EVERY COMMAND\n%s", flags.FlagUsages())
	}
	if !cmd.HasParent() {
		fmt.Fprintf(w, "\nEXIT CODES\n  %s\n", ExitCodes)
	}
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(w, "\nUse '%s COMMAND --help' to learn more about a command.\n", cmd.CommandPath())
	}
}

func writeCommands(w io.Writer, cmd *cobra.Command, group *cobra.Group) {
	title := fmt.Sprintf("\n%s\n", strings.ToUpper(group.Title))
	for _, sub := range cmd.Commands() {
		if sub.GroupID == group.ID && sub.IsAvailableCommand() {
			fmt.Fprintf(w, "%s  %-*s  %s\n", title, sub.NamePadding(), sub.Name(), sub.Short)
			title = ""
		}
	}
}

// helpCommand is "omsgwctl help COMMAND", the same as "omsgwctl COMMAND --help".
func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND]",
		Short:   "Show the help of a command",
		Long:    "Show the help of a command, the same as --help does.",
		Example: "omsgwctl help allowed-host add",
		GroupID: GroupScript,
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Root().Find(args)
			if err != nil {
				return err
			}
			if len(rest) > 0 {
				return Usagef("there is no command %q", strings.Join(args, " "))
			}
			about.InitDefaultHelpFlag() // joins the flags of its parents
			return about.Help()
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			var names []string
			if about, rest, err := cmd.Root().Find(args); err == nil && len(rest) == 0 {
				for _, sub := range about.Commands() {
					if sub.IsAvailableCommand() {
						names = append(names, cobra.CompletionWithDesc(sub.Name(), sub.Short))
					}
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
	}
}

package ctl

import (
	"context"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/omsgateway/omsgateway/internal/adminclient"
)

// completionTimeout bounds how long a press of the tab key may take.
const completionTimeout = time.Second

func (a *app) completion() *cobra.Command {
	scripts := map[string]func(*cobra.Command, io.Writer) error{
		"bash":       func(root *cobra.Command, w io.Writer) error { return root.GenBashCompletionV2(w, true) },
		"zsh":        (*cobra.Command).GenZshCompletion,
		"fish":       func(root *cobra.Command, w io.Writer) error { return root.GenFishCompletion(w, true) },
		"powershell": (*cobra.Command).GenPowerShellCompletionWithDesc,
	}
	return &cobra.Command{
		Use:   "completion bash|zsh|fish|powershell",
		Short: "Print a script that completes commands in a shell",
		Long: `Print a script with which a shell completes the commands of omsgwctl, and with them setting keys, values, hosts and
tunnel ids, which it asks the gateway for.`,
		Example: `# bash, in this shell; and in every new one (needs the package bash-completion)
source <(omsgwctl completion bash)
omsgwctl completion bash > /etc/bash_completion.d/omsgwctl

# zsh
omsgwctl completion zsh > "${fpath[1]}/_omsgwctl"

# fish
omsgwctl completion fish > ~/.config/fish/completions/omsgwctl.fish

# PowerShell; add the line to your profile for every new session
omsgwctl completion powershell | Out-String | Invoke-Expression`,
		GroupID:               groupScript,
		DisableFlagsInUseLine: true,
		Args:                  takes("bash, zsh, fish or powershell"),
		ValidArgs:             []string{"bash", "zsh", "fish", "powershell"},
		RunE: func(cmd *cobra.Command, args []string) error {
			script, ok := scripts[args[0]]
			if !ok {
				return usagef("there is no completion for %q; there is for bash, zsh, fish and powershell", args[0])
			}
			return script(cmd.Root(), a.out)
		},
	}
}

// completions asks the gateway for the words that fit. Without a gateway there are none, and nothing is said.
func (a *app) completions(cmd *cobra.Command, ask func(context.Context, *adminclient.Client) ([]string, error),
) ([]string, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(cmd.Context(), completionTimeout)
	defer cancel()
	c, err := adminclient.Dial(ctx, adminclient.Options{Address: a.address, Wait: completionTimeout})
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer c.Close()
	words, err := ask(ctx, c)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return words, cobra.ShellCompDirectiveNoFileComp
}

// noFiles keeps a shell from offering file names where a command takes none.
func noFiles(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveNoFileComp
}

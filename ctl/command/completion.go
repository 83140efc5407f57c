package command

import (
	"context"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/omsgateway/omsgateway/internal/adminclient"
)

// completionTimeout bounds how long a press of the tab key may take.
const completionTimeout = time.Second

func (p *Program) completion() *cobra.Command {
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
		GroupID:               GroupScript,
		DisableFlagsInUseLine: true,
		Args:                  Takes("bash, zsh, fish or powershell"),
		ValidArgs:             []string{"bash", "zsh", "fish", "powershell"},
		RunE: func(cmd *cobra.Command, args []string) error {
			script, ok := scripts[args[0]]
			if !ok {
				return Usagef("there is no completion for %q; there is for bash, zsh, fish and powershell", args[0])
			}
			return script(cmd.Root(), p.Out)
		},
	}
}

// Complete completes arguments with words that the gateway is asked for, the first with those of the first ask, and so on; beyond
// them there is nothing to complete. Without a gateway there are no words, and nothing is said.
func (p *Program) Complete(asks ...Ask[[]string]) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
		if len(args) >= len(asks) {
			return NoFiles(cmd, args, word)
		}
		return p.completions(cmd.Context(), asks[len(args)], args)
	}
}

// CompleteAll completes every argument with the words that the gateway is asked for, as Complete does.
func (p *Program) CompleteAll(ask Ask[[]string]) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		return p.completions(cmd.Context(), ask, args)
	}
}

func (p *Program) completions(ctx context.Context, ask Ask[[]string], args []string) (words []string, _ cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(ctx, completionTimeout)
	defer cancel()
	t, err := p.target()
	if err != nil || adminclient.IsRemote(t.address) { // a login takes longer than somebody waits for a word
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	gateway := adminclient.Options{Address: t.address, Wait: completionTimeout}
	err = connected(ctx, gateway, func(ctx context.Context, c *adminclient.Client) (err error) {
		words, err = ask(ctx, c, args)
		return err
	})
	if err != nil {
		words = nil
	}
	return words, cobra.ShellCompDirectiveNoFileComp
}

// NoFiles keeps a shell from offering file names where a command takes none.
func NoFiles(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveNoFileComp
}

package ctl

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/omsgateway/omsgateway/internal/adminclient"
	"github.com/omsgateway/omsgateway/internal/printable"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

func (a *app) setting() *cobra.Command {
	return noun(&cobra.Command{
		Use:   "setting",
		Short: "Read and change settings",
		Long: `Read and change the gateway's settings, for example its port. A change takes effect at once, and no tunnel is cut. Keys
ignore case.`,
		Example: `omsgwctl setting list
omsgwctl setting get ListenPort
omsgwctl setting set ListenPort 8081`,
		GroupID: groupSetUp,
	}, a.settingList(), a.settingGet(), a.settingSet())
}

func (a *app) settingList() *cobra.Command {
	return a.withJSON(&cobra.Command{
		Use:     "list",
		Short:   "List the settings",
		Long:    `List the settings with their values and defaults. "omsgwctl setting list --json" has descriptions and limits too.`,
		Example: "omsgwctl setting list\nomsgwctl setting list --json",
		Args:    takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.connected(cmd.Context(), func(ctx context.Context, c *adminclient.Client) error {
				r, err := call(ctx, c.Settings.ListSettings, &adminv1.ListSettingsRequest{})
				if err != nil {
					return err
				}
				if a.json {
					return a.printJSON(r)
				}
				rows := [][]string{{"KEY", "VALUE", "DEFAULT", "NOTE"}}
				for _, s := range r.Settings {
					rows = append(rows, []string{s.Key, orQuotes(s.Value), orQuotes(s.DefaultValue), note(s)})
				}
				return a.table(rows...)
			})
		},
	})
}

// note is what a table says of a setting besides its values.
func note(s *adminv1.Setting) string {
	var notes []string
	if s.Unit != "" {
		notes = append(notes, s.Unit)
	}
	if len(s.Choices) > 0 {
		notes = append(notes, "one of "+strings.Join(s.Choices, ", "))
	}
	if s.Fixed {
		notes = append(notes, "fixed by the gateway's command line")
	}
	return strings.Join(notes, "; ")
}

// orQuotes makes an empty value visible, as a shell would have it typed.
func orQuotes(value string) string {
	if value == "" {
		return `""`
	}
	return value
}

func (a *app) settingGet() *cobra.Command {
	return a.withJSON(&cobra.Command{
		Use:               "get KEY",
		Short:             "Print the value of a setting",
		Long:              "Print the value of a setting that is in force, and nothing else, so that a script can use it.",
		Example:           "omsgwctl setting get ListenPort\nomsgwctl setting get ListenPort --json",
		Args:              takes("KEY"),
		ValidArgsFunction: a.completeSetting,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.connected(cmd.Context(), func(ctx context.Context, c *adminclient.Client) error {
				r, err := call(ctx, c.Settings.GetSetting, &adminv1.GetSettingRequest{Key: args[0]})
				if err != nil {
					return err
				}
				if a.json {
					return a.printJSON(r)
				}
				return a.printf("%s\n", printable.Escaped(r.GetSetting().GetValue()))
			})
		},
	})
}

func (a *app) settingSet() *cobra.Command {
	return a.withJSON(&cobra.Command{
		Use:   "set KEY VALUE",
		Short: "Change a setting",
		Long:  `Change a setting, at once and for good. An empty value ("") stands for the default.`,
		Example: `omsgwctl setting set ListenPort 8081
omsgwctl setting set LogLevel Debug
omsgwctl setting set ListenPort ""`,
		Args: takes("KEY", "VALUE"),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
			if len(args) == 0 {
				return a.completeSetting(cmd, args, word)
			}
			return a.completions(cmd, func(ctx context.Context, c *adminclient.Client) ([]string, error) {
				if len(args) > 1 {
					return nil, nil
				}
				r, err := call(ctx, c.Settings.GetSetting, &adminv1.GetSettingRequest{Key: args[0]})
				return r.GetSetting().GetChoices(), err
			})
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.connected(cmd.Context(), func(ctx context.Context, c *adminclient.Client) error {
				r, err := call(ctx, c.Settings.SetSetting, &adminv1.SetSettingRequest{Key: args[0], Value: args[1]})
				if err != nil {
					return err
				}
				if a.json {
					return a.printJSON(r)
				}
				for _, w := range r.Warnings {
					a.notef("warning: %s", printable.Escaped(w.Message))
				}
				s := r.GetSetting()
				was := "as before"
				if r.PreviousValue != s.GetValue() {
					was = "before: " + orQuotes(r.PreviousValue)
				}
				return a.table([]string{s.GetKey(), orQuotes(s.GetValue()), was})
			})
		},
	})
}

func (a *app) completeSetting(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return noFiles(cmd, args, "")
	}
	return a.completions(cmd, func(ctx context.Context, c *adminclient.Client) ([]string, error) {
		r, err := call(ctx, c.Settings.ListSettings, &adminv1.ListSettingsRequest{})
		var keys []string
		for _, s := range r.GetSettings() {
			keys = append(keys, cobra.CompletionWithDesc(printable.Escaped(s.Key), printable.Escaped(s.Description)))
		}
		return keys, err
	})
}

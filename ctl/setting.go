package ctl

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/omsgateway/omsgateway/ctl/command"
	"github.com/omsgateway/omsgateway/internal/adminclient"
	"github.com/omsgateway/omsgateway/internal/printable"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

func (a app) setting() *cobra.Command {
	return command.Noun(&cobra.Command{
		Use:   "setting",
		Short: "Read and change settings",
		Long: `Read and change the gateway's settings, for example its port. A change takes effect at once, and no tunnel is cut. Keys
ignore case.`,
		Example: `omsgwctl setting list
omsgwctl setting get ListenPort
omsgwctl setting set ListenPort 8081
omsgwctl setting clear ListenPort`,
		GroupID: command.GroupSetUp,
	}, a.settingList(), a.settingGet(), a.settingSet(), a.settingClear())
}

func (a app) settingList() *cobra.Command {
	return command.Asking(a.Program, &cobra.Command{
		Use:   "list",
		Short: "List the settings",
		Long: `List the settings with their values and defaults. LAYER says where a value comes from: default where nobody has set one,
local where it was set on this gateway, be it to the default, or the gateway's command line. "omsgwctl setting list --json" has
descriptions and limits too.`,
		Example: "omsgwctl setting list\nomsgwctl setting list --json",
		Args:    command.Takes(),
	}, func(ctx context.Context, c *adminclient.Client, _ []string) (*adminv1.ListSettingsResponse, error) {
		return command.Call(ctx, c.Settings.ListSettings, &adminv1.ListSettingsRequest{})
	}, func(r *adminv1.ListSettingsResponse) command.View {
		rows := [][]string{{"KEY", "VALUE", "LAYER", "DEFAULT", "NOTE"}}
		for _, s := range r.Settings {
			rows = append(rows, []string{s.Key, orQuotes(s.Value), layerText(s.Layer), orQuotes(s.DefaultValue), note(s)})
		}
		return command.Rows(rows...)
	})
}

// layerText is a layer in lower case, as a table has it.
func layerText(layer adminv1.Setting_Layer) string {
	if layer == adminv1.Setting_LAYER_UNSPECIFIED {
		return "-"
	}
	return strings.ReplaceAll(strings.ToLower(layer.String()), "_", " ")
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
	if s.GetAccess().GetRole() == adminv1.Access_ADMINISTER {
		notes = append(notes, "needs the role administer")
	}
	if s.GetAccess().GetLocalOnly() {
		notes = append(notes, "only on the gateway's computer")
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

func (a app) settingGet() *cobra.Command {
	return command.Asking(a.Program, &cobra.Command{
		Use:               "get KEY",
		Short:             "Print the value of a setting",
		Long:              "Print the value of a setting that is in force, and nothing else, so that a script can use it.",
		Example:           "omsgwctl setting get ListenPort\nomsgwctl setting get ListenPort --json",
		Args:              command.Takes("KEY"),
		ValidArgsFunction: a.Complete(settingKeys),
	}, getSetting, func(r *adminv1.GetSettingResponse) command.View {
		return command.Textf("%s\n", printable.Escaped(r.GetSetting().GetValue()))
	})
}

func getSetting(ctx context.Context, c *adminclient.Client, args []string) (*adminv1.GetSettingResponse, error) {
	return command.Call(ctx, c.Settings.GetSetting, &adminv1.GetSettingRequest{Key: args[0]})
}

func (a app) settingSet() *cobra.Command {
	return command.Changing(a.Program, &cobra.Command{
		Use:   "set KEY VALUE",
		Short: "Change a setting",
		Long: `Change a setting, at once and for good. It is then one that was set, also where it is set to its default. An empty value
("") is as "omsgwctl setting clear".`,
		Example: `omsgwctl setting set ListenPort 8081
omsgwctl setting set LogLevel Debug`,
		Args:              command.Takes("KEY", "VALUE"),
		ValidArgsFunction: a.Complete(settingKeys, settingChoices),
	}, func(ctx context.Context, c *adminclient.Client, how command.How, args []string) (*adminv1.SetSettingResponse, error) {
		return setSetting(ctx, c, how, args[0], args[1])
	}, settingView)
}

func (a app) settingClear() *cobra.Command {
	return command.Changing(a.Program, &cobra.Command{
		Use:   "clear KEY",
		Short: "Give a setting its default",
		Long: `Give a setting back to the layer below, which is its default: it is then one that nobody has set. A gateway with another
default would use that.`,
		Example:           "omsgwctl setting clear ListenPort",
		Args:              command.Takes("KEY"),
		ValidArgsFunction: a.Complete(settingKeys),
	}, func(ctx context.Context, c *adminclient.Client, how command.How, args []string) (*adminv1.SetSettingResponse, error) {
		return setSetting(ctx, c, how, args[0], "")
	}, settingView)
}

func setSetting(ctx context.Context, c *adminclient.Client, how command.How, key, value string) (*adminv1.SetSettingResponse, error) {
	return command.Call(ctx, c.Settings.SetSetting, &adminv1.SetSettingRequest{
		Key: key, Value: value,
		Etag: how.Etag, ValidateOnly: how.ValidateOnly, Comment: how.Comment, ConfirmWithin: how.ConfirmWithin, Trial: how.Trial,
	})
}

func settingView(r *adminv1.SetSettingResponse) command.View {
	s := r.GetSetting()
	was := "as before"
	if r.PreviousValue != s.GetValue() {
		was = "before: " + orQuotes(r.PreviousValue)
	}
	v := command.Rows([]string{s.GetKey(), orQuotes(s.GetValue()), was})
	v.Notes = warningNotes(r.Warnings)
	return v
}

func settingKeys(ctx context.Context, c *adminclient.Client, _ []string) ([]string, error) {
	r, err := command.Call(ctx, c.Settings.ListSettings, &adminv1.ListSettingsRequest{})
	var keys []string
	for _, s := range r.GetSettings() {
		keys = append(keys, cobra.CompletionWithDesc(printable.Escaped(s.Key), printable.Escaped(s.Description)))
	}
	return keys, err
}

func settingChoices(ctx context.Context, c *adminclient.Client, args []string) ([]string, error) {
	r, err := getSetting(ctx, c, args)
	return r.GetSetting().GetChoices(), err
}

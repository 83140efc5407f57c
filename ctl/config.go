package ctl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/omsgateway/omsgateway/ctl/command"
	"github.com/omsgateway/omsgateway/internal/adminclient"
	"github.com/omsgateway/omsgateway/internal/apierr"
	"github.com/omsgateway/omsgateway/internal/atomicfile"
	"github.com/omsgateway/omsgateway/internal/reason"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

func (a app) config() *cobra.Command {
	return command.Noun(&cobra.Command{
		Use:   "config",
		Short: "Keep the configuration as a file",
		Long: `Keep the whole configuration as a file, under version control for example: settings that were set, relay proxy, allowed
hosts and allowed client certificates. No password is in it, and not who added an entry and when. What docs/automation.md says of
Ansible, DSC and Git builds on these commands.`,
		Example: `omsgwctl config export --output gateway.yml
omsgwctl config diff gateway.yml
omsgwctl config apply gateway.yml --comment "ticket 4711"`,
		GroupID: command.GroupSetUp,
	}, a.configExport(), a.configDiff(), a.configApply())
}

func (a app) configExport() *cobra.Command {
	var output, format string
	cmd := a.WithJSON(&cobra.Command{
		Use:   "export",
		Short: "Write the configuration as YAML or JSON",
		Long: `Write the configuration as YAML, or as JSON with --format json, with --json, or where the name of the file ends with .json.
The same configuration gives the same bytes, so that version control shows what has changed. A file is replaced.`,
		Example: `omsgwctl config export
omsgwctl config export --output gateway.yml
omsgwctl config export --format json >gateway.json`,
		Args: command.Takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if a.JSON && format == "" {
				format = "json"
			}
			wanted, err := formatOf(format, output)
			if err != nil {
				return err
			}
			var text []byte
			err = a.Each(cmd.Context(), func(ctx context.Context, c *adminclient.Client) (err error) {
				text, err = exportConfiguration(ctx, c, wanted)
				return err
			})
			switch {
			case err != nil:
				return err
			case output == "":
				return a.Printf("%s", text)
			}
			err = atomicfile.Write(output, text)
			if _, unsynced := errors.AsType[*atomicfile.SyncError](err); err != nil && !unsynced {
				return fmt.Errorf("writing %s: %w", output, err)
			}
			return nil
		},
	})
	cmd.Flags().StringVarP(&output, "output", "o", "", "the `file` to write (default: standard output)")
	cmd.Flags().StringVar(&format, "format", "", "yaml or json (default: by the name of the file, else yaml)")
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions([]string{"yaml", "json"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func formatOf(format, file string) (adminv1.ExportConfigurationRequest_Format, error) {
	isJSON := strings.EqualFold(filepath.Ext(file), ".json")
	switch strings.ToLower(format) {
	case "":
	case "json":
		isJSON = true
	case "yaml":
		isJSON = false
	default:
		return 0, command.Usagef("--format cannot be %q: it is yaml or json", format)
	}
	if isJSON {
		return adminv1.ExportConfigurationRequest_JSON, nil
	}
	return adminv1.ExportConfigurationRequest_YAML, nil
}

// exportConfiguration puts the parts of a document together. When the configuration changes meanwhile it begins again.
func exportConfiguration(
	ctx context.Context, c *adminclient.Client, format adminv1.ExportConfigurationRequest_Format,
) (text []byte, err error) {
	const tries = 3
	for range tries {
		if text, err = exportOnce(ctx, c, format); err == nil {
			return text, nil
		}
		if known, ok := errors.AsType[*apierr.Error](err); !ok || known.Reason != reason.EtagMismatch {
			break
		}
	}
	return nil, err
}

func exportOnce(ctx context.Context, c *adminclient.Client, format adminv1.ExportConfigurationRequest_Format) (text []byte, err error) {
	req := &adminv1.ExportConfigurationRequest{Format: format}
	for {
		part, err := command.Call(ctx, c.Configuration.ExportConfiguration, req)
		if err != nil {
			return nil, err
		}
		text = append(text, part.Document...)
		if len(part.Document) == 0 || int64(len(text)) >= part.Size {
			return text, nil
		}
		req.Offset, req.Etag = int64(len(text)), part.Etag
	}
}

func (a app) configDiff() *cobra.Command {
	var file configurationFile
	cmd := command.Asking(a.Program, &cobra.Command{
		Use:   "diff FILE",
		Short: "Show what a file would change",
		Long: `Show what "omsgwctl config apply FILE" would change, and change nothing. With - the file is standard input. The exit code is
0 if nothing is different, and 5 if something is.`,
		Example: `omsgwctl config diff gateway.yml
omsgwctl config diff gateway.yml --prune`,
		Args:    command.Takes("FILE"),
		PreRunE: func(_ *cobra.Command, args []string) error { return file.read(a, args[0]) },
	}, func(ctx context.Context, c *adminclient.Client, _ []string) (*adminv1.ApplyConfigurationResponse, error) {
		return file.apply(ctx, c, command.How{ValidateOnly: true})
	}, func(r *adminv1.ApplyConfigurationResponse) command.View {
		v := differenceView(r, "nothing is different")
		if r.Changed {
			v.Failure = command.ErrDifferent
		}
		return v
	})
	return file.flags(cmd)
}

func (a app) configApply() *cobra.Command {
	var file configurationFile
	cmd := command.Changing(a.Program, &cobra.Command{
		Use:   "apply FILE",
		Short: "Make the configuration what a file says",
		Long: `Make the configuration what a file says, in JSON or YAML: all of it or nothing, as one change. What is so already stays as
it is, so that a file can be applied again and again. What the file leaves out stays; with --prune it goes: entries, the relay
proxy, and settings, which get their default. With - the file is standard input. The exit code is 0 whether something has changed
or not.

The relay proxy keeps its password if its address and its user are the same as now; else the password is needed, as one line on
standard input.`,
		Example: `omsgwctl config apply gateway.yml --dry-run
omsgwctl config apply gateway.yml --comment "ticket 4711"
omsgwctl config apply gateway.yml --prune --confirm-within 5m --confirm
omsgwctl config apply gateway.yml --password-stdin <password.txt`,
		Args:    command.Takes("FILE"),
		PreRunE: func(_ *cobra.Command, args []string) error { return file.read(a, args[0]) },
	}, func(ctx context.Context, c *adminclient.Client, how command.How, _ []string) (*adminv1.ApplyConfigurationResponse, error) {
		return file.apply(ctx, c, how)
	}, func(r *adminv1.ApplyConfigurationResponse) command.View {
		v := differenceView(r, "nothing has changed: the configuration is so already")
		v.Notes = append(v.Notes, warningNotes(r.Warnings)...)
		return v
	})
	return file.flags(cmd)
}

// configurationFile is the file of a command, and how it is applied.
type configurationFile struct {
	name     string
	document []byte
	prune    bool
	password passwordFlag
}

func (f *configurationFile) flags(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().BoolVar(&f.prune, "prune", false, "remove what the file leaves out")
	cmd.ValidArgsFunction = func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return []string{"yml", "yaml", "json"}, cobra.ShellCompDirectiveFilterFileExt
	}
	return f.password.flag(cmd)
}

// maxConfigurationFile is more than the gateway takes, in bytes; it says how much that is.
const maxConfigurationFile = 17 << 20

func (f *configurationFile) read(a app, name string) error {
	f.name = filepath.Base(name)
	from := a.In
	if name == "-" {
		if f.password.stdin {
			return command.Usagef("the file and the password cannot both be standard input")
		}
		f.name = "standard input"
	} else {
		opened, err := os.Open(name)
		if err != nil {
			return err
		}
		defer opened.Close()
		from = opened
	}
	var err error
	if f.document, err = io.ReadAll(io.LimitReader(from, maxConfigurationFile)); err != nil {
		return fmt.Errorf("reading %s: %w", f.name, err)
	}
	return f.password.read(a)
}

func (f *configurationFile) apply(
	ctx context.Context, c *adminclient.Client, how command.How,
) (*adminv1.ApplyConfigurationResponse, error) {
	return command.Call(ctx, c.Configuration.ApplyConfiguration, &adminv1.ApplyConfigurationRequest{
		Document: f.document, Name: f.name, Prune: f.prune, Password: f.password.given,
		Etag: how.Etag, ValidateOnly: how.ValidateOnly, Comment: how.Comment, ConfirmWithin: how.ConfirmWithin, Trial: how.Trial,
	})
}

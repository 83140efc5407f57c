package ctl

import (
	"context"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/omsgateway/omsgateway/ctl/command"
	"github.com/omsgateway/omsgateway/internal/adminclient"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

func (a app) revisionTrial() *cobra.Command {
	return command.Asking(a.Program, &cobra.Command{
		Use:   "trial",
		Short: "Show the change that is on trial",
		Long: `Show the change that is on trial: it is in force, but what was before comes back when its time is over, or when the
gateway is started anew, unless it is confirmed.`,
		Example: "omsgwctl revision trial",
		Args:    command.Takes(),
	}, func(ctx context.Context, c *adminclient.Client, _ []string) (*adminv1.GetTrialResponse, error) {
		return command.Call(ctx, c.Revisions.GetTrial, &adminv1.GetTrialRequest{})
	}, func(r *adminv1.GetTrialResponse) command.View {
		t := r.GetTrial()
		if t == nil {
			return command.Notef("no change is on trial")
		}
		rows := [][]string{
			{"Trial:", t.Id},
			{"By:", t.Caller + wayText(t)},
			{"Began:", command.Moment(t.BeganAt)},
			{"Goes back:", command.Moment(t.EndsAt) + " (in " + command.Period(t.TimeLeft) + ")"},
		}
		if t.Comment != "" {
			rows = append(rows, []string{"Comment:", t.Comment})
		}
		return command.Rows(rows...)
	})
}

func wayText(t *adminv1.Trial) string {
	if t.Address == "" {
		return " (" + t.Via + ")"
	}
	return " (" + t.Via + ", " + t.Address + ")"
}

func (a app) revisionConfirm() *cobra.Command {
	var comment string
	cmd := command.Asking(a.Program, &cobra.Command{
		Use:               "confirm TRIAL",
		Short:             "Keep a change that is on trial",
		Long:              "Keep a change that is on trial, and what was added to it: it is written into the configuration file.",
		Example:           "omsgwctl revision confirm 7f3a09c1",
		Args:              command.Takes("TRIAL"),
		ValidArgsFunction: a.Complete(trials),
	}, func(ctx context.Context, c *adminclient.Client, args []string) (*adminv1.ConfirmTrialResponse, error) {
		return command.Call(ctx, c.Revisions.ConfirmTrial, &adminv1.ConfirmTrialRequest{Id: args[0], Comment: comment})
	}, func(*adminv1.ConfirmTrialResponse) command.View { return command.Textf("the change is kept\n") })
	return withComment(cmd, &comment)
}

func (a app) revisionCancel() *cobra.Command {
	var comment string
	cmd := command.Asking(a.Program, &cobra.Command{
		Use:               "cancel TRIAL",
		Short:             "Take back a change that is on trial",
		Long:              "Take back a change that is on trial, and what was added to it: what was before is in force again, at once.",
		Example:           "omsgwctl revision cancel 7f3a09c1",
		Args:              command.Takes("TRIAL"),
		ValidArgsFunction: a.Complete(trials),
	}, func(ctx context.Context, c *adminclient.Client, args []string) (*adminv1.CancelTrialResponse, error) {
		return command.Call(ctx, c.Revisions.CancelTrial, &adminv1.CancelTrialRequest{Id: args[0], Comment: comment})
	}, func(*adminv1.CancelTrialResponse) command.View {
		return command.Textf("what was before the trial is in force again\n")
	})
	return withComment(cmd, &comment)
}

func (a app) revisionExtend() *cobra.Command {
	var within time.Duration
	return command.Asking(a.Program, &cobra.Command{
		Use:               "extend TRIAL TIME",
		Short:             "Give a change that is on trial another time",
		Long:              "Give a change that is on trial another TIME, from now on: from 10s to 24h.",
		Example:           "omsgwctl revision extend 7f3a09c1 15m",
		ValidArgsFunction: a.Complete(trials),
		Args: func(cmd *cobra.Command, args []string) (err error) {
			if err := command.Takes("TRIAL", "TIME")(cmd, args); err != nil {
				return err
			}
			if within, err = time.ParseDuration(args[1]); err != nil {
				return command.Usagef("TIME cannot be %q: it is a number with its unit, for example 90s, 15m or 2h", args[1])
			}
			return nil
		},
	}, func(ctx context.Context, c *adminclient.Client, args []string) (*adminv1.ExtendTrialResponse, error) {
		return command.Call(ctx, c.Revisions.ExtendTrial, &adminv1.ExtendTrialRequest{Id: args[0], Within: durationpb.New(within)})
	}, func(r *adminv1.ExtendTrialResponse) command.View {
		return command.Textf("the change goes back at %s\n", command.Moment(r.GetTrial().GetEndsAt()))
	})
}

func withComment(cmd *cobra.Command, comment *string) *cobra.Command {
	cmd.Flags().StringVarP(comment, "comment", "m", "", "why, a `text` of at most 500 characters that omsgwctl revision list shows")
	return cmd
}

func trials(ctx context.Context, c *adminclient.Client, _ []string) ([]string, error) {
	r, err := command.Call(ctx, c.Revisions.GetTrial, &adminv1.GetTrialRequest{})
	if t := r.GetTrial(); t != nil {
		return []string{t.Id}, err
	}
	return nil, err
}

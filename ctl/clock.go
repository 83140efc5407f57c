package ctl

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/omsgateway/omsgateway/ctl/command"
	"github.com/omsgateway/omsgateway/internal/adminclient"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

func (a app) clock() *cobra.Command {
	return command.Noun(&cobra.Command{
		Use:   "clock",
		Short: "Say that the gateway's clock is right",
		Long: `Say that the clock of the gateway's computer is right, so that allowed hosts expire by it.

After a start of the computer, the gateway believes its clock if that shows neither a time before the last one that the
gateway has written down, nor one more than 30 days after it. Else no host expires, and a warning of "omsgwctl status"
says so, until the clock is synchronised, which the gateway sees by itself on Linux, or somebody says that it is right.`,
		Example: "omsgwctl clock trust",
		GroupID: command.GroupSetUp,
	}, a.clockTrust())
}

func (a app) clockTrust() *cobra.Command {
	return command.Asking(a.Program, &cobra.Command{
		Use:   "trust",
		Short: "Say that the clock is right",
		Long: `Say that the clock of the gateway's computer is right. Look at it first: the warning of "omsgwctl status" says what it
shows. Hosts that have expired by it are no longer allowed from then on.`,
		Example: "omsgwctl clock trust",
		Args:    command.Takes(),
	}, func(ctx context.Context, c *adminclient.Client, _ []string) (*adminv1.TrustClockResponse, error) {
		return command.Call(ctx, c.Status.TrustClock, &adminv1.TrustClockRequest{})
	}, func(r *adminv1.TrustClockResponse) command.View {
		return command.Textf("%s is right from now on\n", command.Moment(r.Date))
	})
}

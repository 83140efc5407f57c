package command

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/omsgateway/omsgateway/internal/adminclient"
	"github.com/omsgateway/omsgateway/internal/printable"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

// Changed is an answer to a change. With How.ValidateOnly it has what the change would bring, and else the trial that runs after it. A
// gateway that is older than these has neither.
type Changed interface {
	proto.Message
	GetPreview() *adminv1.Preview
	GetOnTrial() *adminv1.Trial
}

// Changing is Asking for a command that changes the configuration. The flags that every such command has belong here: they say How,
// whether it asks first, and what becomes of a trial.
func Changing[M Changed](p *Program, cmd *cobra.Command, change Change[M], show func(M) View) *cobra.Command {
	var flags changeFlags
	flags.add(cmd)
	return Asking(p, cmd, func(ctx context.Context, c *adminclient.Client, args []string) (M, error) {
		var none M
		if err := flags.check(); err != nil {
			return none, err
		}
		former, err := flags.formerTrial(ctx, c)
		if err != nil {
			return none, err
		}
		m, err := asked(ctx, p, c, flags, args, change)
		if err != nil || !flags.confirm || m.GetOnTrial() == nil || m.GetOnTrial().GetId() == former {
			return m, err
		}
		if err := p.confirmAnew(ctx, m.GetOnTrial()); err != nil {
			return none, fmt.Errorf("the change was made, and not confirmed: %w (%s)", err, trialText(m.GetOnTrial()))
		}
		m.ProtoReflect().Clear(m.ProtoReflect().Descriptor().Fields().ByName("on_trial"))
		return m, nil
	}, func(m M) View {
		v := show(m)
		switch t := m.GetOnTrial(); {
		case flags.how.ValidateOnly:
			return previewView(v, m.GetPreview())
		case t != nil:
			v.Notes = append(v.Notes, trialText(t))
		case flags.confirm:
			v.Notes = append(v.Notes, "confirmed: a new connection to the gateway works")
		}
		return v
	})
}

// changeFlags are the flags that every change has.
type changeFlags struct {
	how     How
	within  time.Duration
	confirm bool
	yes     bool
}

func (f *changeFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVarP(&f.how.Comment, "comment", "m", "", "why, a `text` of at most 500 characters that omsgwctl revision list shows")
	flags.BoolVar(&f.how.ValidateOnly, "dry-run", false,
		"change nothing, and show what would change and which hosts clients would be refused")
	flags.BoolVarP(&f.yes, "yes", "y", false, "do not ask, even if clients would be refused hosts that they asked for")
	flags.DurationVar(&f.within, "confirm-within", 0,
		"change on trial: go back after this `time` (10s to 24h) unless confirmed")
	flags.BoolVar(&f.confirm, "confirm", false, "confirm the trial if a new connection to the gateway works")
	flags.StringVar(&f.how.Trial, "trial", "", "make the change a part of the trial with this `id`")
}

func (f *changeFlags) check() error {
	f.how.ConfirmWithin = nil
	if f.within != 0 {
		f.how.ConfirmWithin = durationpb.New(f.within)
	}
	switch {
	case f.confirm && f.within == 0 && f.how.Trial == "":
		return Usagef("--confirm is for a change on trial: give --confirm-within, too")
	case f.confirm && f.how.ValidateOnly:
		return Usagef("give either --dry-run or --confirm")
	}
	return nil
}

// formerTrial is the id of a trial that runs before the change, which is none of it, so that --confirm must not end it: a change that
// changes nothing is made while somebody else's trial runs. It is "" for none.
func (f *changeFlags) formerTrial(ctx context.Context, c *adminclient.Client) (id string, err error) {
	if !f.confirm || f.how.Trial != "" {
		return "", nil
	}
	r, err := Call(ctx, c.Revisions.GetTrial, &adminv1.GetTrialRequest{})
	return r.GetTrial().GetId(), err
}

// confirmAnew confirms a trial over a connection that was opened after its change.
func (p *Program) confirmAnew(ctx context.Context, t *adminv1.Trial) error {
	return p.Each(ctx, func(ctx context.Context, c *adminclient.Client) error {
		if _, err := Call(ctx, c.Status.GetStatus, &adminv1.GetStatusRequest{}); err != nil {
			return err
		}
		_, err := Call(ctx, c.Revisions.ConfirmTrial, &adminv1.ConfirmTrialRequest{Id: t.GetId()})
		return err
	})
}

// trialText says when a trial goes back, and how to keep what it has changed.
func trialText(t *adminv1.Trial) string {
	id := printable.Escaped(t.GetId())
	return fmt.Sprintf("on trial %s: what was before comes back in %s, and when the gateway is started anew; keep the change with: "+
		"omsgwctl revision confirm %s", id, Period(t.GetTimeLeft()), id)
}

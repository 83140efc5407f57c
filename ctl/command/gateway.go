package command

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/omsgateway/omsgateway/internal/adminclient"
)

// CallTimeout is when a call of the admin API ends.
const CallTimeout = 30 * time.Second

// startWait is how long a gateway that starts is waited for.
const startWait = 10 * time.Second

// An Ask asks something of one gateway.
type Ask[M any] func(ctx context.Context, c *adminclient.Client, args []string) (M, error)

// A Change changes the configuration of one gateway. With how.ValidateOnly it returns the message that the change would have
// brought.
type Change[M any] func(ctx context.Context, c *adminclient.Client, how How, args []string) (M, error)

// How is how a change is made, in the fields that the request of every change has. The zero value makes it at once.
type How struct {
	Etag         string // of the configuration that the change is made for; "" is any
	ValidateOnly bool   // find out what would become of it, and change nothing
	Comment      string // why, for whoever reads the history

	ConfirmWithin *durationpb.Duration // of a trial; nil is none
	Trial         string               // the id of the trial that the change is to be a part of; "" is none
}

// Asking makes of cmd a command that asks something of each gateway. With --json it prints the messages, in the form of
// [CompactJSON]; else what show makes of each.
//
// What is wrong with the arguments or the flags is found by cmd.Args, and what else has to be read before a gateway is reached, in
// cmd.PreRunE.
func Asking[M any](p *Program, cmd *cobra.Command, ask Ask[M], show func(M) View) *cobra.Command {
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		messages, err := fromEach(cmd.Context(), p, func(ctx context.Context, c *adminclient.Client) (M, error) {
			return ask(ctx, c, args)
		})
		if err != nil {
			return err
		}
		for _, m := range messages {
			if err := p.show(m, show(m)); err != nil {
				return err
			}
		}
		return nil
	}
	return p.WithJSON(cmd)
}

// fromEach asks every gateway, and returns their answers.
func fromEach[M any](ctx context.Context, p *Program, ask func(context.Context, *adminclient.Client) (M, error)) ([]M, error) {
	var answers []M
	err := p.Each(ctx, func(ctx context.Context, c *adminclient.Client) error {
		answer, err := ask(ctx, c)
		answers = append(answers, answer)
		return err
	})
	return answers, err
}

// Each runs do with a connection to the gateway that the command line names. It may be one that is waited for or stood in for.
func (p *Program) Each(ctx context.Context, do func(context.Context, *adminclient.Client) error) error {
	t, err := p.target()
	if err != nil {
		return err
	}
	return connected(ctx, p.options(t), do)
}

// Dial reaches the gateway of a command that is about one only.
func (p *Program) Dial(ctx context.Context) (*adminclient.Client, error) {
	t, err := p.target()
	if err != nil {
		return nil, err
	}
	return adminclient.Dial(ctx, p.options(t))
}

// Address is what --address says, "" if it was not given.
func (p *Program) Address() string { return p.address }

// StateDir is the state folder of the gateway of a command that is about one only, if its address tells.
func (p *Program) StateDir() (dir string, ok bool) {
	t, err := p.target()
	if err != nil {
		return "", false
	}
	return adminclient.StateDir(p.options(t))
}

// options are how a gateway is reached.
func (p *Program) options(t target) adminclient.Options {
	return adminclient.Options{
		Address: t.address, Wait: startWait, NoStandIn: p.NoStandIn,
		Program: cmp.Or(p.Client, "omsgwctl/"+p.Version), Changed: func(stoodIn bool) { p.changed(t, stoodIn) },
		Alone: !isTerminal(p.In) || !isTerminal(p.Err),
	}
}

// changed remarks where a change on another computer was made, once, and that one was made while the gateway is stopped, once until one is
// made while it runs.
func (p *Program) changed(t target, stoodIn bool) {
	if address := cmp.Or(t.address, os.Getenv(adminclient.AddressVariable)); !p.mentioned && adminclient.IsRemote(address) {
		p.mentioned = true
		p.Notef("changed at %s", target{t.name, address}.text())
	}
	if stoodIn && !p.stoodIn {
		fmt.Fprintln(p.Err, "omsgwctl: the gateway is stopped: what was changed takes effect when it starts")
	}
	p.stoodIn = stoodIn
}

func connected(ctx context.Context, gateway adminclient.Options, do func(context.Context, *adminclient.Client) error) error {
	c, err := adminclient.Dial(ctx, gateway)
	if err != nil {
		return err
	}
	defer c.Close()
	return do(ctx, c)
}

// Call makes one unary call within [CallTimeout]. Its error is an *apierr.Error.
func Call[Request, Response any](ctx context.Context,
	method func(context.Context, *Request, ...grpc.CallOption) (*Response, error), request *Request) (*Response, error) {
	ctx, cancel := context.WithTimeout(ctx, CallTimeout)
	defer cancel()
	response, err := method(ctx, request)
	return response, CallError(err, "this command")
}

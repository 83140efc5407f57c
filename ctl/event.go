package ctl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/omsgateway/omsgateway/ctl/command"
	"github.com/omsgateway/omsgateway/internal/adminclient"
	"github.com/omsgateway/omsgateway/internal/event"
	"github.com/omsgateway/omsgateway/internal/printable"
	"github.com/omsgateway/omsgateway/internal/reason"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

func (a app) event() *cobra.Command {
	return command.Noun(&cobra.Command{
		Use:   "event",
		Short: "Read the gateway's events",
		Long: `Read the gateway's events: what it refused and why, what failed, and who changed what. The gateway keeps the last
10,000, and besides the last 2,000 refusals and errors, and the last 1,000 changes, also while it is stopped and over a restart.`,
		Example: `omsgwctl event list --id 105
omsgwctl event watch --level error`,
		GroupID: command.GroupWatch,
	}, a.eventList(), a.eventWatch())
}

// eventFlags are the flags that select events.
type eventFlags struct {
	ids    []int32
	kinds  []string
	level  string
	reason string
	text   string
	since  time.Duration
}

func (f *eventFlags) addTo(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.Int32SliceVar(&f.ids, "id", nil, "only events with this `number`; several with commas between them")
	flags.Lookup("id").DefValue = "" // or the help would say "(default [])"
	flags.StringSliceVar(&f.kinds, "kind", nil,
		"only events of this `kind`, for example ALLOWED_HOST_ADDED; several with commas between them")
	flags.Lookup("kind").DefValue = ""
	flags.StringVar(&f.level, "level", "", "only events of this `level` and more serious ones: error, warning, info or debug")
	flags.StringVar(&f.reason, "reason", "", "only events with this `reason`, for example HOST_NOT_ALLOWED")
	flags.StringVar(&f.text, "text", "", "only events that contain this `text`, in any case")
	flags.DurationVar(&f.since, "since", 0, "only events since this long ago, a `time` such as 90s, 15m or 2h")
	complete := func(flag string, function cobra.CompletionFunc) {
		_ = cmd.RegisterFlagCompletionFunc(flag, function) // fails only for a flag that is not there, or twice
	}
	complete("level", cobra.FixedCompletions(
		[]string{"error", "warning", "info", "debug"}, cobra.ShellCompDirectiveNoFileComp|cobra.ShellCompDirectiveKeepOrder))
	complete("kind", completeKinds)
	for _, name := range []string{"id", "reason", "text", "since"} {
		complete(name, command.NoFiles)
	}
}

func (f *eventFlags) filter() (*adminv1.EventFilter, error) {
	filter := &adminv1.EventFilter{Ids: f.ids, Kinds: upper(f.kinds), Reason: strings.ToUpper(f.reason), Text: f.text}
	if f.level != "" {
		level, err := event.ParseLevel(f.level)
		if err != nil {
			return nil, command.Usagef("--level: %v", err)
		}
		filter.Level = adminv1.Event_Level(level)
	}
	if f.since < 0 {
		return nil, command.Usagef("--since cannot be negative")
	}
	if f.since > 0 {
		filter.Since = durationpb.New(f.since)
	}
	return filter, nil
}

func completeKinds(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var all []string
	for _, kind := range event.Kinds() {
		all = append(all, cobra.CompletionWithDesc(string(kind), kind.Meaning()))
	}
	return all, cobra.ShellCompDirectiveNoFileComp
}

func upper(words []string) []string {
	all := make([]string, len(words))
	for i, word := range words {
		all[i] = strings.ToUpper(strings.TrimSpace(word))
	}
	return all
}

func (a app) eventList() *cobra.Command {
	var flags eventFlags
	var limit int32
	cmd := a.WithJSON(&cobra.Command{
		Use:   "list",
		Short: "List events, oldest first",
		Long: `List the events that the gateway keeps, oldest first: the id, and then as in the log file local time, the number of the
client connection, level, component and text.`,
		Example: `omsgwctl event list
omsgwctl event list --id 105 --since 1h
omsgwctl event list --reason HOST_NOT_ALLOWED --json`,
		Args: command.Takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			filter, err := flags.filter()
			if err != nil {
				return err
			}
			if limit < 0 {
				return command.Usagef("--limit cannot be negative")
			}
			return a.Each(cmd.Context(), func(ctx context.Context, c *adminclient.Client) error {
				r, err := command.Call(ctx, c.Events.ListEvents, &adminv1.ListEventsRequest{Filter: filter, Limit: limit})
				if err != nil {
					return err
				}
				if a.JSON {
					return a.PrintJSON(r)
				}
				if r.LeftOut > 0 {
					a.Notef("%s left out; --limit shows more", command.Plural(int64(r.LeftOut), "older event"))
				}
				if len(r.Events) == 0 {
					a.Notef("the gateway keeps no such event")
				}
				for _, e := range r.Events {
					if err := a.Printf("%s\n", eventLine(e)); err != nil {
						return err
					}
				}
				return nil
			})
		},
	})
	flags.addTo(cmd)
	cmd.Flags().Int32Var(&limit, "limit", 1000, "at most this `number` of events, the newest; 10,000 is the most")
	return cmd
}

func (a app) eventWatch() *cobra.Command {
	var flags eventFlags
	var tail int32
	cmd := a.WithJSON(&cobra.Command{
		Use:   "watch",
		Short: "Print events as they happen",
		Long: `Print events as they happen, as "omsgwctl event list" does, until Ctrl-C ends it. With --json each event is an object on
a line of its own. When the gateway stops, the watch ends with exit code 3.`,
		Example: `omsgwctl event watch
omsgwctl event watch --tail 20 --level error
omsgwctl event watch --text a.example.com --json`,
		Args: command.Takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			filter, err := flags.filter()
			if err != nil {
				return err
			}
			if tail < 0 {
				return command.Usagef("--tail cannot be negative")
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			err = a.Each(ctx, func(ctx context.Context, c *adminclient.Client) error {
				return a.watch(ctx, c, &adminv1.WatchEventsRequest{Filter: filter, Tail: tail})
			})
			if ctx.Err() != nil {
				return nil
			}
			return err
		},
	})
	flags.addTo(cmd)
	cmd.Flags().Int32Var(&tail, "tail", 0, "first print this `number` of events that have happened already, the newest")
	return cmd
}

// watch prints events until the call ends, which it always does with an error.
func (a app) watch(ctx context.Context, c *adminclient.Client, request *adminv1.WatchEventsRequest) error {
	stream, err := c.Events.WatchEvents(ctx, request)
	if err != nil {
		return command.CallError(err, "this command")
	}
	for {
		r, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return reason.New(reason.GatewayStopping)
		}
		if err != nil {
			return command.CallError(err, "this command")
		}
		if err := a.printWatched(r); err != nil {
			return err
		}
	}
}

func (a app) printWatched(r *adminv1.WatchEventsResponse) error {
	if a.JSON {
		line, err := command.CompactJSON(r)
		if err != nil {
			return err
		}
		return a.Printf("%s\n", line)
	}
	if e := r.GetEvent(); e != nil {
		return a.Printf("%s\n", eventLine(e))
	}
	a.Notef("%s missed, because they came too fast", command.Plural(r.GetMissed(), "event"))
	return nil
}

// eventLine is an event for people: its id, which has three digits, and then the layout of the log file.
func eventLine(e *adminv1.Event) string {
	return fmt.Sprintf("%d  ", e.GetId()) + event.Format(event.Event{
		Time:       e.GetTime().AsTime(),
		ID:         event.ID(e.GetId()),
		Level:      event.Level(e.GetLevel()),
		Component:  event.Component(printable.Escaped(e.GetComponent())),
		Connection: e.GetConnection(),
		Text:       e.GetText(),
	})
}

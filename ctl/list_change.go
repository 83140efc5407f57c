package ctl

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"github.com/omsgateway/omsgateway/ctl/command"
	"github.com/omsgateway/omsgateway/internal/adminclient"
	"github.com/omsgateway/omsgateway/internal/printable"
	"github.com/omsgateway/omsgateway/internal/reason"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

// What one change takes. The bytes keep a request, and an answer that explains every entry, well below 1 MiB.
const (
	maxChangeEntries = 1000
	maxChangeBytes   = 128 << 10
)

// listChange is a change of any number of entries of one of the gateway's lists, all or none.
type listChange[O outcome] struct {
	kind entryKind
	most int // entries in one call of do or undo
	do   func(ctx context.Context, c *adminclient.Client, entries []string, how changeOptions) (changed[O], error)
	undo func(ctx context.Context, c *adminclient.Client, made []O) error
	did  func(O) bool // whether do has changed the entry, or would change it
	word string       // what do has done
	row  func(O) []string

	// find makes of each entry the one that it stands for, or a problem; nil if they stand for themselves.
	find func(context.Context, *adminclient.Client, []entry) ([]entry, []command.EntryProblem, error)
}

// outcome is what the gateway answers for one entry. It has a problem if the entry is invalid.
type outcome interface {
	proto.Message
	GetProblem() *adminv1.Problem
	GetWarnings() []*adminv1.Problem
}

type changeOptions struct {
	command.How
	atomic bool
}

// changed is the answer to a change.
type changed[O outcome] struct {
	outcomes []O    // in the order of the entries
	etag     string // after the change
}

// MarshalJSON has the form of the API's messages, whatever number of them the change took.
func (c changed[O]) MarshalJSON() ([]byte, error) {
	outcomes := make([]json.RawMessage, len(c.outcomes))
	for i, o := range c.outcomes {
		compact, err := command.CompactJSON(o)
		if err != nil {
			return nil, err
		}
		outcomes[i] = compact
	}
	return command.Quote(struct {
		Outcomes []json.RawMessage `json:"outcomes"`
		Etag     string            `json:"etag"`
	}{outcomes, c.etag}), nil
}

// changingList makes of cmd a command that changes a list and shows what became of each entry.
func changingList[O outcome](a app, cmd *cobra.Command, l listChange[O]) *cobra.Command {
	var entries []entry
	var invalid []command.EntryProblem
	cmd.PreRunE = func(_ *cobra.Command, args []string) (err error) {
		entries, invalid, err = l.kind.read(a.In, args)
		return err
	}
	command.Changing(a.Program, cmd,
		func(ctx context.Context, c *adminclient.Client, how command.How, _ []string) (changed[O], error) {
			return l.run(ctx, c, how, entries, invalid)
		}, l.show)
	run := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM) // so that half of a list is taken back
		defer stop()
		cmd.SetContext(ctx)
		return run(cmd, args)
	}
	return cmd
}

func (l listChange[O]) show(done changed[O]) command.View {
	var rows [][]string
	var notes []string
	for _, o := range done.outcomes {
		rows = append(rows, l.row(o))
		notes = append(notes, warningNotes(o.GetWarnings())...)
	}
	return command.View{Notes: notes, Tables: []command.Table{rows}}
}

// warningNotes are the notes about what a change brings that nobody may have meant.
func warningNotes(warnings []*adminv1.Problem) []string {
	var notes []string
	for _, w := range warnings {
		notes = append(notes, "warning: "+printable.Escaped(w.Message))
	}
	return notes
}

// inWords is the name of what became of an entry: "already present".
func inWords(outcome fmt.Stringer) string {
	return strings.ToLower(strings.ReplaceAll(outcome.String(), "_", " "))
}

// complete checks that the gateway answered for every entry.
func complete[O outcome](entries int, done changed[O], err error) (changed[O], error) {
	if err == nil && len(done.outcomes) != entries {
		err = fmt.Errorf("the gateway answered for %d of %d entries", len(done.outcomes), entries)
	}
	return done, err
}

// run changes all entries or none. invalid are some that cannot be sent; with them it only finds what else is invalid.
func (l listChange[O]) run(
	ctx context.Context, c *adminclient.Client, how command.How, entries []entry, invalid []command.EntryProblem,
) (changed[O], error) {
	if l.find != nil {
		found, missing, err := l.find(ctx, c, entries)
		if err != nil {
			return changed[O]{}, err
		}
		entries, invalid = found, append(invalid, missing...)
	}
	chunks := split(entries, l.most)
	if len(chunks) == 1 && len(invalid) == 0 && !how.ValidateOnly {
		done, err := l.do(ctx, c, textsOf(chunks[0]), changeOptions{How: how, atomic: true})
		if err == nil || command.Explain(err).Reason != reason.ChangeRefused {
			return done, err
		}
	}
	if how.Etag == "" {
		status, err := command.Call(ctx, c.Status.GetStatus, &adminv1.GetStatusRequest{})
		if err != nil {
			return changed[O]{}, err
		}
		how.Etag = status.Etag
	}
	given := len(entries) + len(invalid)
	would := changed[O]{etag: how.Etag}
	planned := make([][]O, len(chunks)) // what each call would change
	for i, chunk := range chunks {
		checked, err := l.do(ctx, c, textsOf(chunk), changeOptions{How: command.How{Etag: how.Etag, ValidateOnly: true}})
		if err != nil {
			return changed[O]{}, err
		}
		would.outcomes = append(would.outcomes, checked.outcomes...)
		planned[i] = l.made(checked)
		for k, o := range checked.outcomes {
			if p := o.GetProblem(); p != nil {
				invalid = append(invalid, l.kind.problem(chunk[k], p))
			}
		}
	}
	if len(invalid) > 0 {
		slices.SortStableFunc(invalid, func(p, q command.EntryProblem) int {
			return cmp.Or(cmp.Compare(p.Argument, q.Argument), cmp.Compare(p.Line, q.Line))
		})
		return changed[O]{}, &command.InvalidEntries{Name: l.kind.name, Word: l.word, Count: given, Problems: invalid}
	}
	if how.ValidateOnly {
		return would, nil
	}
	return l.runInSteps(ctx, c, chunks, planned, how.Etag)
}

// runInSteps makes one call for each chunk, each for the configuration that the one before left, so that nobody's change can
// come between unnoticed. What it has changed it undoes when one fails.
func (l listChange[O]) runInSteps(
	ctx context.Context, c *adminclient.Client, chunks [][]entry, planned [][]O, etag string,
) (changed[O], error) {
	all := changed[O]{etag: etag}
	for i, chunk := range chunks {
		done, err := l.do(ctx, c, textsOf(chunk), changeOptions{How: command.How{Etag: all.etag}, atomic: true})
		if err != nil {
			made := l.made(all)
			if mayHaveHappened(err) {
				made = append(made, planned[i]...)
			}
			return changed[O]{}, l.takeBack(ctx, c, made, err)
		}
		all.outcomes, all.etag = append(all.outcomes, done.outcomes...), done.etag
	}
	return all, nil
}

// takeBack undoes what was made after cause stopped the rest, and returns the error that says how that went.
func (l listChange[O]) takeBack(ctx context.Context, c *adminclient.Client, made []O, cause error) error {
	ctx = context.WithoutCancel(ctx) // an interrupt must not leave half of the list
	for chunk := range slices.Chunk(made, l.most) {
		if err := l.undo(ctx, c, chunk); err != nil {
			return fmt.Errorf("%w; up to %d %ss were %s before that, and undoing it failed: %w",
				cause, len(made), l.kind.name, l.word, err)
		}
	}
	return fmt.Errorf("no %s was %s: %w", l.kind.name, l.word, cause)
}

// made are the outcomes of what was changed.
func (l listChange[O]) made(c changed[O]) []O {
	return slices.DeleteFunc(slices.Clone(c.outcomes), func(o O) bool { return !l.did(o) })
}

// mayHaveHappened reports whether the gateway may have made a change although the call failed with err.
func mayHaveHappened(err error) bool {
	switch command.Explain(err).Code {
	case codes.Aborted, codes.InvalidArgument, codes.NotFound, codes.ResourceExhausted, codes.PermissionDenied,
		codes.FailedPrecondition:
		return false
	}
	return true
}

// split cuts a list into what one call takes: at most so many entries, and not too many bytes.
func split(entries []entry, most int) [][]entry {
	var chunks [][]entry
	begin, size := 0, 0
	for i, e := range entries {
		if i-begin == most || size+len(e.text) > maxChangeBytes {
			chunks = append(chunks, entries[begin:i])
			begin, size = i, 0
		}
		size += len(e.text)
	}
	if begin < len(entries) {
		chunks = append(chunks, entries[begin:])
	}
	return chunks
}

func textsOf(entries []entry) []string {
	texts := make([]string, len(entries))
	for i, e := range entries {
		texts[i] = e.text
	}
	return texts
}

package ctl

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/omsgateway/omsgateway/ctl/command"
	"github.com/omsgateway/omsgateway/internal/adminclient"
	"github.com/omsgateway/omsgateway/internal/printable"
	"github.com/omsgateway/omsgateway/internal/reason"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

// listChange is a change of any number of entries of one of the gateway's lists, all or none: one call, whose answer is an A.
type listChange[A answer] struct {
	kind     entryKind
	word     string // what do has done
	do       func(ctx context.Context, c *adminclient.Client, entries []string, how changeOptions) (A, error)
	outcomes func(A) []outcome

	// find makes of each entry the one that it stands for, or a problem; nil if they stand for themselves.
	find func(context.Context, *adminclient.Client, []entry) ([]entry, []command.EntryProblem, error)
}

// answer is what the gateway answers to a change: an outcome for each entry; or, with counts, those that the counts do not say.
type answer interface {
	command.Changed
	GetCounts() *adminv1.ChangeCounts
}

// outcome is what became of one entry.
type outcome struct {
	index    *int32 // of the entry; nil in an answer without counts, which has them in their order
	problem  *adminv1.Problem
	warnings []*adminv1.Problem
	row      []string
}

type changeOptions struct {
	command.How
	atomic bool
}

// changingList makes of cmd a command that changes a list and shows what became of each entry.
func changingList[A answer](a app, cmd *cobra.Command, l listChange[A]) *cobra.Command {
	var entries []entry
	var invalid []command.EntryProblem
	cmd.PreRunE = func(_ *cobra.Command, args []string) (err error) {
		entries, invalid, err = l.kind.read(a.In, args)
		return err
	}
	return command.Changing(a.Program, cmd,
		func(ctx context.Context, c *adminclient.Client, how command.How, _ []string) (A, error) {
			return l.run(ctx, c, how, entries, invalid)
		}, l.show)
}

func (l listChange[A]) show(done A) command.View {
	var v command.View
	var rows [][]string
	for _, o := range l.outcomes(done) {
		rows = append(rows, o.row)
		v.Notes = append(v.Notes, warningNotes(o.warnings)...)
	}
	if len(rows) > 0 {
		v.Tables = []command.Table{rows}
	}
	if counts := done.GetCounts(); counts != nil {
		v.Text = l.summary(counts)
	}
	return v
}

// summary says in one line how many entries had which outcome.
func (l listChange[A]) summary(c *adminv1.ChangeCounts) string {
	var parts []string
	for _, count := range []struct {
		n    int32
		what string
	}{
		{c.Added, "added"}, {c.AlreadyPresent, "already present"}, {c.Removed, "removed"}, {c.NotPresent, "not present"},
		{c.Changed, "changed"}, {c.Unchanged, "as before"}, {c.Invalid, "invalid"},
	} {
		if count.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", count.n, count.what))
		}
	}
	text := command.Plural(total(c), l.kind.name) + ": " + strings.Join(parts, ", ")
	if c.LeftOut > 0 {
		text += fmt.Sprintf(" (more is to be said of %d that are not shown)", c.LeftOut)
	}
	return text + "\n"
}

func total(c *adminv1.ChangeCounts) int64 {
	return int64(c.Added) + int64(c.AlreadyPresent) + int64(c.Removed) + int64(c.NotPresent) + int64(c.Changed) +
		int64(c.Unchanged) + int64(c.Invalid)
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

// run changes all entries or none. invalid are some that cannot be sent; with them it only finds what else is invalid.
func (l listChange[A]) run(
	ctx context.Context, c *adminclient.Client, how command.How, entries []entry, invalid []command.EntryProblem,
) (A, error) {
	var none A
	if l.find != nil {
		found, missing, err := l.find(ctx, c, entries)
		if err != nil {
			return none, err
		}
		entries, invalid = found, append(invalid, missing...)
	}
	given := len(entries) + len(invalid)
	var refused error
	if len(invalid) == 0 && !how.ValidateOnly {
		done, err := l.call(ctx, c, entries, changeOptions{How: how, atomic: true})
		if err == nil || command.Explain(err).Reason != reason.ChangeRefused {
			return done, err
		}
		refused = err
	}
	var would A
	more := 0
	if len(entries) > 0 {
		var err error
		try := how
		try.ValidateOnly = true
		would, err = l.call(ctx, c, entries, changeOptions{How: try})
		if err != nil {
			return none, err
		}
		found := 0
		for i, o := range l.outcomes(would) {
			if o.index != nil {
				i = int(*o.index)
			}
			if o.problem != nil && i >= 0 && i < len(entries) {
				invalid = append(invalid, l.kind.problem(entries[i], o.problem))
				found++
			}
		}
		if counts := would.GetCounts(); counts != nil {
			more = int(counts.Invalid) - found
		}
	}
	if len(invalid) > 0 {
		slices.SortStableFunc(invalid, func(p, q command.EntryProblem) int {
			return cmp.Or(cmp.Compare(p.Argument, q.Argument), cmp.Compare(p.Line, q.Line))
		})
		return none, &command.InvalidEntries{Name: l.kind.name, Word: l.word, Count: given, Problems: invalid, More: more}
	}
	return would, refused // which does not stand any more if the list was changed in between
}

// call makes the one call of a change.
func (l listChange[A]) call(ctx context.Context, c *adminclient.Client, entries []entry, how changeOptions) (A, error) {
	texts := make([]string, len(entries))
	for i, e := range entries {
		texts[i] = e.text
	}
	done, err := l.do(ctx, c, texts, how)
	if err != nil {
		return done, err
	}
	told := int64(len(l.outcomes(done)))
	if counts := done.GetCounts(); counts != nil {
		told = total(counts)
	}
	if told != int64(len(entries)) {
		err = fmt.Errorf("the gateway answered for %d of %d entries", told, len(entries))
	}
	return done, err
}

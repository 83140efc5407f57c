package ctl

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"google.golang.org/grpc/codes"

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
	kind   entryKind
	most   int // entries in one call of do or undo
	do     func(ctx context.Context, c *adminclient.Client, entries []string, how changeOptions) (changed[O], error)
	undo   func(ctx context.Context, c *adminclient.Client, made []O) error
	did    func(O) bool // whether do has changed the entry, or would change it
	word   string       // what do has done
	row    func(O) []string
	answer func(changed[O]) ([]byte, error) // as compact JSON

	// find makes of each entry the one that it stands for, or a problem; nil if they stand for themselves.
	find func(context.Context, *adminclient.Client, []entry) ([]entry, []entryProblem, error)
}

// outcome is what the gateway answers for one entry. It has a problem if the entry is invalid.
type outcome interface {
	GetProblem() *adminv1.Problem
	GetWarnings() []*adminv1.Problem
}

type changeOptions struct {
	etag         string
	validateOnly bool
	atomic       bool
}

type changed[O outcome] struct {
	outcomes []O    // in the order of the entries
	etag     string // after the change
}

// makeChange makes one change of a list and says what became of each entry.
func makeChange[O outcome](ctx context.Context, a *app, args []string, change listChange[O]) error {
	entries, invalid, err := a.readEntries(change.kind, args)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	return a.connected(ctx, func(ctx context.Context, c *adminclient.Client) error {
		if change.find != nil {
			found, missing, err := change.find(ctx, c, entries)
			if err != nil {
				return err
			}
			entries, invalid = found, append(invalid, missing...)
		}
		done, err := change.run(ctx, c, entries, invalid)
		if err != nil {
			return err
		}
		if a.json {
			compact, err := change.answer(done)
			if err != nil {
				return err
			}
			return a.printIndented(compact)
		}
		var rows [][]string
		for _, o := range done.outcomes {
			rows = append(rows, change.row(o))
			for _, w := range o.GetWarnings() {
				a.notef("warning: %s", printable.Escaped(w.Message))
			}
		}
		return a.table(rows...)
	})
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
	ctx context.Context, c *adminclient.Client, entries []entry, invalid []entryProblem,
) (changed[O], error) {
	chunks := split(entries, l.most)
	if len(chunks) == 1 && len(invalid) == 0 {
		done, err := l.do(ctx, c, textsOf(chunks[0]), changeOptions{atomic: true})
		if err == nil || explain(err).Reason != reason.ChangeRefused {
			return done, err
		}
	}
	status, err := call(ctx, c.Status.GetStatus, &adminv1.GetStatusRequest{})
	if err != nil {
		return changed[O]{}, err
	}
	given := len(entries) + len(invalid)
	planned := make([][]O, len(chunks)) // what each call would change
	for i, chunk := range chunks {
		would, err := l.do(ctx, c, textsOf(chunk), changeOptions{etag: status.Etag, validateOnly: true})
		if err != nil {
			return changed[O]{}, err
		}
		planned[i] = l.made(would)
		for k, o := range would.outcomes {
			if p := o.GetProblem(); p != nil {
				invalid = append(invalid, l.kind.problem(chunk[k], p))
			}
		}
	}
	if len(invalid) > 0 {
		slices.SortStableFunc(invalid, func(p, q entryProblem) int {
			return cmp.Or(cmp.Compare(p.Argument, q.Argument), cmp.Compare(p.Line, q.Line))
		})
		return changed[O]{}, &invalidEntries{name: l.kind.name, word: l.word, count: given, problems: invalid}
	}
	return l.runInSteps(ctx, c, chunks, planned, status.Etag)
}

// runInSteps makes one call for each chunk, each for the configuration that the one before left, so that nobody's change can
// come between unnoticed. What it has changed it undoes when one fails.
func (l listChange[O]) runInSteps(
	ctx context.Context, c *adminclient.Client, chunks [][]entry, planned [][]O, etag string,
) (changed[O], error) {
	all := changed[O]{etag: etag}
	for i, chunk := range chunks {
		done, err := l.do(ctx, c, textsOf(chunk), changeOptions{etag: all.etag, atomic: true})
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

// takeBack undoes what was made after cause stopped the rest, and answers the error that says how that went.
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
	switch explain(err).Code {
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

// page is one answer of a list.
type page interface {
	GetEtag() string
	GetNextPageToken() string
}

// allPages reads every page and joins the later ones to the first. A list that is changed in between is read again.
func allPages[P page](read func(token string) (P, error), join func(all, more P)) (all P, err error) {
	const attempts = 5
attempt:
	for range attempts {
		if all, err = read(""); err != nil {
			return all, err
		}
		for token := all.GetNextPageToken(); token != ""; {
			more, err := read(token)
			if err != nil {
				return all, err
			}
			if more.GetEtag() != all.GetEtag() {
				continue attempt
			}
			join(all, more)
			token = more.GetNextPageToken()
		}
		return all, nil
	}
	return all, errors.New("the configuration changed each time while the list was read; try again")
}

// invalidEntries is the error of a change that was not made because of invalid items. The first problem stands for all where
// there is room for one only.
type invalidEntries struct {
	name     string // of an entry
	word     string // what was not done
	count    int    // of all items
	problems []entryProblem
}

func (e *invalidEntries) Error() string {
	if e.count == 1 {
		return fmt.Sprintf("no %s was %s: %s", e.name, e.word, e.problems[0].Message)
	}
	return fmt.Sprintf("no %s was %s, because %d of %d are invalid", e.name, e.word, len(e.problems), e.count)
}

// Unwrap is the error that the gateway answers for such a change.
func (e *invalidEntries) Unwrap() error {
	return reason.New(reason.ChangeRefused, "count", strconv.Itoa(len(e.problems)), "first", e.problems[0].Message)
}

func (e *invalidEntries) all() []entryProblem {
	if e == nil {
		return nil
	}
	return e.problems
}

// print names each invalid item, in the order of lines and arguments.
func (e *invalidEntries) print(w io.Writer) {
	if e == nil || e.count == 1 {
		return
	}
	for _, p := range e.problems {
		where := fmt.Sprintf("argument %d", p.Argument)
		if p.Line > 0 {
			where = fmt.Sprintf("line %d", p.Line)
		}
		fmt.Fprintf(w, "  %s: %s\n", where, printable.Escaped(p.Message))
	}
}

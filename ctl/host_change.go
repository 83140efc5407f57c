package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"omsgateway/internal/adminclient"
	"omsgateway/internal/reason"
	adminv1 "omsgateway/proto/omsgateway/admin/v1"
)

// What one change takes. The bytes keep a request, and an answer that explains every host, well below 1 MiB.
const (
	maxChangeHosts = 1000
	maxChangeBytes = 128 << 10
)

// hostChange is an addition or a removal of any number of hosts, all or none.
type hostChange struct {
	client *adminclient.Client
	do     changeFunc
	undo   changeFunc
	did    adminv1.AllowedHostOutcome_Outcome // of a host that do changed
	word   string                             // what do has done
	answer func(changed) proto.Message
}

// changeFunc makes one change of the gateway's list.
type changeFunc func(ctx context.Context, hosts []string, how changeOptions) (changed, error)

type changeOptions struct {
	etag         string
	validateOnly bool
	atomic       bool
}

type changed struct {
	outcomes []*adminv1.AllowedHostOutcome // in the order of the hosts
	etag     string                        // after the change
}

func adding(c *adminclient.Client) hostChange {
	return hostChange{
		client: c, do: addFunc(c), undo: removeFunc(c), did: adminv1.AllowedHostOutcome_ADDED, word: "added",
		answer: func(c changed) proto.Message {
			return &adminv1.AddAllowedHostsResponse{Outcomes: c.outcomes, Etag: c.etag}
		},
	}
}

func removing(c *adminclient.Client) hostChange {
	return hostChange{
		client: c, do: removeFunc(c), undo: addFunc(c), did: adminv1.AllowedHostOutcome_REMOVED, word: "removed",
		answer: func(c changed) proto.Message {
			return &adminv1.RemoveAllowedHostsResponse{Outcomes: c.outcomes, Etag: c.etag}
		},
	}
}

func addFunc(c *adminclient.Client) changeFunc {
	return func(ctx context.Context, hosts []string, how changeOptions) (changed, error) {
		request := &adminv1.AddAllowedHostsRequest{Etag: how.etag, ValidateOnly: how.validateOnly, Atomic: how.atomic}
		for _, host := range hosts {
			request.Hosts = append(request.Hosts, &adminv1.AllowedHost{Host: host})
		}
		r, err := call(ctx, c.Hosts.AddAllowedHosts, request)
		return changed{r.GetOutcomes(), r.GetEtag()}, complete(len(hosts), r.GetOutcomes(), err)
	}
}

func removeFunc(c *adminclient.Client) changeFunc {
	return func(ctx context.Context, hosts []string, how changeOptions) (changed, error) {
		r, err := call(ctx, c.Hosts.RemoveAllowedHosts, &adminv1.RemoveAllowedHostsRequest{
			Hosts: hosts, Etag: how.etag, ValidateOnly: how.validateOnly, Atomic: how.atomic,
		})
		return changed{r.GetOutcomes(), r.GetEtag()}, complete(len(hosts), r.GetOutcomes(), err)
	}
}

// complete checks that the gateway answered for every host.
func complete(hosts int, outcomes []*adminv1.AllowedHostOutcome, err error) error {
	if err == nil && len(outcomes) != hosts {
		return fmt.Errorf("the gateway answered for %d of %d hosts", len(outcomes), hosts)
	}
	return err
}

// run changes all items or none. invalid are items that cannot be sent; with them it only finds what else is invalid.
func (h hostChange) run(ctx context.Context, items []hostItem, invalid []hostProblem) (changed, error) {
	chunks := split(items)
	if len(chunks) == 1 && len(invalid) == 0 {
		done, err := h.do(ctx, namesOf(chunks[0]), changeOptions{atomic: true})
		if err == nil || explain(err).Reason != reason.ChangeRefused {
			return done, err
		}
	}
	status, err := call(ctx, h.client.Status.GetStatus, &adminv1.GetStatusRequest{})
	if err != nil {
		return changed{}, err
	}
	given := len(items) + len(invalid)
	planned := make([][]string, len(chunks)) // what each change would change
	for i, chunk := range chunks {
		would, err := h.do(ctx, namesOf(chunk), changeOptions{etag: status.Etag, validateOnly: true})
		if err != nil {
			return changed{}, err
		}
		planned[i] = h.changedHosts(would)
		for k, o := range would.outcomes {
			if o.Outcome == adminv1.AllowedHostOutcome_INVALID {
				invalid = append(invalid, chunk[k].problem(o.Problem))
			}
		}
	}
	if len(invalid) > 0 {
		slices.SortStableFunc(invalid, func(p, q hostProblem) int {
			return cmp.Or(cmp.Compare(p.Argument, q.Argument), cmp.Compare(p.Line, q.Line))
		})
		return changed{}, &invalidHosts{word: h.word, count: given, problems: invalid}
	}
	return h.runInSteps(ctx, chunks, planned, status.Etag)
}

// runInSteps makes one change for each chunk, each for the configuration that the one before left, so that nobody's change can
// come between unnoticed. What it has changed it undoes when one fails.
func (h hostChange) runInSteps(ctx context.Context, chunks [][]hostItem, planned [][]string, etag string) (changed, error) {
	all := changed{etag: etag}
	for i, chunk := range chunks {
		done, err := h.do(ctx, namesOf(chunk), changeOptions{etag: all.etag, atomic: true})
		if err != nil {
			made := h.changedHosts(all)
			if mayHaveHappened(err) {
				made = append(made, planned[i]...)
			}
			return changed{}, h.takeBack(ctx, made, err)
		}
		all.outcomes, all.etag = append(all.outcomes, done.outcomes...), done.etag
	}
	return all, nil
}

// takeBack undoes the changes of made after cause stopped the rest, and answers the error that says how that went.
func (h hostChange) takeBack(ctx context.Context, made []string, cause error) error {
	ctx = context.WithoutCancel(ctx) // an interrupt must not leave half of the list
	for chunk := range slices.Chunk(made, maxChangeHosts) {
		if _, err := h.undo(ctx, chunk, changeOptions{}); err != nil {
			return fmt.Errorf("%w; up to %d hosts were %s before that, and undoing it failed: %w", cause, len(made), h.word, err)
		}
	}
	return fmt.Errorf("no host was %s: %w", h.word, cause)
}

// mayHaveHappened reports whether the gateway may have made a change although the call failed with err.
func mayHaveHappened(err error) bool {
	switch explain(err).Code {
	case codes.Aborted, codes.InvalidArgument, codes.ResourceExhausted, codes.PermissionDenied, codes.FailedPrecondition:
		return false
	}
	return true
}

// changedHosts are the hosts that c says were changed.
func (h hostChange) changedHosts(c changed) []string {
	var hosts []string
	for _, o := range c.outcomes {
		if o.Outcome == h.did {
			hosts = append(hosts, o.Host)
		}
	}
	return hosts
}

// split cuts a list into what one change takes.
func split(items []hostItem) [][]hostItem {
	var chunks [][]hostItem
	begin, size := 0, 0
	for i, item := range items {
		if i-begin == maxChangeHosts || size+len(item.host) > maxChangeBytes {
			chunks = append(chunks, items[begin:i])
			begin, size = i, 0
		}
		size += len(item.host)
	}
	if begin < len(items) {
		chunks = append(chunks, items[begin:])
	}
	return chunks
}

func namesOf(items []hostItem) []string {
	names := make([]string, len(items))
	for i, item := range items {
		names[i] = item.host
	}
	return names
}

// invalidHosts is the error of a change that was not made because of invalid items. The first problem stands for all where
// there is room for one only.
type invalidHosts struct {
	word     string // what was not done
	count    int    // of all items
	problems []hostProblem
}

func (e *invalidHosts) Error() string {
	if e.count == 1 {
		return fmt.Sprintf("no host was %s: %s", e.word, e.problems[0].Message)
	}
	return fmt.Sprintf("no host was %s, because %d of %d are invalid", e.word, len(e.problems), e.count)
}

// Unwrap is the error that the gateway answers for such a change.
func (e *invalidHosts) Unwrap() error {
	return reason.New(reason.ChangeRefused, "count", strconv.Itoa(len(e.problems)), "first", e.problems[0].Message)
}

func (e *invalidHosts) all() []hostProblem {
	if e == nil {
		return nil
	}
	return e.problems
}

// print names each invalid item, in the order of lines and arguments.
func (e *invalidHosts) print(w io.Writer) {
	if e == nil || e.count == 1 {
		return
	}
	for _, p := range e.problems {
		where := fmt.Sprintf("argument %d", p.Argument)
		if p.Line > 0 {
			where = fmt.Sprintf("line %d", p.Line)
		}
		fmt.Fprintf(w, "  %s: %s\n", where, printable(p.Message))
	}
}

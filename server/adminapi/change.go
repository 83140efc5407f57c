package adminapi

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/omsgateway/omsgateway/internal/history"
	"github.com/omsgateway/omsgateway/internal/printable"
	"github.com/omsgateway/omsgateway/internal/reason"
	"github.com/omsgateway/omsgateway/internal/settings"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

// Bounds of a change and of an answer.
const (
	maxItems    = 1000 // of a change that is not large
	maxPage     = 1000
	maxOutcomes = 1000

	// maxPageBytes is for a page of items that may be large, so that the answer stays under 1 MiB with its framing.
	maxPageBytes = 900 << 10
)

// changing is what all requests that change the configuration have in common.
type changing interface {
	GetEtag() string
	GetValidateOnly() bool
	GetComment() string
	GetConfirmWithin() *durationpb.Duration
	GetTrial() string
}

// changeFor is the part that all changes of the configuration have in common. The errors are COMMENT_INVALID, TRIAL_TIME_INVALID and
// TRIAL_NEEDS_GATEWAY.
func (g Gateway) changeFor(ctx context.Context, req changing) (settings.Request, error) {
	change, err := requestFor(ctx, req.GetComment())
	if err != nil {
		return change, err
	}
	change.Etag, change.ValidateOnly, change.Trial = req.GetEtag(), req.GetValidateOnly(), req.GetTrial()
	if within := req.GetConfirmWithin(); within != nil {
		if err := within.CheckValid(); err != nil || within.AsDuration() == 0 {
			return change, reason.New(reason.TrialTimeInvalid, "value", within.AsDuration().String())
		}
		change.ConfirmWithin = within.AsDuration()
	}
	if (change.ConfirmWithin != 0 || change.Trial != "") && g.Status.State() == Stopped {
		return change, reason.New(reason.TrialNeedsGateway)
	}
	return change, nil
}

// requestFor says who changes something, and why. The error is COMMENT_INVALID.
func requestFor(ctx context.Context, comment string) (settings.Request, error) {
	if problem := unfit(comment); problem != "" {
		return settings.Request{}, reason.New(reason.CommentInvalid, "problem", problem)
	}
	who, _ := callerFrom(ctx)
	method, _ := grpc.Method(ctx)
	_, method, _ = strings.Cut(method, ".v1.")
	return settings.Request{
		Comment: comment, Caller: who, Client: clientOf(ctx), Method: method,
	}, nil
}

// unfit says why a text cannot be a comment, or is empty.
func unfit(comment string) string {
	switch {
	case utf8.RuneCountInString(comment) > history.MaxComment:
		return fmt.Sprintf("it has more than %d characters", history.MaxComment)
	case printable.Typed(comment, history.MaxComment) != comment:
		return "it has a line end or another character that cannot be printed"
	}
	return ""
}

// maxClient bounds the name of a client's program, in bytes.
const maxClient = 128

// clientOf returns the program that the call comes from, as it says itself in the header user-agent, before what package grpc adds to it.
func clientOf(ctx context.Context) string {
	agents := metadata.ValueFromIncomingContext(ctx, "user-agent")
	if len(agents) == 0 {
		return ""
	}
	name, _, _ := strings.Cut(agents[0], " grpc-go/")
	return printable.Typed(name, maxClient)
}

// item is one entry of a list that a request names, on its way to its outcome.
type item[Given, Value any] struct {
	given   Given
	value   Value
	err     error // given is invalid, and there is no value
	changed bool  // the list has changed for it
}

// parse reads the items of a request, at most as many as most. With atomic, an invalid one is an error.
func parse[Given, Value any](
	given []Given, most int, atomic bool, read func(Given) (Value, error),
) ([]item[Given, Value], error) {
	if len(given) == 0 {
		return nil, reason.New(reason.NothingGiven)
	}
	if len(given) > most {
		return nil, reason.New(reason.TooManyItems, "count", strconv.Itoa(len(given)), "limit", strconv.Itoa(most))
	}
	items := make([]item[Given, Value], len(given))
	for i, g := range given {
		value, err := read(g)
		items[i] = item[Given, Value]{given: g, value: value, err: err}
	}
	if atomic {
		return items, allValid(items)
	}
	return items, nil
}

// allValid returns CHANGE_REFUSED if one of the items is invalid.
func allValid[Given, Value any](items []item[Given, Value]) error {
	invalid := 0
	var first error
	for _, it := range items {
		if it.err == nil {
			continue
		}
		if invalid++; first == nil {
			first = it.err
		}
	}
	if invalid > 0 {
		return reason.New(reason.ChangeRefused, "count", strconv.Itoa(invalid), "first", first.Error())
	}
	return nil
}

// valid are the values of the valid items.
func valid[Given, Value any](items []item[Given, Value]) []Value {
	var values []Value
	for _, it := range items {
		if it.err == nil {
			values = append(values, it.value)
		}
	}
	return values
}

// settle notes which of the valid items have changed the list: changed has one value for each of them.
func settle[Given, Value any](items []item[Given, Value], changed []bool) {
	for i := range items {
		if items[i].err == nil {
			items[i].changed, changed = changed[0], changed[1:]
		}
	}
}

// problem is an error as an answer shows it for one item.
func problem(err error) *adminv1.Problem {
	p := &adminv1.Problem{Reason: string(reason.Of(err)), Message: err.Error()}
	if e := reason.From(err); e != nil {
		p.Metadata = e.Parts
	}
	return p
}

// page cuts one page out of a sorted list. after finds the offset behind the item that a token names.
func page[T any](
	list []T, size int32, token string, tokenOf func(T) string, after func([]T, string) (int, error),
) (items []T, next string, err error) {
	if token != "" {
		offset, err := after(list, token)
		if err != nil {
			return nil, "", reason.New(reason.PageTokenInvalid)
		}
		list = list[offset:]
	}
	if size <= 0 || size > maxPage {
		size = maxPage
	}
	if len(list) <= int(size) {
		return list, "", nil
	}
	return list[:size], tokenOf(list[size-1]), nil
}

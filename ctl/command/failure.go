package command

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/grpc/codes"

	"github.com/omsgateway/omsgateway/internal/apierr"
	"github.com/omsgateway/omsgateway/internal/printable"
	"github.com/omsgateway/omsgateway/internal/reason"
)

// The exit codes, a contract with scripts. ExitCodes explains them.
const (
	exitDone         = 0
	exitFailed       = 1
	exitUsage        = 2
	exitUnreachable  = 3
	exitNotPermitted = 4
	exitDifferent    = 5

	ExitCodes = "0 done, 1 failed, 2 wrong usage, 3 gateway not reachable, 4 not permitted, 5 different"
)

// ErrDifferent is the failure of a command that compares, where something is different: exit code 5, and nothing on standard error.
var ErrDifferent = errors.New("something is different")

// usageError is a command line that cannot be understood; its text says which part.
type usageError string

func (e usageError) Error() string { return string(e) }

// Usagef is the error of a command line that cannot be understood: exit code 2, and where the help is. Before cmd.Args has accepted
// the arguments every error is one.
func Usagef(format string, args ...any) error { return usageError(fmt.Sprintf(format, args...)) }

// flagError is what pflag says about the flags, without the words of Go's parsers.
func flagError(err error) error {
	invalid, ok := errors.AsType[*pflag.InvalidValueError](err)
	if !ok {
		return err
	}
	form := "true or false"
	switch invalid.GetFlag().Value.Type() {
	case "duration":
		form = "a number with its unit, for example 90s, 15m or 2h"
	case "int32":
		form = "a whole number"
	case "int32Slice":
		form = "a whole number, or several with commas between them"
	}
	return Usagef("--%s cannot be %q: it is %s", invalid.GetFlag().Name, invalid.GetValue(), form)
}

// report prints err on standard error, as one JSON object if --json was given, and returns the exit code for it.
func (p *Program) report(cmd *cobra.Command, args []string, err error) int {
	if errors.Is(err, ErrDifferent) {
		return exitDifferent
	}
	usage, wrong := errors.AsType[usageError](err)
	if !wrong && !p.started {
		usage, wrong = usageError(err.Error()), true
	}
	e := Explain(err)
	if wrong {
		e = &apierr.Error{Code: codes.InvalidArgument, Message: string(usage)}
	}
	invalid, _ := errors.AsType[*InvalidEntries](err)

	if p.JSON || slices.Contains(args, "--json") { // it may stand after a flag that was not understood
		p.printErrorJSON(e, invalid)
	} else {
		fmt.Fprintf(p.Err, "omsgwctl: %s\n", printable.Escaped(e.Message))
		invalid.print(p.Err)
		if wrong {
			fmt.Fprintf(p.Err, "See '%s --help'.\n", cmd.CommandPath())
		}
	}

	switch {
	case wrong || e.Reason == reason.AddressInvalid:
		return exitUsage
	case e.Code == codes.Unavailable:
		return exitUnreachable
	case e.Code == codes.PermissionDenied || e.Code == codes.Unauthenticated:
		return exitNotPermitted
	}
	return exitFailed
}

// Explain finds what an error says to programs. Its message is the whole text of err.
func Explain(err error) *apierr.Error {
	known, ok := errors.AsType[*apierr.Error](err)
	if !ok {
		known, _ = errors.AsType[*apierr.Error](apierr.FromStatus(apierr.ToStatus(err)))
	}
	e := *known
	e.Message = err.Error()
	return &e
}

// CallError is the error of a call as an *apierr.Error, with a text for people where gRPC itself made the error; nil stays nil.
func CallError(err error, method string) error {
	known, ok := errors.AsType[*apierr.Error](apierr.FromStatus(err))
	if !ok {
		return nil
	}
	e := *known
	switch {
	case len(e.Parts) > 0:
	case e.Reason == reason.MethodUnknown:
		e.Parts = map[string]string{"method": method}
		e.Message = e.Reason.Text(e.Parts)
	case e.Reason == reason.GatewayUnreachable:
		e.Message = "the connection to the gateway was lost: " + e.Message
	case e.Code == codes.DeadlineExceeded:
		e.Message = fmt.Sprintf("the gateway did not answer within %d seconds", int(CallTimeout.Seconds()))
	case e.Code == codes.Canceled:
		e.Message = "the call was interrupted"
	}
	return &e
}

// CodeName is the canonical name of a gRPC status code, for example "INVALID_ARGUMENT".
func CodeName(c codes.Code) string { return code.Code(c).String() }

// InvalidEntries is the error of a change of a list that was not made because of invalid entries. The first problem stands for all
// where there is room for one only.
type InvalidEntries struct {
	Name     string // of an entry
	Word     string // what was not done
	Count    int    // of all entries
	Problems []EntryProblem
	More     int // invalid ones of which the gateway does not say why, since there are too many
}

// EntryProblem says why an entry is invalid, in the form that --json prints.
type EntryProblem struct {
	Line     int               `json:"line,omitempty"`     // of standard input, counted from 1; 0 for an argument
	Argument int               `json:"argument,omitempty"` // counted from 1; 0 for a line
	Host     string            `json:"host,omitempty"`
	Subject  string            `json:"subject,omitempty"`
	Reason   string            `json:"reason"`
	Message  string            `json:"message"`
	Metadata map[string]string `json:"metadata"`
}

func (e *InvalidEntries) Error() string {
	if e.Count == 1 {
		return fmt.Sprintf("no %s was %s: %s", e.Name, e.Word, e.Problems[0].Message)
	}
	return fmt.Sprintf("no %s was %s, because %d of %d are invalid", e.Name, e.Word, len(e.Problems)+e.More, e.Count)
}

// Unwrap is the error that the gateway answers for such a change.
func (e *InvalidEntries) Unwrap() error {
	return reason.New(reason.ChangeRefused, "count", strconv.Itoa(len(e.Problems)+e.More), "first", e.Problems[0].Message)
}

func (e *InvalidEntries) all() []EntryProblem {
	if e == nil {
		return nil
	}
	return e.Problems
}

// print names each invalid entry, in the order of lines and arguments.
func (e *InvalidEntries) print(w io.Writer) {
	if e == nil || e.Count == 1 {
		return
	}
	for _, p := range e.Problems {
		where := fmt.Sprintf("argument %d", p.Argument)
		if p.Line > 0 {
			where = fmt.Sprintf("line %d", p.Line)
		}
		fmt.Fprintf(w, "  %s: %s\n", where, printable.Escaped(p.Message))
	}
	if e.More > 0 {
		fmt.Fprintf(w, "  and %d more\n", e.More)
	}
}

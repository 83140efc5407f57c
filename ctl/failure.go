package ctl

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/grpc/codes"

	"github.com/omsgateway/omsgateway/internal/apierr"
	"github.com/omsgateway/omsgateway/internal/printable"
	"github.com/omsgateway/omsgateway/internal/reason"
)

// The exit codes, a contract with scripts.
const (
	exitDone         = 0
	exitFailed       = 1
	exitUsage        = 2
	exitUnreachable  = 3
	exitNotPermitted = 4
)

// usageError is a command line that cannot be understood; its text says which part.
type usageError string

func (e usageError) Error() string { return string(e) }

func usagef(format string, args ...any) error { return usageError(fmt.Sprintf(format, args...)) }

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
	return usagef("--%s cannot be %q: it is %s", invalid.GetFlag().Name, invalid.GetValue(), form)
}

// report prints err on standard error, as one JSON object if --json was given, and answers the exit code for it.
func (a *app) report(cmd *cobra.Command, args []string, err error) int {
	usage, wrong := errors.AsType[usageError](err)
	if !wrong && !a.started {
		usage, wrong = usageError(err.Error()), true
	}
	e := explain(err)
	if wrong {
		e = &apierr.Error{Code: codes.InvalidArgument, Message: string(usage)}
	}
	invalid, _ := errors.AsType[*invalidEntries](err)

	if a.json || slices.Contains(args, "--json") { // it may stand after a flag that was not understood
		a.printErrorJSON(e, invalid)
	} else {
		fmt.Fprintf(a.err, "omsgwctl: %s\n", printable.Escaped(e.Message))
		invalid.print(a.err)
		if wrong {
			fmt.Fprintf(a.err, "See '%s --help'.\n", cmd.CommandPath())
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

// explain finds what an error says to programs. Its message is the whole text of err.
func explain(err error) *apierr.Error {
	known, ok := errors.AsType[*apierr.Error](err)
	if !ok {
		known, _ = errors.AsType[*apierr.Error](apierr.FromStatus(apierr.ToStatus(err)))
	}
	e := *known
	e.Message = err.Error()
	return &e
}

// fromCall is the error of a call as an *apierr.Error, with a text for people where gRPC itself made the error; nil stays nil.
func fromCall(err error, method string) error {
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
		e.Message = fmt.Sprintf("the gateway did not answer within %d seconds", int(callTimeout.Seconds()))
	case e.Code == codes.Canceled:
		e.Message = "the call was interrupted"
	}
	return &e
}

// codeName is the canonical name of a gRPC status code, for example "INVALID_ARGUMENT".
func codeName(c codes.Code) string { return code.Code(c).String() }

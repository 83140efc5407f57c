// Package apierr turns an error with a reason into a gRPC status at the gateway, and back at a client.
//
// The status carries google.rpc.ErrorInfo with the domain "omsgateway", the reason, and whatever the text mentions as
// metadata, so that a client needs not to parse the text.
package apierr

import (
	"context"
	"errors"
	"maps"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/omsgateway/omsgateway/internal/printable"
	"github.com/omsgateway/omsgateway/internal/reason"
)

// Domain is the domain of every ErrorInfo of the admin API.
const Domain = "omsgateway"

// causePart is the metadata that has the text of the cause behind the reason, in English.
const causePart = "cause"

// A status travels in HTTP/2 headers, of which clients accept 8 KiB in all, so its texts are cut: three bytes for each of the
// message (percent-encoding), and four for three of message and parts together (base64) still fit. Few texts have more than
// four parts.
const (
	maxPart    = 384 // bytes
	maxMessage = 768 // bytes
)

// ToStatus is err as a gRPC status error. nil stays nil, and what is a status already stays as it is. Without a reason in its
// chain an error that a done context explains becomes CANCELED or DEADLINE_EXCEEDED, and every other one INTERNAL, whose text
// tells nothing about it: log err itself.
func ToStatus(err error) error {
	if err == nil {
		return nil
	}
	if e := reason.From(err); e != nil {
		return fromReason(e)
	}
	if _, ok := status.FromError(err); ok {
		return err
	}
	switch {
	case errors.Is(err, context.Canceled):
		return status.Error(codes.Canceled, "the call was cancelled")
	case errors.Is(err, context.DeadlineExceeded):
		return status.Error(codes.DeadlineExceeded, "the call took longer than its time limit")
	}
	return fromReason(reason.New(reason.Internal))
}

func fromReason(e *reason.Error) error {
	code := Code(e.Reason)
	info := &errdetails.ErrorInfo{Reason: string(e.Reason), Domain: Domain, Metadata: make(map[string]string, len(e.Parts)+1)}
	if code == codes.Internal {
		e = reason.New(reason.Internal) // whatever it says is for the log alone
		info.Reason = string(e.Reason)
	}
	for name, value := range e.Parts {
		info.Metadata[name] = cut(value, maxPart)
	}
	message := e.Reason.Text(info.Metadata)
	if e.Err != nil {
		info.Metadata[causePart] = cut(e.Err.Error(), maxPart)
		message += ": " + info.Metadata[causePart]
	}
	plain := status.New(code, cut(message, maxMessage))
	detailed, err := plain.WithDetails(info)
	if err != nil { // cut made every text valid UTF-8, so there is nothing that cannot be encoded
		return plain.Err()
	}
	return detailed.Err()
}

// cut makes text valid UTF-8 of at most limit bytes.
func cut(text string, limit int) string { return strings.ToValidUTF8(printable.Cut(text, limit), "?") }

// Error is a failed call as a client sees it.
type Error struct {
	Code    codes.Code
	Reason  reason.Reason     // "" if the gateway gave none
	Parts   map[string]string // what Message mentions, by name; "cause" is the cause's own text
	Message string            // in English, saying what to do
}

// FromStatus is err, an error of a gRPC call, as an *Error; nil stays nil and an *Error stays as it is. A gateway that does not
// know the method gives METHOD_UNKNOWN, and one that is gone GATEWAY_UNREACHABLE.
func FromStatus(err error) error {
	if err == nil {
		return nil
	}
	if known, ok := errors.AsType[*Error](err); ok {
		return known
	}
	s := status.Convert(err)
	e := &Error{Code: s.Code(), Message: s.Message()}
	for _, detail := range s.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok && info.GetDomain() == Domain {
			e.Reason, e.Parts = reason.Reason(info.GetReason()), maps.Clone(info.GetMetadata())
			return e
		}
	}
	switch e.Code {
	case codes.Unimplemented:
		e.Reason = reason.MethodUnknown
	case codes.Unavailable:
		e.Reason = reason.GatewayUnreachable
	}
	return e
}

func (e *Error) Error() string { return e.Message }

// Unwrap makes package reason see the reason.
func (e *Error) Unwrap() error {
	if e.Reason == "" {
		return nil
	}
	return &reason.Error{Reason: e.Reason, Parts: e.Parts}
}

// GRPCStatus makes package status see the code.
func (e *Error) GRPCStatus() *status.Status { return status.New(e.Code, e.Message) }

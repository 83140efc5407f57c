package apierr

import (
	"google.golang.org/grpc/codes"

	"github.com/omsgateway/omsgateway/internal/reason"
)

// Code returns the status code for r, which follows from its class. It is INTERNAL for a reason with which no call is meant to fail.
func Code(r reason.Reason) codes.Code {
	switch r.Class() {
	case reason.ClassInvalid:
		return codes.InvalidArgument
	case reason.ClassNotFound:
		return codes.NotFound
	case reason.ClassConflict, reason.ClassRelayLoop:
		return codes.FailedPrecondition
	case reason.ClassStale:
		return codes.Aborted
	case reason.ClassLimit:
		return codes.ResourceExhausted
	case reason.ClassPermission:
		return codes.PermissionDenied
	case reason.ClassCaller:
		return codes.Unauthenticated
	case reason.ClassUnimplemented:
		return codes.Unimplemented
	case reason.ClassUnreachable, reason.ClassStopping:
		return codes.Unavailable
	default:
		return codes.Internal
	}
}

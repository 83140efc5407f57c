package apierr

import (
	"google.golang.org/grpc/codes"

	"github.com/omsgateway/omsgateway/internal/reason"
)

// Code is the status code for r. A reason without a row is a fault of the gateway: INTERNAL.
func Code(r reason.Reason) codes.Code {
	if code, ok := codeOf[r]; ok {
		return code
	}
	return codes.Internal
}

// codeOf has every reason that a call of the admin API can fail with.
var codeOf = map[reason.Reason]codes.Code{
	reason.EtagMismatch:             codes.Aborted,
	reason.NothingGiven:             codes.InvalidArgument,
	reason.TooManyItems:             codes.InvalidArgument,
	reason.TooManyHosts:             codes.ResourceExhausted,
	reason.TooManyCertificates:      codes.ResourceExhausted,
	reason.ChangeRefused:            codes.InvalidArgument,
	reason.AllowedHostNotPresent:    codes.NotFound,
	reason.CertificatePolicyUnknown: codes.InvalidArgument,
	reason.NotPermittedToRead:       codes.PermissionDenied,
	reason.NotPermittedToChange:     codes.PermissionDenied,
	reason.CallerUnknown:            codes.Unauthenticated,
	reason.TooManyCalls:             codes.ResourceExhausted,
	reason.TooManyWatchers:          codes.ResourceExhausted,
	reason.FilterInvalid:            codes.InvalidArgument,
	reason.TooManyChecks:            codes.ResourceExhausted,
	reason.PageTokenInvalid:         codes.InvalidArgument,
	reason.TunnelNotFound:           codes.NotFound,
	reason.MethodUnknown:            codes.Unimplemented,
	reason.Internal:                 codes.Internal,
	reason.GatewayUnreachable:       codes.Unavailable,
	reason.GatewayDenied:            codes.PermissionDenied,
	reason.GatewayStopping:          codes.Unavailable,
	reason.AddressInvalid:           codes.InvalidArgument,

	reason.SettingUnknown:     codes.NotFound,
	reason.SettingNotANumber:  codes.InvalidArgument,
	reason.SettingOutOfRange:  codes.InvalidArgument,
	reason.SettingNotAChoice:  codes.InvalidArgument,
	reason.SettingNotAnAddr:   codes.InvalidArgument,
	reason.SettingNotHosts:    codes.InvalidArgument,
	reason.ListHasPort:        codes.InvalidArgument,
	reason.ListTooLong:        codes.InvalidArgument,
	reason.SettingFixed:       codes.FailedPrecondition,
	reason.SettingConflict:    codes.FailedPrecondition,
	reason.ListenNotPossible:  codes.FailedPrecondition,
	reason.ConfigSyntax:       codes.FailedPrecondition,
	reason.ConfigField:        codes.FailedPrecondition,
	reason.ConfigDuplicate:    codes.FailedPrecondition,
	reason.ConfigTooLarge:     codes.ResourceExhausted,
	reason.ConfigVersion:      codes.FailedPrecondition,
	reason.ConfigTooNew:       codes.FailedPrecondition,
	reason.ConfigUnreadable:   codes.FailedPrecondition,
	reason.ConfigNotWritten:   codes.FailedPrecondition,
	reason.ConfigInUse:        codes.FailedPrecondition,
	reason.ConfigFolderDenied: codes.PermissionDenied,

	reason.HostInvalid:              codes.InvalidArgument,
	reason.HostEmpty:                codes.InvalidArgument,
	reason.HostIsURL:                codes.InvalidArgument,
	reason.HostIsRange:              codes.InvalidArgument,
	reason.HostIsPlaceholder:        codes.InvalidArgument,
	reason.HostHasPath:              codes.InvalidArgument,
	reason.HostHasUser:              codes.InvalidArgument,
	reason.HostHasBlank:             codes.InvalidArgument,
	reason.HostHasPunctuation:       codes.InvalidArgument,
	reason.HostLeadingDot:           codes.InvalidArgument,
	reason.HostEmptyLabel:           codes.InvalidArgument,
	reason.HostCharacter:            codes.InvalidArgument,
	reason.HostHyphen:               codes.InvalidArgument,
	reason.HostTooLong:              codes.InvalidArgument,
	reason.HostPort:                 codes.InvalidArgument,
	reason.HostAddress:              codes.InvalidArgument,
	reason.HostAddressForm:          codes.InvalidArgument,
	reason.HostZone:                 codes.InvalidArgument,
	reason.HostWildcardAll:          codes.InvalidArgument,
	reason.HostWildcardPlace:        codes.InvalidArgument,
	reason.HostWildcardPublicSuffix: codes.InvalidArgument,
	reason.HostIsWildcard:           codes.InvalidArgument,

	reason.RelayAddressEmpty:    codes.InvalidArgument,
	reason.RelayAddressInvalid:  codes.InvalidArgument,
	reason.RelayAddressHasUser:  codes.InvalidArgument,
	reason.RelayUsernameMissing: codes.InvalidArgument,
	reason.RelayUsernameInvalid: codes.InvalidArgument,
	reason.RelayPasswordInvalid: codes.InvalidArgument,
	reason.RelayNotSet:          codes.FailedPrecondition,
	reason.RelayIsGateway:       codes.FailedPrecondition,

	reason.CertificateEmpty:      codes.InvalidArgument,
	reason.CertificateTooLong:    codes.InvalidArgument,
	reason.CertificateCharacter:  codes.InvalidArgument,
	reason.CertificateThumbprint: codes.InvalidArgument,
	reason.CertificateAttribute:  codes.InvalidArgument,
	reason.CertificateSyntax:     codes.InvalidArgument,
}

package apierr_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/omsgateway/omsgateway/internal/apierr"
	"github.com/omsgateway/omsgateway/internal/reason"
)

// TestCodes holds every reason to its code, as internal/reason/testdata/refusals.txt has it; with INTERNAL goes nothing of the error.
func TestCodes(t *testing.T) {
	golden, err := os.ReadFile(filepath.Join("..", "reason", "testdata", "refusals.txt"))
	if err != nil {
		t.Fatal(err)
	}
	want := map[reason.Reason]string{}
	for line := range strings.Lines(string(golden)) {
		row := strings.Fields(line)
		if len(row) != 5 {
			t.Fatalf("the row %q has not five columns", line)
		}
		want[reason.Reason(row[0])] = row[2]
	}
	for _, r := range reason.All() {
		s := status.Convert(apierr.ToStatus(reason.Wrap(errors.New("secret inner text"), r)))
		if got := s.Code().String(); got != want[r] {
			t.Errorf("%s has the code %s, want %q", r, got, want[r])
		}
		internal := s.Code() == codes.Internal
		if told := strings.Contains(s.Message(), "secret"); told == internal {
			t.Errorf("%s tells its cause: %v", r, told)
		}
		delete(want, r)
	}
	for r := range want {
		t.Errorf("%s is no reason", r)
	}
}

func TestStatusRoundTrip(t *testing.T) {
	cause := errors.New("no space left on device")
	tests := map[string]struct {
		err  error
		want apierr.Error
	}{
		"a reason with parts": {
			err: fmt.Errorf("setting ListenPort: %w",
				reason.New(reason.SettingNotANumber, "key", "ListenPort", "value", "x", "minimum", "1", "maximum", "65535")),
			want: apierr.Error{
				Code:    codes.InvalidArgument,
				Reason:  reason.SettingNotANumber,
				Parts:   map[string]string{"key": "ListenPort", "value": "x", "minimum": "1", "maximum": "65535"},
				Message: `setting ListenPort cannot be "x": it is a whole number from 1 to 65535`,
			},
		},
		"a reason with a cause": {
			err: reason.Wrap(cause, reason.ConfigNotWritten, "file", "config.json"),
			want: apierr.Error{
				Code:    codes.FailedPrecondition,
				Reason:  reason.ConfigNotWritten,
				Parts:   map[string]string{"file": "config.json", "cause": "no space left on device"},
				Message: "config.json cannot be written; nothing was changed: no space left on device",
			},
		},
		"an error without a reason tells nothing": {
			err: errors.New("secret inner text"),
			want: apierr.Error{
				Code: codes.Internal, Reason: reason.Internal, Message: "the gateway has a fault; its log tells more",
			},
		},
		"an internal error tells nothing of its cause": {
			err: reason.Wrap(errors.New("secret inner text"), reason.Internal),
			want: apierr.Error{
				Code: codes.Internal, Reason: reason.Internal, Message: "the gateway has a fault; its log tells more",
			},
		},
		"a reason that is not meant for a call is a fault": {
			err: reason.New(reason.TargetNotFound, "host", "secret.example.com"),
			want: apierr.Error{
				Code: codes.Internal, Reason: reason.Internal, Message: "the gateway has a fault; its log tells more",
			},
		},
		"a reason comes before the context's end": {
			err: reason.Wrap(context.Canceled, reason.GatewayStopping),
			want: apierr.Error{
				Code: codes.Unavailable, Reason: reason.GatewayStopping,
				Parts:   map[string]string{"cause": "context canceled"},
				Message: "the gateway is stopping: context canceled",
			},
		},
		"long parts are cut": {
			err: reason.New(reason.SettingNotAnAddr, "key", strings.Repeat("k", 379)+"éé", "value", strings.Repeat("v", 500)),
			want: apierr.Error{
				Code: codes.InvalidArgument, Reason: reason.SettingNotAnAddr,
				Parts:   map[string]string{"key": strings.Repeat("k", 379) + "éé", "value": strings.Repeat("v", 381) + "..."},
				Message: "setting " + strings.Repeat("k", 379) + `éé cannot be "` + strings.Repeat("v", 362) + "...",
			},
		},
		"cancelled": {
			err:  fmt.Errorf("waiting: %w", context.Canceled),
			want: apierr.Error{Code: codes.Canceled, Message: "the call was cancelled"},
		},
		"too late": {
			err:  fmt.Errorf("waiting: %w", context.DeadlineExceeded),
			want: apierr.Error{Code: codes.DeadlineExceeded, Message: "the call took longer than its time limit"},
		},
		"a status stays": {
			err:  status.Error(codes.OutOfRange, "from gRPC itself"),
			want: apierr.Error{Code: codes.OutOfRange, Message: "from gRPC itself"},
		},
		"the gateway is too old": {
			err:  status.Error(codes.Unimplemented, "unknown method X"),
			want: apierr.Error{Code: codes.Unimplemented, Reason: reason.MethodUnknown, Message: "unknown method X"},
		},
		"the gateway is gone": {
			err:  status.Error(codes.Unavailable, "EOF"),
			want: apierr.Error{Code: codes.Unavailable, Reason: reason.GatewayUnreachable, Message: "EOF"},
		},
		"invalid UTF-8 is replaced": {
			err: reason.New(reason.HostEmptyLabel, "host", "a\xff..b"),
			want: apierr.Error{
				Code: codes.InvalidArgument, Reason: reason.HostEmptyLabel,
				Parts:   map[string]string{"host": "a?..b"},
				Message: `"a?..b" has two dots in a row, or one at the beginning`,
			},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			overTheWire := apierr.ToStatus(test.err)
			if _, ok := status.FromError(overTheWire); !ok {
				t.Fatalf("%v is no status", overTheWire)
			}
			got, ok := errors.AsType[*apierr.Error](apierr.FromStatus(overTheWire))
			if !ok {
				t.Fatalf("FromStatus(%v) is no *Error", overTheWire)
			}
			if len(got.Parts) == 0 {
				got.Parts = nil
			}
			if diff := cmp.Diff(test.want, *got); diff != "" {
				t.Error(diff)
			}
			if reason.Of(got) != test.want.Reason {
				t.Errorf("reason.Of sees %q", reason.Of(got))
			}
			if status.Code(got) != test.want.Code {
				t.Errorf("status.Code sees %v", status.Code(got))
			}
			again, ok := apierr.FromStatus(fmt.Errorf("again: %w", got)).(*apierr.Error) //nolint:errorlint // itself, not what it wraps
			if !ok || again != got {
				t.Error("a second FromStatus changes the error")
			}
		})
	}
}

func TestNilStaysNil(t *testing.T) {
	if err := apierr.ToStatus(nil); err != nil {
		t.Errorf("ToStatus(nil) = %v", err)
	}
	if err := apierr.FromStatus(nil); err != nil {
		t.Errorf("FromStatus(nil) = %v", err)
	}
}

// A client refuses answers whose headers are larger than 8 KiB, and then sees nothing of the reason.
func TestStatusFitsIntoHeaders(t *testing.T) {
	part := regexp.MustCompile(`\{([a-zA-Z]+)\}`)
	huge := strings.Repeat("ä", 1<<20)
	for _, r := range reason.All() {
		var parts []string
		for _, name := range part.FindAllStringSubmatch(r.Text(nil), -1) {
			parts = append(parts, name[1], huge)
		}
		s := status.Convert(apierr.ToStatus(reason.Wrap(errors.New(huge), r, parts...)))
		encoded, err := proto.Marshal(s.Proto())
		if err != nil {
			t.Fatalf("%s: %v", r, err)
		}
		size := 3*len(s.Message()) + base64.RawStdEncoding.EncodedLen(len(encoded))
		if limit := 7 << 10; size > limit { // the rest is for the other headers
			t.Errorf("%s needs up to %d bytes of headers, more than %d", r, size, limit)
		}
		if reason.Of(apierr.FromStatus(s.Err())) == "" {
			t.Errorf("%s: the reason was lost", r)
		}
	}
}

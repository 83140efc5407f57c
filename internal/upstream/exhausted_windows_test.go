package upstream_test

import (
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/windows"

	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/reason"
	"github.com/omsgateway/omsgateway/internal/upstream"
)

// No local port is left, which is the gateway's fault and not the target's.
func TestNoPortIsLeft(t *testing.T) {
	target, err := hostname.ParseTarget("a.example.com:443")
	if err != nil {
		t.Fatal(err)
	}
	for cause, want := range map[error]reason.Reason{
		windows.WSAENOBUFS:      reason.ResourcesExhausted,
		windows.WSAEMFILE:       reason.ResourcesExhausted,
		windows.WSAECONNREFUSED: reason.TargetUnreachable,
	} {
		err := upstream.Explain(t.Context(), &net.OpError{Op: "dial", Err: os.NewSyscallError("connectex", cause)}, target, time.Second)
		if got := reason.Of(err); got != want {
			t.Errorf("%v is %s, want %s", cause, got, want)
		}
	}
}

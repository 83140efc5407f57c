package forward_test

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/omsgateway/omsgateway/internal/event"
	"github.com/omsgateway/omsgateway/internal/policy"
)

// TestStalledTunnel has a client ask for more than it reads, until neither side takes any more.
func TestStalledTunnel(t *testing.T) {
	t.Parallel()
	overEngines(t, func(t *testing.T, start starter) {
		r := start(t, startTarget(t, nil), func(in *policy.Input) { in.Limits.StallTimeout = time.Millisecond })
		conn := r.open(r.dial(), request)
		defer conn.Close()
		go func() { _, _ = io.Copy(conn, zeros{}) }() // which the target sends back
		r.sink.wait(t, "stalled", func(e event.Event) bool {
			return e.Kind == "TUNNEL_STALLED" && strings.Contains(e.Text, " has taken none of the bytes that waited for it ")
		})
		r.expectEnded("stalled")
	})
}

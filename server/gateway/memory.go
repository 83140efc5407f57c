package gateway

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"

	"github.com/omsgateway/omsgateway/internal/config"
	"github.com/omsgateway/omsgateway/internal/event"
	"github.com/omsgateway/omsgateway/internal/handshake"
	"github.com/omsgateway/omsgateway/internal/policy"
	"github.com/omsgateway/omsgateway/internal/settings"
)

// What the parts of the program hold in memory when their bounds are reached, in bytes.
const (
	perTunnel    = 96 << 10                // a portion each way of 32 KiB that the receiver does not take, and the connections
	perHead      = 32 << 10                // the head, and the stack of the goroutine that reads it
	perHandshake = 16 << 10                // besides the bytes that handshakes hold together
	perAdmin     = 8 << 20                 // the answers of a connection of the admin API that are not read, 1 MiB each
	perChange    = 24 * config.MaxFileSize // the largest configuration, its policy, and those that a change makes of them
	forPortions  = 64 << 20                // above 32 KiB, of all tunnels
	forTheRest   = 128 << 20               // rings and queues of events, remembered sessions and hosts
)

// memoryFor returns how much memory these limits let the program hold, and a quarter of that for the garbage collector. The memory of
// sockets is the kernel's, and not in it.
func memoryFor(l policy.Limits) int64 {
	held := int64(l.MaxConnections)*perTunnel + int64(l.MaxRequestHeads)*perHead + int64(l.MaxHandshakes)*perHandshake +
		handshake.MaxCollected + adminConnections*perAdmin + perChange + forPortions + forTheRest
	return held + held/4
}

// memoryLimit sets the limit of the Go runtime that GOMEMLIMIT would set: near it memory is collected more often. It is none that fails.
type memoryLimit struct{ events event.Sink }

func (m memoryLimit) Prepare(_ context.Context, _, after *settings.Snapshot) (settings.Prepared, error) {
	return settings.Prepared{Commit: func() { m.set(after) }}, nil
}

// set follows a snapshot, unless GOMEMLIMIT says what the limit is.
func (m memoryLimit) set(s *settings.Snapshot) {
	limit := memoryFor(s.Policy.Limits())
	if os.Getenv("GOMEMLIMIT") != "" || debug.SetMemoryLimit(limit) == limit {
		return
	}
	m.events.Emit(event.Step(event.GatewayServer, fmt.Sprintf("Memory is collected more often from %d MiB on", limit>>20)))
}

// Package usage remembers what the policy's decisions were about: how often each allowed entry was used, and which hosts were
// refused, to whom and why. It has no clock: whoever tells it something says when that was.
//
// What is lost from the memory is safe, since nothing is decided by it.
package usage

import (
	"sync"
	"sync/atomic"
	"time"
)

// Memory is what is remembered. Its methods may be called from any goroutine.
type Memory struct {
	uses   *uses
	denied *denied

	changed atomic.Bool // since the last Save or Load
	saving  sync.Mutex
}

// New makes an empty memory.
func New() *Memory { return &Memory{uses: newUses(), denied: newDenied()} }

// change notes that the file is behind. It is called often and seldom writes, so that processors need not take turns.
func (m *Memory) change() {
	if !m.changed.Load() {
		m.changed.Store(true)
	}
}

// seconds are those since 1970, as far as a file has room for them: a clock may be wrong by anything.
func seconds(at time.Time) int64 { return min(max(at.Unix(), 0), 1<<secondsBits-1) }

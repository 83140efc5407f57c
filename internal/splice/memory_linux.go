package splice

import "sync/atomic"

// What is held by receivers that take no more, as bytes that were read and are not written. Much is moved through a pipe in portions: the
// first is firstPortion, the others are maxPortion as long as all is taken; a receiver that takes no more leaves the rest of one. So a
// portion is bounded for a tunnel and over all of them. Where there is no room for one, smallRead is copied at a time.
const (
	firstPortion = 64 << 10
	maxTunnel    = 1 << 20               // what a tunnel may hold, both directions together
	maxPortion   = maxTunnel - smallRead // so that one direction can still be copied when the other holds all of its portion
	maxMemory    = 64 << 20              // what all tunnels of an engine may hold before only smallRead is moved at a time
)

// memory counts what all tunnels of an engine hold.
type memory struct {
	most int64
	held atomic.Int64
}

// reserve counts n bytes that are about to be read, and reports false, and counts none, if that were more than may be held.
func (m *memory) reserve(n int) bool {
	if m.held.Add(int64(n)) > m.most {
		m.held.Add(int64(-n))
		return false
	}
	return true
}

func (m *memory) add(n int) {
	if n != 0 {
		m.held.Add(int64(n))
	}
}

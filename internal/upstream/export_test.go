package upstream

import (
	"net/netip"
	"time"

	"github.com/omsgateway/omsgateway/internal/reason"
)

// ParseAnswers reads what a relay proxy has sent so far: rest is what comes behind its answer once that is complete.
func ParseAnswers(b []byte, credentialsSent bool) (why reason.Reason, parts []string, rest []byte, complete bool, err error) {
	a, complete, err := parseAnswers(b)
	if complete {
		why, parts = a.refusal(credentialsSent)
	}
	return why, parts, a.rest, complete, err
}

// InvalidAnswer is the error of ParseAnswers.
type InvalidAnswer = invalidAnswer

// Explain gives an error of the standard library its reason.
var Explain = explain

// MaxKnown is how many addresses are kept.
const MaxKnown = maxKnown

// Age lets the time pass for all that is kept.
func (c *Cached) Age(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for target, k := range c.known {
		k.until = k.until.Add(-by)
		c.known[target] = k
	}
}

// Len is how many addresses are kept.
func (c *Cached) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.known)
}

// MaxUnderWay is how many addresses are tried beside each other.
const MaxUnderWay = maxUnderWay

// Bounds of a History.
const (
	HistoryTime = historyTime
	MaxHistory  = maxHistory
)

// Note remembers what became of an attempt.
func (h *History) Note(address netip.AddrPort, connected bool) { h.note(address, connected) }

// Order sorts the addresses for a dial.
func (h *History) Order(addresses []netip.Addr, port uint16) []netip.Addr {
	return h.order(addresses, port)
}

// Age lets the time pass for all that is remembered.
func (h *History) Age(by time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for address, o := range h.outcomes {
		o.until = o.until.Add(-by)
		h.outcomes[address] = o
	}
}

// Len is how many addresses are remembered.
func (h *History) Len() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.outcomes)
}

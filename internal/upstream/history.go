package upstream

import (
	"cmp"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// History remembers which addresses connected lately and which did not, so that a dead address of a name costs one tunnel a moment,
// and not every tunnel. The zero value is ready; nil remembers nothing. Its methods may be called from any goroutine.
type History struct {
	mu       sync.Mutex
	outcomes map[netip.AddrPort]outcome
}

// historyTime is how long an outcome is remembered. An address that did not connect is tried last for so long, not left out.
const historyTime = 5 * time.Minute

// maxHistory is how many addresses are remembered.
const maxHistory = 4096

// outcome is what became of the last attempt to connect to an address.
type outcome struct {
	connected bool
	until     time.Time // when it is forgotten
}

// note remembers what became of an attempt to connect to an address.
func (h *History) note(address netip.AddrPort, connected bool) {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.outcomes == nil {
		h.outcomes = make(map[netip.AddrPort]outcome)
	}
	if len(h.outcomes) >= maxHistory {
		clear(h.outcomes) // rather than to search it each time; it fills again by itself
	}
	h.outcomes[address] = outcome{connected: connected, until: time.Now().Add(historyTime)}
}

// order sorts addresses, which come in the order of RFC 6724, for a dial to port. The families take turns, beginning with that of the
// first (RFC 8305, section 4). Those that did not connect lately come last. If there are any of them, those that did connect come
// first; if not, they stay where they are, so that a name server can go on to share its clients out over several addresses.
func (h *History) order(addresses []netip.Addr, port uint16) []netip.Addr {
	ordered := alternating(addresses)
	if h == nil || len(addresses) < 2 {
		return ordered
	}
	const first, middle, last = -1, 0, 1
	rank := make(map[netip.Addr]int, len(addresses))
	now := time.Now()
	h.mu.Lock()
	for _, addr := range ordered {
		switch o := h.outcomes[netip.AddrPortFrom(addr, port)]; {
		case !now.Before(o.until):
			rank[addr] = middle
		case o.connected:
			rank[addr] = first
		default:
			rank[addr] = last
		}
	}
	h.mu.Unlock()
	if slices.ContainsFunc(ordered, func(a netip.Addr) bool { return rank[a] == last }) {
		slices.SortStableFunc(ordered, func(a, b netip.Addr) int { return cmp.Compare(rank[a], rank[b]) })
	}
	return ordered
}

// alternating has the addresses of both families in turns, those of one in their order, beginning with the first. IPv4 addresses are
// never in their IPv6 form.
func alternating(addresses []netip.Addr) []netip.Addr {
	var families [2][]netip.Addr // that of the first, and the other one
	for _, addr := range addresses {
		addr = addr.Unmap()
		other := 0
		if addr.Is4() != addresses[0].Unmap().Is4() {
			other = 1
		}
		families[other] = append(families[other], addr)
	}
	ordered := make([]netip.Addr, 0, len(addresses))
	for i := range max(len(families[0]), len(families[1])) {
		for _, family := range families {
			if i < len(family) {
				ordered = append(ordered, family[i])
			}
		}
	}
	return ordered
}

package usage

import (
	"container/heap"
	"container/list"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/reason"
)

// Bounds of the hosts that were refused.
const (
	// MaxDenied is how many are remembered.
	MaxDenied = 10_000
	// MaxClients is how many of its clients are remembered of each, the last ones.
	MaxClients = 8
)

// When there are too many hosts, one is forgotten, so that whoever asks for names at random pushes out little but those:
//
// The client that brought the most hosts loses one of its own, if it brought more than fairShare; else it is one of all. A host is
// brought by the client that was refused it first; clients are told apart by their IPv4 address or the first 64 bits of their IPv6
// address (a whole network has at least so many, RFC 4291 section 2.5.4). So one client can push out nobody's hosts but its own.
//
// Of the eldest hosts, those that were refused longest ago, it is the one that was refused least often. So even behind a load
// balancer, where all clients look like one, a host that agents ask for again and again stays, up to eldest-1 of them.
const (
	fairShare = MaxDenied / 100
	eldest    = 32
)

// DeniedHost is a host that was refused.
type DeniedHost struct {
	Target      hostname.Target
	Count       int64
	First, Last time.Time     // whole seconds
	Reason      reason.Reason // of the last refusal
	Clients     []netip.Addr  // the last ones, the latest first
	ClientCount int           // all of them; an estimate where there were more than MaxClients
}

// Denied says that a client was refused target.
func (m *Memory) Denied(target hostname.Target, client netip.Addr, why reason.Reason, at time.Time) {
	if !client.IsValid() {
		client = netip.IPv6Unspecified()
	}
	m.denied.note(target, client.WithZone("").Unmap(), why, seconds(at))
	m.change()
}

// DeniedHosts are all hosts that were refused and are remembered, sorted as patterns are.
func (m *Memory) DeniedHosts() []DeniedHost {
	hosts := m.denied.all()
	slices.SortFunc(hosts, func(a, b DeniedHost) int { return patternOf(a.Target).Compare(patternOf(b.Target)) })
	return hosts
}

// Forget forgets the refused hosts that fit, and returns how many these were.
func (m *Memory) Forget(fits func(hostname.Target) bool) int {
	forgotten := m.denied.forgetAll(fits)
	if forgotten > 0 {
		m.change()
	}
	return forgotten
}

func patternOf(t hostname.Target) hostname.Pattern {
	return hostname.Pattern{Host: t.Host, Port: t.Port}
}

type denied struct {
	mu       sync.Mutex
	hosts    map[hostname.Target]*denial
	byAge    list.List // of *denial, the one refused longest ago first
	bringers map[netip.Addr]*bringer
	heaviest byHosts
}

// denial is one host.
type denial struct {
	target      hostname.Target
	count       int64
	first, last int64 // seconds since 1970
	reason      reason.Reason
	clients     clients
	bringer     *bringer

	place, placeOfBringer *list.Element // in byAge, and in that of bringer
}

func newDenied() *denied {
	return &denied{hosts: map[hostname.Target]*denial{}, bringers: map[netip.Addr]*bringer{}}
}

func (d *denied) note(target hostname.Target, client netip.Addr, why reason.Reason, at int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	host := d.hosts[target]
	if host == nil {
		target.Host = target.Host.Clone()
		host = &denial{target: target, first: at}
		d.put(host, bringerOf(client))
	}
	host.count++
	host.last, host.reason = at, why
	host.clients.note(client)
	d.byAge.MoveToBack(host.place)
	host.bringer.byAge.MoveToBack(host.placeOfBringer)
}

// put adds a host as the one refused last.
func (d *denied) put(host *denial, by netip.Addr) {
	if len(d.hosts) == MaxDenied {
		d.forget(d.leastMissed())
	}
	d.hosts[host.target] = host
	host.place = d.byAge.PushBack(host)
	host.bringer = d.bringers[by]
	if host.bringer == nil {
		host.bringer = &bringer{addr: by}
		d.bringers[by] = host.bringer
		heap.Push(&d.heaviest, host.bringer)
	}
	host.placeOfBringer = host.bringer.byAge.PushBack(host)
	heap.Fix(&d.heaviest, host.bringer.index)
}

func (d *denied) forget(host *denial) {
	by := host.bringer
	delete(d.hosts, host.target)
	d.byAge.Remove(host.place)
	by.byAge.Remove(host.placeOfBringer)
	if by.byAge.Len() > 0 {
		heap.Fix(&d.heaviest, by.index)
		return
	}
	heap.Remove(&d.heaviest, by.index)
	delete(d.bringers, by.addr)
}

// leastMissed is the host to forget when there are too many.
func (d *denied) leastMissed() *denial {
	from := &d.byAge
	if by := d.heaviest[0]; by.byAge.Len() > fairShare {
		from = &by.byAge
	}
	least := from.Front().Value.(*denial)
	for e, n := from.Front().Next(), 1; e != nil && n < eldest; e, n = e.Next(), n+1 {
		if host := e.Value.(*denial); host.count < least.count {
			least = host
		}
	}
	return least
}

func (d *denied) forgetAll(fits func(hostname.Target) bool) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	before := len(d.hosts)
	for target, host := range d.hosts {
		if fits(target) {
			d.forget(host)
		}
	}
	return before - len(d.hosts)
}

// all are in the order of their last refusal.
func (d *denied) all() []DeniedHost {
	d.mu.Lock()
	defer d.mu.Unlock()
	hosts := make([]DeniedHost, 0, len(d.hosts))
	for e := d.byAge.Front(); e != nil; e = e.Next() {
		host := e.Value.(*denial)
		hosts = append(hosts, DeniedHost{
			Target:      host.target,
			Count:       host.count,
			First:       time.Unix(host.first, 0),
			Last:        time.Unix(host.last, 0),
			Reason:      host.reason,
			Clients:     host.clients.latestFirst(),
			ClientCount: host.clients.count(),
		})
	}
	return hosts
}

// bringer is a client, or the network of one, that was the first to be refused some hosts.
type bringer struct {
	addr  netip.Addr
	byAge list.List // of *denial, as that of denied
	index int       // in byHosts
}

// bringerOf is the address by which the bringer of a client is known.
func bringerOf(client netip.Addr) netip.Addr {
	if !client.Is6() || client.IsLinkLocalUnicast() { // all computers beside the gateway have those from one network
		return client
	}
	network, _ := client.Prefix(64)
	return network.Addr()
}

// byHosts is a heap with the bringer of the most hosts on top.
type byHosts []*bringer

func (h byHosts) Len() int           { return len(h) }
func (h byHosts) Less(i, j int) bool { return h[i].byAge.Len() > h[j].byAge.Len() }

func (h byHosts) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *byHosts) Push(b any) {
	by := b.(*bringer)
	by.index = len(*h)
	*h = append(*h, by)
}

func (h *byHosts) Pop() any {
	last := len(*h) - 1
	by := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return by
}

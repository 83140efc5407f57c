package event

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/omsgateway/omsgateway/internal/reason"
)

// In one minute, of what is refused to one client address (or denied to one caller):
const (
	repeatLimit = 10     // repeats with one host (or method) and reason pass, the others become one line when it is over
	newLimit    = 100    // hosts (or methods) have events of their own, the others become one line with the first of them
	namedHosts  = 10     // of the others are named in that line
	repeatKeys  = 10_000 // different repeats are counted, and as many clients; what is beyond becomes a line for all of it
)

// repeatOf is what makes one event a repeat of another, beside its kind and reason: who it is about, a client or a caller of the admin
// API, and which host or method.
type repeatOf struct {
	client netip.Addr
	caller string
	group  string // of callers who share the limit of new methods; "" for one who has a limit alone
	about  string
}

// withoutRole is the group of all callers without a role.
const withoutRole = "callers without a role"

// who is what shares the limit of new hosts. The addresses of one IPv6 network segment (RFC 4291, section 2.5.4) do, since whoever has
// one of them may have them all, but not the link-local ones, which all computers beside the gateway have from one segment; so do callers
// without a role, one of whom may have many user ids (user_namespaces(7)).
func (r repeatOf) who() repeatOf {
	r.about = ""
	if r.group != "" {
		r.caller, r.group = r.group, ""
	}
	if r.client.Is6() && !r.client.IsLinkLocalUnicast() {
		segment, _ := r.client.WithZone("").Prefix(64)
		r.client = segment.Addr()
	}
	return r
}

func (r repeatOf) String() string {
	switch {
	case r.caller != "":
		return r.caller
	case r.client.IsValid():
		return r.client.String()
	}
	return "others"
}

// name is what a line for many calls it.
func (r repeatOf) name() string {
	if r.group != "" {
		return r.about + " by " + r.caller
	}
	return r.about
}

type repeatKey struct {
	repeatOf
	reason  reason.Reason
	id      ID
	logOnly bool
}

// repeats counts the repeats of the current minute.
type repeats struct {
	seen map[repeatKey]*repeated
	new  map[repeatKey]*others // by who, id and logOnly
}

type repeated struct {
	count int
	last  *Event // the last one that was held back
}

// others counts the new hosts of one client.
type others struct {
	passed int
	held   int
	first  []string // hosts that were held back
	last   *Event   // the last one that was held back
}

func newRepeats() repeats {
	return repeats{seen: map[repeatKey]*repeated{}, new: map[repeatKey]*others{}}
}

// hold counts e and reports whether it is to be held back.
func (r repeats) hold(e *Event) bool {
	if e.repeat == (repeatOf{}) {
		return false
	}
	key := repeatKey{e.repeat, e.Reason, e.ID, e.logOnly}
	if seen := r.seen[key]; seen != nil {
		if seen.count++; seen.count <= repeatLimit {
			return false
		}
		seen.last = e
		return true
	}
	o := r.othersOf(key)
	if o.passed < newLimit && len(r.seen) < repeatKeys {
		o.passed++
		r.seen[key] = &repeated{count: 1}
		return false
	}
	o.held++
	o.last = e
	if name := e.repeat.name(); len(o.first) < namedHosts && !slices.Contains(o.first, name) {
		o.first = append(o.first, name)
	}
	return true
}

func (r repeats) othersOf(key repeatKey) *others {
	key.repeatOf, key.reason = key.who(), ""
	o := r.new[key]
	if o == nil && len(r.new) >= repeatKeys {
		key.repeatOf = repeatOf{}
		o = r.new[key]
	}
	if o == nil {
		o = &others{}
		r.new[key] = o
	}
	return o
}

// summaries are the events that stand for those held back.
func (r repeats) summaries(now time.Time) []Event {
	var all []Event
	for _, seen := range r.seen {
		if held := seen.count - repeatLimit; held > 0 {
			e := *seen.last
			e.summarize(now, held, fmt.Sprintf("%d more from %s within a minute", held, e.repeat))
			all = append(all, e)
		}
	}
	for key, o := range r.new {
		if o.held == 0 {
			continue
		}
		e := *o.last
		first := strings.Join(o.first, ", ")
		what := "hosts"
		if key.caller != "" {
			what = "methods"
		}
		e.summarize(now, o.held, fmt.Sprintf("%d more from %s about other %s within a minute, the first of them %s",
			o.held, key.repeatOf, what, first))
		e.Fields = append(e.Fields, Field{what, bound(first, maxField)})
		all = append(all, e)
	}
	return all
}

// summarize makes e stand for so many that were held back.
func (e *Event) summarize(now time.Time, held int, how string) {
	e.Time = now
	if e.Summary != nil {
		s := *e.Summary
		s.repeats = held
		e.Summary = &s
	} else {
		e.Text = bound(e.Text+" ("+how+")", maxText)
	}
	e.Fields = append(slices.Clip(e.Fields), Field{"repeats", strconv.Itoa(held)})
}

// Package policy decides which requests the gateway serves. It is pure: no I/O, no clock, no logging.
package policy

import (
	"fmt"
	"iter"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/omsgateway/omsgateway/internal/clientcert"
	"github.com/omsgateway/omsgateway/internal/handshake"
	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/reason"
)

// SourceKind is a way by which an entry gets into the policy.
type SourceKind string

// The kinds of sources.
const (
	CommandLine SourceKind = "command line" // given to the gateway for this run; settings only
	Local       SourceKind = "local"        // configured on this gateway
	Learned     SourceKind = "learned"      // read from the configuration of a monitoring agent on this computer
)

// Source tells where an entry comes from, and since when it is there; a zero Since is unknown.
type Source struct {
	Kind  SourceKind
	Since time.Time
	// Loosens says that the entry may ask less of client certificates than a wildcard above it, which would decide without it.
	Loosens     bool
	Particulars []Particular // what else the source says, in the order in which it is shown; read only
}

// Particular is something that a source says of an entry: its name, in lower case, and its value.
type Particular struct{ Name, Value string }

// Particular is the value of a particular, "" if the source does not say it.
func (s Source) Particular(name string) string {
	for _, p := range s.Particulars {
		if p.Name == name {
			return p.Value
		}
	}
	return ""
}

// Equal reports whether s and t are the same.
func (s Source) Equal(t Source) bool {
	return s.Kind == t.Kind && s.Since.Equal(t.Since) && s.Loosens == t.Loosens && slices.Equal(s.Particulars, t.Particulars)
}

// Entry is one rule of the policy.
type Entry struct {
	Pattern           hostname.Pattern
	Source            Source
	ClientCertificate *handshake.Requirement // nil if that of the Input is good for it; read only
}

// Equal reports whether e and f are the same.
func (e Entry) Equal(f Entry) bool {
	same := e.ClientCertificate == nil && f.ClientCertificate == nil ||
		e.ClientCertificate != nil && f.ClientCertificate != nil && *e.ClientCertificate == *f.ClientCertificate
	return same && e.Pattern == f.Pattern && e.Source.Equal(f.Source)
}

// Limits are all that the data path needs to know before and after a decision.
type Limits struct {
	MaxConnections          int           // open client connections
	MaxRefused              int           // connections without a place that are answered at a time; more are closed without an answer
	MaxRequestHeads         int           // connections whose request has not been read yet
	MaxConnectionsPerClient int           // open connections of one client address; 0 is no limit
	MaxHandshakes           int           // tunnels whose TLS handshake is watched
	HeadTimeout             time.Duration // for the whole request head
	DialTimeout             time.Duration // for a dial, look-up included, of a target or of the relay proxy
	RelayTimeout            time.Duration // for the relay proxy's answer, which comes when it has dialled the target
	HelloTimeout            time.Duration // for the first byte of the TLS handshake; a fifth of it from seven eighths of MaxHandshakes on
	HandshakeTimeout        time.Duration // for the TLS handshake, from the answer to the CONNECT to the verdict
	CloseTimeout            time.Duration // for both sides to close after an end of the handshake without a verdict
	IdleTimeout             time.Duration // after which a tunnel closes that is quiet both ways
	StallTimeout            time.Duration // after which a tunnel closes in which bytes wait for a side that takes none; 0 is no limit
	DrainTimeout            time.Duration // for busy tunnels when the gateway stops
}

// TLS is what the session in a tunnel is judged by.
type TLS struct {
	MinVersion, MaxVersion uint16 // numbers of crypto/tls; 0 sets no bound of its own
	RequireServerName      bool
	ClientCertificate      handshake.Requirement
	Certificates           *clientcert.List // the allowed ones
}

// Input is what a policy is made from. Of two entries with the same pattern, which may come from two sources, the first decides.
type Input struct {
	Entries       []Entry
	Limits        Limits
	AllowLoopback bool
	ListenPort    uint16             // of the gateway itself; 0 if unknown
	ListenAddress netip.Addr         // of the gateway itself; not valid for all addresses
	Relay         *Relay             // nil if there is none
	RelayBypass   []hostname.Pattern // what is connected to directly all the same, whatever the port

	MinVersion, MaxVersion uint16 // as in TLS
	RequireServerName      bool
	ClientCertificate      handshake.Requirement // of the entries that have none of their own
	Certificates           []string              // the allowed ones, as clientcert.ParseEntry reads them
}

// Policy is an immutable set of rules, safe for concurrent use.
type Policy struct {
	entries       []Entry          // sorted by pattern, so that all of one host are neighbours
	exact         map[string]group // by host
	wildcards     map[string]group // by domain
	longestDomain int              // octets of the longest domain of a wildcard
	limits        Limits
	guard         Guard
	relay         *Relay
	bypass        hostSet
	tls           TLS // with the requirement of the Input
}

// group is the entries of one host, or of one domain's wildcard: from first up to, but not including, end. They are sorted by
// port.
type group struct{ first, end int32 }

// Compile makes a Policy. It fails only on an entry whose pattern was not made by hostname.ParsePattern, and on a certificate that
// clientcert.ParseEntry refuses.
func Compile(in Input) (*Policy, error) {
	certificates, err := clientcert.Compile(in.Certificates)
	if err != nil {
		return nil, fmt.Errorf("compiling the policy: %w", err)
	}
	p := &Policy{
		entries: slices.Clone(in.Entries),
		limits:  in.Limits,
		guard:   Guard{AllowLoopback: in.AllowLoopback, OwnPort: in.ListenPort, OwnAddress: in.ListenAddress},
		relay:   in.Relay,
		bypass:  newHostSet(in.RelayBypass),
		tls: TLS{
			MinVersion:        in.MinVersion,
			MaxVersion:        in.MaxVersion,
			RequireServerName: in.RequireServerName,
			ClientCertificate: in.ClientCertificate,
			Certificates:      certificates,
		},
	}
	slices.SortStableFunc(p.entries, func(a, b Entry) int { return a.Pattern.Compare(b.Pattern) })

	wildcards := 0
	for _, e := range p.entries {
		if e.Pattern.Host.Name() == "" || e.Pattern.Port == 0 || e.Pattern.Wildcard && e.Pattern.Host.IsAddr() {
			return nil, fmt.Errorf("compiling the policy: entry %q from source %s is no pattern", e.Pattern, e.Source.Kind)
		}
		if e.Pattern.Wildcard {
			wildcards++
			p.longestDomain = max(p.longestDomain, len(e.Pattern.Host.Name()))
		}
	}
	p.exact = make(map[string]group, len(p.entries)-wildcards)
	p.wildcards = make(map[string]group, wildcards)
	for first := 0; first < len(p.entries); {
		pattern := p.entries[first].Pattern
		end := first + 1
		for end < len(p.entries) && sameHosts(p.entries[end].Pattern, pattern) {
			end++
		}
		groups := p.exact
		if pattern.Wildcard {
			groups = p.wildcards
		}
		groups[pattern.Host.Name()] = group{int32(first), int32(end)}
		first = end
	}
	p.keepRequirements()
	return p, nil
}

// keepRequirements gives an entry that does not loosen the requirement of the wildcard that would decide without it, or its own if that
// is stricter.
func (p *Policy) keepRequirements() {
	for i := range p.entries {
		e := &p.entries[i]
		if e.Source.Loosens {
			continue
		}
		wildcard, ok := p.CoveredBy(e.Pattern)
		if !ok || e.ClientCertificate != nil && *e.ClientCertificate >= p.requirementOf(wildcard) {
			continue
		}
		e.ClientCertificate = wildcard.ClientCertificate
	}
}

// requirementOf is what is asked where e decides.
func (p *Policy) requirementOf(e Entry) handshake.Requirement {
	if e.ClientCertificate != nil {
		return *e.ClientCertificate
	}
	return p.tls.ClientCertificate
}

func sameHosts(a, b hostname.Pattern) bool { return a.Host == b.Host && a.Wildcard == b.Wildcard }

// Limits are those the policy was compiled with.
func (p *Policy) Limits() Limits { return p.limits }

// Guard is that of an entry for a host name.
func (p *Policy) Guard() Guard { return p.guard }

// Relay is the relay proxy, or nil if there is none.
func (p *Policy) Relay() *Relay { return p.relay }

// TLS is what a session is judged by unless the entry that allows it has a requirement of its own.
func (p *Policy) TLS() TLS { return p.tls }

// Entries are all entries, sorted by pattern, and those of one pattern in the order they were given in.
func (p *Policy) Entries() []Entry { return slices.Clone(p.entries) }

// After are the entries whose patterns are sorted behind pattern, in the order of Entries; behind the zero Pattern are all.
func (p *Policy) After(pattern hostname.Pattern) iter.Seq[Entry] {
	first, _ := slices.BinarySearchFunc(p.entries, pattern, func(e Entry, pattern hostname.Pattern) int {
		if e.Pattern.Compare(pattern) > 0 {
			return 1
		}
		return -1
	})
	return func(yield func(Entry) bool) {
		for _, e := range p.entries[first:] {
			if !yield(e) {
				return
			}
		}
	}
}

// Of are the entries with this pattern. The first decides.
func (p *Policy) Of(pattern hostname.Pattern) []Entry {
	first, _ := slices.BinarySearchFunc(p.entries, pattern, func(e Entry, pattern hostname.Pattern) int {
		return e.Pattern.Compare(pattern)
	})
	end := first
	for end < len(p.entries) && p.entries[end].Pattern == pattern {
		end++
	}
	return slices.Clone(p.entries[first:end])
}

// Request is what a client asks for.
type Request struct {
	Method string // as it was sent: methods are case-sensitive (RFC 9110, section 9.1)
	Target hostname.Target
}

// Decision is the verdict on a request and all that later steps need to carry it out.
type Decision struct {
	Allowed bool
	Reason  reason.Reason // METHOD_NOT_ALLOWED, HOST_NOT_ALLOWED or PORT_NOT_ALLOWED; "" if allowed
	Entry   *Entry        // the entry that matched; with PORT_NOT_ALLOWED one that allows the host at another port; read only
	Guard   Guard
	Limits  Limits
	TLS     TLS    // meaningful only if allowed
	Relay   *Relay // through which to connect, nil for directly; only if allowed; read only
	Via     string // by which proxies the request came, in its own words; for Relay, and left to whoever has the request
}

// Refusal is the error for a target that the decision refuses, with the parts host, port and target: what allows just that.
func (d Decision) Refusal(t hostname.Target) error {
	return reason.New(d.Reason, "host", t.Host.Name(), "port", strconv.Itoa(int(t.Port)),
		"target", hostname.Pattern{Host: t.Host, Port: t.Port}.String())
}

// Decide judges r. Of the entries that cover the target the one for the host itself decides, else the wildcard with the longest
// domain. It allocates nothing.
func (p *Policy) Decide(r Request) Decision {
	if r.Method != http.MethodConnect {
		return p.refuse(reason.MethodNotAllowed, nil)
	}
	match, otherPort := p.lookup(r.Target.Host.Name(), r.Target.Port)
	switch {
	case match != nil:
		d := p.allow(match)
		d.Relay = p.RelayFor(r.Target.Host)
		return d
	case otherPort != nil:
		return p.refuse(reason.PortNotAllowed, otherPort)
	}
	return p.refuse(reason.HostNotAllowed, nil)
}

// AllowsName reports whether name, as a client may write it in its TLS hello, is itself allowed at port. An IP address is no name,
// nor is anything else that hostname.ParseHost refuses. A name that asks more of the client's certificate than judged, which is what
// is asked in the tunnel, is not allowed there: a server that answers for both names would let it be got around.
func (p *Policy) AllowsName(name string, port uint16, judged handshake.Requirement) bool {
	host, err := hostname.ParseHost(name)
	if err != nil || host.IsAddr() {
		return false
	}
	match, _ := p.lookup(host.Name(), port)
	return match != nil && p.allow(match).TLS.ClientCertificate <= judged
}

// RelayFor is the relay proxy through which host is reached, or nil if it is reached directly.
func (p *Policy) RelayFor(host hostname.Host) *Relay {
	if p.relay == nil || p.bypass.has(host) {
		return nil
	}
	return p.relay
}

// CoveredBy is the wildcard with the longest domain, other than pattern itself, that allows all that pattern allows.
func (p *Policy) CoveredBy(pattern hostname.Pattern) (Entry, bool) {
	name := pattern.Host.Name()
	for domain := p.parent(name); domain != ""; domain = p.parent(domain) {
		if e := p.find(p.wildcards[domain], pattern.Port); e != nil {
			return *e, true
		}
	}
	return Entry{}, false
}

// lookup is the entry that decides on a canonical name at port, else one that allows the name at another port, else nothing.
func (p *Policy) lookup(name string, port uint16) (match, otherPort *Entry) {
	if g, ok := p.exact[name]; ok {
		if e := p.find(g, port); e != nil {
			return e, nil
		}
		otherPort = &p.entries[g.first]
	}
	for domain := p.parent(name); domain != ""; domain = p.parent(domain) {
		g, ok := p.wildcards[domain]
		if !ok {
			continue
		}
		if e := p.find(g, port); e != nil {
			return e, nil
		}
		if otherPort == nil {
			otherPort = &p.entries[g.first]
		}
	}
	return nil, otherPort
}

// allow is the one place that says what an entry means for later steps.
func (p *Policy) allow(e *Entry) Decision {
	d := Decision{Allowed: true, Entry: e, Guard: p.guard, Limits: p.limits, TLS: p.tls}
	d.Guard.Literal = e.Pattern.Host.IsAddr()
	if e.ClientCertificate != nil {
		d.TLS.ClientCertificate = *e.ClientCertificate
	}
	return d
}

func (p *Policy) refuse(r reason.Reason, e *Entry) Decision {
	return Decision{Reason: r, Entry: e, Guard: p.guard, Limits: p.limits}
}

// find is the first entry of g for port, or nil.
func (p *Policy) find(g group, port uint16) *Entry {
	entries := p.entries[g.first:g.end]
	i, found := slices.BinarySearchFunc(entries, port, func(e Entry, port uint16) int { return int(e.Pattern.Port) - int(port) })
	if !found {
		return nil
	}
	return &entries[i]
}

// parent is the next domain above name that a wildcard could be for, or "". An IP address has none, since no wildcard's domain
// ends in a number.
func (p *Policy) parent(name string) string {
	for {
		_, domain, found := strings.Cut(name, ".")
		if !found || len(domain) <= p.longestDomain {
			return domain
		}
		name = domain
	}
}

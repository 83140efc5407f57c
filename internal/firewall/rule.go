package firewall

import (
	"slices"
	"strconv"
	"strings"
)

// rule is what is read of a rule of Windows' firewall.
type rule struct {
	local    bool // made on this computer, not by a policy of its domain
	name     string
	active   bool
	inbound  bool
	allow    bool
	protocol string // "6" is TCP, "" is any
	ports    []span // none is any
}

type span struct{ first, last uint16 }

// parseRule reads a rule as the registry has it: a version and fields NAME=VALUE, each with a bar behind it, of which some may be there
// several times (Microsoft: [MS-GPFAS], section 2.2.2.19). It is false for what is no rule. A port that is none, such as RPC, is left
// out, as is one with another meaning in a newer version: it lets nobody in here.
func parseRule(text string) (r rule, ok bool) {
	fields := strings.Split(text, "|")
	if len(fields) < 2 || !strings.HasPrefix(fields[0], "v") {
		return rule{}, false
	}
	named := false
	for _, field := range fields[1:] {
		key, value, found := strings.Cut(field, "=")
		if !found {
			continue
		}
		switch key {
		case "Name":
			r.name, named = value, true
		case "Active":
			r.active = strings.EqualFold(value, "TRUE")
		case "Dir":
			r.inbound = strings.EqualFold(value, "In")
		case "Action":
			r.allow = strings.EqualFold(value, "Allow")
		case "Protocol":
			r.protocol = value
		case "LPort", "LPort2_10", "LPort2_20", "LPort2_24", "LPort2_29":
			r.ports = append(r.ports, parseSpan(value))
		}
	}
	return r, named
}

// parseSpan reads a port, or two with a hyphen between them. Anything else covers port 0 alone, which nobody listens on.
func parseSpan(text string) span {
	from, to, isRange := strings.Cut(text, "-")
	if !isRange {
		to = from
	}
	first, err := strconv.ParseUint(from, 10, 16)
	if err != nil {
		return span{}
	}
	last, err := strconv.ParseUint(to, 10, 16)
	if err != nil {
		return span{}
	}
	return span{uint16(first), uint16(last)}
}

// allows reports whether the rule lets somebody in at the TCP port.
func (r rule) allows(port uint16) bool {
	return r.allowsTCP() && (len(r.ports) == 0 ||
		slices.ContainsFunc(r.ports, func(s span) bool { return s.first <= port && port <= s.last }))
}

// allowsMore reports whether it does at another one.
func (r rule) allowsMore(port uint16) bool {
	return r.allowsTCP() && (len(r.ports) == 0 ||
		slices.ContainsFunc(r.ports, func(s span) bool { return s != span{port, port} }))
}

func (r rule) allowsTCP() bool { return r.allow && (r.protocol == "" || r.protocol == "6") }

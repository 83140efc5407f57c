package policy

import (
	"net/netip"
	"strings"

	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/reason"
)

// Relay is the proxy that is asked for the connection to a target.
type Relay struct {
	Address            hostname.RelayAddress
	Username, Password string // for Basic authentication; no user name for none
	ResolveLocally     bool   // names are resolved here, too, and their addresses put to the guard
	Unusable           error  // why it cannot be asked at all, such as a password that does not open; nil if it can
}

// CheckRelay refuses the gateway itself, when it is about to be dialled as its own relay proxy. Every other address is what an
// administrator has chosen, one of this computer too.
//
// Errors are *reason.Error RELAY_IS_GATEWAY with the part address; the caller adds relay.
func (g Guard) CheckRelay(addr netip.Addr, port uint16, own Own) error {
	addr = addr.WithZone("").Unmap()
	if port == 0 || port != g.OwnPort {
		return nil
	}
	if listens := g.OwnAddress; listens.IsValid() && !listens.IsUnspecified() {
		own = func(addr netip.Addr) (bool, error) { return addr == listens, nil }
		if addr.IsLoopback() && addr != listens {
			return nil
		}
	}
	if itself, err := isOwn(addr, own); itself || err != nil {
		return reason.Wrap(err, reason.RelayIsGateway, "address", netip.AddrPortFrom(addr, port).String())
	}
	return nil
}

// hostSet is hosts and the domains of wildcards, whatever the port.
type hostSet struct{ hosts, domains map[string]struct{} }

func newHostSet(patterns []hostname.Pattern) hostSet {
	s := hostSet{hosts: map[string]struct{}{}, domains: map[string]struct{}{}}
	for _, p := range patterns {
		names := s.hosts
		if p.Wildcard {
			names = s.domains
		}
		names[p.Host.Name()] = struct{}{}
	}
	return s
}

func (s hostSet) has(host hostname.Host) bool {
	if _, ok := s.hosts[host.Name()]; ok {
		return true
	}
	if len(s.domains) == 0 || host.IsAddr() {
		return false
	}
	for _, domain, found := strings.Cut(host.Name(), "."); found; _, domain, found = strings.Cut(domain, ".") {
		if _, ok := s.domains[domain]; ok {
			return true
		}
	}
	return false
}

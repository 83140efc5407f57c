package policy

import (
	"strings"

	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/reason"
)

// Warning is what an administrator should know of an entry that is accepted, or nil: HOST_SPECIAL_ADDRESS if it is an address to which no
// name may lead, or localhost; HOST_LOCAL if it is, or covers, names below .local, which anybody on the network segment may have (RFC
// 6762); HOST_WITHOUT_DOT if the search list of this computer decides where it leads; or HOST_WILDCARD_SHARED.
func Warning(p hostname.Pattern) *reason.Error {
	name := p.Host.Name()
	switch {
	case p.Host.IsAddr():
		if kind := (Guard{}).refused(p.Host.Addr()); kind != "" {
			return reason.New(reason.HostSpecialAddress, "host", p.String(), "kind", kind)
		}
		return nil
	case !p.Wildcard && name == "localhost": // RFC 6761, section 6.3
		return reason.New(reason.HostSpecialAddress, "host", p.String(), "kind", "the name of loopback addresses")
	case p.Wildcard && name == "local", strings.HasSuffix(name, ".local"):
		return reason.New(reason.HostLocal, "host", p.String())
	case !p.Wildcard && !strings.Contains(name, "."):
		return reason.New(reason.HostWithoutDot, "host", p.String())
	}
	return p.Warning()
}

package policy

import (
	"net/netip"

	"github.com/omsgateway/omsgateway/internal/reason"
)

// Guard judges the address that is about to be dialled for a host that was allowed: a name must not lead to the gateway's own
// computer or network segment, whatever its DNS says. Private ranges are fine, since private links use them.
type Guard struct {
	AllowLoopback bool   // loopback, and loopback alone, is permitted
	Literal       bool   // the entry is this IP address: it says what it means, so nothing is refused
	OwnPort       uint16 // where the gateway listens; 0 if unknown

	// OwnAddress is the one at which it listens, not valid for all. A relay proxy may be at another one of the same computer, at the
	// same port.
	OwnAddress netip.Addr
}

// Own reports whether an address is one of this computer. It need not know those of loopback.
type Own func(netip.Addr) (bool, error)

// Check refuses what a name must not lead to: loopback, link-local, multicast, unspecified, 0.0.0.0/8, the broadcast address,
// the host of an Azure virtual machine, the addresses of this computer, and IPv6 addresses that stand for one of these. Permitted
// loopback is refused at the gateway's own port. An error of own refuses.
//
// Errors are *reason.Error ADDRESS_NOT_ALLOWED with the parts address and kind; the caller adds host.
func (g Guard) Check(addr netip.Addr, port uint16, own Own) error {
	if g.Literal {
		return nil
	}
	addr = addr.WithZone("").Unmap()
	if kind := g.refused(addr); kind != "" {
		return refusal(addr, kind)
	}
	kind := "an address of the gateway's computer"
	if port != 0 && port == g.OwnPort {
		kind = "an address of the gateway itself" // which would be its own client
	} else if addr.IsLoopback() {
		return nil
	}
	itself, err := isOwn(addr, own)
	switch {
	case err != nil:
		return reason.Wrap(err, reason.AddressNotAllowed, "address", addr.String(), "kind", "perhaps "+kind)
	case itself:
		return refusal(addr, kind)
	}
	return nil
}

// isOwn reports whether addr leads to this computer. Every loopback address does, and the unspecified one.
func isOwn(addr netip.Addr, own Own) (bool, error) {
	if addr.IsLoopback() || addr.IsUnspecified() {
		return true, nil
	}
	if itself, err := own(addr); itself || err != nil {
		return itself, err
	}
	for _, meant := range embedded(addr) {
		if itself, err := isOwn(meant, own); itself || err != nil {
			return itself, err
		}
	}
	return false, nil
}

func refusal(addr netip.Addr, kind string) error {
	return reason.New(reason.AddressNotAllowed, "address", addr.String(), "kind", kind)
}

// refused is what addr is if a name must not lead there, else "".
func (g Guard) refused(addr netip.Addr) string {
	if g.AllowLoopback && addr.IsLoopback() {
		return ""
	}
	if kind := special(addr); kind != "" {
		return kind
	}
	for _, v4 := range embedded(addr) {
		if kind := special(v4); kind != "" {
			return "an IPv6 form of " + v4.String() + ", " + kind
		}
	}
	return ""
}

var (
	// RFC 1122, section 3.2.1.3: "this network"; Linux takes 0.0.0.0 as loopback.
	thisNetwork = netip.MustParsePrefix("0.0.0.0/8")
	// RFC 919, section 7.
	broadcast = netip.MustParseAddr("255.255.255.255")
	// The virtual public address by which an Azure virtual machine reaches the platform under it (agent's goal state, DNS,
	// health probes): https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16
	azureHost = netip.MustParseAddr("168.63.129.16")
)

// special is what addr by itself is, if a name must not lead there, else "".
func special(addr netip.Addr) string {
	switch {
	case !addr.IsValid():
		return "no address"
	case addr.IsUnspecified(): // RFC 1122, section 3.2.1.3; RFC 4291, section 2.5.2
		return "the unspecified address"
	case addr.IsLoopback(): // 127.0.0.0/8: RFC 1122, section 3.2.1.3; ::1: RFC 4291, section 2.5.3
		return "a loopback address"
	case addr.IsLinkLocalUnicast(): // 169.254.0.0/16: RFC 3927 (cloud metadata services, too); fe80::/10: RFC 4291, section 2.5.6
		return "a link-local address"
	case addr.IsMulticast(): // 224.0.0.0/4: RFC 5771; ff00::/8: RFC 4291, section 2.7
		return "a multicast address"
	case addr == broadcast:
		return "the broadcast address"
	case thisNetwork.Contains(addr):
		return "an address of the network 0.0.0.0/8"
	case addr == azureHost:
		return "the address of the Azure platform"
	}
	return ""
}

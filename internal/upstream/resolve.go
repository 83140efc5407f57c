package upstream

import (
	"context"
	"net/netip"

	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/policy"
)

// maxAddresses is how many addresses of one name are answered.
const maxAddresses = 50

// Address is one that a target leads to. Refused is why Dial would not connect to it, nil if it would: *reason.Error
// ADDRESS_NOT_ALLOWED.
type Address struct {
	Addr    netip.Addr
	Refused error
}

// Resolve looks up where Dial would connect to, and connects nowhere. An IP address leads to itself. There are none if the name is for
// a relay proxy alone to resolve. Errors are those of Dial.
func (d Dialer) Resolve(ctx context.Context, target hostname.Target, how policy.Decision) ([]Address, error) {
	if how.Relay != nil && !how.Relay.ResolveLocally {
		return nil, nil
	}
	addrs, err := d.lookUp(ctx, target, how.Limits.DialTimeout)
	if err != nil {
		return nil, err
	}
	list := make([]Address, 0, min(len(addrs), maxAddresses))
	for _, addr := range addrs[:cap(list)] {
		address := Address{Addr: addr.Unmap()}
		if err := how.Guard.Check(addr, target.Port, interfaceAddrs); err != nil {
			address.Refused = named(err, target)
		}
		list = append(list, address)
	}
	return list, nil
}

package upstream

import (
	"context"
	"net"
	"net/netip"
)

// lookUp asks resolver. That of Go knows the names of the hosts file with and without a final dot (net/hosts.go, absDomainName).
func lookUp(ctx context.Context, resolver *net.Resolver, name string) ([]netip.Addr, error) {
	return resolver.LookupNetIP(ctx, "ip", name)
}

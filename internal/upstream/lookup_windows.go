package upstream

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
)

// lookUp asks resolver, and the hosts file before it if name ends with a dot: nothing that Microsoft has written says that GetAddrInfoW
// finds such a name there. Without one it does.
func lookUp(ctx context.Context, resolver *net.Resolver, name string) ([]netip.Addr, error) {
	if strings.HasSuffix(name, ".") {
		if addrs, err := hostsFile.LookupNetIP(ctx, "ip", name); err == nil {
			return addrs, nil
		}
	}
	return resolver.LookupNetIP(ctx, "ip", name)
}

// hostsFile looks into the hosts file alone: Go's own resolver, which has no way to a name server.
var hostsFile = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
	return nil, errors.New("only the hosts file is asked")
}}

package localsock

import (
	"strings"

	"github.com/omsgateway/omsgateway/internal/reason"
)

// pathOf is the path of the socket or pipe that address names, in the spelling of this operating system.
func pathOf(address string) (string, error) {
	kind, name, _ := strings.Cut(address, ":")
	if (kind != "unix" && kind != "npipe") || name == "" || strings.ContainsRune(name, 0) {
		return "", reason.New(reason.AddressInvalid, "address", address)
	}
	path, err := systemPath(kind, name)
	if err != nil {
		return "", reason.Wrap(err, reason.AddressInvalid, "address", address)
	}
	return path, nil
}

package adminclient

import (
	"context"
	"net"
	"path/filepath"
	"strings"

	"github.com/omsgateway/omsgateway/internal/localsock"
	"github.com/omsgateway/omsgateway/internal/osdefaults"
	"github.com/omsgateway/omsgateway/internal/reason"
)

// kinds has the kinds of addresses, by what stands before the first colon.
var kinds = map[string]kind{
	"unix":  {dial: dialLocal, stateDir: stateDirOfSocket},
	"npipe": {dial: dialLocal, stateDir: osdefaults.StateDirOf},
	"ssh":   {dial: dialSSH, stateDir: noStateDir, isRemote: true},
}

// kind is a kind of address.
type kind struct {
	// dial connects to what serves the admin API there. Its error has localsock.ErrNotListening in its chain if nobody does, and
	// fs.ErrPermission if this account may not connect. It may be a failing connection instead.
	dial func(ctx context.Context, g gateway) (net.Conn, error)
	// isRemote says that the gateway is on another computer, and that a login may stand before it.
	isRemote bool
	// stateDir is the folder that a gateway there has its state in, if the address tells: whoever may write it can stand in for the
	// gateway.
	stateDir func(address string) (dir string, ok bool)
}

// CheckAddress says what is wrong with an address of the admin API, ADDRESS_INVALID, or nil.
func CheckAddress(address string) error {
	kind, err := kindOf(address)
	if err == nil && kind.isRemote {
		_, err = destination(address)
	}
	return err
}

// IsRemote reports whether an address leads to another computer.
func IsRemote(address string) bool {
	kind, err := kindOf(address)
	return err == nil && kind.isRemote
}

// kindOf returns the kind of an address; the error is a *reason.Error.
func kindOf(address string) (kind, error) {
	name, _, _ := strings.Cut(address, ":")
	k, ok := kinds[name]
	if !ok {
		return kind{}, reason.New(reason.AddressInvalid, "address", address)
	}
	return k, nil
}

func dialLocal(ctx context.Context, g gateway) (net.Conn, error) {
	return localsock.Dial(ctx, g.address)
}

func stateDirOfSocket(address string) (dir string, ok bool) {
	if absolute, err := filepath.Abs(strings.TrimPrefix(address, "unix:")); err == nil {
		address = "unix:" + absolute
	}
	return osdefaults.StateDirOf(address)
}

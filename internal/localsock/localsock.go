// Package localsock is the admin API's local transport: a unix socket on Linux, a named pipe on Windows, and standard streams
// for a gateway that is stood in for. It listens, dials, and tells who is calling and what they may do.
//
// Who is calling comes from the operating system, never from the caller: on Linux the peer's user and groups as they were when
// it connected (SO_PEERCRED and SO_PEERGROUPS, unix(7)); on Windows the peer's token. The user database is not asked which
// groups somebody belongs to, so who was just added to a group has to log in again.
package localsock

import (
	"context"
	"errors"
	"net"

	"google.golang.org/grpc/peer"

	"github.com/omsgateway/omsgateway/internal/reason"
)

// Role is what a caller may do with the admin API; a higher one includes the lower ones.
type Role int

// The roles.
const (
	None Role = iota
	Read
	Change
)

func (r Role) String() string {
	switch r {
	case Read:
		return "read"
	case Change:
		return "change"
	default:
		return "none"
	}
}

// Caller is who uses the admin API.
type Caller struct {
	Name     string // the account, or "uid:1234" (on Windows the SID) if it has no name
	Via      string // "unix socket", "named pipe" or "stand-in"
	Role     Role
	ToRead   string // what a caller below Read has to do about it
	ToChange string // what a caller below Change has to do about it

	key     string        // whose connections count together
	refusal *reason.Error // set if the caller has too many connections; Role is None then
}

// May is nil if the caller has the role, else a *reason.Error that says what to do: NOT_PERMITTED_TO_READ,
// NOT_PERMITTED_TO_CHANGE, or TOO_MANY_CALLS for a connection over the limits of [Limit].
func (c Caller) May(need Role) error {
	switch {
	case c.refusal != nil:
		return c.refusal
	case c.Role >= need:
		return nil
	case need == Read:
		return reason.New(reason.NotPermittedToRead, "caller", c.Name, "remedy", c.ToRead)
	default:
		return reason.New(reason.NotPermittedToChange, "caller", c.Name, "remedy", c.ToChange)
	}
}

// CallerFrom is the caller of the gRPC call that ctx belongs to. It is false if the server does not use the credentials of
// this package; such a call has to be refused.
func CallerFrom(ctx context.Context) (Caller, bool) {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return Caller{}, false
	}
	info, ok := p.AuthInfo.(authInfo)
	return info.caller, ok
}

// Rules name the groups whose members may use the admin API of a gateway on Linux, besides root and the gateway's own account.
// A group that does not exist (yet) has no members. On Windows Administrators and SYSTEM change, Users read, and Rules mean
// nothing.
type Rules struct {
	ChangeGroup string
	ReadGroup   string
}

// ErrNotListening is in the chain of an error of [Dial] when nobody listens at the address.
var ErrNotListening = errors.New("nobody listens there")

// Listen opens the admin API's socket at address, "unix:PATH" or "npipe:NAME".
//
// On Linux the folder is made with mode 0755 if it is absent and the socket gets mode 0666: the peer's identity decides, not
// the file's mode. A socket left by a gateway that is gone is removed; one that is served, or a file that is no socket, is an
// error. Two processes must not do this for one path at the same time; the lock on the state folder sees to that. Closing the
// listener removes the socket.
func Listen(address string) (net.Listener, error) {
	path, err := pathOf(address)
	if err != nil {
		return nil, err
	}
	return listen(path)
}

// Dial connects to the admin API's socket at address, "unix:PATH" or "npipe:NAME". A server that is busy is waited for until
// ctx is done.
//
// On Linux the client does not check who serves the socket: whoever may place one at the path is trusted by whoever owns its
// folders, and those of the default path belong to root and the gateway's account. The names of Windows pipes have no folders,
// so there Dial refuses a pipe whose owner is not SYSTEM, Administrators, the gateway's service or the caller.
func Dial(ctx context.Context, address string) (net.Conn, error) {
	path, err := pathOf(address)
	if err != nil {
		return nil, err
	}
	return dial(ctx, path)
}

// HungUp tells whether the other side has closed conn, which [Dial] made, also while nothing has read that far. It answers at
// once, and false if it cannot tell.
func HungUp(conn net.Conn) bool { return hungUp(conn) }

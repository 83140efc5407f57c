// Package localsock is the admin API's local transport: a unix socket on Linux, a named pipe on Windows, and standard streams
// for a gateway that is stood in for. It listens, dials, and makes a [caller.Caller] of who is calling.
//
// Who is calling comes from the operating system, never from the caller: on Linux the peer's user and groups as they were when
// it connected (SO_PEERCRED and SO_PEERGROUPS, unix(7)); on Windows the peer's token. The user database is not asked which
// groups somebody belongs to, so who was just added to a group has to log in again.
package localsock

import (
	"context"
	"errors"
	"net"
)

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
// error. Two processes must not do this for one path at the same time; the lock on the state folder sees to that. A socket that is
// deleted while it is served is made again within a second; who is connected stays so. Closing the listener removes the socket.
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

// HungUp reports whether the other side has closed conn, which [Dial] made, also while nothing has read that far. It answers at
// once, and false if it cannot tell.
func HungUp(conn net.Conn) bool { return hungUp(conn) }

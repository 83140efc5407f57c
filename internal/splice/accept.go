package splice

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"time"
)

// Accepter is an engine that also accepts connections and connects their targets, and needs no goroutine for those with which all
// goes well.
type Accepter interface {
	Engine

	// Accept accepts connections from l, which stays the caller's, and asks receive about each, until ctx is done, which is no error,
	// or accepting fails; net.ErrClosed is that the engine is closed. It does not notice that l is closed: whoever closes it ends ctx
	// afterwards. When Accept has returned, receive is not called any more.
	Accept(ctx context.Context, l *net.TCPListener, receive Reception) error

	// Abandon gives up every connection whose target is not connected yet, now and in future: it goes to Plan.Take for that cause.
	Abandon(cause error)
}

// Reception says what becomes of a connection from its address and the first bytes that it has sent, of which there may be none. It
// must not wait for anything, and may not keep first.
type Reception func(from netip.AddrPort, first []byte) Plan

// MaxFirst is the most that a Reception is shown, in bytes.
const MaxFirst = 16 << 10

// Plan is what becomes of a connection that was accepted.
type Plan struct {
	// Target is what to connect to, an address without a zone. If it is not valid, the connection goes to Take at once.
	Target netip.AddrPort

	// Limit is how long the target may take to connect, or up to half a second more. 0 is no limit.
	Limit time.Duration

	// Open is called when the target is connected, and says with what the two are joined as p. It may write one answer to the client,
	// for which there is room, and must not wait for anything. If it fails, the connection goes to Take.
	Open func(client io.Writer, p *Pair) (Options, error)

	// Take is called once, from a goroutine of its own, with a connection whose target is not to be connected, for which cause is nil,
	// or was not: ErrNotConnected, the error of Open, the cause given to Abandon, net.ErrClosed if the engine is closed, or why the
	// client is gone. Then the engine has nothing to do with the connection any more. If it is nil, the connection is closed.
	Take func(client net.Conn, cause error)
}

// ErrNotConnected says that a target could not be connected, or not in time. What says so has the cause, too.
var ErrNotConnected = errors.New("the target is not connected")

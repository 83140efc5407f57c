package adminclient

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"time"

	"github.com/omsgateway/omsgateway/internal/filelock"
	"github.com/omsgateway/omsgateway/internal/localsock"
	"github.com/omsgateway/omsgateway/internal/osdefaults"
	"github.com/omsgateway/omsgateway/internal/reason"
)

// pause is how long, on average, reach waits before it looks again for a gateway that is starting.
const pause = 50 * time.Millisecond

// gateway is the gateway that a client wants, running or not.
type gateway struct {
	address string
	kind    kind // of the address
	wait    time.Duration
	program string // Options.Program
	alone   bool   // Options.Alone
}

// failing is a connection that knows why it did not lead to a gateway.
type failing interface {
	// failure returns that, after the connection was closed; err is what was seen of it.
	failure(g gateway, err error) error
}

// patience is how long reach may take, and how long the first answer on a connection.
func (g gateway) patience() (reach, answer time.Duration) {
	switch {
	case g.kind.isRemote && g.alone:
		return max(g.wait, sshTimeAlone), sshTimeAlone
	case g.kind.isRemote:
		return max(g.wait, sshTime), sshTime
	}
	return g.wait, handshakeTime
}

// errNotServed is in the chain if something listens at the address and ends the connection. Its text tells that of a status.
var errNotServed = errors.New("something listens there and does not serve the admin API")

func isNotServed(err error) bool {
	return err != nil && strings.Contains(err.Error(), errNotServed.Error())
}

// reach makes a session with the gateway, or with what stands in for it if mayStandIn.
func (g gateway) reach(ctx context.Context, mayStandIn bool) (*session, error) {
	patience, _ := g.patience()
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var earlier error
	for {
		s, again, err := g.attempt(waiting, mayStandIn)
		switch {
		case err == nil:
			return s, nil
		case ctx.Err() != nil:
			return nil, fmt.Errorf("connecting to %s: %w", g.address, ctx.Err())
		case waiting.Err() != nil && earlier != nil:
			return nil, earlier // it says more than that the time was over
		case waiting.Err() != nil || !again:
			return nil, err
		}
		earlier = err
		select {
		case <-waiting.Done():
		case <-time.After(pause/2 + rand.N(pause)): //nolint:gosec // so that those who wait do not all come at once
		}
	}
}

// Connect connects to what serves the admin API at an address of this computer, "unix:PATH" or "npipe:NAME", empty for the system's
// default, and stands in for nobody. The errors are those of Dial.
func Connect(ctx context.Context, address string) (net.Conn, error) {
	if address == "" {
		address = osdefaults.AdminAddress()
	}
	kind, err := kindOf(address)
	if err != nil {
		return nil, err
	}
	if kind.isRemote {
		return nil, reason.New(reason.AddressInvalid, "address", address)
	}
	g := gateway{address: address, kind: kind}
	conn, err := kind.dial(ctx, g)
	switch {
	case err == nil, reason.Of(err) == reason.AddressInvalid:
		return conn, err
	case errors.Is(err, fs.ErrPermission):
		return nil, reason.Wrap(err, reason.GatewayDenied, "address", address)
	case errors.Is(err, localsock.ErrNotListening):
		return nil, g.unreachable(nil)
	}
	return nil, g.unreachable(err)
}

// attempt tries once. The error stands if the time is over, or if trying again makes no sense.
func (g gateway) attempt(ctx context.Context, mayStandIn bool) (s *session, again bool, err error) {
	conn, err := g.kind.dial(ctx, g)
	switch {
	case err == nil:
		_, answer := g.patience()
		client, err := speak(ctx, conn, g.program, answer)
		if failed, ok := conn.(failing); ok && err != nil {
			return nil, false, failed.failure(g, err)
		}
		if err != nil { // it stops or starts at the moment, or has too many connections even to say so
			return nil, true, g.unreachable(fmt.Errorf("%w: %w", errNotServed, err))
		}
		return &session{conn: client, raw: conn, end: func() {
			_ = client.Close()
			_ = conn.Close() // waits for what carries it
		}}, false, nil
	case reason.Of(err) == reason.AddressInvalid:
		return nil, false, err
	case errors.Is(err, fs.ErrPermission):
		return nil, false, reason.Wrap(err, reason.GatewayDenied, "address", g.address)
	case !errors.Is(err, localsock.ErrNotListening):
		return nil, ctx.Err() != nil, g.unreachable(err)
	}

	dir, known := g.stateDir()
	if !known {
		return nil, false, g.unreachable(nil)
	}
	held, err := filelock.Held(osdefaults.LockFile(dir))
	switch {
	case held:
		return nil, true, g.unreachable(fmt.Errorf("a process has the lock of %s and does not serve the admin API", dir))
	case err != nil:
		return nil, false, g.unreachable(fmt.Errorf("and this account cannot stand in for it: %w", err))
	case !mayStandIn:
		return nil, false, g.unreachable(nil)
	}
	s, err = standIn(ctx, dir, g.program)
	if errors.Is(err, errInUse) { // a gateway that starts, or another stand-in, was faster
		return nil, true, g.unreachable(err)
	}
	if err != nil {
		return nil, false, g.unreachable(fmt.Errorf("and standing in for it failed: %w", err))
	}
	return s, false, nil
}

// stateDir is the folder that a gateway at the address has its state in. It is false if the address does not tell, or if the
// folder does not look like a gateway's: nothing may be written where a mistyped address leads.
func (g gateway) stateDir() (string, bool) {
	dir, ok := g.kind.stateDir(g.address)
	if !ok {
		return "", false
	}
	if dir == osdefaults.StateDir() {
		return dir, exists(dir)
	}
	return dir, exists(osdefaults.LockFile(dir)) || exists(osdefaults.ConfigFile(dir))
}

// exists is true also if that cannot be found out, which the next step then tells.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// unreachable is GATEWAY_UNREACHABLE with what a person can do about it.
func (g gateway) unreachable(cause error) error {
	remedy := "if it is the right address, start the gateway there; else give another with --address or " + AddressVariable
	if dir, ok := g.stateDir(); g.address == osdefaults.AdminAddress() {
		remedy = osdefaults.StartHint()
	} else if ok {
		remedy = "start it with: omsgateway --state-dir " + dir
	}
	return reason.Wrap(cause, reason.GatewayUnreachable, "address", g.address, "remedy", remedy)
}

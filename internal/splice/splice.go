// Package splice carries the bytes of a tunnel between its two connections: at first each chunk may be put to somebody who judges it
// ([Inspection]), then nothing is looked at any more.
//
// A pair of connections is handed to an [Engine], and the goroutine that hands it over is free at once. What TCP can say
// passes through: the end of one direction (FIN) while the other goes on, and a reset (RST). Nothing else ends a pair but its
// idle limit, [Pair.Close] and the engine's Close. A receiver that stops reading stops its sender, and no more than one
// buffer of each direction waits in between.
package splice

import (
	"fmt"
	"net"
	"sync/atomic"
	"time"
)

// Engine joins pairs of connections. Its methods may be called from any goroutine.
type Engine interface {
	// Join takes over both connections and returns at once; it never waits for the network. The caller must have stopped
	// reading and writing them, and may not use them afterwards, not even to close them. Deadlines that were set on them are
	// lifted. A connection that cannot be half-closed (it has no CloseWrite) ends its pair when the other side finishes.
	//
	// After Close a pair ends at once with [EndClosed].
	Join(client, target net.Conn, o Options) *Pair

	// Close ends every pair with [EndClosed], waits until the last Done or GiveBack has returned, and frees what the engine holds.
	// It is not to be called from one of these. The error is always nil.
	Close() error
}

// Options are what a pair is joined with. The zero value is a pair that nothing was read from yet and that may be idle
// without limit.
type Options struct {
	// Idle ends the pair when no byte has moved in either direction for so long, or up to half a second more. 0 is no limit.
	Idle time.Duration

	// ClientHead was read from the client already and goes to the target before anything else; TargetHead is the same the
	// other way. The engine keeps both until they are written, so the caller may not change them.
	ClientHead, TargetHead []byte

	// Inspection, unless nil, judges what passes at first. Only an engine that has both connections in the kernel inspects; any
	// other gives them back at once, when it has had the heads judged.
	Inspection *Inspection

	// Done, unless nil, is called once, when both connections are closed. It must not wait for anything: other pairs wait until it
	// returns.
	Done func(Result)

	// Fallback, unless nil, is called at most once, before Done, with the cause why this pair cannot be moved within the
	// kernel although its connections and the system should allow it, and is copied through the process instead. Other pairs
	// wait until it returns.
	Fallback func(cause error)
}

// Result is what became of a pair.
type Result struct {
	Sent     int64 // bytes from the client that were written to the target, ClientHead included
	Received int64 // bytes from the target that were written to the client, TargetHead included
	End      End   // why the pair ended
	Err      error // nil for EndFinished and EndIdle; for EndClosed the cause given to Pair.Close, or net.ErrClosed
}

// End is why a pair ended. Its String is a stable word for logs.
type End int

const (
	EndFinished    End = iota // both sides finished sending
	EndClientReset            // the client reset its connection, or is gone and no longer takes what the target sends
	EndTargetReset            // the same of the target
	EndIdle                   // no byte moved for Options.Idle
	EndClosed                 // by Pair.Close, or by Engine.Close
	EndError                  // anything else, such as a peer that stopped answering; Result.Err has it
)

func (e End) String() string {
	switch e {
	case EndFinished:
		return "finished"
	case EndClientReset:
		return "client_reset"
	case EndTargetReset:
		return "target_reset"
	case EndIdle:
		return "idle"
	case EndClosed:
		return "closed"
	case EndError:
		return "error"
	}
	return fmt.Sprintf("end_%d", int(e))
}

// abrupt tells whether the bytes that passed may not be all that were sent, so that the peers must see a reset and no FIN.
func (e End) abrupt() bool {
	return e == EndClientReset || e == EndTargetReset || e == EndError
}

// Pair is two joined connections. Its methods may be called from any goroutine, also after the pair has ended.
type Pair struct {
	moved  [2]atomic.Int64 // bytes written, by the side they came from
	active atomic.Int64    // when a byte last moved, on the register's clock
	until  atomic.Int64    // when connecting, or the inspection, has to be over, on the same clock; 0 if there is none, or no limit

	done     func(Result)
	register *register
	stopper  stopper

	// Guarded by the register's lock, with where it keeps the pair.
	idle       time.Duration
	opening    bool // its target is not connected yet
	slot       int
	next, prev *Pair
}

// stopper ends a pair for a cause that lies outside its connections. It does not wait for the end, may be called more than
// once, and only the first cause counts.
type stopper interface {
	stop(end End, err error)
}

// Close ends the pair with EndClosed; cause becomes Result.Err and may be nil. Both connections are closed as by their
// owner, without a reset. Close does not wait for that, and does nothing if the pair is ending already.
func (p *Pair) Close(cause error) {
	p.stopper.stop(EndClosed, cause)
}

// Counts are the bytes written so far: to the target, and to the client. They are exact once Done was called.
func (p *Pair) Counts() (sent, received int64) {
	return p.moved[Client].Load(), p.moved[Target].Load()
}

// LastActive is when a byte last moved in either direction, or when the pair was joined.
func (p *Pair) LastActive() time.Time {
	return p.register.start.Add(time.Duration(p.active.Load()))
}

// result is the pair's outcome; the caller has stopped moving bytes.
func (p *Pair) result(end End, err error) Result {
	return Result{Sent: p.moved[Client].Load(), Received: p.moved[Target].Load(), End: end, Err: err}
}

// Side names one connection of a pair, and the direction that reads from it.
type Side int

const (
	Client Side = iota
	Target
)

func (s Side) other() Side { return 1 - s }

func (s Side) String() string {
	if s == Client {
		return "client"
	}
	return "target"
}

// failure is how a pair ends when reading from or writing to s failed with err.
func (s Side) failure(doing string, err error) (End, error) {
	end := EndError
	if isReset(err) {
		end = EndClientReset + End(s)
	}
	return end, fmt.Errorf("%s %s: %w", doing, s, err)
}

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

	// GoRound returns when everything that carries pairs together has gone round since it was called, and so does not hang. It waits
	// for as long as that takes. After Close it returns at once.
	GoRound()

	// Close ends every pair with [EndClosed], waits until the last [Owner.Ended] has returned, and frees what the engine holds.
	// It is not to be called from one of these. The error is always nil.
	Close() error
}

// Options are what a pair is joined with. The zero value is a pair that nothing was read from yet and that may be idle
// without limit.
type Options struct {
	// Idle ends the pair when no byte has moved in either direction for so long, or up to half a second more. 0 is no limit.
	Idle time.Duration

	// Stall ends the pair when bytes wait for one of its sides, which has taken none for so long, or up to half of that and a second
	// more. They wait in hand or in the buffers of the system, and are taken when the system of that side says that it has them: a
	// receiver that is slow takes some. Where the system does not say so (Windows, and other connections than TCP's), a portion of up
	// to 32 KiB waits while it is written. 0 is no limit.
	Stall time.Duration

	// ClientHead was read from the client already and goes to the target before anything else; TargetHead is the same the
	// other way. The engine keeps both until they are written, so the caller may not change them.
	ClientHead, TargetHead []byte

	// Inspection, unless nil, judges what passes at first; InspectionLimit is how long that may take, or up to half a second more.
	// 0 is no limit.
	Inspection      Inspection
	InspectionLimit time.Duration

	// Owner, unless nil, is told what becomes of the pair.
	Owner Owner
}

// Owner is told what becomes of a pair. Its methods must not wait for anything, since other pairs wait until they return; the
// exception is [Owner.Ended].
type Owner interface {
	// Ended is called once, when the engine has nothing to do with the connections any more. It may wait if connections are left.
	Ended(Result)

	// Fallback is called at most once, before Ended, with the cause why this pair cannot be moved within the kernel although its
	// connections and the system should allow it, and is copied through the process instead.
	Fallback(cause error)
}

// Result is what became of a pair.
type Result struct {
	Sent     int64 // bytes from the client that were written to the target, ClientHead included
	Received int64 // bytes from the target that were written to the client, TargetHead included
	End      End   // why the pair ended
	Err      error // nil for EndFinished, EndIdle and EndRefused; the cause given to Pair.Close, or net.ErrClosed; a *Stalled
	Left     *Left // what was not closed; nil if nothing was
}

// Left is what an engine leaves to the owner of a pair: connections that are open, and what it has in hand of them. They need not be
// the values that were joined.
type Left struct {
	Client   net.Conn
	Target   net.Conn  // nil with EndRefused
	Held     [2][]byte // by side: what was read from it and may pass, and is not written yet
	Finished [2]bool   // by side: its end was read, and has been passed on
}

// End is why a pair ended. Its String is a stable word for logs.
type End int

const (
	EndFinished    End = iota // both sides finished sending
	EndClientReset            // the client reset its connection, or is gone and no longer takes what the target sends
	EndTargetReset            // the same of the target
	EndIdle                   // no byte moved for Options.Idle, or the inspection took too long and did not refuse
	EndStalled                // bytes waited for a side that took none for Options.Stall
	EndClosed                 // by Pair.Close, or by Engine.Close
	EndRefused                // by the inspection; the client has its alert, and its connection is left
	EndReleased               // by Pair.Release; both connections are left
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
	case EndStalled:
		return "stalled"
	case EndClosed:
		return "closed"
	case EndRefused:
		return "refused"
	case EndReleased:
		return "released"
	case EndError:
		return "error"
	}
	return fmt.Sprintf("end_%d", int(e))
}

// abrupt reports whether the bytes that passed may not be all that were sent, so that the peers must see a reset and no FIN.
func (e End) abrupt() bool {
	return e == EndClientReset || e == EndTargetReset || e == EndStalled || e == EndError
}

// Pair is two joined connections. Its methods may be called from any goroutine, also after the pair has ended.
type Pair struct {
	moved  [2]atomic.Int64 // bytes written, by the side they came from
	active atomic.Int64    // when a byte last moved, on the register's clock
	until  atomic.Int64    // when connecting, or the inspection, has to be over, on the same clock; 0 if there is none, or no limit

	ending atomic.Pointer[ending] // set once, by the first cause

	owner    Owner
	register *register

	receivers [2]receiver // by side; of the carrier alone

	// Guarded by the register's lock, with where it keeps the pair.
	carrier    carrier
	idle       time.Duration
	stall      time.Duration
	looked     int64 // when the carrier was last asked to look, on the register's clock
	opening    bool  // its target is not connected yet
	slot       int
	next, prev *Pair
}

// ending is why a pair ends.
type ending struct {
	end End
	err error
}

// carrier moves the bytes of a pair.
type carrier interface {
	// wake has the pair's ending seen to. It does not wait for that, and does nothing if the pair has been closed.
	wake()

	// look has the pair end if one of its receivers has stalled. It does not wait for that; the register's lock is held.
	look()
}

// Close ends the pair with EndClosed; cause becomes Result.Err and may be nil. Both connections are closed as by their
// owner, without a reset. Close does not wait for that, and does nothing if the pair is ending already.
func (p *Pair) Close(cause error) { p.register.stop(p, EndClosed, cause) }

// Release ends the pair with EndReleased: whoever goes on with it finds all that is needed in [Result.Left]. A connection that is not
// TCP's own may be of no more use. Release does not wait, and does nothing if the pair is ending already.
func (p *Pair) Release() { p.register.stop(p, EndReleased, nil) }

// Counts are the bytes written so far: to the target, and to the client. They are exact once Done was called.
func (p *Pair) Counts() (sent, received int64) {
	return p.moved[Client].Load(), p.moved[Target].Load()
}

// LastActive is when a byte last moved in either direction, or when the pair was joined.
func (p *Pair) LastActive() time.Time {
	return p.register.start.Add(time.Duration(p.active.Load()))
}

// stop has the pair end for a cause that lies outside its connections, unless it is ending already; the register's lock is held.
func (p *Pair) stop(end End, err error) {
	if p.ending.CompareAndSwap(nil, &ending{end, err}) {
		p.carrier.wake()
	}
}

// ended tells the owner, and forgets the pair: nobody moves its bytes any more.
func (p *Pair) ended(how ending, left *Left) {
	if p.owner != nil {
		sent, received := p.Counts()
		p.owner.Ended(Result{Sent: sent, Received: received, End: how.end, Err: how.err, Left: left})
	}
	p.register.leave(p)
}

// expires is when the pair is to be stopped, on the register's clock and by what is known now; 0 is never.
func (p *Pair) expires() int64 {
	until := p.until.Load()
	if until == 0 && p.idle > 0 {
		return p.active.Load() + int64(p.idle)
	}
	return until
}

// looking is when the receivers of the pair are to be looked at next, on the same clock; 0 is never.
func (p *Pair) looking() int64 {
	if p.stall <= 0 {
		return 0
	}
	return p.looked + int64(p.stall)/looks
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

package splice

import (
	"net"
	"time"
)

// Inspection has what is sent judged before it is forwarded. It ends when Inspect answers [PassAll], and the pair goes on as if
// there had been none; or the connections are given back.
type Inspection struct {
	// Inspect is put each chunk that was read, in the order of each direction, and first the heads; the next one only when it has
	// answered. It must not wait for anything, and may not keep the chunk.
	Inspect func(from Side, chunk []byte) Verdict

	// Limit ends the inspection when it takes longer, or up to half a second more. 0 is no limit.
	Limit time.Duration

	// GiveBack is called once, from a goroutine of its own and instead of Done, if the inspection ends otherwise than by PassAll.
	// Then the engine has nothing to do with the connections any more.
	GiveBack func(Returned)
}

// Verdict is what Inspect answers about a chunk.
type Verdict int

const (
	Pass    Verdict = iota // forward it, and inspect the next one
	PassAll                // forward it, and inspect no more
	Return                 // do not forward it: give the connections back, with the chunk
)

// Returned are connections that are given back, and all that the engine knows about them. They have no deadlines, and need not be
// the same values as before.
type Returned struct {
	Client, Target net.Conn
	Rest           [2][]byte // what was passed and not written yet, by the side it came from
	Sent, Received int64     // bytes written to the target and to the client

	// End and Err are why. EndFinished: Inspect has answered Return; or one side has finished, or does not take what is written to
	// it, of which whoever reads and writes on is told again. EndIdle: Limit is over. EndClosed: by Pair.Close, for the cause Err.
	// Else reading from From has failed with Err, of which nobody is told again.
	End   End
	Err   error
	From  Side
	Chunk []byte // for which Inspect has answered Return, else empty; it came from From

	// Unseen is the target's head if Inspect has answered Return for the client's: it was not put to Inspect any more.
	Unseen []byte
}

// inspectHeads has the heads judged before anything else is done with the connections, and answers false if that was all.
func (o *Options) inspectHeads() (back Returned, goesOn bool) {
	for from, head := range [2][]byte{o.ClientHead, o.TargetHead} {
		if o.Inspection == nil || len(head) == 0 {
			continue
		}
		switch o.Inspection.Inspect(Side(from), head) {
		case Pass:
		case PassAll:
			o.Inspection = nil
		case Return:
			back.From, back.Chunk = Side(from), head
			if back.From == Client {
				back.Unseen = o.TargetHead
			} else {
				back.Rest[Client] = o.ClientHead
			}
			return back, false
		}
	}
	back.Rest = [2][]byte{o.ClientHead, o.TargetHead}
	return back, true
}

// giveBackAtOnce gives back what was never taken over. The pair that it answers lives until that has been done.
func giveBackAtOnce(r *register, client, target net.Conn, o *Options, back Returned) *Pair {
	back.Client, back.Target = client, target
	giveBack := o.Inspection.GiveBack
	return r.run(func() { giveBack(back) })
}

package splice

import "time"

// Inspection judges what is sent before it is forwarded. It is over when it returns [PassAll], and the pair goes on as if there had
// been none, or when the pair ends. The engine calls one method at a time. They must not wait for anything.
type Inspection interface {
	// Chunk is put each chunk that was read, in the order of each direction, the heads first. It may not keep the chunk.
	Chunk(from Side, chunk []byte) Verdict

	// End is told that a side has finished sending. Every verdict but Refuse passes that on.
	End(from Side) Verdict

	// Late is told that the time for the inspection, or for the end of the pair, is over. Refuse ends the pair with EndRefused, any
	// other verdict with EndIdle. Nothing is asked any more.
	Late() Verdict
}

// Verdict is what an inspection returns.
type Verdict struct {
	Action Action

	// Alert is what the client is sent last if the action is Refuse, unless it has not taken all that may pass before.
	Alert []byte

	// Within, unless 0, says that the pair is about to end by itself, and how long that may take. From then on a side that fails counts
	// as one that has finished: the other one may still be read.
	Within time.Duration
}

// Action is what becomes of what was judged.
type Action int

const (
	Pass    Action = iota // forward it, and go on
	PassAll               // forward it, and inspect no more
	Drop                  // do not forward it, nor anything behind it: the receiver gets the end of the stream. The sender is read on
	Refuse                // do not forward it, and end the pair with EndRefused: the client gets the alert
)

package splice

import "net"

// NewGoroutineEngine is the engine for every system and every net.Conn: two goroutines for each pair. A direction that reads
// from a TCP connection borrows its buffer (32 KiB) only while bytes are there; one that reads from any other connection
// keeps it while it waits.
func NewGoroutineEngine() Engine {
	return newGoroutineEngine(newRegister())
}

type goroutineEngine struct {
	register *register
	buffers  buffers
}

func newGoroutineEngine(r *register) *goroutineEngine {
	return &goroutineEngine{register: r}
}

func (e *goroutineEngine) Join(client, target net.Conn, o Options) *Pair {
	p := &Pair{idle: o.Idle, stall: o.Stall, owner: o.Owner}
	r := newCopied(p, e, client, target, o.Inspection)
	r.held = [2][]byte{o.ClientHead, o.TargetHead}
	e.register.enter(p, r, o.InspectionLimit)
	r.inspectHeld()
	r.start()
	return p
}

// GoRound implements [Engine]: all that pairs have together is the register.
func (e *goroutineEngine) GoRound() { _ = e.register.isClosed() }

func (e *goroutineEngine) Close() error {
	e.register.close()
	return nil
}

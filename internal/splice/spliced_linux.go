package splice

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// spliced is a pair that a loop carries. Whatever its inspection says but Pass and PassAll is for goroutines to follow, which take it
// over, and so are the end of a stream and a failed write before the inspection is over.
type spliced struct {
	Pair
	engine *epollEngine
	loop   *loop

	// Guarded by the loop's lock.
	attached bool
	ticket   ticket

	// Of the loop's goroutine alone, once the pair is attached.
	fds     [2]int
	flows   [2]flow // by the side they come from
	watched [2]bool // whether room to write makes an event
	copying bool    // splice cannot move this pair

	plan       *Plan      // nil when the target is connected
	inspection Inspection // nil when it is over

	over bool // the loop has done with it

	// resting is Pair.active of a pair for whose receivers nothing has waited since: until that changes nothing can.
	resting atomic.Int64
}

// flow is one direction of a pair.
type flow struct {
	memory   []byte // read and not written
	readable bool   // the kernel may have bytes, the end of the stream or an error
	blocked  bool   // the kernel took no more; an event will tell when it does
	ended    bool   // the end of the stream was read
	finished bool   // and passed on
	closing  bool   // the sender has finished or failed, so that a read may find more than bytes
	bulk     int8   // reads to come that are expected to find much
	queued   bool   // waits for another turn
	portion  int    // how much may go through the pipe at a time; 0 before much was read
	held     int    // how much of the engine's memory is counted for this direction
}

// unsettled is what a loop leaves to the goroutines that take a pair over.
type unsettled struct {
	heads bool // what is held has not been judged

	// A verdict that has not been followed, and what it is about.
	from    Side
	chunk   []byte
	verdict Verdict
}

// wake leaves the ending to the loop, unless the pair is not attached: then add finds it, or whoever has the pair instead.
func (p *spliced) wake() {
	l := p.loop
	l.mu.Lock()
	defer l.mu.Unlock()
	if p.attached {
		l.stopped = append(l.stopped, p)
		l.wake()
	}
}

// look leaves the look to the loop, unless none is needed.
func (p *spliced) look() {
	if p.resting.Load() == p.active.Load() {
		return
	}
	l := p.loop
	l.mu.Lock()
	defer l.mu.Unlock()
	if p.attached {
		l.looks = append(l.looks, p)
		l.wake()
	}
}

// join notes with what the two connections are joined, and has the client's head judged. It reports whether the pair is one for a loop;
// one whose target speaks first is not.
func (p *spliced) join(o *Options) (rest unsettled, ok bool) {
	p.owner, p.inspection = o.Owner, o.Inspection
	p.flows[Client].memory, p.flows[Target].memory = o.ClientHead, o.TargetHead
	switch {
	case p.inspection == nil || len(o.ClientHead)+len(o.TargetHead) == 0:
		return rest, true
	case len(o.TargetHead) > 0:
		return unsettled{heads: true}, false
	}
	if rest, ok = p.inspect(Client, o.ClientHead); !ok {
		p.flows[Client].memory = nil
	}
	return rest, ok
}

// inspect has a chunk judged, and reports whether it passes and the loop goes on.
func (p *spliced) inspect(from Side, chunk []byte) (rest unsettled, ok bool) {
	v := p.inspection.Chunk(from, chunk)
	switch {
	case v.Action == PassAll:
		p.inspection = nil
		p.register.inspected(&p.Pair)
	case v.Action != Pass || v.Within > 0:
		return unsettled{from: from, chunk: bytes.Clone(chunk), verdict: v}, false
	}
	return rest, true
}

// Write is for Plan.Open: it writes to the client.
func (p *spliced) Write(answer []byte) (int, error) {
	n, err := write(p.fds[Client], answer, false)
	if err == nil && n < len(answer) {
		err = io.ErrShortWrite
	}
	return n, err
}

// staysOpen reports whether leave does not close the sockets. Once it does, it does for good.
func (p *spliced) staysOpen() bool {
	how := p.ending.Load()
	return p.plan != nil || how == nil || how.end == EndReleased || how.end == EndIdle && p.inspection != nil
}

// leave closes the sockets, or hands them on. The loop does not know the pair any more.
func (p *spliced) leave(rest unsettled) {
	switch how := p.ending.Load(); {
	case p.plan != nil:
		p.take(how)
	case !p.staysOpen():
		p.close(how)
	case how != nil && how.end == EndReleased:
		p.release(how)
	default:
		p.handOver(rest)
	}
}

// take closes the target, which is not connected, and has the client's socket taken.
func (p *spliced) take(how *ending) {
	closeSocket(p.fds[Target])
	cause := how.err
	if how.end == EndIdle {
		cause = notConnected(os.ErrDeadlineExceeded)
	}
	take := p.plan.Take
	go func() {
		take(p.engine.connection(p.fds[Client]), cause)
		p.register.leave(&p.Pair)
	}()
}

func notConnected(cause error) error { return fmt.Errorf("%w: %w", ErrNotConnected, cause) }

// close closes the sockets.
func (p *spliced) close(how *ending) {
	p.flows[Client].memory, p.flows[Target].memory = nil, nil
	for _, fd := range p.fds {
		if how.end.abrupt() {
			_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
		}
		closeSocket(fd)
	}
	p.ended(*how, nil)
}

// release leaves the sockets to the owner.
func (p *spliced) release(how *ending) {
	left := &Left{Held: p.held(), Finished: [2]bool{p.flows[Client].finished, p.flows[Target].finished}}
	go func() {
		left.Client, left.Target = p.connections()
		p.ended(*how, left)
	}()
}

// handOver has goroutines go on with the pair.
func (p *spliced) handOver(rest unsettled) {
	held := p.held()
	go func() {
		client, target := p.connections()
		r := newCopied(&p.Pair, p.engine.others, client, target, p.inspection)
		r.held = held
		p.register.handOver(&p.Pair, r)
		switch {
		case rest.heads:
			r.inspectHeld()
		case rest.chunk != nil && r.follow(rest.from, rest.verdict):
			r.held[rest.from] = rest.chunk
		}
		r.start()
	}()
}

// held is what may pass and is not written; it may be the loop's memory.
func (p *spliced) held() [2][]byte {
	return [2][]byte{bytes.Clone(p.flows[Client].memory), bytes.Clone(p.flows[Target].memory)}
}

func (p *spliced) connections() (client, target net.Conn) {
	return p.engine.connection(p.fds[Client]), p.engine.connection(p.fds[Target])
}

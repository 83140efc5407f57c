package splice

import (
	"bytes"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// alertTime bounds how long the client of a refused pair has to take what it is still to be sent.
const alertTime = 2 * time.Second

// copied is a pair that goroutines carry, one for each side that is read from. It follows whatever an inspection says;
// the last goroutine closes the connections, or leaves them to the owner.
type copied struct {
	*Pair
	engine  *goroutineEngine
	conns   [2]net.Conn
	held    [2][]byte      // by the side it came from: what may pass and is not written; of that side's goroutine while it runs
	sealed  [2]atomic.Bool // by side: no more is written to it, and that is being passed on
	copying atomic.Int32   // directions that have not finished
	running atomic.Int32   // goroutines
	writing [2]atomic.Bool // by side: bytes are being written to it

	inspected atomic.Bool // by an inspection that is not over
	leaving   atomic.Bool // which has said that the pair is about to end by itself

	asking     sync.Mutex // held while the inspection is asked
	inspection Inspection // nil when it is over
	alert      []byte
}

// newCopied makes a pair that is to be started.
func newCopied(pair *Pair, e *goroutineEngine, client, target net.Conn, i Inspection) *copied {
	p := &copied{Pair: pair, engine: e, conns: [2]net.Conn{client, target}, inspection: i}
	p.inspected.Store(i != nil)
	for _, c := range p.conns {
		_ = c.SetDeadline(time.Time{}) // fails on a dead connection, as the first read will
	}
	return p
}

// inspectHeld has what is held judged, before the pair is started.
func (p *copied) inspectHeld() {
	for from, head := range p.held {
		if len(head) > 0 && !p.passes(Side(from), head) {
			p.held[from] = nil
		}
	}
}

// start begins to move bytes. The pair may be ending already.
func (p *copied) start() {
	p.copying.Store(2)
	p.running.Store(2)
	if p.ending.Load() != nil {
		p.wake()
	}
	go p.run(Client)
	go p.run(Target)
}

// stop ends the pair, unless it is ending already.
func (p *copied) stop(end End, err error) {
	if p.ending.CompareAndSwap(nil, &ending{end, err}) {
		p.wake()
	}
}

// wake ends both goroutines by a deadline in the past. Where there may be an alert, the client has time for that and what comes before.
func (p *copied) wake() {
	past := time.Unix(1, 0)
	writing := [2]time.Time{past, past}
	if how := p.ending.Load(); how != nil && p.inspected.Load() && (how.end == EndRefused || how.end == EndIdle) {
		writing[Client] = time.Now().Add(alertTime)
	}
	for side, c := range p.conns { // fails on a closed connection, which wakes as well
		_, _ = c.SetReadDeadline(past), c.SetWriteDeadline(writing[side])
	}
}

// look asks the system about both receivers.
func (p *copied) look() {
	now := p.register.now()
	for _, to := range []Side{Client, Target} {
		waits, taken := p.writing[to].Load(), uint64(p.moved[to.other()].Load())
		if t := bottom(p.conns[to]); t != nil {
			waits, taken = outstandingOf(t, waits, taken)
		}
		if p.receivers[to].look(now, waits, taken) >= p.stall {
			p.stop(EndStalled, &Stalled{Receiver: to, Limit: p.stall})
		}
	}
}

func (p *copied) run(from Side) {
	end, err := p.copy(from)
	switch {
	case end != EndFinished:
		p.stop(end, err)
	case p.copying.Add(-1) == 0:
		p.wake() // the other goroutine watches for a reset that can no longer matter
	default:
		if err := watch(p.conns[from]); isReset(err) && !p.leaving.Load() {
			p.stop(from.failure("watching", err))
		}
	}
	if p.running.Add(-1) == 0 {
		p.finish()
	}
}

// copy moves bytes until the end of the stream, which it passes on, or until something fails. After stop it returns soon
// with any result.
func (p *copied) copy(from Side) (End, error) {
	to := from.other()
	if err := p.write(from, p.held[from]); err != nil {
		return to.failure("writing to", err)
	}
	src := newSource(p.conns[from], &p.engine.buffers)
	for {
		b, n, readErr := src.read()
		var writeErr error
		if n > 0 {
			p.active.Store(p.register.now())
			if p.passes(from, b[:n]) {
				writeErr = p.write(from, b[:n])
			}
		}
		p.engine.buffers.put(b)
		switch {
		case writeErr != nil:
			return to.failure("writing to", writeErr)
		case readErr != nil:
			return p.over(from, readErr)
		}
	}
}

// write writes what may pass, and holds what it could not write.
func (p *copied) write(from Side, b []byte) error {
	if len(b) == 0 {
		return nil
	}
	to := from.other()
	p.writing[to].Store(true)
	n, err := p.conns[to].Write(b)
	p.writing[to].Store(false)
	p.moved[from].Add(int64(n))
	p.active.Store(p.register.now())
	if err == nil {
		p.held[from] = nil
		return nil
	}
	p.held[from] = bytes.Clone(b[n:])
	if p.inspected.Load() && p.ending.Load() == nil {
		// The receiver may have said why it is gone, in an alert that is still to be read; and the sender must not be reset before it
		// has that. Whoever reads from the receiver ends the pair.
		return nil
	}
	return err
}

// over follows the end of a stream, or a failure to read it.
func (p *copied) over(from Side, err error) (End, error) {
	if p.ending.Load() != nil { // and so it was woken
		return EndFinished, nil
	}
	if failure := p.broken(from, err); failure != nil && !p.leaving.Load() {
		return from.failure("reading from", failure)
	}
	p.ask(from, func(i Inspection) Verdict { return i.End(from) })
	if err := p.seal(from.other()); err != nil && !p.leaving.Load() {
		return from.other().failure("finishing", err)
	}
	return EndFinished, nil
}

// broken is why a stream has not ended by its sender's will, nil if it has; err is what reading has told.
func (p *copied) broken(from Side, err error) error {
	// A TLS peer that closes its TCP connection without a close_notify has finished too: a cut is seen by the TLS that the
	// tunnel carries.
	if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	// The system tells of a reset once. If the other goroutine met it in a write, this one reads the end of the stream;
	// but then the connection is over both ways although this side has not finished writing to it.
	if t := bottom(p.conns[from]); t != nil && hungUp(t) && !p.sealed[from].Load() {
		return errReset
	}
	return nil
}

// seal passes on that no more is written to a side.
func (p *copied) seal(to Side) error {
	if p.sealed[to].Swap(true) {
		return nil
	}
	half, ok := p.conns[to].(interface{ CloseWrite() error })
	if !ok {
		p.stop(EndFinished, nil)
		return nil
	}
	return half.CloseWrite()
}

// passes reports whether a chunk is to be written.
func (p *copied) passes(from Side, chunk []byte) bool {
	return !p.inspected.Load() || p.ask(from, func(i Inspection) Verdict { return i.Chunk(from, chunk) })
}

// ask follows what the inspection says about a side, and reports whether what it was asked about passes.
func (p *copied) ask(from Side, question func(Inspection) Verdict) bool {
	p.asking.Lock()
	defer p.asking.Unlock()
	return p.inspection == nil || p.follow(from, question(p.inspection))
}

// follow is for ask, and for a verdict that was given before the pair is started.
func (p *copied) follow(from Side, v Verdict) (passes bool) {
	if v.Within > 0 {
		p.leaving.Store(true)
		p.register.limit(p.Pair, v.Within)
	}
	switch v.Action {
	case PassAll:
		p.inspection = nil
		p.inspected.Store(false)
		p.register.inspected(p.Pair)
	case Drop:
		_ = p.seal(from.other())
		return false
	case Refuse:
		p.alert = v.Alert
		p.stop(EndRefused, nil)
		return false
	case Pass:
	}
	return true
}

// finish closes the connections, or leaves them to the owner. Both goroutines have stopped using them.
func (p *copied) finish() {
	how := ending{end: EndFinished}
	if e := p.ending.Load(); e != nil {
		how = *e
	}
	if how.end == EndIdle && p.inspection != nil {
		if v := p.inspection.Late(); v.Action == Refuse {
			how.end, p.alert = EndRefused, v.Alert
		}
	}
	client, target := p.conns[Client], p.conns[Target]
	switch how.end {
	case EndReleased:
		_, _ = client.SetDeadline(time.Time{}), target.SetDeadline(time.Time{})
		finished := [2]bool{Client: p.sealed[Target].Load(), Target: p.sealed[Client].Load()}
		p.ended(how, &Left{Client: client, Target: target, Held: p.held, Finished: finished})
	case EndRefused:
		if len(p.held[Target]) == 0 {
			_, _ = client.Write(p.alert)
		}
		_ = target.Close()
		p.ended(how, &Left{Client: client})
	case EndFinished, EndClientReset, EndTargetReset, EndIdle, EndStalled, EndClosed, EndError:
		for _, c := range p.conns {
			if how.end.abrupt() {
				abort(c)
			}
			_ = c.Close()
		}
		p.ended(how, nil)
	}
}

// abort closes the TCP connection at the bottom of c so that its peer sees a reset.
func abort(c net.Conn) {
	if t := bottom(c); t != nil {
		_ = t.SetLinger(0)
		_ = t.Close()
	}
}

// bottom is the TCP connection that carries c, or nil if there is none to be found.
func bottom(c net.Conn) *net.TCPConn {
	for {
		switch layer := c.(type) {
		case *net.TCPConn:
			return layer
		case interface{ NetConn() net.Conn }: // *tls.Conn
			c = layer.NetConn()
		default:
			return nil
		}
	}
}

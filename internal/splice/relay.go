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

// relay carries a pair of the goroutine engine: one goroutine for each side that is read from. It follows whatever an inspection says;
// the last goroutine closes the connections, or leaves them to the owner.
type relay struct {
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

// newRelay makes a relay that is to be started.
func newRelay(p *Pair, e *goroutineEngine, client, target net.Conn, i Inspection) *relay {
	r := &relay{Pair: p, engine: e, conns: [2]net.Conn{client, target}, inspection: i}
	r.inspected.Store(i != nil)
	for _, c := range r.conns {
		_ = c.SetDeadline(time.Time{}) // fails on a dead connection, as the first read will
	}
	return r
}

// inspectHeld has what is held judged, before the relay is started.
func (r *relay) inspectHeld() {
	for from, head := range r.held {
		if len(head) > 0 && !r.passes(Side(from), head) {
			r.held[from] = nil
		}
	}
}

// start begins to move bytes. The pair may be ending already.
func (r *relay) start() {
	r.copying.Store(2)
	r.running.Store(2)
	if r.ending.Load() != nil {
		r.wake()
	}
	go r.run(Client)
	go r.run(Target)
}

// stop ends the pair, unless it is ending already.
func (r *relay) stop(end End, err error) {
	if r.ending.CompareAndSwap(nil, &ending{end, err}) {
		r.wake()
	}
}

// wake ends both goroutines by a deadline in the past. Where there may be an alert, the client has time for that and what comes before.
func (r *relay) wake() {
	past := time.Unix(1, 0)
	writing := [2]time.Time{past, past}
	if how := r.ending.Load(); how != nil && r.inspected.Load() && (how.end == EndRefused || how.end == EndIdle) {
		writing[Client] = time.Now().Add(alertTime)
	}
	for side, c := range r.conns { // fails on a closed connection, which wakes as well
		_, _ = c.SetReadDeadline(past), c.SetWriteDeadline(writing[side])
	}
}

// look asks the system about both receivers.
func (r *relay) look() {
	now := r.register.now()
	for _, to := range []Side{Client, Target} {
		waits, taken := r.writing[to].Load(), uint64(r.moved[to.other()].Load())
		if t := bottom(r.conns[to]); t != nil {
			waits, taken = outstandingOf(t, waits, taken)
		}
		if r.receivers[to].look(now, waits, taken) >= r.stall {
			r.stop(EndStalled, &Stalled{Receiver: to, Limit: r.stall})
		}
	}
}

func (r *relay) run(from Side) {
	end, err := r.copy(from)
	switch {
	case end != EndFinished:
		r.stop(end, err)
	case r.copying.Add(-1) == 0:
		r.wake() // the other goroutine watches for a reset that can no longer matter
	default:
		if err := watch(r.conns[from]); isReset(err) && !r.leaving.Load() {
			r.stop(from.failure("watching", err))
		}
	}
	if r.running.Add(-1) == 0 {
		r.finish()
	}
}

// copy moves bytes until the end of the stream, which it passes on, or until something fails. After stop it returns soon
// with any result.
func (r *relay) copy(from Side) (End, error) {
	to := from.other()
	if err := r.write(from, r.held[from]); err != nil {
		return to.failure("writing to", err)
	}
	src := newSource(r.conns[from], &r.engine.buffers)
	for {
		b, n, readErr := src.read()
		var writeErr error
		if n > 0 {
			r.active.Store(r.register.now())
			if r.passes(from, b[:n]) {
				writeErr = r.write(from, b[:n])
			}
		}
		r.engine.buffers.put(b)
		switch {
		case writeErr != nil:
			return to.failure("writing to", writeErr)
		case readErr != nil:
			return r.over(from, readErr)
		}
	}
}

// write writes what may pass, and holds what it could not write.
func (r *relay) write(from Side, b []byte) error {
	if len(b) == 0 {
		return nil
	}
	to := from.other()
	r.writing[to].Store(true)
	n, err := r.conns[to].Write(b)
	r.writing[to].Store(false)
	r.moved[from].Add(int64(n))
	r.active.Store(r.register.now())
	if err == nil {
		r.held[from] = nil
		return nil
	}
	r.held[from] = bytes.Clone(b[n:])
	if r.inspected.Load() && r.ending.Load() == nil {
		// The receiver may have said why it is gone, in an alert that is still to be read; and the sender must not be reset before it
		// has that. Whoever reads from the receiver ends the pair.
		return nil
	}
	return err
}

// over follows the end of a stream, or a failure to read it.
func (r *relay) over(from Side, err error) (End, error) {
	if r.ending.Load() != nil { // and so it was woken
		return EndFinished, nil
	}
	if failure := r.broken(from, err); failure != nil && !r.leaving.Load() {
		return from.failure("reading from", failure)
	}
	r.ask(from, func(i Inspection) Verdict { return i.End(from) })
	if err := r.seal(from.other()); err != nil && !r.leaving.Load() {
		return from.other().failure("finishing", err)
	}
	return EndFinished, nil
}

// broken is why a stream has not ended by its sender's will, nil if it has; err is what reading has told.
func (r *relay) broken(from Side, err error) error {
	// A TLS peer that closes its TCP connection without a close_notify has finished too: a cut is seen by the TLS that the
	// tunnel carries.
	if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	// The system tells of a reset once. If the other goroutine met it in a write, this one reads the end of the stream;
	// but then the connection is over both ways although this side has not finished writing to it.
	if t := bottom(r.conns[from]); t != nil && hungUp(t) && !r.sealed[from].Load() {
		return errReset
	}
	return nil
}

// seal passes on that no more is written to a side.
func (r *relay) seal(to Side) error {
	if r.sealed[to].Swap(true) {
		return nil
	}
	half, ok := r.conns[to].(interface{ CloseWrite() error })
	if !ok {
		r.stop(EndFinished, nil)
		return nil
	}
	return half.CloseWrite()
}

// passes reports whether a chunk is to be written.
func (r *relay) passes(from Side, chunk []byte) bool {
	return !r.inspected.Load() || r.ask(from, func(i Inspection) Verdict { return i.Chunk(from, chunk) })
}

// ask follows what the inspection says about a side, and reports whether what it was asked about passes.
func (r *relay) ask(from Side, question func(Inspection) Verdict) bool {
	r.asking.Lock()
	defer r.asking.Unlock()
	return r.inspection == nil || r.follow(from, question(r.inspection))
}

// follow is for ask, and for a verdict that was given before the relay is started.
func (r *relay) follow(from Side, v Verdict) (passes bool) {
	if v.Within > 0 {
		r.leaving.Store(true)
		r.register.limit(r.Pair, v.Within)
	}
	switch v.Action {
	case PassAll:
		r.inspection = nil
		r.inspected.Store(false)
		r.register.inspected(r.Pair)
	case Drop:
		_ = r.seal(from.other())
		return false
	case Refuse:
		r.alert = v.Alert
		r.stop(EndRefused, nil)
		return false
	case Pass:
	}
	return true
}

// finish closes the connections, or leaves them to the owner. Both goroutines have stopped using them.
func (r *relay) finish() {
	how := ending{end: EndFinished}
	if e := r.ending.Load(); e != nil {
		how = *e
	}
	if how.end == EndIdle && r.inspection != nil {
		if v := r.inspection.Late(); v.Action == Refuse {
			how.end, r.alert = EndRefused, v.Alert
		}
	}
	client, target := r.conns[Client], r.conns[Target]
	switch how.end {
	case EndReleased:
		_, _ = client.SetDeadline(time.Time{}), target.SetDeadline(time.Time{})
		finished := [2]bool{Client: r.sealed[Target].Load(), Target: r.sealed[Client].Load()}
		r.ended(how, &Left{Client: client, Target: target, Held: r.held, Finished: finished})
	case EndRefused:
		if len(r.held[Target]) == 0 {
			_, _ = client.Write(r.alert)
		}
		_ = target.Close()
		r.ended(how, &Left{Client: client})
	case EndFinished, EndClientReset, EndTargetReset, EndIdle, EndStalled, EndClosed, EndError:
		for _, c := range r.conns {
			if how.end.abrupt() {
				abort(c)
			}
			_ = c.Close()
		}
		r.ended(how, nil)
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

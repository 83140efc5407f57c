package forward

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/omsgateway/omsgateway/internal/clientcert"
	"github.com/omsgateway/omsgateway/internal/event"
	"github.com/omsgateway/omsgateway/internal/handshake"
	"github.com/omsgateway/omsgateway/internal/reason"
	"github.com/omsgateway/omsgateway/internal/splice"
	"github.com/omsgateway/omsgateway/internal/tunnel"
)

// watch is a tunnel from the answer 200 to the verdict on its TLS handshake; each chunk is judged before it is forwarded. While the
// handshake goes well, the engine carries it and only asks (inspect). Whatever else happens is dealt with here (resume), by two pumps
// that read and write the connections, one for each direction: then the watch is the moving part of the tunnel in the table.
type watch struct {
	c       *connection
	conns   [2]net.Conn // by the direction that is read from them; nil while the engine has them
	moved   [2]atomic.Int64
	active  atomic.Int64 // when a byte last moved, in nanoseconds since 1970
	joining sync.Mutex   // held until the engine's pair is in the table
	last    fate         // of the chunk that the engine has put to inspect last

	mu       sync.Mutex // guards what follows
	watcher  *handshake.Watcher
	state    handshake.State
	limit    time.Time // when the handshake, or what is left of it, has to be over
	finished bool      // both pumps are to return: the watch is over, for better or worse
	cause    error     // why, if not because the handshake is done
}

// errEnded says that the handshake was ended by one of the two sides, which is no refusal.
var errEnded = errors.New("the TLS handshake was ended by one side")

// brokenError says that the connection of one side failed during the handshake.
type brokenError struct {
	side handshake.Direction
	err  error
}

// broken is why a watch ends whose connection of that side has failed. Only a server that stops closes one under its reader.
func broken(side handshake.Direction, err error) error {
	if errors.Is(err, net.ErrClosed) {
		return tunnel.ErrClosed
	}
	return &brokenError{side, err}
}

func (e *brokenError) Error() string {
	return fmt.Sprintf("the connection of the %s: %v", e.side, e.err)
}

// newWatch begins to watch; the time for the handshake runs from here.
func newWatch(c *connection) *watch {
	w := &watch{c: c, limit: time.Now().Add(c.choice.Limits.HandshakeTimeout)}
	rule := c.choice.TLS
	w.watcher = handshake.New(handshake.Config{
		MinVersion:        rule.MinVersion,
		MaxVersion:        rule.MaxVersion,
		Host:              c.target.Host.Name(),
		AllowedName:       func(name string) bool { return c.policy.AllowsName(name, c.target.Port, rule.ClientCertificate) },
		RequireServerName: rule.RequireServerName,
		ClientCertificate: rule.ClientCertificate,
		AllowedCertificate: func(shown *clientcert.Certificate) bool {
			_, allowed := rule.Certificates.Match(shown)
			return allowed
		},
		Resumed: c.session.Recall,
		Budget:  &c.place,
		Debug:   c.debugLine(),
	})
	return w
}

// Counts, LastActive and Close make the watch a tunnel.Live.

func (w *watch) Counts() (sent, received int64) {
	return w.moved[handshake.FromClient].Load(), w.moved[handshake.FromServer].Load()
}

func (w *watch) LastActive() time.Time { return time.Unix(0, w.active.Load()) }

func (w *watch) Close(cause error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.finished { // else the engine is about to take the connections over again, and is told
		w.finish(cause)
	}
}

// inspect judges a chunk for the engine. What becomes of one that is given back is for resume to see to.
func (w *watch) inspect(from splice.Side, chunk []byte) (verdict splice.Verdict) {
	w.last = leave // if there is a fault
	defer func() {
		if w.caught(recover()) {
			verdict = splice.Return
		}
	}()
	w.last = w.judge(handshake.Direction(from), chunk)
	if w.last != forward {
		return splice.Return
	}
	switch w.state {
	case handshake.Done:
		_ = w.outcome()
		if err := w.c.seenThrough(); err != nil {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.finish(err)
			return splice.Return
		}
		return splice.PassAll
	case handshake.Pending, handshake.Verified:
		return splice.Pass
	case handshake.Ended, handshake.Refused:
	}
	return splice.Return
}

// resume carries the handshake on, over connections that the engine gives back, until there is a verdict, nil if the tunnel may go
// on: then rest is what was judged in each direction and not written yet. Both connections stay open, with deadlines that have
// passed.
func (w *watch) resume(back splice.Returned) (rest [2][]byte, err error) {
	w.take(back)
	w.c.entry.Attach(w)
	var server sync.WaitGroup
	judged := back.Rest
	switch {
	case len(back.Chunk) == 0 || w.over():
	case w.last == forward:
		judged[back.From] = append(judged[back.From], back.Chunk...)
	case w.last == discard:
		w.hold(handshake.Direction(back.From))
	}
	if len(back.Unseen) > 0 && w.judge(handshake.FromServer, back.Unseen) == forward {
		judged[splice.Target] = back.Unseen
	}
	server.Go(func() { rest[handshake.FromServer] = w.pump(handshake.FromServer, judged[splice.Target]) })
	rest[handshake.FromClient] = w.pump(handshake.FromClient, judged[splice.Client])
	server.Wait()

	err = w.outcome()
	if refusal, refused := errors.AsType[*handshake.Refusal](err); refused && len(rest[handshake.FromServer]) == 0 {
		_, _ = w.conns[handshake.FromClient].Write(refusal.AlertRecord()) // the time for it was set by finish
	}
	return rest, err
}

// take takes the connections over from the engine, and what it says about them. The watch is attached to the tunnel afterwards, so
// that no Close comes before the deadlines, which would undo it.
func (w *watch) take(back splice.Returned) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conns = [2]net.Conn{handshake.FromClient: back.Client, handshake.FromServer: back.Target}
	w.moved[handshake.FromClient].Store(back.Sent)
	w.moved[handshake.FromServer].Store(back.Received)
	w.active.Store(time.Now().UnixNano())
	w.keepLimit()
	switch back.End {
	case splice.EndFinished:
	case splice.EndIdle:
		w.timeout()
	case splice.EndClosed:
		w.finish(cmp.Or(back.Err, errEnded))
	case splice.EndClientReset, splice.EndTargetReset, splice.EndError:
		w.finish(broken(handshake.Direction(back.From), back.Err))
	}
	if w.finished {
		w.wake()
	}
}

// keepLimit has the pumps return when the time is over; w.mu is held.
func (w *watch) keepLimit() {
	for _, conn := range w.conns {
		if conn != nil {
			_ = conn.SetDeadline(w.limit)
		}
	}
}

// outcome is why the watch is over, once both pumps have returned.
func (w *watch) outcome() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.watcher.Close()
	if !w.finished {
		w.finish(errEnded) // both sides have finished sending
	}
	return w.cause
}

// over tells whether both pumps are to return.
func (w *watch) over() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.finished
}

// pump carries one direction until the watch is over, and answers what it could not write by then. Chunk is what was judged before.
func (w *watch) pump(d handshake.Direction, chunk []byte) (rest []byte) {
	defer func() { w.caught(recover()) }()
	buf := w.c.server.buffers.Get().(*[maxHead]byte)
	rest = bytes.Clone(w.carry(d, chunk, buf[:]))
	w.c.server.buffers.Put(buf) // not after a fault: something may still read into it
	return rest
}

func (w *watch) carry(d handshake.Direction, chunk, buf []byte) (rest []byte) {
	for {
		if len(chunk) > 0 {
			n, err := w.conns[1-d].Write(chunk)
			w.moved[d].Add(int64(n))
			w.active.Store(time.Now().UnixNano())
			if err != nil && !w.unwritten(d, err) {
				return chunk[n:]
			}
			chunk = nil
		}
		n, err := w.conns[d].Read(buf)
		if n == 0 {
			w.unread(d, err)
			return nil
		}
		switch w.judge(d, buf[:n]) {
		case forward:
			chunk = buf[:n]
		case discard:
		case leave:
			return nil
		}
	}
}

// fate is what becomes of a chunk.
type fate int

const (
	forward fate = iota
	discard      // and read on, so that the sender gets FIN and not a reset, which could take from it what it has not read yet
	leave        // the watch is over
)

// judge feeds a chunk to the watcher.
func (w *watch) judge(d handshake.Direction, chunk []byte) fate {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.finished && w.cause != nil {
		return leave
	}
	w.c.place.Heard(time.Now())
	verdict, err := w.watcher.Feed(d, chunk)
	switch {
	case errors.Is(err, handshake.ErrEnded):
		w.note(verdict.State) // it may be this chunk that has ended it
		w.stop(d)
		return discard
	case err != nil:
		w.finish(err)
		return leave
	}
	w.note(verdict.State)
	return forward
}

// unread follows the end of a direction, or a failure of the connection that it is read from.
func (w *watch) unread(d handshake.Direction, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	late, end := errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, io.EOF)
	switch {
	case w.finished && (late || end): // woken; and the engine will read the end again
	case late:
		w.timeout()
	case end || w.state == handshake.Ended:
		w.note(w.watcher.End(d).State)
		if w.state == handshake.Ended {
			w.stop(d)
		}
	default:
		w.finish(broken(d, err)) // even if the handshake is done: the system tells of a reset only once
	}
}

// unwritten follows a failure of the connection that a direction is written to. It answers whether its pump goes on: the other
// side may have said why, in an alert that is still to be carried, and the sender must not be reset before it has that.
func (w *watch) unwritten(d handshake.Direction, err error) (goesOn bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	late := errors.Is(err, os.ErrDeadlineExceeded)
	switch {
	case w.finished && late: // woken
	case late:
		w.timeout()
	case !w.finished && (w.state == handshake.Pending || w.state == handshake.Ended):
		w.stop(d)
		return true
	default:
		w.finish(broken(1-d, err))
	}
	return false
}

// note follows the handshake; w.mu is held.
func (w *watch) note(state handshake.State) {
	before := w.state
	if state == before {
		return
	}
	w.state = state
	switch state {
	case handshake.Verified, handshake.Done:
		if before == handshake.Pending {
			w.c.verified(w.watcher)
		}
		if state == handshake.Done {
			w.finish(nil)
		}
	case handshake.Ended:
		w.limit = time.Now().Add(handshake.CloseLimit)
		w.keepLimit()
	case handshake.Pending, handshake.Refused:
	}
}

// hold is stop for a chunk that was held back while the engine had the connections.
func (w *watch) hold(d handshake.Direction) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stop(d)
}

// stop tells the receiver of a direction that nothing more passes; w.mu is held.
func (w *watch) stop(d handshake.Direction) {
	if half, ok := w.conns[1-d].(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}

// timeout ends the watch because its time is over; w.mu is held.
func (w *watch) timeout() {
	w.finish(cmp.Or(w.watcher.Timeout(), errEnded))
}

// finish ends the watch; w.mu is held. Only the first cause counts, and that the handshake is done (nil) is none.
func (w *watch) finish(cause error) {
	if w.finished && (w.cause != nil || cause == nil) {
		return
	}
	w.finished, w.cause = true, cause
	if w.conns[handshake.FromClient] != nil {
		w.wake()
	}
}

// wake ends both pumps; w.mu is held.
func (w *watch) wake() {
	past := time.Unix(1, 0)
	toClient := past // wakes a writer too: what it has not written is handed on
	if _, refused := errors.AsType[*handshake.Refusal](w.cause); refused {
		toClient = time.Now().Add(lingerTime) // for what was judged before, and the alert
	}
	client, server := w.conns[handshake.FromClient], w.conns[handshake.FromServer]
	_ = client.SetReadDeadline(past)
	_ = client.SetWriteDeadline(toClient)
	_ = server.SetDeadline(past)
}

// caught makes a fault of the program, if there is one, the end of this tunnel alone.
func (w *watch) caught(fault any) bool {
	if fault == nil {
		return false
	}
	w.mu.Lock()
	w.finish(reason.New(reason.GatewayFault))
	w.mu.Unlock()
	w.c.server.Events.Emit(event.Panic(fault, debug.Stack()))
	return true
}

// debugLine makes events of the lines that the original logged, or nothing if nobody wants them.
func (c *connection) debugLine() func(string) {
	if !c.server.Events.Enabled(event.Debug) {
		return nil
	}
	return func(line string) { c.server.Events.Emit(event.HandshakeStep(c.client, line)) }
}

package forward

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"omsgateway/internal/clientcert"
	"omsgateway/internal/event"
	"omsgateway/internal/handshake"
)

// watch is a tunnel from the answer 200 to the verdict on its TLS handshake. Two pumps carry the bytes, one for each direction;
// each chunk is judged before it is forwarded. It is the moving part of the tunnel in the table until the engine takes over.
type watch struct {
	c      *connection
	conns  [2]net.Conn // by the direction that is read from them
	moved  [2]atomic.Int64
	active atomic.Int64 // when a byte last moved, in nanoseconds since 1970

	mu       sync.Mutex // guards what follows
	watcher  *handshake.Watcher
	state    handshake.State
	opaque   [2]bool
	finished bool  // both pumps stop: the watch is over, for better or worse
	cause    error // why, if not because the handshake is done
}

// errEnded says that the handshake was ended by one of the two sides, which is no refusal.
var errEnded = errors.New("the TLS handshake was ended by one side")

// brokenError says that the connection of one side failed during the handshake.
type brokenError struct {
	side handshake.Direction
	err  error
}

func (e *brokenError) Error() string {
	return fmt.Sprintf("the connection of the %s: %v", e.side, e.err)
}

func newWatch(c *connection, target net.Conn) *watch {
	w := &watch{c: c, conns: [2]net.Conn{handshake.FromClient: c.conn, handshake.FromServer: target}}
	rule := c.choice.TLS
	w.watcher = handshake.New(handshake.Config{
		MinVersion:        rule.MinVersion,
		MaxVersion:        rule.MaxVersion,
		Host:              c.target.Host.Name(),
		AllowedName:       func(name string) bool { return c.policy.AllowsName(name, c.target.Port) },
		RequireServerName: rule.RequireServerName,
		ClientCertificate: rule.ClientCertificate,
		AllowedCertificate: func(shown *clientcert.Certificate) bool {
			_, allowed := rule.Certificates.Match(shown)
			return allowed
		},
		Resumed: c.session.Recall,
		Budget:  c.server.budget,
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
	w.finish(cause)
}

// run carries the handshake until there is a verdict, nil if the tunnel may go on: then rest is what was judged in each direction
// and not written yet. early is what the client has sent already. Both connections stay open, with deadlines that have passed.
func (w *watch) run(early []byte) (rest [2][]byte, err error) {
	w.active.Store(time.Now().UnixNano())
	limit := time.Now().Add(w.c.choice.Limits.HandshakeTimeout)
	for _, conn := range w.conns {
		_ = conn.SetDeadline(limit)
	}
	var server sync.WaitGroup
	server.Go(func() { rest[handshake.FromServer] = w.pump(handshake.FromServer, nil) })
	rest[handshake.FromClient] = w.pump(handshake.FromClient, early)
	server.Wait()

	w.mu.Lock()
	defer w.mu.Unlock()
	w.finish(errEnded) // both sides have finished sending
	w.watcher.Close()
	if refusal, refused := errors.AsType[*handshake.Refusal](w.cause); refused && len(rest[handshake.FromServer]) == 0 {
		// Everything before it has been written, so the client can read the alert, if any.
		_, _ = w.conns[handshake.FromClient].Write(refusal.AlertRecord())
	}
	return rest, w.cause
}

// pump carries one direction until the watch is over, and answers what it could not write by then.
func (w *watch) pump(d handshake.Direction, early []byte) (rest []byte) {
	buffers := &w.c.server.buffers
	buf := buffers.Get().(*[maxHead]byte)
	defer buffers.Put(buf)
	for chunk := early; ; {
		if len(chunk) > 0 {
			if !w.judge(d, chunk) {
				return nil
			}
			n, err := w.conns[1-d].Write(chunk)
			w.moved[d].Add(int64(n))
			w.active.Store(time.Now().UnixNano())
			if err != nil {
				w.fail(1-d, err)
				return bytes.Clone(chunk[n:])
			}
		}
		n, err := w.conns[d].Read(buf[:])
		chunk = buf[:n]
		if n > 0 {
			continue
		}
		if errors.Is(err, io.EOF) {
			w.end(d)
		} else {
			w.fail(d, err)
		}
		return nil
	}
}

// judge feeds a chunk to the watcher. It is false if the chunk must not be forwarded.
func (w *watch) judge(d handshake.Direction, chunk []byte) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.finished && w.cause != nil:
		return false
	case w.opaque[d] && w.state != handshake.Ended:
		return true
	}
	verdict, err := w.watcher.Feed(d, chunk)
	switch {
	case errors.Is(err, handshake.ErrEnded):
		w.finish(errEnded)
		return false
	case err != nil:
		w.finish(err)
		return false
	}
	w.note(d, verdict)
	return true
}

// end passes on that a direction has ended.
func (w *watch) end(d handshake.Direction) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.finished {
		return // the engine will read it again
	}
	w.note(d, w.watcher.End(d))
	if half, ok := w.conns[1-d].(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}

// fail ends the watch when the connection of a side fails, or its time is over.
func (w *watch) fail(side handshake.Direction, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.finished:
	case !errors.Is(err, os.ErrDeadlineExceeded):
		w.finish(&brokenError{side, err})
	default:
		w.finish(cmp.Or(w.watcher.Timeout(), errEnded))
	}
}

// note follows the verdict on one direction; w.mu is held.
func (w *watch) note(d handshake.Direction, v handshake.Verdict) {
	before := w.state
	w.state, w.opaque[d] = v.State, v.Opaque
	if before == v.State {
		return
	}
	switch v.State {
	case handshake.Verified, handshake.Done:
		if before == handshake.Pending {
			w.c.verified(w.watcher)
		}
		if v.State == handshake.Done {
			w.finish(nil)
		}
	case handshake.Ended:
		limit := time.Now().Add(handshake.CloseLimit)
		for _, conn := range w.conns {
			_ = conn.SetDeadline(limit)
		}
	case handshake.Pending, handshake.Refused:
	}
}

// finish ends both pumps; w.mu is held. Only the first cause counts.
func (w *watch) finish(cause error) {
	if w.finished {
		return
	}
	w.finished, w.cause = true, cause
	past := time.Unix(1, 0)
	for _, conn := range w.conns {
		_ = conn.SetDeadline(past) // wakes a writer too: what it has not written is handed on
	}
	if _, refused := errors.AsType[*handshake.Refusal](cause); refused {
		_ = w.conns[handshake.FromClient].SetWriteDeadline(time.Now().Add(lingerTime)) // for the alert
	}
}

// debugLine makes events of the lines that the original logged, or nothing if nobody wants them.
func (c *connection) debugLine() func(string) {
	if !c.server.Events.Enabled(event.Debug) {
		return nil
	}
	return func(line string) { c.server.Events.Emit(event.HandshakeStep(c.client, line)) }
}

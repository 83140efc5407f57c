package forward

import (
	"errors"
	"time"

	"github.com/omsgateway/omsgateway/internal/clientcert"
	"github.com/omsgateway/omsgateway/internal/event"
	"github.com/omsgateway/omsgateway/internal/handshake"
	"github.com/omsgateway/omsgateway/internal/reason"
	"github.com/omsgateway/omsgateway/internal/splice"
)

// watch is a tunnel from the answer 200 to the verdict on its TLS handshake: the engine puts each chunk to it before that is forwarded,
// and does what it says.
type watch struct {
	c       *connection
	watcher *handshake.Watcher
	state   handshake.State
	cause   error // why the tunnel is refused: a *handshake.Refusal, the end of its place, or a fault of the program; nil until then
}

// newWatch begins to watch; the time for the handshake runs from here.
func newWatch(c *connection) *watch {
	rule := c.choice.TLS
	return &watch{c: c, watcher: handshake.New(handshake.Config{
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
	})}
}

// Chunk, End and Late make the watch a [splice.Inspection].

func (w *watch) Chunk(from splice.Side, chunk []byte) (verdict splice.Verdict) {
	defer w.guard(&verdict)
	w.c.place.Heard(time.Now())
	seen, err := w.watcher.Feed(handshake.Direction(from), chunk)
	switch {
	case errors.Is(err, handshake.ErrEnded):
		// Held back and read on, so that the sender gets FIN and not a reset, which could take from it what it has not read yet.
		verdict.Action = splice.Drop
	case err != nil:
		return w.refuse(err)
	}
	return w.follow(seen.State, verdict)
}

func (w *watch) End(from splice.Side) (verdict splice.Verdict) {
	defer w.guard(&verdict)
	return w.follow(w.watcher.End(handshake.Direction(from)).State, verdict)
}

func (w *watch) Late() (verdict splice.Verdict) {
	defer w.guard(&verdict)
	if err := w.watcher.Timeout(); err != nil {
		return w.refuse(err)
	}
	return verdict
}

// follow adds to a verdict what the handshake has come to.
func (w *watch) follow(state handshake.State, verdict splice.Verdict) splice.Verdict {
	before := w.state
	if state == before {
		return verdict
	}
	w.state = state
	switch state {
	case handshake.Verified, handshake.Done:
		if before == handshake.Pending {
			w.c.verified(w.watcher)
		}
		if state == handshake.Done {
			if err := w.c.seenThrough(); err != nil {
				return w.refuse(err)
			}
			verdict.Action = splice.PassAll
		}
	case handshake.Ended:
		verdict.Within = w.c.choice.Limits.CloseTimeout
	case handshake.Pending, handshake.Refused:
	}
	return verdict
}

// refuse notes why the tunnel is refused.
func (w *watch) refuse(cause error) splice.Verdict {
	w.cause = cause
	verdict := splice.Verdict{Action: splice.Refuse}
	if refusal, ok := errors.AsType[*handshake.Refusal](cause); ok {
		verdict.Alert = refusal.AlertRecord()
	}
	return verdict
}

// guard, deferred, makes a fault of the program the end of this tunnel alone.
func (w *watch) guard(verdict *splice.Verdict) {
	if w.c.failed(recover()) {
		*verdict = w.refuse(reason.New(reason.GatewayFault))
	}
}

// debugLine makes events of the lines that the original logged, or nothing if nobody wants them.
func (c *connection) debugLine() func(string) {
	if !c.server.Events.Enabled(event.Debug) {
		return nil
	}
	return func(line string) { c.server.Events.Emit(event.HandshakeStep(c.client, line)) }
}

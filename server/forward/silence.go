package forward

import (
	"sync/atomic"
	"time"
)

// silenceTick is how often it is looked for tunnels whose client says nothing.
const silenceTick = 500 * time.Millisecond

// silence has tunnels ended in which not a byte has come. Nothing of it runs while no tunnel is in its handshake.
type silence struct{ watched atomic.Bool }

// watch is called for each tunnel, once it has its place among the handshakes.
func (q *silence) watch(s *Server) {
	if q.watched.CompareAndSwap(false, true) {
		time.AfterFunc(silenceTick, func() {
			q.watched.Store(false) // first, so that no tunnel is missed
			if s.admission.EndSilent(time.Now(), s.Policy().Limits()) {
				q.watch(s)
			}
		})
	}
}

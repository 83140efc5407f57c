package handshake

import (
	"strconv"
	"sync/atomic"

	"github.com/omsgateway/omsgateway/internal/reason"
)

// MaxCollected is the usual Budget: the bytes that all handshakes under way may hold together.
const MaxCollected = 256 << 20

// Budget bounds what all watchers that share it collect together, so that the bounds of one handshake cannot be multiplied by the
// number of tunnels. It is safe for concurrent use.
type Budget struct {
	limit int64
	used  atomic.Int64
}

// NewBudget makes a Budget of limit bytes.
func NewBudget(limit int64) *Budget { return &Budget{limit: limit} }

// Used is the number of bytes that are held now.
func (b *Budget) Used() int64 { return b.used.Load() }

// take accounts for n more bytes of this watcher before they are allocated.
func (w *Watcher) take(n int) error {
	if b := w.cfg.Budget; b != nil && b.used.Add(int64(n)) > b.limit {
		b.used.Add(-int64(n))
		return reason.New(reason.TLSTooMuchCollected, "limit", strconv.FormatInt(b.limit, 10))
	}
	w.held += n
	return nil
}

func (w *Watcher) give(n int) {
	if w.cfg.Budget != nil {
		w.cfg.Budget.used.Add(-int64(n))
	}
	w.held -= n
}

// gather brings a part of total bytes together, of which left are missing before fragment. It is whole once the last has come:
// then it is in fragment itself if it came in one, else in the buffer of the stream, which the caller empties. It grows as bytes
// arrive, never by what total claims.
func (w *Watcher) gather(s *stream, fragment []byte, left, total int) (whole []byte, err error) {
	if len(s.buffer) == 0 && len(fragment) == total {
		return fragment, nil
	}
	if need := len(s.buffer) + len(fragment); need > cap(s.buffer) {
		size := min(max(need, 2*cap(s.buffer), 512), total)
		if err := w.take(size); err != nil {
			return nil, err
		}
		grown := append(make([]byte, 0, size), s.buffer...)
		w.give(cap(s.buffer))
		s.buffer = grown
	}
	s.buffer = append(s.buffer, fragment...)
	if len(fragment) < left {
		return nil, nil
	}
	return s.buffer, nil
}

// empty lets go of what gather has collected.
func (w *Watcher) empty(s *stream) {
	w.give(cap(s.buffer))
	s.buffer = nil
}

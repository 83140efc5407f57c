package handshake

// MaxCollected is what the Budgets of all handshakes under way are usually bounded to together, in bytes.
const MaxCollected = 256 << 20

// Budget bounds what watchers collect, so that the bounds of one handshake cannot be multiplied by the number of tunnels.
type Budget interface {
	// Take accounts for n more bytes before they are allocated. An error is a *reason.Error, for which the handshake is refused.
	Take(n int) error
	// Give takes back what Take has accounted for.
	Give(n int)
}

// take accounts for n more bytes of this watcher before they are allocated.
func (w *Watcher) take(n int) error {
	if w.cfg.Budget != nil {
		if err := w.cfg.Budget.Take(n); err != nil {
			return err
		}
	}
	w.held += n
	return nil
}

func (w *Watcher) give(n int) {
	if w.cfg.Budget != nil {
		w.cfg.Budget.Give(n)
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

package socket

import (
	"os"
	"sync"
)

// Spare is a descriptor that is kept back, so that there is one when no other can be had. The zero value keeps none yet. Its methods
// may be called from any goroutine.
type Spare struct {
	mu   sync.Mutex
	file *os.File // nil if none is kept
}

// Keep keeps a descriptor back, unless one is kept already or none can be had.
func (s *Spare) Keep() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keep()
}

// Lend gives the descriptor up while use is called, and keeps one back again if use has left one.
func (s *Spare) Lend(use func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.release()
	use()
	s.keep()
}

// Close gives the descriptor up.
func (s *Spare) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.release()
}

func (s *Spare) keep() {
	if s.file == nil {
		s.file, _ = os.Open(os.DevNull)
	}
}

func (s *Spare) release() {
	if s.file != nil {
		_ = s.file.Close()
		s.file = nil
	}
}

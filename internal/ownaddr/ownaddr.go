// Package ownaddr knows the addresses of this computer, so that whoever judges an address need not ask the system for them.
package ownaddr

import (
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"time"
)

// Set is the addresses of this computer at one moment, without zones, and IPv4 addresses never in their IPv6 form.
type Set map[netip.Addr]struct{}

// Read asks the system for the addresses of all interfaces.
func Read() (Set, error) {
	list, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("reading the addresses of this computer: %w", err)
	}
	set := make(Set, len(list))
	for _, a := range list {
		if prefix, err := netip.ParsePrefix(a.String()); err == nil {
			set[plain(prefix.Addr())] = struct{}{}
		}
	}
	return set, nil
}

// Has reports whether addr is one of them.
func (s Set) Has(addr netip.Addr) bool {
	_, has := s[plain(addr)]
	return has
}

func plain(addr netip.Addr) netip.Addr { return addr.WithZone("").Unmap() }

// The system tells of changes. It is asked all the same every lookTime, should it not have told, and every retryTime as long as it
// cannot answer.
const (
	lookTime  = time.Minute
	retryTime = time.Second
)

// Watched is the addresses of this computer, which are read again whenever they change. Its methods may be called from any goroutine.
type Watched struct {
	tell    func(error)
	now     atomic.Pointer[reading]
	changed chan struct{} // holds one
	stop    chan struct{}
	ended   chan struct{}
}

// reading is what was read last, or why nothing could ever be.
type reading struct {
	set Set
	err error
}

// Watch reads the addresses and goes on to do so until Close. It tells when they cannot be read, or when the system would not tell of
// changes. What was read before counts until they can be read again.
func Watch(tell func(error)) *Watched {
	w := &Watched{tell: tell, changed: make(chan struct{}, 1), stop: make(chan struct{}), ended: make(chan struct{})}
	unsubscribe, err := subscribe(w.change) // before they are read, so that no change is missed
	if err != nil {
		tell(fmt.Errorf("being told when the addresses of this computer change: %w", err))
		unsubscribe = func() {}
	}
	known := w.read(true)
	go w.run(known, unsubscribe)
	return w
}

// Has reports whether addr is one of this computer. It waits for nothing. It fails only if the addresses could not be read yet.
func (w *Watched) Has(addr netip.Addr) (bool, error) {
	now := w.now.Load()
	return now.set.Has(addr), now.err
}

// Close ends the watch.
func (w *Watched) Close() {
	close(w.stop)
	<-w.ended
}

// change says that something has changed.
func (w *Watched) change() {
	select {
	case w.changed <- struct{}{}:
	default: // which is known already
	}
}

func (w *Watched) run(known bool, unsubscribe func()) {
	defer close(w.ended)
	defer unsubscribe()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		wait := lookTime
		if !known {
			wait = retryTime
		}
		timer.Reset(wait)
		select {
		case <-w.changed:
		case <-timer.C:
		case <-w.stop:
			return
		}
		known = w.read(known)
	}
}

// read reads the addresses and reports whether they are known now. It tells of a failure if they were before.
func (w *Watched) read(known bool) bool {
	set, err := Read()
	switch last := w.now.Load(); {
	case err == nil:
		w.now.Store(&reading{set: set})
	case last == nil:
		w.now.Store(&reading{err: err})
	}
	if err != nil && known {
		w.tell(err)
	}
	return err == nil
}

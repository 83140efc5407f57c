// Package tunnel keeps the open tunnels, and the counters that the gateway's status shows.
package tunnel

import (
	"cmp"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/omsgateway/omsgateway/internal/hostname"
)

// Info is what does not change about a tunnel.
type Info struct {
	ID            int64 // number of the client connection, unique since the start
	Client        netip.AddrPort
	Target        hostname.Target // as the client asked for it
	TargetAddress netip.AddrPort  // that was dialled, of the relay proxy if there is one
	RelayProxy    string          // address of the relay proxy that it goes through; empty if it goes directly
	Entry         string          // the allowed host that let it through
	Opened        time.Time       // when its request was accepted
}

// TLS is what the handshake in a tunnel has shown.
type TLS struct {
	Version    string // for example "TLS 1.2"
	ServerName string // that the client named; empty if it named none
	Subject    string // of the client's certificate; empty if it could not be seen
}

// State is a tunnel at one moment.
type State struct {
	Info
	TLS            TLS       // zero until the session is verified
	Sent, Received int64     // bytes from the client to the target, and back
	LastActive     time.Time // when a byte last moved, or when it was opened
}

// Live is the moving part of a tunnel. Its methods may be called from any goroutine, must not wait for anything, and the counts
// must not shrink.
type Live interface {
	Counts() (sent, received int64)
	LastActive() time.Time
	Close(cause error)
}

// ErrClosed is the cause of a tunnel that was closed through the table.
var ErrClosed = errors.New("closed by the gateway or its administrator")

// Table has the open tunnels. Its methods may be called from any goroutine.
type Table struct {
	mu             sync.Mutex
	tunnels        map[int64]*Tunnel
	entries        map[string]int // tunnels by entry, without those that are closing
	shut           bool           // what is added is closing
	opened         int64
	sent, received int64 // of tunnels that have ended
}

// NewTable makes an empty table.
func NewTable() *Table {
	return &Table{tunnels: make(map[int64]*Tunnel), entries: make(map[string]int)}
}

// Tunnel is an open tunnel in its table.
type Tunnel struct {
	info  Info // never changes
	table *Table

	// Guarded by the table's mutex.
	live    Live   // nil until it is attached
	tls     *TLS   // nil until the session is verified
	closing *error // why it is, which takes less room than the error; nil while it is not
}

// Add opens a tunnel, which is closing from its beginning if the table has been shut. Info.ID must be new.
func (t *Table) Add(info Info) *Tunnel {
	tunnel := &Tunnel{info: info, table: t}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tunnels[info.ID] = tunnel
	t.opened++
	if t.shut {
		tunnel.closing = &ErrClosed
	} else {
		t.entries[info.Entry]++
	}
	return tunnel
}

// SetTLS says what the handshake has shown; the caller does not change it afterwards.
func (t *Tunnel) SetTLS(shown *TLS) {
	t.table.mu.Lock()
	defer t.table.mu.Unlock()
	t.tls = shown
}

// Attach gives the tunnel its moving part, or the next one, and closes that at once if the tunnel was closed meanwhile. It does no
// harm after Remove.
func (t *Tunnel) Attach(live Live) {
	t.table.mu.Lock()
	t.live = live
	closing := t.closing
	t.table.mu.Unlock()
	if closing != nil {
		live.Close(*closing)
	}
}

// Close closes the tunnel, and reports whether it was open. It does not wait for the end. The cause is what its moving part is given.
func (t *Tunnel) Close(cause error) bool {
	table := t.table
	table.mu.Lock()
	if t.removed() || t.closing != nil {
		table.mu.Unlock()
		return false
	}
	t.closing = &cause
	table.leave(t.info.Entry)
	live := t.live
	table.mu.Unlock()
	if live != nil {
		live.Close(cause)
	}
	return true
}

// Remove ends the tunnel with its final byte counts. Only the first call counts.
func (t *Tunnel) Remove(sent, received int64) {
	table := t.table
	table.mu.Lock()
	defer table.mu.Unlock()
	if t.removed() {
		return
	}
	table.sent += sent
	table.received += received
	delete(table.tunnels, t.info.ID)
	if t.closing == nil {
		table.leave(t.info.Entry)
	}
}

// List returns the open tunnels that fit, the oldest first; nil fits all. The table is locked only while it is copied.
func (t *Table) List(fits func(*Info) bool) []State {
	open := t.open()
	if fits != nil {
		open = slices.DeleteFunc(open, func(m moving) bool { return !fits(m.info) })
	}
	slices.SortFunc(open, func(a, b moving) int { return cmp.Compare(a.info.ID, b.info.ID) })
	states := make([]State, len(open))
	for i, m := range open {
		states[i] = m.state()
	}
	return states
}

// Close closes the tunnel with this id, and reports whether it was open. It does not wait for the end.
func (t *Table) Close(id int64) bool {
	t.mu.Lock()
	tunnel := t.tunnels[id]
	t.mu.Unlock()
	return tunnel != nil && tunnel.Close(ErrClosed)
}

// CloseIdle closes the tunnels in which no byte has moved for quiet or longer, and returns how many. 0 closes all.
func (t *Table) CloseIdle(quiet time.Duration) int {
	limit := time.Now().Add(-quiet)
	closed := 0
	for _, m := range t.open() {
		if !m.state().LastActive.After(limit) && t.Close(m.info.ID) {
			closed++
		}
	}
	return closed
}

// Shut closes every tunnel, now and in future. It does not wait for the end of any.
func (t *Table) Shut() {
	t.mu.Lock()
	t.shut = true
	t.mu.Unlock()
	for _, m := range t.open() {
		t.Close(m.info.ID)
	}
}

// Len is how many tunnels have not been removed, those that are closing included.
func (t *Table) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.tunnels)
}

// CountByEntry is how many open tunnels an allowed host let through.
func (t *Table) CountByEntry(entry string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.entries[entry]
}

// Opened is how many tunnels were opened since the start.
func (t *Table) Opened() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.opened
}

// Bytes are the bytes that all tunnels have moved since the start, to targets and back. They never shrink.
func (t *Table) Bytes() (sent, received int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	sent, received = t.sent, t.received
	for _, tunnel := range t.tunnels {
		if tunnel.live != nil {
			s, r := tunnel.live.Counts()
			sent += s
			received += r
		}
	}
	return sent, received
}

// removed reports whether the tunnel has left its table, whose mutex is held.
func (t *Tunnel) removed() bool { return t.table.tunnels[t.info.ID] != t }

// leave counts one tunnel less for the entry; t.mu is held.
func (t *Table) leave(entry string) {
	if t.entries[entry]--; t.entries[entry] == 0 {
		delete(t.entries, entry)
	}
}

// moving is a tunnel as it can be looked at without the mutex.
type moving struct {
	info *Info
	live Live
	tls  *TLS
}

// open are the tunnels that are not closing, in no order.
func (t *Table) open() []moving {
	t.mu.Lock()
	defer t.mu.Unlock()
	open := make([]moving, 0, len(t.tunnels))
	for _, tunnel := range t.tunnels {
		if tunnel.closing == nil {
			open = append(open, moving{&tunnel.info, tunnel.live, tunnel.tls})
		}
	}
	return open
}

func (m moving) state() State {
	s := State{Info: *m.info, LastActive: m.info.Opened}
	if m.tls != nil {
		s.TLS = *m.tls
	}
	if m.live != nil {
		s.Sent, s.Received = m.live.Counts()
		s.LastActive = m.live.LastActive()
	}
	return s
}

// Package resumption remembers what clients have shown in the full handshakes of TLS sessions, up to TLS 1.2, so that a session
// that is resumed, in which no certificate is shown, is judged by the certificate of the handshake that made it, and by the list
// of today.
//
// What is lost from the memory is safe: the session counts as unknown again, and the policy says what becomes of it. It can be
// lost before its time: whoever completes as many full handshakes through the gateway as the memory has room for displaces all
// that was in it.
//
// Sessions are known by hashes only. A session id has at most 32 bytes that the server chooses (RFC 5246, section 7.4.1.3), as a
// rule at random, and a ticket is longer and encrypted; neither can be found from its hash. Ids that a server merely counts up, and
// hosts, can be: whoever has a hash can try them one by one. A key to hash with would be no help, since it had to be kept beside
// the hashes. It would hide little, too: ids and tickets are sent in the clear. Another client's id or ticket resumes nothing
// without the session's secret, but it can be offered beside an own one, to be judged by it; that it is not is for package
// handshake to see to, which gives each kind of name keys of its own.
package resumption

import (
	"crypto/sha1" //nolint:gosec // only its size
	"crypto/sha256"
	"sync"
	"time"

	"github.com/omsgateway/omsgateway/internal/clientcert"
	"github.com/omsgateway/omsgateway/internal/handshake"
)

// Bounds of a Memory. When one is passed, the sessions that were not used for the longest time are forgotten.
const (
	// MaxSessions is how many sessions are remembered.
	MaxSessions = 65_536
	// MaxSize is for all sessions together, in bytes of memory.
	MaxSize = 32 << 20
	// MaxAge is how long a session is remembered after its full handshake, however often it is resumed and its ticket renewed.
	MaxAge = 24 * time.Hour
)

// Memory is what is remembered of all sessions of all targets. It is safe for concurrent use.
type Memory struct {
	now func() time.Time

	mu       sync.Mutex
	sessions map[id]*session
	recent   session // head of a ring: newer is the one used longest ago, older the one used last
	size     int     // of all sessions, in bytes
	changes  uint64  // counts sessions that came and went

	saving sync.Mutex // taken before mu
	saved  uint64     // changes that the file has; guarded by saving
}

// New makes an empty memory that reads the time from now.
func New(now func() time.Time) *Memory {
	m := &Memory{now: now, sessions: map[id]*session{}}
	m.recent.newer, m.recent.older = &m.recent, &m.recent
	return m
}

// Len is the number of sessions that are remembered. Those that are too old are counted until they are noticed: when they are
// looked up, or at the next Save.
func (m *Memory) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.sessions)
}

// For is the memory as the watcher of one tunnel uses it. The target is the canonical host:port of the tunnel: a session is
// remembered for that alone.
func (m *Memory) For(target string) *Tunnel { return &Tunnel{memory: m, target: target} }

// Tunnel looks up the session that is resumed in one tunnel, and remembers those that are made in it. It is not safe for
// concurrent use, like the watcher that it serves.
type Tunnel struct {
	memory *Memory
	target string
	made   time.Time // the earliest full handshake of the sessions that were recalled
}

// Recall returns what was shown in the full handshake of a session; it is meant for handshake.Config.Resumed.
func (t *Tunnel) Recall(key handshake.SessionKey) (handshake.Shown, bool) {
	s := t.memory.find(t.id(key))
	if s == nil {
		return handshake.Shown{}, false
	}
	if t.made.IsZero() || s.made.Before(t.made) {
		t.made = s.made
	}
	return s.shown(), true
}

// Remember takes the Sessions and what was Seen of a watcher whose session is verified. It keeps a certificate that was visible,
// or that none was asked for or given, and nothing else. The ticket that was renewed in a resumed session stands for the same
// handshake as the one that was recalled: it inherits what was shown in it, and its age.
func (t *Tunnel) Remember(keys []handshake.SessionKey, seen handshake.Seen) {
	made := t.memory.now()
	if seen.Resumed {
		made = t.made
	}
	shown := seen.Certificate
	switch {
	case made.IsZero(): // resumed, and not recalled
		return
	case shown.Visibility == handshake.Visible && shown.Certificate != nil:
	case shown.Visibility == handshake.NotAsked, shown.Visibility == handshake.NotGiven:
	default:
		return
	}
	for _, key := range keys {
		t.memory.put(newSession(t.id(key), made, shown))
	}
}

// id names the session for this target alone, without giving the target away.
func (t *Tunnel) id(key handshake.SessionKey) id {
	room := make([]byte, 0, 320) // for a host of 253 bytes and a port
	return sha256.Sum256(append(append(room, t.target...), key[:]...))
}

// id is the SHA-256 of a target and a handshake.SessionKey.
type id [sha256.Size]byte

// session is what is remembered of one. But for its place in the ring it is never changed.
type session struct {
	id         id
	made       time.Time // of the full handshake
	visibility handshake.Visibility
	sha256     [sha256.Size]byte // of the certificate, as the next two, if it is Visible
	sha1       [sha1.Size]byte
	subject    []byte

	older, newer *session
}

// Parts of MaxSize, in bytes.
const (
	sessionSize = 160               // of a session beside its subject
	mapSize     = 200 * MaxSessions // of the map: what it grows to when it is full and sessions come and go, and keeps from then on
)

func newSession(name id, made time.Time, shown handshake.Shown) *session {
	s := &session{id: name, made: made, visibility: shown.Visibility}
	if c := shown.Certificate; s.visibility == handshake.Visible {
		s.sha256, s.sha1, s.subject = c.SHA256, c.SHA1, c.RawSubject
	}
	return s
}

func (s *session) shown() handshake.Shown {
	shown := handshake.Shown{Visibility: s.visibility}
	if s.visibility == handshake.Visible {
		shown.Certificate = clientcert.Restore(s.subject, s.sha256, s.sha1)
	}
	return shown
}

func (s *session) size() int { return sessionSize + cap(s.subject) }

// tooOld holds for a session of the future, too: since it was made, the clock has been set back, and its age is not known.
func (s *session) tooOld(now time.Time) bool {
	age := now.Sub(s.made)
	return age < 0 || age >= MaxAge
}

// find makes the session the one that was used last. It is nil if none is remembered.
func (m *Memory) find(name id) *session {
	now := m.now()
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.sessions[name]
	if s == nil {
		return nil
	}
	if s.tooOld(now) {
		m.forget(s)
		return nil
	}
	s.unlink()
	m.link(s)
	return s
}

func (m *Memory) put(s *session) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if before := m.sessions[s.id]; before != nil {
		m.forget(before)
	}
	m.sessions[s.id] = s
	m.link(s)
	m.size += s.size()
	m.changes++
	for len(m.sessions) > MaxSessions || m.size > MaxSize-mapSize {
		m.forget(m.recent.newer)
	}
}

func (m *Memory) forget(s *session) {
	delete(m.sessions, s.id)
	s.unlink()
	m.size -= s.size()
	m.changes++
}

// link puts the session at the end of the ring that was used last.
func (m *Memory) link(s *session) {
	s.older, s.newer = m.recent.older, &m.recent
	s.older.newer, s.newer.older = s, s
}

func (s *session) unlink() { s.older.newer, s.newer.older = s.newer, s.older }

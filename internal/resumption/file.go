package resumption

import (
	"encoding/binary"
	"fmt"
	"time"

	"golang.org/x/crypto/cryptobyte"

	"github.com/omsgateway/omsgateway/internal/atomicfile"
	"github.com/omsgateway/omsgateway/internal/clientcert"
	"github.com/omsgateway/omsgateway/internal/handshake"
)

// kind is a file whose body has each session, the one used longest ago first. A session is its id, the seconds since 1970 of its
// full handshake (8 bytes), and its visibility (1 byte), and if that is handshake.Visible the certificate's SHA-256 and SHA-1, the
// length of its subject (2 bytes) and the subject. Numbers are big-endian. No session is larger in the file than in memory.
// Version 1 differs in the ids only, which did not tell session ids from tickets.
var kind = atomicfile.Sealed{Header: "omsgateway tls-sessions 2\n", Former: "omsgateway tls-sessions 1\n", MaxBody: MaxSize}

const secondsBits = 40

// Load reads a file of Save into the memory, which must be new, after it has removed what a Save left that did not come to its
// end. A file of version 1 is taken for an empty one, and that there is none is no error. After an error the memory is empty and
// works, and the next Save replaces the file.
func (m *Memory) Load(path string) error {
	body, err := kind.Read(path)
	var sessions []*session
	if err == nil {
		sessions, err = decode(body)
	}
	if err != nil {
		return fmt.Errorf("reading the remembered TLS sessions from %s, which is replaced later: %w", path, err)
	}
	m.fill(sessions)
	return nil
}

// Save writes all sessions that are not too old to the file, if any came or went since the last Save or Load; to have been used
// is no change. The file has mode 0600, on Windows the descriptor of its folder. It does not name targets, session ids or
// tickets, but the subjects of certificates. After an error the next Save tries again. While it writes, Save needs as much memory
// again as the content has, less than MaxSize.
func (m *Memory) Save(path string) error {
	m.saving.Lock()
	defer m.saving.Unlock()
	sessions, changes := m.snapshot()
	if changes == m.saved {
		return nil
	}
	if err := kind.Write(path, encode(sessions)); err != nil {
		return fmt.Errorf("saving the remembered TLS sessions in %s: %w", path, err)
	}
	m.saved = changes
	return nil
}

// snapshot forgets what is too old and lists the rest, the one used longest ago first.
func (m *Memory) snapshot() (sessions []*session, changes uint64) {
	now := m.now()
	m.mu.Lock()
	defer m.mu.Unlock()
	sessions = make([]*session, 0, len(m.sessions))
	for s := m.recent.newer; s != &m.recent; s = s.newer {
		if s.tooOld(now) {
			m.forget(s) // its own links stay
		} else {
			sessions = append(sessions, s)
		}
	}
	return sessions, m.changes
}

// fill puts the sessions of a file into a new memory. Those that are too old are noticed later, so that the file loses them, too.
func (m *Memory) fill(sessions []*session) {
	m.saving.Lock()
	defer m.saving.Unlock()
	for _, s := range sessions {
		m.put(s)
	}
	m.saved = uint64(len(sessions)) // changes, unless they do not fit
}

func encode(sessions []*session) []byte {
	size := 0
	for _, s := range sessions {
		size += s.size()
	}
	data := make([]byte, 0, size)
	for _, s := range sessions {
		data = append(data, s.id[:]...)
		data = binary.BigEndian.AppendUint64(data, uint64(s.made.Unix()))
		data = append(data, byte(s.visibility))
		if s.visibility == handshake.Visible {
			data = append(data, s.sha256[:]...)
			data = append(data, s.sha1[:]...)
			data = binary.BigEndian.AppendUint16(data, uint16(len(s.subject))) // clientcert reads none that is longer than 4096
			data = append(data, s.subject...)
		}
	}
	return data
}

// decode takes exactly what encode makes of sessions that a Memory has room for.
func decode(body []byte) ([]*session, error) {
	var sessions []*session
	known := map[id]bool{}
	for in := cryptobyte.String(body); !in.Empty(); {
		s, ok := readSession(&in)
		switch {
		case !ok:
			return nil, fmt.Errorf("session %d cannot be read", len(sessions)+1)
		case known[s.id]:
			return nil, fmt.Errorf("session %d is there twice", len(sessions)+1)
		case len(sessions) == MaxSessions:
			return nil, fmt.Errorf("it has more than %d sessions", MaxSessions)
		}
		known[s.id] = true
		sessions = append(sessions, s)
	}
	return sessions, nil
}

func readSession(in *cryptobyte.String) (*session, bool) {
	var name id
	var seconds uint64
	var visibility uint8
	if !in.CopyBytes(name[:]) || !in.ReadUint64(&seconds) || seconds>>secondsBits != 0 || !in.ReadUint8(&visibility) {
		return nil, false
	}
	shown := handshake.Shown{Visibility: handshake.Visibility(visibility)}
	switch shown.Visibility {
	case handshake.NotAsked, handshake.NotGiven:
	case handshake.Visible:
		var c clientcert.Certificate
		var subject cryptobyte.String
		if !in.CopyBytes(c.SHA256[:]) || !in.CopyBytes(c.SHA1[:]) || !in.ReadUint16LengthPrefixed(&subject) {
			return nil, false
		}
		shown.Certificate = clientcert.Restore(subject, c.SHA256, c.SHA1)
		if len(shown.Certificate.RawSubject) != len(subject) {
			return nil, false // no DER of a name
		}
	case handshake.Undecided, handshake.Encrypted, handshake.UnknownSession:
		return nil, false
	default:
		return nil, false
	}
	return newSession(name, time.Unix(int64(seconds), 0), shown), true
}

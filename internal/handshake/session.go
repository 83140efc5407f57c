package handshake

import (
	"bytes"
	"crypto/sha256"
	"slices"

	"golang.org/x/crypto/cryptobyte"
)

// SessionKey names a session without giving it away: the SHA-256 of what kind of name it has, and of its session id or ticket. It
// is to be used together with the host and port of the tunnel.
type SessionKey [sha256.Size]byte

// nameKind tells the names of sessions apart, so that none passes for another kind. Files have it in their keys.
type nameKind uint8

const (
	sessionID nameKind = iota + 1
	// soleTicket is one that a server gave and no id beside it.
	soleTicket
	// ticketBesideID is one of a server that gave an id, too, and may resume by either.
	ticketBesideID
)

func (k nameKind) key(name []byte) SessionKey {
	return sha256.Sum256(append([]byte{byte(k)}, name...))
}

// offer is by what a client lets an abbreviated handshake resume, once the ServerHello has come.
type offer struct {
	id       bool // a session id, which the server has given back
	idKey    SessionKey
	ticket   bool
	sole     SessionKey // of the ticket, if it is one
	besideID SessionKey // the same
	hashed   bool       // the id is the SHA-256 of the ticket, as OpenSSL makes it up
}

// noteSession keeps what is needed to tell which session is resumed, or made, if one is. A new session is not known by an id that
// the client chose.
func (w *Watcher) noteSession(h *serverHello) {
	hello, echoed := &w.hello, bytes.Equal(h.session, w.hello.session)
	if len(hello.session) > 0 && echoed {
		w.offer.id, w.offer.idKey = true, sessionID.key(hello.session)
	}
	if len(hello.ticket) > 0 {
		w.offer.ticket, w.offer.sole, w.offer.besideID = true, soleTicket.key(hello.ticket), ticketBesideID.key(hello.ticket)
		hash := sha256.Sum256(hello.ticket)
		w.offer.hashed = bytes.Equal(hello.session, hash[:])
	}
	if len(h.session) > 0 && !echoed {
		w.sessions = append(w.sessions, sessionID.key(h.session))
	}
	w.newTicket = soleTicket
	if len(h.session) > 0 {
		w.newTicket = ticketBesideID
	}
}

// resume judges a session as a resumed one, as the order of messages has shown it to be.
//
// Which of two names counts cannot always be seen: a server gives back the id by which it resumes (RFC 5246, section 7.4.1.3), but
// also one that the client made up beside the ticket by which it resumes (RFC 5077, section 3.4). So each past that the session may
// have is judged, and unless they are the same, the session counts as unknown, too.
func (w *Watcher) resume() error {
	pasts := w.pasts()
	if len(pasts) == 0 {
		return notOffered("a session to resume")
	}
	w.sessions = nil
	w.seen.Resumed = true
	for _, past := range pasts {
		if past.memorable() {
			w.seen.Certificate = past
			if err := w.judge(); err != nil {
				return err
			}
		}
	}
	w.seen.Certificate = pasts[0]
	if slices.ContainsFunc(pasts, func(past Shown) bool { return !past.same(pasts[0]) }) {
		w.seen.Certificate = Shown{Visibility: UnknownSession}
	}
	if err := w.judge(); err != nil {
		return err
	}
	w.debug("Server-side passed verification")
	return nil
}

// pasts are what may have been shown in the handshake that made the session which is resumed. There are none if the client has
// offered no session.
func (w *Watcher) pasts() []Shown {
	o := &w.offer
	var pasts []Shown
	w.newTicket = ticketBesideID
	if o.ticket {
		past, known := w.recall(o.sole)
		if known {
			w.newTicket = soleTicket
		} else {
			past, _ = w.recall(o.besideID)
		}
		pasts = append(pasts, past)
	}
	if o.id {
		// Clients make up an id beside a ticket, and no server has given one that is the ticket's hash. Of the other ids that are not
		// remembered this can only be believed where the server keeps no sessions under ids beside its tickets.
		past, known := w.recall(o.idKey)
		if madeUp := o.hashed || w.newTicket == soleTicket; known || !madeUp {
			pasts = append(pasts, past)
		}
	}
	return pasts
}

// recall is what is remembered of a session.
func (w *Watcher) recall(key SessionKey) (past Shown, known bool) {
	if w.cfg.Resumed != nil {
		if past, known = w.cfg.Resumed(key); known {
			return past, true
		}
	}
	return Shown{Visibility: UnknownSession}, false
}

// newSessionTicket reads a ticket (RFC 5077, section 3.3). In a resumed session it stands for the same past as the one offered.
func (w *Watcher) newSessionTicket(body []byte) error {
	var lifetime uint32
	var ticket cryptobyte.String
	in := cryptobyte.String(body)
	if !in.ReadUint32(&lifetime) || !in.ReadUint16LengthPrefixed(&ticket) || !in.Empty() {
		return invalidMessage(FromServer, typeNewSessionTicket, "its ticket does not end with it")
	}
	if w.phase == afterServerHello {
		if err := w.resume(); err != nil {
			return err
		}
	}
	if len(ticket) > 0 && w.seen.Certificate.memorable() {
		w.sessions = append(w.sessions, w.newTicket.key(ticket))
	}
	return w.finish(FromServer, typeNewSessionTicket)
}

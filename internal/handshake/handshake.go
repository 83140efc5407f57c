// Package handshake watches the TLS handshake in a tunnel without decrypting it: it reads the plaintext part in both directions
// and reports whether the session may go on. What it cannot follow is refused.
//
// It covers TLS 1.0 to 1.3 (RFC 2246, 4346, 5246, 8446). Up to TLS 1.2 it follows the whole handshake to both ChangeCipherSpecs;
// of TLS 1.3 it sees the hellos, the rest being encrypted.
//
// The package is pure: it starts no goroutine, does no I/O and reads no clock. The data path reads a chunk, feeds it, and
// forwards it only if it was not refused, so that no side ever gets the last fragment of an offending message.
package handshake

import (
	"crypto/tls"
	"errors"
	"time"

	"github.com/omsgateway/omsgateway/internal/clientcert"
	"github.com/omsgateway/omsgateway/internal/reason"
)

// What a caller has to keep, since this package has neither clock nor table.
const (
	// TimeLimit is for a handshake, from the first byte to the verdict; then Timeout is called.
	TimeLimit = 30 * time.Second
	// CloseLimit is for closing both sides after a handshake that has Ended.
	CloseLimit = 5 * time.Second
	// MaxTunnels may be in their handshake at once.
	MaxTunnels = 4096
)

// Bounds of one handshake. Sizes are in bytes.
const (
	maxClientHello       = 64 << 10
	maxServerHello       = 16 << 10
	maxLeaf              = 64 << 10
	maxClientCertificate = 256 << 10
	maxTicket            = 64<<10 + 6 // NewSessionTicket of RFC 5077: no ticket is longer
	maxPlain             = 1 << 20    // of each direction
	maxRecords           = 1 << 16    // of each direction
	maxIdle              = 16         // records in a row that advance nothing
	maxAlerts            = 4          // of each direction, whatever they say
	maxExtensions        = 256        // of a hello; no more than a quarter of these is assigned
)

// Direction tells which side sends.
type Direction uint8

// The two directions.
const (
	FromClient Direction = iota
	FromServer
)

func (d Direction) String() string {
	if d == FromClient {
		return "client"
	}
	return "server"
}

// Config is what a handshake is judged by.
type Config struct {
	// MinVersion and MaxVersion bound the version, as numbers of crypto/tls; zero means TLS 1.0 and TLS 1.3.
	MinVersion, MaxVersion uint16
	// Host is the host of the CONNECT: a canonical name (lower case, A-labels, no final dot) or an IP literal without brackets.
	Host string
	// AllowedName reports whether another server name than Host is itself allowed on the tunnel's port; nil allows none. It gets
	// lower case without a final dot, and never an IP literal.
	AllowedName func(name string) bool
	// RequireServerName refuses a client that names no server.
	RequireServerName bool
	// ClientCertificate says what is asked of the client's certificate.
	ClientCertificate Requirement
	// AllowedCertificate judges a certificate that the client shows, or has shown in the session that it resumes; nil allows none.
	AllowedCertificate func(*clientcert.Certificate) bool
	// Resumed tells what was shown in the handshake that made a session, if it is remembered; nil remembers none. It is asked for
	// each name that the session may have.
	Resumed func(SessionKey) (Shown, bool)
	// Budget bounds this and other tunnels together; nil leaves this one to its own bounds.
	Budget Budget
	// Debug gets the lines of the original's debug log, such as "[TLS][Handshake] >ClientHello"; may be nil.
	Debug func(line string)
}

// State tells how far a handshake has come.
type State uint8

// The states. A handshake begins as Pending.
const (
	// Pending: no verdict yet.
	Pending State = iota
	// Verified: the session counts as verified, and one direction is still watched.
	Verified
	// Done: the session is verified and there is nothing more to watch.
	Done
	// Ended: a side has ended the handshake with an alert or by closing, before the verdict. Only alerts pass now, and the caller
	// closes both sides within CloseLimit. It is no refusal.
	Ended
	// Refused: Feed or Timeout has returned a Refusal.
	Refused
)

// Verdict is what is known after a chunk that may be forwarded.
type Verdict struct {
	State State
	// Opaque: what follows in this direction is encrypted, or nothing follows. It need not be fed any more, except to be held back
	// in State Ended.
	Opaque bool
}

// ErrEnded holds back a chunk after a handshake that has Ended. It is no refusal.
var ErrEnded = errors.New("the TLS handshake has been ended by one side")

// Watcher follows the handshake of one tunnel. It is not safe for concurrent use: the caller serialises its two directions, and
// feeds a chunk before it is forwarded, in the order of arrival.
type Watcher struct {
	cfg     Config
	state   State
	phase   phase
	streams [2]stream
	refusal *Refusal

	hello        clientHello // the last one, until the ServerHello
	certificates certificateList
	held         int // bytes taken from the budget

	offer       offer    // the sessions that the ServerHello could resume
	newTicket   nameKind // of a ticket that comes now
	ticketAcked bool     // the ServerHello promises a NewSessionTicket
	statusAcked bool     // the ServerHello promises a CertificateStatus
	earlyData   bool     // the client's first hello announces early data
	retrySuite  uint16   // of the HelloRetryRequest
	clientCCS   bool     // a ChangeCipherSpec of the client was skipped
	asked       bool     // the server has sent a CertificateRequest
	legacy      uint16   // version that records have: of the client's first, then of the ServerHello
	clear       bool     // what the client has had ends on a record boundary, before the server's ChangeCipherSpec

	seen     Seen
	sessions []SessionKey
}

// New makes a Watcher.
func New(cfg Config) *Watcher {
	if cfg.MinVersion == 0 {
		cfg.MinVersion = tls.VersionTLS10
	}
	if cfg.MaxVersion == 0 {
		cfg.MaxVersion = tls.VersionTLS13
	}
	return &Watcher{cfg: cfg, legacy: tls.VersionTLS10, clear: true}
}

// Feed judges the next bytes of a direction. On an error the chunk must not be forwarded and both sides are closed: a *Refusal
// says why and what to tell the client, and ErrEnded is no refusal. How the bytes of a direction are cut into chunks makes no
// difference. Feed keeps no reference to chunk.
func (w *Watcher) Feed(d Direction, chunk []byte) (Verdict, error) {
	if w.state == Refused {
		return w.verdict(d), w.refusal
	}
	if w.state == Ended && w.streams[d].opaque {
		return w.verdict(d), ErrEnded // what is encrypted cannot be told from alerts
	}
	err := w.read(d, chunk)
	if err != nil && w.state == Ended {
		return w.verdict(d), ErrEnded
	}
	if refused, ok := errors.AsType[*reason.Error](err); ok {
		return w.verdict(d), w.refuse(refused)
	}
	if d == FromServer {
		s := &w.streams[d]
		w.clear = !s.opaque && s.have == 0
	}
	return w.verdict(d), nil
}

// End tells that a direction has ended (FIN) after all that was fed.
func (w *Watcher) End(d Direction) Verdict {
	switch w.state {
	case Pending:
		w.state = Ended
		w.drop()
	case Verified:
		w.close(d)
	case Done, Ended, Refused:
	}
	return w.verdict(d)
}

// Timeout is told that TimeLimit is over. It returns a *Refusal, or nil if the handshake is Done or Ended.
func (w *Watcher) Timeout() error {
	switch w.state {
	case Pending, Verified:
		return w.refuse(reason.New(reason.TLSHandshakeTimeout, "seconds", limit(int(TimeLimit.Seconds()))))
	case Refused:
		return w.refusal
	case Done, Ended:
	}
	return nil
}

// Close gives back what the watcher holds. It is needed when a tunnel goes away before Done, and does no harm later.
func (w *Watcher) Close() { w.drop() }

// State tells how far the handshake has come.
func (w *Watcher) State() State { return w.state }

// Seen is what the handshake has shown so far.
func (w *Watcher) Seen() Seen { return w.seen }

// Sessions are the keys under which Seen().Certificate is to be remembered, once the session is verified: of the session id and
// the ticket that the server gave in a full handshake, and of the ticket that it renewed in a resumed one whose past is known.
func (w *Watcher) Sessions() []SessionKey {
	if w.state != Verified && w.state != Done {
		return nil
	}
	return w.sessions
}

func (w *Watcher) verdict(d Direction) Verdict {
	return Verdict{State: w.state, Opaque: w.streams[d].opaque}
}

// verify notes that the session is verified.
func (w *Watcher) verify() {
	w.state = Verified
	w.drop()
}

// close ends the watch of a direction; after the second one of a verified session nothing is left to do.
func (w *Watcher) close(d Direction) {
	w.streams[d].opaque = true
	if w.state == Verified && w.streams[FromClient].opaque && w.streams[FromServer].opaque {
		w.state = Done
	}
}

// drop lets go of all that was collected.
func (w *Watcher) drop() {
	w.hello = clientHello{}
	w.certificates = certificateList{}
	for d := range w.streams {
		w.streams[d].buffer = nil
	}
	w.give(w.held)
}

func (w *Watcher) debug(line string) {
	if w.cfg.Debug != nil {
		w.cfg.Debug(line)
	}
}

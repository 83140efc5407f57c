package handshake

import "github.com/omsgateway/omsgateway/internal/clientcert"

// Seen is what a handshake has shown. What has not come yet is zero.
type Seen struct {
	Version     uint16 // as crypto/tls numbers them
	CipherSuite uint16
	ServerName  string // in lower case and without a final dot; empty if the client named none
	ALPN        string // the protocol that the server picked, up to TLS 1.2
	Resumed     bool   // the session was made in an earlier handshake
	Certificate Shown
}

// Shown is what is known of the client's certificate.
type Shown struct {
	Visibility  Visibility
	Certificate *clientcert.Certificate // if Visible
}

// memorable reports whether Shown is what a later handshake can inherit.
func (s Shown) memorable() bool {
	return s.Visibility == Visible || s.Visibility == NotAsked || s.Visibility == NotGiven
}

// same reports whether two tell the same.
func (s Shown) same(other Shown) bool {
	return s.Visibility == other.Visibility && (s.Visibility != Visible || s.Certificate.SHA256 == other.Certificate.SHA256)
}

// Visibility is whether the client's certificate could be seen, or why not.
type Visibility uint8

const (
	// Undecided: the handshake has not come so far.
	Undecided Visibility = iota
	// Visible: the client shows it, or has shown it in the handshake that made the session.
	Visible
	// NotAsked: the server has not asked for one in the handshake. It may ask later, encrypted.
	NotAsked
	// NotGiven: the server has asked, and the client has none.
	NotGiven
	// Encrypted: with TLS 1.3 nobody but the two sides can see it.
	Encrypted
	// UnknownSession: the session was made in a handshake that is not remembered.
	UnknownSession
)

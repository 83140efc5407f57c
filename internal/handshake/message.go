package handshake

import (
	"github.com/omsgateway/omsgateway/internal/reason"
)

// Handshake types (RFC 8446, appendix B.3; RFC 5246, section 7.4).
const (
	typeHelloRequest       = 0
	typeClientHello        = 1
	typeServerHello        = 2
	typeNewSessionTicket   = 4
	typeCertificate        = 11
	typeServerKeyExchange  = 12
	typeCertificateRequest = 13
	typeServerHelloDone    = 14
	typeCertificateVerify  = 15
	typeClientKeyExchange  = 16
	typeCertificateStatus  = 22
	typeChangeCipherSpec   = 254 // not a handshake type, but a step of the handshake all the same
)

// typeName is how the log calls a message.
func typeName(typ uint8) string {
	switch typ {
	case typeHelloRequest:
		return "HelloRequest"
	case typeClientHello:
		return "ClientHello"
	case typeServerHello:
		return "ServerHello"
	case typeNewSessionTicket:
		return "NewSessionTicket"
	case typeCertificate:
		return "Certificate"
	case typeServerKeyExchange:
		return "ServerKeyExchange"
	case typeCertificateRequest:
		return "CertificateRequest"
	case typeServerHelloDone:
		return "ServerHelloDone"
	case typeCertificateVerify:
		return "CertificateVerify"
	case typeClientKeyExchange:
		return "ClientKeyExchange"
	case typeCertificateStatus:
		return "CertificateStatus"
	case typeChangeCipherSpec:
		return "ChangeCipherSpec"
	}
	return "a message of type " + limit(int(typ))
}

const messageHeader = 4

// message is the message layer of one direction: a header, then a body that is skipped or collected.
type message struct {
	header [messageHeader]byte
	have   int // bytes of header; 0 between two messages
	left   int // bytes of the body that are still to come
}

func (m *message) typ() uint8 { return m.header[0] }

func (m *message) length() int {
	return int(m.header[1])<<16 | int(m.header[2])<<8 | int(m.header[3])
}

// messages takes the payload of handshake records apart. Records and messages are cut independently of each other.
func (w *Watcher) messages(d Direction, fragment []byte) error {
	s := &w.streams[d]
	m := &s.message
	for len(fragment) > 0 && !s.opaque {
		if m.have < messageHeader {
			first := m.have == 0
			n := copy(m.header[m.have:], fragment)
			m.have += n
			fragment = fragment[n:]
			if first {
				if err := w.begin(d, m.typ()); err != nil {
					return err
				}
			}
			if m.have == messageHeader {
				m.left = m.length()
				if err := checkLength(d, m); err != nil {
					return err
				}
			}
		}
		s.advanced = s.advanced || m.typ() != typeHelloRequest
		if m.have < messageHeader || m.left > 0 && len(fragment) == 0 {
			return nil
		}
		n := min(m.left, len(fragment))
		body := fragment[:n]
		fragment = fragment[n:]
		if err := w.body(d, body, len(fragment)+s.left); err != nil {
			return err
		}
		if m.left -= n; m.left == 0 {
			m.have = 0
		}
	}
	return nil
}

// checkLength holds a message to its bound before anything of it is collected.
func checkLength(d Direction, m *message) error {
	most := maxPlain
	switch m.typ() {
	case typeHelloRequest, typeServerHelloDone:
		if m.length() > 0 {
			return invalidMessage(d, m.typ(), "it is not empty")
		}
	case typeClientHello:
		most = maxClientHello
	case typeServerHello:
		most = maxServerHello
	case typeNewSessionTicket:
		most = maxTicket
	case typeCertificate:
		if d == FromClient {
			most = maxClientCertificate
		}
	default:
	}
	if m.length() > most {
		return reason.New(reason.TLSMessageTooLarge, "side", d.String(), "message", typeName(m.typ()), "limit", limit(most))
	}
	return nil
}

// body takes a fragment of the present message, the last one included, which may be empty. rest is the number of bytes that the
// record has behind it.
func (w *Watcher) body(d Direction, fragment []byte, rest int) error {
	s := &w.streams[d]
	m := &s.message
	last := len(fragment) == m.left
	switch m.typ() {
	case typeClientHello, typeServerHello, typeNewSessionTicket:
		whole, err := w.gather(s, fragment, m.left, m.length())
		if err != nil || !last {
			return err
		}
		err = w.collected(d, whole, rest)
		w.empty(s)
		return err
	case typeCertificate:
		if err := w.certificate(d, fragment, last); err != nil || !last {
			return err
		}
	}
	if !last {
		return nil
	}
	return w.finish(d, m.typ())
}

// collected judges a message that has come whole. What it keeps of it, it copies.
func (w *Watcher) collected(d Direction, body []byte, rest int) error {
	switch w.streams[d].message.typ() {
	case typeClientHello:
		return w.clientHello(body)
	case typeServerHello:
		return w.serverHello(body, rest)
	default:
		return w.newSessionTicket(body)
	}
}

func unexpected(d Direction, message string) error {
	return reason.New(reason.TLSMessageUnexpected, "side", d.String(), "message", message)
}

func invalidMessage(d Direction, typ uint8, problem string) error {
	return reason.New(reason.TLSMessageInvalid, "side", d.String(), "message", typeName(typ), "problem", problem)
}

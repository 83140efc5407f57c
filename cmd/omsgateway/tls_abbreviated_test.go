package main_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

// made12 is a session of TLS 1.2 as its client has it: what resumes it, and what proves that it is the client's.
type made12 struct {
	id     []byte // that the server gave; empty for none
	ticket []byte // the same
	suite  uint16
	secret []byte // the master secret
}

// makeSession has the standard library make a session at conn, showing a certificate unless shows is nil, and reads what it leaves
// to its client. Without tickets the client does not offer to take one.
func makeSession(t *testing.T, conn net.Conn, shows *identity, tickets bool) made12 {
	t.Helper()
	var secrets bytes.Buffer
	heard := &heard{Conn: conn}
	config := &tls.Config{
		MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12, KeyLogWriter: &secrets,
		SessionTicketsDisabled: !tickets, ClientSessionCache: tls.NewLRUClientSessionCache(1), // without which it takes none
		CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256},
	}
	if shows != nil {
		config.Certificates = []tls.Certificate{shows.tls}
	}
	talkGo(t, heard, config).end(t)

	var s made12
	var err error
	fields := strings.Fields(secrets.String()) // CLIENT_RANDOM, it, and the master secret
	if s.secret, err = hex.DecodeString(fields[len(fields)-1]); err != nil || fields[0] != "CLIENT_RANDOM" {
		t.Fatalf("%v: %q", err, secrets.String())
	}
	in := plainMessages{reader: &heard.data}
	for {
		typ, body, err := in.next()
		switch {
		case err != nil:
			t.Fatalf("the server's part of the handshake cannot be read: %v", err)
		case typ == 2:
			s.id, s.suite, _ = readServerHello(body)
		case typ == 4:
			s.ticket = body[6:]
		case typ == changeCipherSpec:
			return s
		}
	}
}

// heard keeps what was read.
type heard struct {
	net.Conn
	data bytes.Buffer
}

func (h *heard) Read(p []byte) (int, error) {
	n, err := h.Conn.Read(p)
	h.data.Write(p[:n])
	return n, err
}

func (h *heard) CloseWrite() error { return h.Conn.(*net.TCPConn).CloseWrite() }

// resumption is what became of an attempt to resume a session.
type resumption struct {
	outcome
	echoed  bool   // the server gave the offered id back
	renewed []byte // the ticket that it gave
}

// resumeSession offers an id and a ticket, either of which may be nil, and goes through an abbreviated handshake (RFC 5246, section
// 7.3) with the secret of a session that may have other ones. No library would do that.
func resumeSession(t *testing.T, conn net.Conn, id, ticket []byte, s made12) resumption {
	t.Helper()
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	c := abbreviated{conn: conn, session: s}
	var got resumption
	got.err = c.handshake(id, ticket, &got)
	if got.err == nil {
		got.err = c.echo()
	}
	if got.err == nil {
		got.err = c.write(21, []byte{1, 0}) // close_notify, without which OpenSSL forgets the session
	}
	if got.err == nil {
		_, _ = io.Copy(io.Discard, conn)
	}
	got.passed = got.err == nil
	if alert, ok := errors.AsType[alertError](got.err); ok {
		got.alert = int(alert)
	}
	return got
}

// alertError is a fatal alert of the other side.
type alertError int

func (e alertError) Error() string { return fmt.Sprintf("alert %d", int(e)) }

// abbreviated is a client of TLS 1.2 that can resume sessions with ECDHE and AES_128_GCM_SHA256, and nothing else.
type abbreviated struct {
	conn       net.Conn
	session    made12
	transcript bytes.Buffer
	in, out    protection
}

func (c *abbreviated) handshake(id, ticket []byte, got *resumption) error {
	random := make([]byte, 32)
	_, _ = rand.Read(random)
	body := slices.Concat([]byte{3, 3}, random, []byte{byte(len(id))}, id,
		[]byte{0, 4, byte(c.session.suite >> 8), byte(c.session.suite), 0, 0xff, 1, 0}) // secure renegotiation
	extensions := [][]byte{
		nameExtension("localhost"), groups, extension(11, []byte{1, 0}), extension(13, prefixed([]byte{4, 3, 4, 1, 8, 4})),
		extension(23, nil), // the master secret is an extended one, as that of the session
	}
	if ticket != nil {
		extensions = append(extensions, extension(35, ticket))
	}
	hello := record(22, 1, append(body, prefixed(extensions...)...))
	c.transcript.Write(hello[5:])
	if _, err := c.conn.Write(hello); err != nil {
		return err
	}

	in := plainMessages{reader: c.conn, transcript: &c.transcript}
	var serverRandom []byte
	for got.resumed = false; !got.resumed; {
		typ, body, err := in.next()
		switch {
		case err != nil:
			return err
		case typ == 2:
			serverID, _, r := readServerHello(body)
			serverRandom, got.echoed = r, len(id) > 0 && bytes.Equal(id, serverID)
		case typ == 4:
			got.renewed = body[6:]
		case typ == changeCipherSpec:
			got.resumed = true
		default:
			return fmt.Errorf("message %d of a full handshake", typ)
		}
	}

	keys := prf(c.session.secret, "key expansion", slices.Concat(serverRandom, random), 40)
	c.out, c.in = newProtection(keys[:16], keys[32:36]), newProtection(keys[16:32], keys[36:40])
	finished, err := c.read(22)
	if err != nil {
		return err
	}
	if want := c.finished("server finished"); !bytes.Equal(finished, want) {
		return fmt.Errorf("the server's Finished is %x, want %x", finished, want)
	}
	c.transcript.Write(finished)
	if _, err := c.conn.Write([]byte{20, 3, 3, 0, 1, 1}); err != nil {
		return err
	}
	return c.write(22, c.finished("client finished"))
}

func (c *abbreviated) finished(label string) []byte {
	sum := sha256.Sum256(c.transcript.Bytes())
	return append([]byte{20, 0, 0, 12}, prf(c.session.secret, label, sum[:], 12)...)
}

// echo has a line answered.
func (c *abbreviated) echo() error {
	if err := c.write(23, []byte(lineSaid+"\n")); err != nil {
		return err
	}
	var answer []byte
	for !lineAnswered.Match(answer) {
		more, err := c.read(23)
		if err != nil {
			return fmt.Errorf("after the answer %q: %w", answer, err)
		}
		answer = append(answer, more...)
	}
	return nil
}

func (c *abbreviated) write(typ byte, content []byte) error {
	_, err := c.conn.Write(slices.Concat([]byte{typ, 3, 3}, prefixed(c.out.seal(typ, content))))
	return err
}

func (c *abbreviated) read(want byte) ([]byte, error) {
	typ, sealed, err := readRecord(c.conn)
	if err != nil {
		return nil, err
	}
	content, err := c.in.open(typ, sealed)
	switch {
	case err != nil:
		return nil, err
	case typ == 21 && len(content) == 2:
		return nil, alertError(content[1])
	case typ != want:
		return nil, fmt.Errorf("a record of type %d instead of %d", typ, want)
	}
	return content, nil
}

// protection is AES_128_GCM of one direction (RFC 5288).
type protection struct {
	aead  cipher.AEAD
	salt  []byte
	count uint64
}

func newProtection(key, salt []byte) protection {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // the key has 16 bytes
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return protection{aead: aead, salt: salt}
}

func (p *protection) seal(typ byte, content []byte) []byte {
	explicit := binary.BigEndian.AppendUint64(nil, p.count)
	return p.aead.Seal(explicit, slices.Concat(p.salt, explicit), content, p.additional(typ, len(content)))
}

func (p *protection) open(typ byte, sealed []byte) ([]byte, error) {
	if len(sealed) < 8+p.aead.Overhead() {
		return nil, fmt.Errorf("a record of %d bytes is not encrypted", len(sealed))
	}
	explicit, sealed := sealed[:8], sealed[8:]
	return p.aead.Open(nil, slices.Concat(p.salt, explicit), sealed, p.additional(typ, len(sealed)-p.aead.Overhead()))
}

// additional is the additional data of the next record.
func (p *protection) additional(typ byte, size int) []byte {
	data := binary.BigEndian.AppendUint64(nil, p.count)
	p.count++
	return binary.BigEndian.AppendUint16(append(data, typ, 3, 3), uint16(size))
}

// prf is that of TLS 1.2 (RFC 5246, section 5).
func prf(secret []byte, label string, seed []byte, size int) []byte {
	sum := func(parts ...[]byte) []byte {
		h := hmac.New(sha256.New, secret)
		h.Write(bytes.Join(parts, nil))
		return h.Sum(nil)
	}
	seed = append([]byte(label), seed...)
	var out []byte
	for a := sum(seed); len(out) < size; a = sum(a) {
		out = append(out, sum(a, seed)...)
	}
	return out[:size]
}

// changeCipherSpec is told from the types of handshake messages.
const changeCipherSpec = 254

// plainMessages reads handshake messages that are not encrypted, and adds them to a transcript unless that is nil.
type plainMessages struct {
	reader     io.Reader
	transcript *bytes.Buffer
	rest       []byte
}

// next is the type and the body of the next message. Other records than those of the handshake are errors, but for a
// ChangeCipherSpec.
func (m *plainMessages) next() (typ byte, body []byte, err error) {
	for {
		if len(m.rest) >= 4 {
			end := 4 + int(m.rest[1])<<16 + int(m.rest[2])<<8 + int(m.rest[3])
			if len(m.rest) >= end {
				message := m.rest[:end]
				m.rest = m.rest[end:]
				if m.transcript != nil {
					m.transcript.Write(message)
				}
				return message[0], message[4:], nil
			}
		}
		typ, content, err := readRecord(m.reader)
		switch {
		case err != nil:
			return 0, nil, err
		case typ == 20:
			return changeCipherSpec, nil, nil
		case typ == 21 && len(content) == 2:
			return 0, nil, alertError(content[1])
		case typ != 22:
			return 0, nil, fmt.Errorf("a record of type %d in the handshake", typ)
		}
		m.rest = append(m.rest, content...)
	}
}

func readRecord(r io.Reader) (typ byte, content []byte, err error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	content = make([]byte, binary.BigEndian.Uint16(head[3:]))
	_, err = io.ReadFull(r, content)
	return head[0], content, err
}

func readServerHello(body []byte) (id []byte, suite uint16, random []byte) {
	end := 35 + int(body[34])
	return body[35:end], binary.BigEndian.Uint16(body[end:]), body[2:34]
}

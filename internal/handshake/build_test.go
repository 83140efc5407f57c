package handshake_test

import (
	"crypto/tls"
	"slices"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/omsgateway/omsgateway/internal/handshake"
)

const host = "gateway.example.com"

// turn is what one side sends before the other does.
type turn struct {
	from handshake.Direction
	data []byte
}

// conversation is what both sides send, in the order in which a proxy sees it.
type conversation []turn

func client(parts ...[]byte) turn { return turn{handshake.FromClient, slices.Concat(parts...)} }
func server(parts ...[]byte) turn { return turn{handshake.FromServer, slices.Concat(parts...)} }

// Content types, and the handshake types that the tests build.
const (
	typeCCS         = 20
	typeAlert       = 21
	typeHandshake   = 22
	typeApplication = 23
	typeHeartbeat   = 24

	helloRequest       = 0
	clientHelloType    = 1
	serverHelloType    = 2
	newSessionTicket   = 4
	encryptedExts      = 8
	certificateType    = 11
	serverKeyExchange  = 12
	certificateRequest = 13
	serverHelloDone    = 14
	certificateVerify  = 15
	clientKeyExchange  = 16
	certificateURL     = 21
	certificateStatus  = 22
)

// record is a record of TLS 1.2.
func record(typ uint8, payload ...byte) []byte { return versioned(tls.VersionTLS12, typ, payload...) }

func versioned(version uint16, typ uint8, payload ...byte) []byte {
	var b cryptobyte.Builder
	b.AddUint8(typ)
	b.AddUint16(version)
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(payload) })
	return b.BytesOrPanic()
}

// message is a handshake message without a record around it.
func message(typ uint8, body ...byte) []byte {
	var b cryptobyte.Builder
	b.AddUint8(typ)
	b.AddUint24LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(body) })
	return b.BytesOrPanic()
}

// messages is one record with handshake messages.
func messages(parts ...[]byte) []byte { return record(typeHandshake, slices.Concat(parts...)...) }

// header is that of a message that claims a length.
func claimed(typ uint8, length int) []byte {
	return []byte{typ, byte(length >> 16), byte(length >> 8), byte(length)}
}

func warning(description byte) []byte { return record(typeAlert, 1, description) }
func fatal(description byte) []byte   { return record(typeAlert, 2, description) }

var ccs = record(typeCCS, 1)

// finished is what follows a ChangeCipherSpec: a record whose payload looks encrypted.
var finished = record(typeHandshake, slices.Repeat([]byte{0xee}, 40)...)

// random is that of every hello here.
var random = []byte(strings.Repeat("R", 32))

// retryRandom is that of a HelloRetryRequest (RFC 8446, section 4.1.3).
var retryRandom = []byte{
	0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
	0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
}

type extension struct {
	typ  uint16
	data []byte
}

// hello is a ClientHello, or with one suite and one compression a ServerHello.
type hello struct {
	version      uint16
	random       []byte
	session      []byte
	suites       []uint16
	compressions []byte
	extensions   []extension
	rest         []byte // behind the extensions
}

// hello12 is a client of TLS 1.2 that has no session.
func hello12() hello {
	return hello{
		version: tls.VersionTLS12, random: random, suites: []uint16{0xc02b, 0xc02f, 0x00ff}, compressions: []byte{0},
		extensions: []extension{sni(host), {10, u16s(29, 23)}, {35, nil}, {5, []byte{1, 0, 0, 0, 0}}, alpn("h2", "http/1.1")},
	}
}

// hello13 is a client of TLS 1.2 and 1.3.
func hello13() hello {
	h := hello12()
	h.session = []byte(strings.Repeat("S", 32))
	h.suites = append([]uint16{0x1301, 0x1302}, h.suites...)
	return h.with(extension{43, versions(0x0a0a, tls.VersionTLS13, tls.VersionTLS12)}, shares(29))
}

// hello0RTT is a client of TLS 1.3 that announces early data.
func hello0RTT() hello { return hello13().with(extension{42, nil}, preSharedKey(1)) }

// with adds extensions, or puts them in the place of those of the same type.
func (h hello) with(extensions ...extension) hello {
	h.extensions = slices.Clone(h.extensions)
	for _, e := range extensions {
		if i := slices.IndexFunc(h.extensions, func(old extension) bool { return old.typ == e.typ }); i >= 0 {
			h.extensions[i] = e
		} else {
			h.extensions = append(h.extensions, e)
		}
	}
	return h
}

func (h hello) without(typ uint16) hello {
	h.extensions = slices.DeleteFunc(slices.Clone(h.extensions), func(e extension) bool { return e.typ == typ })
	return h
}

// client is the message ClientHello.
func (h hello) client() []byte {
	var b cryptobyte.Builder
	b.AddUint16(h.version)
	b.AddBytes(h.random)
	b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(h.session) })
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
		for _, s := range h.suites {
			b.AddUint16(s)
		}
	})
	b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(h.compressions) })
	h.addExtensions(&b)
	return message(clientHelloType, b.BytesOrPanic()...)
}

// server is the message ServerHello.
func (h hello) server() []byte {
	var b cryptobyte.Builder
	b.AddUint16(h.version)
	b.AddBytes(h.random)
	b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(h.session) })
	b.AddUint16(h.suites[0])
	b.AddUint8(h.compressions[0])
	h.addExtensions(&b)
	return message(serverHelloType, b.BytesOrPanic()...)
}

func (h hello) addExtensions(b *cryptobyte.Builder) {
	if h.extensions != nil {
		b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
			for _, e := range h.extensions {
				b.AddUint16(e.typ)
				b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(e.data) })
			}
		})
	}
	b.AddBytes(h.rest)
}

// picked12 is a server that answers hello12 with TLS 1.2.
func picked12() hello {
	return hello{
		version: tls.VersionTLS12, random: random, session: []byte("new session"), suites: []uint16{0xc02b}, compressions: []byte{0},
		extensions: []extension{{0xff01, []byte{0}}, {35, nil}, {5, nil}},
	}
}

// picked13 is a server that answers hello13 with TLS 1.3.
func picked13() hello {
	return hello{
		version: tls.VersionTLS12, random: random, session: hello13().session, suites: []uint16{0x1301}, compressions: []byte{0},
		extensions: []extension{{43, u16(tls.VersionTLS13)}, share(29)},
	}
}

// retry is a HelloRetryRequest for hello13 that asks for group 23.
func retry() hello {
	h := picked13().with(extension{51, u16(23)})
	h.random = retryRandom
	return h
}

func sni(names ...string) extension {
	var b cryptobyte.Builder
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
		for _, name := range names {
			b.AddUint8(0)
			b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes([]byte(name)) })
		}
	})
	return extension{0, b.BytesOrPanic()}
}

func alpn(names ...string) extension {
	var b cryptobyte.Builder
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
		for _, name := range names {
			b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes([]byte(name)) })
		}
	})
	return extension{16, b.BytesOrPanic()}
}

func shares(groups ...uint16) extension {
	var b cryptobyte.Builder
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
		for _, group := range groups {
			b.AddUint16(group)
			b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes([]byte("key")) })
		}
	})
	return extension{51, b.BytesOrPanic()}
}

// share is the key_share of a ServerHello.
func share(group uint16) extension { return extension{51, append(u16(group), 0, 1, 'k')} }

func preSharedKey(count int) extension {
	var b cryptobyte.Builder
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
		for range count {
			b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes([]byte("ticket")) })
			b.AddUint32(7)
		}
	})
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
		for range count {
			b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(random) })
		}
	})
	return extension{41, b.BytesOrPanic()}
}

func u16(v uint16) []byte { return []byte{byte(v >> 8), byte(v)} }

// u16s is a list of numbers with a length of two bytes before it.
func u16s(list ...uint16) []byte {
	data := u16(uint16(2 * len(list)))
	for _, v := range list {
		data = append(data, u16(v)...)
	}
	return data
}

// versions is the data of supported_versions in a ClientHello.
func versions(list ...uint16) []byte { return u16s(list...)[1:] }

// certificates is the message Certificate.
func certificates(list ...[]byte) []byte {
	var b cryptobyte.Builder
	b.AddUint24LengthPrefixed(func(b *cryptobyte.Builder) {
		for _, c := range list {
			b.AddUint24LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(c) })
		}
	})
	return message(certificateType, b.BytesOrPanic()...)
}

// ticket is the message NewSessionTicket.
func ticket(data string) []byte {
	var b cryptobyte.Builder
	b.AddUint32(7200)
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes([]byte(data)) })
	return message(newSessionTicket, b.BytesOrPanic()...)
}

// leaf is a certificate with that CN and O=Test.
func leaf(cn string) []byte {
	var b cryptobyte.Builder
	empty := func(*cryptobyte.Builder) {}
	attribute := func(b *cryptobyte.Builder, oid []byte, value string) {
		b.AddASN1(asn1.SET, func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1(asn1.OBJECT_IDENTIFIER, func(b *cryptobyte.Builder) { b.AddBytes(oid) })
				b.AddASN1(asn1.UTF8String, func(b *cryptobyte.Builder) { b.AddBytes([]byte(value)) })
			})
		})
	}
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1Int64(1)
			b.AddASN1(asn1.SEQUENCE, empty)
			b.AddASN1(asn1.SEQUENCE, empty)
			b.AddASN1(asn1.SEQUENCE, empty)
			b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
				attribute(b, []byte{0x55, 4, 10}, "Test")
				attribute(b, []byte{0x55, 4, 3}, cn)
			})
		})
		b.AddASN1(asn1.SEQUENCE, empty)
		b.AddASN1BitString(slices.Repeat([]byte{0xaa}, 600)) // the size of a real one
	})
	return b.BytesOrPanic()
}

// Messages whose contents nobody reads.
var (
	serverChain = certificates(leaf(host), leaf("CA"))
	keyExchange = message(serverKeyExchange, random...)
	askForOne   = message(certificateRequest, random...)
	done        = message(serverHelloDone)
	clientKey   = message(clientKeyExchange, random...)
	proof       = message(certificateVerify, random...)
	stapled     = message(certificateStatus, random...)
)

// Handshakes of TLS 1.2.

// full is a handshake in which the server asks for no client certificate.
func full() conversation {
	return conversation{
		client(messages(hello12().client())),
		server(messages(picked12().server()), messages(serverChain), messages(stapled), messages(keyExchange), messages(done)),
		client(messages(clientKey), ccs, finished),
		server(messages(ticket("ticket")), ccs, finished),
	}
}

// fullWith is one in which it asks, and the client gives chain.
func fullWith(chain ...[]byte) conversation {
	answer := messages(certificates(chain...), clientKey)
	if len(chain) > 0 {
		answer = append(answer, messages(proof)...)
	}
	return conversation{
		client(messages(hello12().client())),
		server(messages(picked12().server(), serverChain, keyExchange, askForOne, done)),
		client(answer, ccs, finished),
		server(ccs, finished),
	}
}

// resumed is a handshake that resumes the session of the ticket and renews that.
func resumed(old, renewed string) conversation {
	h := hello12().with(extension{35, []byte(old)})
	h.session = []byte("made up")
	picked := picked12()
	picked.session = h.session
	answer := messages(picked.server())
	if renewed != "" {
		answer = append(answer, messages(ticket(renewed))...)
	}
	return conversation{client(messages(h.client())), server(answer, ccs, finished), client(ccs, finished)}
}

// Handshakes of TLS 1.3.

func full13() conversation {
	return conversation{
		client(messages(hello13().client())),
		server(messages(picked13().server()), ccs, record(typeApplication, random...)),
		client(ccs, record(typeApplication, random...)),
	}
}

func retried() conversation {
	second := hello13().with(shares(23))
	picked := picked13().with(share(23))
	return conversation{
		client(messages(hello13().client())),
		server(messages(retry().server()), ccs),
		client(ccs, messages(second.client())),
		server(messages(picked.server()), record(typeApplication, random...)),
		client(record(typeApplication, random...)),
	}
}

// refused0RTT is a retried handshake whose client has sent early data in vain.
func refused0RTT() conversation {
	early := record(typeApplication, slices.Repeat([]byte{1}, 5000)...)
	c := retried()
	c[0] = client(messages(hello0RTT().client()), ccs, early)
	c[2] = client(early, messages(hello13().with(shares(23), preSharedKey(1)).client()))
	return c
}

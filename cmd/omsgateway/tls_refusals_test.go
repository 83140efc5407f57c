package main_test

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/cryptobyte"

	"github.com/omsgateway/omsgateway/internal/reason"
)

// TestTLSRefusals has each refusal in the table of docs/tls.md happen in one gateway, between sides that say what no library
// would: the client gets the alert of the page, the receiver does not get the offending message, and the event is that of the
// page. The page has every reason that there is.
func TestTLSRefusals(t *testing.T) {
	t.Parallel()
	table := readTable(t, "reason")
	g := runTLSGateway(t)
	tested := []string{
		// These take up to 30 s or 256 MiB, and are tested where there is no real clock and no real budget.
		"`TLS_HANDSHAKE_TIMEOUT`", "`TLS_HELLO_TIMEOUT`", "`TLS_TOO_MUCH_COLLECTED`", "`TLS_CLIENT_COLLECTED_TOO_MUCH`",
	}
	for _, r := range tlsRefusals() {
		name := "`" + r.reason + "`"
		tested = append(tested, name)
		row := table.rows[name]
		if len(row) != len(table.columns) {
			t.Fatalf("docs/tls.md has no row for %s", r.reason)
		}
		t.Run(r.reason, func(t *testing.T) {
			event, _ := strconv.Atoi(row[0])
			alert, _ := strconv.Atoi(row[1])
			if key, value, ok := strings.Cut(r.setting, "="); ok {
				set := func(value string) {
					g.call(t, "SettingService/SetSetting", fmt.Sprintf(`{"key":%q,"value":%q}`, key, value), nil)
				}
				set(value)
				defer set("")
			}
			g.refuse(t, r, cell{event: event, reason: r.reason, alert: alert})
		})
	}
	g.compareCounters(t)

	slices.Sort(tested)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(table.rows)), tested); diff != "" {
		t.Errorf("the reasons of docs/tls.md are not those that are tested (-page +tests):\n%s", diff)
	}
	for _, r := range reason.All() {
		about := strings.HasPrefix(string(r), "TLS_") || strings.HasPrefix(string(r), "SSL") || strings.HasPrefix(string(r), "SERVER_")
		if about && table.rows["`"+string(r)+"`"] == nil {
			t.Errorf("docs/tls.md does not have the reason %s", r)
		}
	}
}

// tlsRefusal is a conversation whose last turn is refused.
type tlsRefusal struct {
	reason  string
	setting string // KEY=VALUE that it takes
	turns   []turn
}

// turn is what one side says; the other reads it before the next turn.
type turn struct {
	server bool // whether the server says it
	data   []byte
}

func tlsRefusals() []tlsRefusal {
	client := func(data ...[]byte) turn { return turn{data: bytes.Join(data, nil)} }
	server := func(data ...[]byte) turn { return turn{server: true, data: bytes.Join(data, nil)} }
	hello12 := client(clientHello(0x0303, nameExtension("localhost")))
	hello13 := client(clientHello(0x0303, nameExtension("localhost"), versions13, groups, noShares))
	flight := server(serverHello(0xc02f), certificate, record(22, 14, nil))
	return []tlsRefusal{
		{"TLS_NOT_SPOKEN", "", []turn{client([]byte("GET / HTTP/1.1\r\n\r\n"))}},
		{"TLS_SERVER_FIRST", "", []turn{server([]byte("220 localhost ESMTP\r\n"))}},
		{"TLS_RECORD_INVALID", "", []turn{client([]byte{22, 3, 1, 0x40, 1, 1})}}, // 16,385 bytes
		{"TLS_MESSAGE_INVALID", "", []turn{client(record(22, 1, []byte{3, 3}))}},
		{"TLS_MESSAGE_UNEXPECTED", "", []turn{hello12, client(record(22, 16, nil))}},
		{"TLS_MESSAGE_TOO_LARGE", "", []turn{client([]byte{22, 3, 1, 0, 4, 1, 1, 0, 1})}}, // a ClientHello of 65,537 bytes
		{"TLS_HANDSHAKE_TOO_LARGE", "", []turn{hello12, flight, client(endless(16))}},
		{"TLS_NO_PROGRESS", "", []turn{hello13, client(bytes.Repeat([]byte{20, 3, 3, 0, 1, 1}, 17))}},
		{"TLS_TOO_MANY_WARNINGS", "", []turn{hello12, client(bytes.Repeat([]byte{21, 3, 3, 0, 2, 1, 90}, 5))}},
		{"SERVER_NAME_INVALID", "", []turn{client(clientHello(0x0303, nameExtension("local\x00host")))}},

		{"SSL2_NOT_ALLOWED", "", []turn{client([]byte{0x80, 46, 1, 3, 1, 0, 21, 0, 0, 0, 16})}},
		{"TLS_VERSION_NOT_ALLOWED", "", []turn{client(clientHello(0x0300, nameExtension("localhost")))}},
		{"TLS_DRAFT_NOT_ALLOWED", "", []turn{client(clientHello(0x0303, extension(43, []byte{2, 0x7f, 28})))}},
		{"TLS_EARLY_DATA_LOST", "MaximumTlsVersion=1.2", []turn{
			client(clientHello(0x0303, extension(43, []byte{4, 3, 4, 3, 3}), extension(42, nil), preSharedKey)),
		}},
		{"SERVER_NAME_NOT_ALLOWED", "", []turn{client(clientHello(0x0303, nameExtension("other.example.com")))}},
		{"SERVER_NAME_MISSING", "RequireServerName=On", []turn{client(clientHello(0x0303))}},
		{"SERVER_NAME_CHANGED", "", []turn{
			hello13, server(helloRetryRequest),
			client(clientHello(0x0303, nameExtension("other.example.com"), versions13, groups, noShares)),
		}},
		{"TLS_NOT_OFFERED", "", []turn{hello12, server(serverHello(0xc030))}},
		{"TLS_NOT_CHECKABLE", "", []turn{
			client(clientHello(0x0303, nameExtension("localhost"), extension(20, []byte{1, 2}))),
			server(serverHello(0xc02f, extension(20, []byte{2}))),
		}},
		{"SERVER_CERTIFICATE_MISSING", "", []turn{hello12, server(serverHello(0xc02f), record(22, 14, nil))}},
	}
}

// refuse plays a conversation through the gateway.
func (g *tlsGateway) refuse(t *testing.T, r tlsRefusal, want cell) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	target := "localhost:" + port
	g.allow(t, target, "OFF")

	front, err := net.DialTimeout("tcp", g.proxy, patience)
	if err != nil {
		t.Fatal(err)
	}
	defer front.Close()
	_ = front.SetDeadline(time.Now().Add(patience))
	if err := connect(front, target); err != nil {
		t.Fatal(err)
	}
	back, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer back.Close()
	_ = back.SetDeadline(time.Now().Add(patience))

	last := r.turns[len(r.turns)-1]
	for _, said := range r.turns[:len(r.turns)-1] {
		from, to := front, back
		if said.server {
			from, to = back, front
		}
		if _, err := from.Write(said.data); err != nil {
			t.Fatal(err)
		}
		heard := make([]byte, len(said.data))
		if _, err := io.ReadFull(to, heard); err != nil || !bytes.Equal(heard, said.data) {
			t.Fatalf("what was said was not heard: %v", err)
		}
	}
	heard := make(chan []byte)
	go func() {
		data, _ := io.ReadAll(back)
		heard <- data
	}()
	from := front
	if last.server {
		from = back
	}
	_, _ = from.Write(last.data) // the gateway may have closed before all is written
	answer, err := io.ReadAll(front)
	_ = front.Close() // the gateway waits for that
	if n := len(<-heard); !last.server && n >= len(last.data) {
		t.Error("the server has got the offending message")
	}
	if err != nil || len(answer) != 7 || answer[0] != 21 || answer[1] != 3 || answer[5] != 2 || int(answer[6]) != want.alert {
		t.Errorf("the client got %x, %v; want alert %d and nothing else", answer, err, want.alert)
	}
	trace := g.nextTrace(t, target)
	g.judgeRefusal(t, target, trace, want)
	if t.Failed() {
		t.Logf("the gateway's log:\n%s", trace.text)
	}
}

// Parts of handshakes, by hand (RFC 5246, section 7.4; RFC 8446, section 4).
var (
	versions13   = extension(43, []byte{2, 3, 4})
	groups       = extension(10, []byte{0, 2, 0, 23}) // secp256r1
	noShares     = extension(51, []byte{0, 0})
	preSharedKey = extension(41, slices.Concat([]byte{0, 7, 0, 1, 'i', 0, 0, 0, 0}, []byte{0, 33, 32}, make([]byte, 32)))
	certificate  = record(22, 11, []byte{0, 0, 4, 0, 0, 1, 0})

	helloRetryRequest = record(22, 2, slices.Concat([]byte{3, 3}, []byte("\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c\x02\x1e\x65\xb8\x91"+
		"\xc2\xa2\x11\x16\x7a\xbb\x8c\x5e\x07\x9e\x09\xe2\xc8\xa8\x33\x9c"), []byte{0, 0x13, 1, 0},
		prefixed(extension(43, []byte{3, 4}), extension(51, []byte{0, 23}))))
)

// clientHello offers one cipher suite of TLS 1.2 and one of 1.3.
func clientHello(version uint16, extensions ...[]byte) []byte {
	body := slices.Concat([]byte{byte(version >> 8), byte(version)}, make([]byte, 32), []byte{0, 0, 4, 0xc0, 0x2f, 0x13, 1, 1, 0})
	return record(22, 1, append(body, prefixed(extensions...)...))
}

// serverHello is one of TLS 1.2.
func serverHello(suite uint16, extensions ...[]byte) []byte {
	body := slices.Concat([]byte{3, 3}, make([]byte, 32), []byte{0, byte(suite >> 8), byte(suite), 0})
	return record(22, 2, append(body, prefixed(extensions...)...))
}

func nameExtension(name string) []byte {
	return extension(0, prefixed(append([]byte{0}, prefixed([]byte(name))...)))
}

func extension(typ byte, data []byte) []byte { return append([]byte{0, typ}, prefixed(data)...) }

// prefixed has the length of its parts before them, in two bytes.
func prefixed(parts ...[]byte) []byte {
	var b cryptobyte.Builder
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
		for _, part := range parts {
			b.AddBytes(part)
		}
	})
	return b.BytesOrPanic()
}

// record has one handshake message.
func record(typ, message byte, body []byte) []byte {
	return slices.Concat([]byte{typ, 3, 3}, prefixed([]byte{message, 0, byte(len(body) >> 8), byte(len(body))}, body))
}

// endless is a message that claims 1 MiB, in records of 16 KiB.
func endless(message byte) []byte {
	const size = 1 << 14
	content := append([]byte{message, 0x10, 0, 0}, make([]byte, 1<<20)...)
	var records []byte
	for part := range slices.Chunk(content, size) {
		records = slices.Concat(records, []byte{22, 3, 3}, prefixed(part))
	}
	return records
}

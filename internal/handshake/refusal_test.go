package handshake_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/omsgateway/omsgateway/internal/handshake"
	"github.com/omsgateway/omsgateway/internal/reason"
)

// refusalCase is a conversation whose last turn is refused, and none before.
type refusalCase struct {
	cfg    handshake.Config
	turns  conversation
	reason reason.Reason
	text   string // part of it
}

func checkRefusals(t *testing.T, event int, alerts map[reason.Reason]reason.Alert, cases map[string]refusalCase) {
	t.Helper()
	for title, c := range cases {
		t.Run(title, func(t *testing.T) {
			got := judge(t, c.cfg, c.turns)
			if got.Reason != c.reason || got.Event != event || got.Alert != alerts[c.reason] {
				t.Fatalf("alert %d, %s, want event=%d reason=%s alert=%d\n%s", got.Alert, got, event, c.reason, alerts[c.reason], got.Text)
			}
			if !strings.Contains(got.Text, c.text) || strings.Contains(got.Text, "{") {
				t.Errorf("text %q, want %q in it and no part open", got.Text, c.text)
			}
			before := replay(t, c.cfg, c.turns[:len(c.turns)-1], whole)
			if before.State == handshake.Refused {
				t.Errorf("an earlier turn is refused: %s", before)
			}
			sent := [2]int{}
			for _, turn := range c.turns[:len(c.turns)-1] {
				sent[turn.from] += len(turn.data)
			}
			if got.Forwarded != sent {
				t.Errorf("%d bytes of each direction may be forwarded, want %d", got.Forwarded, sent)
			}
		})
	}
}

// after are turns followed by one more.
func after(c conversation, last turn) conversation { return append(slices.Clone(c), last) }

// first is a conversation that is one turn of the client.
func first(data ...[]byte) conversation { return conversation{client(data...)} }

// firstHello is one that is a ClientHello.
func firstHello(h hello) conversation { return first(messages(h.client())) }

// answered is a ClientHello and the ServerHello that answers it.
func answered(h, picked hello) conversation {
	return conversation{client(messages(h.client())), server(messages(picked.server()))}
}

var decodeError = map[reason.Reason]reason.Alert{
	reason.TLSNotSpoken: 50, reason.TLSServerFirst: 50, reason.TLSRecordInvalid: 50, reason.TLSMessageInvalid: 50,
	reason.TLSMessageUnexpected: 50, reason.TLSMessageTooLarge: 50, reason.TLSHandshakeTooLarge: 50, reason.TLSNoProgress: 50,
	reason.TLSTooManyWarnings: 50, reason.ServerNameInvalid: 50,
}

func TestRefusedRecords(t *testing.T) {
	part := hello12().client()
	sent := full()
	early := record(typeApplication, slices.Repeat([]byte{1}, 16640)...)
	checkRefusals(t, 402, decodeError, map[string]refusalCase{
		"HTTP":                     {turns: first([]byte("GET / HTTP/1.1\r\n")), reason: reason.TLSNotSpoken},
		"one byte of something":    {turns: first([]byte("S")), reason: reason.TLSNotSpoken},
		"a high byte":              {turns: first([]byte("\xff\xff\xff")), reason: reason.TLSNotSpoken},
		"an alert first":           {turns: first(fatal(40)), reason: reason.TLSNotSpoken},
		"application data first":   {turns: first(record(typeApplication, 1)), reason: reason.TLSNotSpoken},
		"first record of DTLS":     {turns: first([]byte{22, 0xfe, 0xff}), reason: reason.TLSNotSpoken},
		"server first":             {turns: conversation{server([]byte("220 mail"))}, reason: reason.TLSServerFirst},
		"server first, with TLS":   {turns: conversation{server(sent[1].data)}, reason: reason.TLSServerFirst},
		"server first, alert":      {turns: conversation{server(fatal(40))}, reason: reason.TLSServerFirst},
		"server within the hello":  {turns: conversation{client(messages(part[:50])), sent[1]}, reason: reason.TLSServerFirst},
		"server speaks no TLS":     {turns: after(sent[:1], server([]byte("HTTP/1.1 400"))), reason: reason.TLSRecordInvalid, text: "type 72"},
		"type 19":                  {turns: after(sent[:1], server(record(19, 1))), reason: reason.TLSRecordInvalid, text: "type 19"},
		"type 25":                  {turns: after(sent[:1], client(record(25, 1))), reason: reason.TLSRecordInvalid, text: "type 25"},
		"version":                  {turns: after(sent[:1], server([]byte{22, 2, 0})), reason: reason.TLSRecordInvalid, text: "version"},
		"heartbeat":                {turns: after(sent[:1], server(record(typeHeartbeat, 1))), reason: reason.TLSMessageUnexpected, text: "heartbeat"},
		"application data":         {turns: after(sent[:1], client(record(typeApplication, 1))), reason: reason.TLSMessageUnexpected, text: "application"},
		"of the server":            {turns: after(sent[:1], server(record(typeApplication, 1))), reason: reason.TLSMessageUnexpected},
		"empty handshake record":   {turns: first(record(typeHandshake)), reason: reason.TLSRecordInvalid, text: "empty"},
		"empty alert":              {turns: after(sent[:1], server(record(typeAlert))), reason: reason.TLSRecordInvalid, text: "empty"},
		"empty CCS":                {turns: after(sent[:2], client(record(typeCCS))), reason: reason.TLSRecordInvalid, text: "empty"},
		"empty early data":         {turns: after(firstHello(hello0RTT()), client(record(typeApplication))), reason: reason.TLSRecordInvalid, text: "empty"},
		"over 16,384 bytes":        {turns: first([]byte{22, 3, 3, 0x40, 1}), reason: reason.TLSRecordInvalid, text: "16384"},
		"early data over its size": {turns: after(firstHello(hello0RTT()), client([]byte{23, 3, 3, 0x41, 1})), reason: reason.TLSRecordInvalid, text: "16640"},
		"CCS of two bytes":         {turns: after(sent[:2], client(messages(clientKey), record(typeCCS, 1, 1))), reason: reason.TLSRecordInvalid},
		"CCS that is 2":            {turns: after(sent[:2], client(messages(clientKey), record(typeCCS, 2))), reason: reason.TLSRecordInvalid},
		"alert of level 3":         {turns: after(sent[:1], server(record(typeAlert, 3, 0))), reason: reason.TLSRecordInvalid, text: "level"},
		"alert cut by a message":   {turns: after(sent[:1], server(record(typeAlert, 1), sent[1].data)), reason: reason.TLSRecordInvalid, text: "within an alert"},
		"CCS within a message":     {turns: after(sent[:2], client(messages(clientKey[:9]), ccs)), reason: reason.TLSMessageUnexpected, text: "ChangeCipherSpec"},
		"early data within a message": {
			turns:  after(answered(hello0RTT(), retry()), client(messages(part[:9]), early)),
			reason: reason.TLSMessageUnexpected, text: "application data",
		},
		"record of another version than the ServerHello": {
			turns:  conversation{sent[0], server(sent[1].data, versioned(tls.VersionTLS11, typeHandshake, 0))},
			reason: reason.TLSRecordInvalid, text: "not that of the ServerHello",
		},
		"the server's CCS of another version": {
			turns: after(sent[:3], server(versioned(tls.VersionTLS11, typeCCS, 1))), reason: reason.TLSRecordInvalid,
		},
		"five warnings of the server": {turns: after(sent[:1], server(slices.Repeat(warning(112), 5))), reason: reason.TLSTooManyWarnings, text: "4"},
		"five warnings of the client": {turns: after(sent[:2], client(slices.Repeat(warning(90), 5))), reason: reason.TLSTooManyWarnings},
		"alerts that end nothing more": {
			turns:  after(resumed("a", "")[:2], client(slices.Repeat(fatal(40), 5))),
			reason: reason.TLSTooManyWarnings, text: "4 TLS alerts",
		},
		"17 records that advance nothing": {
			turns: after(sent[:1], server(slices.Repeat(messages(message(helloRequest)), 17))), reason: reason.TLSNoProgress, text: "16",
		},
		"17 CCS before the ServerHello": {turns: after(firstHello(hello13()), client(slices.Repeat(ccs, 17))), reason: reason.TLSNoProgress},
		"65,537 records": {
			turns: first(slices.Concat(messages(part[:1]), messages(claimed(1, 1<<16)[1:]), slices.Repeat(messages([]byte{0}), 65535))),
			// The hello of 64 KiB would need two records more.
			reason: reason.TLSHandshakeTooLarge, text: "65536 records",
		},
		"1 MiB of early data": {
			turns:  after(firstHello(hello0RTT()), client(slices.Repeat(early, 64))),
			reason: reason.TLSHandshakeTooLarge, text: "1048576 bytes",
		},
		"1 MiB of server certificates": {
			turns: conversation{sent[0], server(
				messages(picked12().server()),
				inRecords(slices.Concat(claimed(certificateType, 1<<20), u24(1<<20-3), u24(1<<20-6), make([]byte, 1<<20-6)), 1<<14),
			)}, reason: reason.TLSHandshakeTooLarge, text: "1048576 bytes",
		},
	})
}

func u24(n int) []byte { return []byte{byte(n >> 16), byte(n >> 8), byte(n)} }

func TestRefusedMessages(t *testing.T) {
	sent, given := full(), fullWith(leaf("a"))
	hellos := sent[:1]
	picked := messages(picked12().server())
	alerts := decodeError
	// inFlight is a message that comes in the server's flight, behind those before it.
	inFlight := func(parts ...[]byte) conversation {
		return after(hellos, server(picked, messages(parts...)))
	}
	noStatus := messages(picked12().without(5).server(), serverChain, stapled)
	noTicket := picked12().without(35).server()
	checkRefusals(t, 402, alerts, map[string]refusalCase{
		"a ServerHello of the client":          {turns: first(messages(picked12().server())), reason: reason.TLSMessageUnexpected, text: "ServerHello from the client"},
		"a HelloRequest of the client":         {turns: first(messages(message(helloRequest))), reason: reason.TLSMessageUnexpected},
		"a HelloRequest with a body":           {turns: after(hellos, server(messages(message(helloRequest, 1)))), reason: reason.TLSMessageInvalid},
		"two ClientHellos":                     {turns: after(hellos, hellos[0]), reason: reason.TLSMessageUnexpected, text: "ClientHello"},
		"two in one record":                    {turns: first(messages(hello12().client(), hello12().client())), reason: reason.TLSMessageUnexpected},
		"one byte after the ClientHello":       {turns: first(messages(hello12().client(), []byte{11})), reason: reason.TLSMessageUnexpected},
		"two ServerHellos":                     {turns: inFlight(picked12().server()), reason: reason.TLSMessageUnexpected, text: "ServerHello"},
		"a second one after Certificate":       {turns: inFlight(serverChain, picked12().server()), reason: reason.TLSMessageUnexpected},
		"EncryptedExtensions in the clear":     {turns: inFlight(message(encryptedExts, 0, 0)), reason: reason.TLSMessageUnexpected, text: "type 8"},
		"a ClientHello of the server":          {turns: after(hellos, server(messages(hello12().client()))), reason: reason.TLSMessageUnexpected},
		"Certificate twice":                    {turns: inFlight(serverChain, serverChain), reason: reason.TLSMessageUnexpected, text: "Certificate"},
		"CertificateStatus before":             {turns: inFlight(stapled), reason: reason.TLSMessageUnexpected, text: "CertificateStatus"},
		"CertificateStatus without promise":    {turns: after(hellos, server(noStatus)), reason: reason.TLSMessageUnexpected, text: "CertificateStatus"},
		"CertificateStatus twice":              {turns: inFlight(serverChain, stapled, stapled), reason: reason.TLSMessageUnexpected},
		"CertificateStatus late":               {turns: inFlight(serverChain, keyExchange, stapled), reason: reason.TLSMessageUnexpected},
		"ServerKeyExchange twice":              {turns: inFlight(serverChain, keyExchange, keyExchange), reason: reason.TLSMessageUnexpected, text: "ServerKeyExchange"},
		"ServerKeyExchange late":               {turns: inFlight(serverChain, askForOne, keyExchange), reason: reason.TLSMessageUnexpected},
		"CertificateRequest twice":             {turns: inFlight(serverChain, askForOne, askForOne), reason: reason.TLSMessageUnexpected, text: "CertificateRequest"},
		"ServerHelloDone with a body":          {turns: inFlight(serverChain, message(serverHelloDone, 0)), reason: reason.TLSMessageInvalid, text: "ServerHelloDone"},
		"a message after ServerHelloDone":      {turns: inFlight(serverChain, done, keyExchange), reason: reason.TLSMessageUnexpected},
		"CertificateURL":                       {turns: inFlight(serverChain, message(certificateURL, 0)), reason: reason.TLSMessageUnexpected, text: "type 21"},
		"the server's CCS after Certificate":   {turns: after(hellos, server(picked, messages(serverChain), ccs)), reason: reason.TLSMessageUnexpected, text: "ChangeCipherSpec"},
		"the server's CCS before the client's": {turns: after(sent[:2], server(ccs)), reason: reason.TLSMessageUnexpected, text: "ChangeCipherSpec"},
		"the server's CCS before its hello":    {turns: after(hellos, server(ccs)), reason: reason.TLSMessageUnexpected, text: "ChangeCipherSpec"},
		"NewSessionTicket before the client's CCS": {
			turns: after(sent[:2], server(messages(ticket("a")))), reason: reason.TLSMessageUnexpected, text: "NewSessionTicket",
		},
		"NewSessionTicket without promise": {
			turns:  conversation{sent[0], server(messages(noTicket, serverChain, done)), sent[2], server(messages(ticket("a")))},
			reason: reason.TLSMessageUnexpected, text: "NewSessionTicket",
		},
		"NewSessionTicket twice":                        {turns: after(sent[:3], server(messages(ticket("a"), ticket("b")))), reason: reason.TLSMessageUnexpected},
		"NewSessionTicket with a rest":                  {turns: after(sent[:3], server(messages(message(newSessionTicket, 0, 0, 0, 0, 0, 1, 1, 1)))), reason: reason.TLSMessageInvalid},
		"NewSessionTicket cut":                          {turns: after(sent[:3], server(messages(message(newSessionTicket, 0, 0, 0, 0, 0, 2, 1)))), reason: reason.TLSMessageInvalid},
		"the client's CCS before its hello is answered": {turns: after(hellos, client(ccs)), reason: reason.TLSMessageUnexpected, text: "ChangeCipherSpec"},
		"the client's CCS before ClientKeyExchange":     {turns: after(sent[:2], client(ccs)), reason: reason.TLSMessageUnexpected},
		"the client's CCS before CertificateVerify": {
			turns: after(given[:2], client(messages(certificates(leaf("a")), clientKey), ccs)), reason: reason.TLSMessageUnexpected,
		},
		"ClientKeyExchange early":                 {turns: after(hellos, client(messages(clientKey))), reason: reason.TLSMessageUnexpected, text: "ClientKeyExchange"},
		"ClientKeyExchange within the flight":     {turns: conversation{sent[0], server(picked), client(messages(clientKey))}, reason: reason.TLSMessageUnexpected},
		"ClientKeyExchange twice":                 {turns: after(sent[:2], client(messages(clientKey, clientKey))), reason: reason.TLSMessageUnexpected},
		"no certificate when asked":               {turns: after(given[:2], client(messages(clientKey))), reason: reason.TLSMessageUnexpected, text: "ClientKeyExchange"},
		"a certificate when not asked":            {turns: after(sent[:2], client(messages(certificates(leaf("a"))))), reason: reason.TLSMessageUnexpected, text: "Certificate"},
		"CertificateVerify without a certificate": {turns: after(given[:2], client(messages(certificates(), clientKey, proof))), reason: reason.TLSMessageUnexpected, text: "CertificateVerify"},
		"CertificateVerify early":                 {turns: after(given[:2], client(messages(certificates(leaf("a")), proof))), reason: reason.TLSMessageUnexpected},
		"CertificateVerify twice":                 {turns: after(given[:2], client(messages(certificates(leaf("a")), clientKey, proof, proof))), reason: reason.TLSMessageUnexpected},
		"a message where only CCS may come":       {turns: after(resumed("a", "")[:2], client(messages(clientKey))), reason: reason.TLSMessageUnexpected},
		"two HelloRetryRequests": {
			turns:  after(retried()[:3], server(messages(retry().server()))),
			reason: reason.TLSMessageUnexpected, text: "second HelloRetryRequest",
		},
		"a HelloRetryRequest with another message": {
			turns:  after(firstHello(hello13()), server(messages(retry().server(), picked13().server()))),
			reason: reason.TLSMessageUnexpected,
		},
		"a third hello":                          {turns: after(retried()[:3], client(messages(hello13().client()))), reason: reason.TLSMessageUnexpected},
		"a message in the record of ServerHello": {turns: after(firstHello(hello13()), server(messages(picked13().server(), message(encryptedExts, 0, 0)))), reason: reason.TLSMessageInvalid, text: "record"},
		"a CCS of TLS 1.3, then TLS 1.2":         {turns: conversation{client(messages(hello13().client()), ccs), sent[1]}, reason: reason.TLSMessageUnexpected, text: "ChangeCipherSpec from the client"},
		"early data after the second hello":      {turns: after(refused0RTT()[:3], client(record(typeApplication, 1))), reason: reason.TLSMessageUnexpected},

		// Bounds. A length is enough: nothing of the body is waited for.
		"ClientHello over 64 KiB":          {turns: first(messages(claimed(clientHelloType, 64<<10+1))), reason: reason.TLSMessageTooLarge, text: "65536"},
		"ServerHello over 16 KiB":          {turns: after(hellos, server(messages(claimed(serverHelloType, 16<<10+1)))), reason: reason.TLSMessageTooLarge, text: "16384"},
		"client Certificate over 256 KiB":  {turns: after(given[:2], client(messages(claimed(certificateType, 256<<10+1)))), reason: reason.TLSMessageTooLarge, text: "262144"},
		"client's own over 64 KiB":         {turns: after(given[:2], client(messages(claimed(certificateType, 64<<10+7), u24(64<<10+4), u24(64<<10+1)))), reason: reason.TLSMessageTooLarge, text: "65536"},
		"NewSessionTicket over 64 KiB":     {turns: after(sent[:3], server(messages(claimed(newSessionTicket, 64<<10+7)))), reason: reason.TLSMessageTooLarge},
		"ServerKeyExchange over 1 MiB":     {turns: after(hellos, server(picked, messages(serverChain, claimed(serverKeyExchange, 1<<20+1)))), reason: reason.TLSMessageTooLarge},
		"server Certificate over 1 MiB":    {turns: after(hellos, server(picked, messages(claimed(certificateType, 1<<20+1)))), reason: reason.TLSMessageTooLarge},
		"list shorter than Certificate":    {turns: after(given[:2], client(messages(message(certificateType, 0, 0, 0, 0)))), reason: reason.TLSMessageInvalid, text: "list"},
		"list longer than Certificate":     {turns: after(given[:2], client(messages(message(certificateType, 0, 0, 1)))), reason: reason.TLSMessageInvalid, text: "list"},
		"Certificate without a list":       {turns: after(given[:2], client(messages(message(certificateType)))), reason: reason.TLSMessageInvalid, text: "cut"},
		"Certificate with half a length":   {turns: after(given[:2], client(messages(message(certificateType, 0, 0, 2, 0, 0)))), reason: reason.TLSMessageInvalid, text: "cut"},
		"an empty certificate":             {turns: after(given[:2], client(messages(certificates(nil)))), reason: reason.TLSMessageInvalid, text: "empty"},
		"a certificate longer than listed": {turns: after(given[:2], client(messages(message(certificateType, 0, 0, 4, 0, 0, 2, 1)))), reason: reason.TLSMessageInvalid, text: "end"},
		"the second one longer":            {turns: after(given[:2], client(messages(message(certificateType, 0, 0, 8, 0, 0, 1, 1, 0, 0, 2, 1)))), reason: reason.TLSMessageInvalid},
		"the server's, an empty one":       {turns: inFlight(certificates(leaf("a"), nil)), reason: reason.TLSMessageInvalid},
	})
}

func TestRefusedHellos(t *testing.T) {
	mutate := func(h hello, change func(*hello)) hello { change(&h); return h }
	bad := func(h hello, text string) refusalCase {
		return refusalCase{turns: firstHello(h), reason: reason.TLSMessageInvalid, text: text}
	}
	badName := func(data ...byte) refusalCase {
		return refusalCase{turns: firstHello(hello12().with(extension{0, data})), reason: reason.ServerNameInvalid}
	}
	badServer := func(h, picked hello, text string) refusalCase {
		return refusalCase{turns: answered(h, picked), reason: reason.TLSMessageInvalid, text: text}
	}
	with := func(typ uint16, data ...byte) hello { return hello13().with(extension{typ, data}) }
	many := hello12()
	for i := range uint16(300) {
		many.extensions = append(many.extensions, extension{1000 + i, nil})
	}
	hrr := func(first, second hello) conversation {
		return conversation{client(messages(first.client())), server(messages(retry().server())), client(messages(second.client()))}
	}
	checkRefusals(t, 402, decodeError, map[string]refusalCase{
		"empty":                          {turns: first(messages(message(clientHelloType))), reason: reason.TLSMessageInvalid, text: "cut"},
		"cut in the random":              {turns: first(messages(message(clientHelloType, 3, 3, 1, 2))), reason: reason.TLSMessageInvalid, text: "cut"},
		"session id of 33 bytes":         bad(withSession(hello12(), strings.Repeat("a", 33)), "session"),
		"no cipher suites":               bad(mutate(hello12(), func(h *hello) { h.suites = nil }), "cipher"),
		"no compression methods":         bad(mutate(hello12(), func(h *hello) { h.compressions = nil }), "compression"),
		"bytes after the extensions":     bad(mutate(hello12(), func(h *hello) { h.rest = []byte{0} }), "end"),
		"an extension twice":             bad(mutate(hello12(), func(h *hello) { h.extensions = append(h.extensions, extension{35, nil}) }), "extension 35 comes twice"),
		"an unknown extension twice":     bad(mutate(hello12(), func(h *hello) { h.extensions = append(h.extensions, extension{999, nil}, extension{999, nil}) }), "twice"),
		"300 extensions":                 bad(many, "256"),
		"cut extensions":                 bad(mutate(hello12(), func(h *hello) { h.extensions = nil; h.rest = []byte{0, 5, 0, 9, 0, 9, 1} }), "cut"),
		"groups: odd":                    bad(with(10, 0, 1, 1), "extension 10"),
		"groups: none":                   bad(with(10, 0, 0), "extension 10"),
		"groups: rest":                   bad(with(10, 0, 2, 0, 29, 0), "extension 10"),
		"ALPN: none":                     bad(with(16, 0, 0), "extension 16"),
		"ALPN: empty":                    bad(with(16, 0, 1, 0), "extension 16"),
		"ALPN: cut":                      bad(with(16, 0, 2, 2, 'h'), "extension 16"),
		"versions: odd":                  bad(with(43, 1, 3), "extension 43"),
		"versions: none":                 bad(with(43, 0), "extension 43"),
		"versions: rest":                 bad(with(43, 2, 3, 3, 0), "extension 43"),
		"shares: cut":                    bad(with(51, 0, 5, 0, 29, 0, 2, 1), "extension 51"),
		"shares: an empty key":           bad(with(51, 0, 4, 0, 29, 0, 0), "extension 51"),
		"early data: not empty":          bad(with(42, 0), "extension 42"),
		"early data without a key":       bad(with(42), "pre_shared_key"),
		"PSK: not last":                  bad(hello13().with(preSharedKey(1), extension{999, nil}), "last"),
		"PSK: no identities":             bad(hello13().with(preSharedKey(0)), "extension 41"),
		"PSK: an empty identity":         bad(with(41, 0, 6, 0, 0, 0, 0, 0, 0, 0, 2, 1, 1), "extension 41"),
		"PSK: binders differ":            bad(hello13().with(extension{41, append(preSharedKey(2).data[:26:26], preSharedKey(1).data[14:]...)}), "extension 41"),
		"PSK: cut":                       bad(with(41, 0, 9, 1), "extension 41"),
		"name: no list":                  badName(),
		"name: empty list":               badName(0, 0),
		"name: rest":                     badName(0, 4, 0, 0, 1, 'a', 0),
		"name: cut":                      badName(0, 4, 0, 0, 2, 'a'),
		"name: empty":                    badName(0, 3, 0, 0, 0),
		"name: a dot":                    badName(0, 4, 0, 0, 1, '.'),
		"name: of another type":          badName(0, 4, 1, 0, 1, 'a'),
		"name: two":                      {turns: firstHello(hello12().with(sni(host, host))), reason: reason.ServerNameInvalid, text: "two"},
		"name: and another type":         badName(0, 8, 0, 0, 1, 'a', 1, 0, 1, 'a'),
		"name: NUL":                      {turns: firstHello(hello12().with(sni(host + "\x00.evil"))), reason: reason.ServerNameInvalid, text: "character"},
		"name: not ASCII":                {turns: firstHello(hello12().with(sni("gätway.example.com"))), reason: reason.ServerNameInvalid, text: "character"},
		"name: a blank":                  {turns: firstHello(hello12().with(sni(host + " "))), reason: reason.ServerNameInvalid},
		"name: too long":                 {turns: firstHello(hello12().with(sni(strings.Repeat("a", 256)))), reason: reason.ServerNameInvalid, text: "255"},
		"second: early data again":       {turns: hrr(hello0RTT(), hello0RTT()), reason: reason.TLSMessageInvalid, text: "early data"},
		"second: another session id":     {turns: hrr(hello13(), withSession(hello13(), "other")), reason: reason.TLSMessageInvalid, text: "session id"},
		"server: empty":                  {turns: after(full()[:1], server(messages(message(serverHelloType)))), reason: reason.TLSMessageInvalid, text: "cut"},
		"server: cut":                    {turns: after(full()[:1], server(messages(message(serverHelloType, append(append(u16(0x303), random...), 0, 1)...)))), reason: reason.TLSMessageInvalid, text: "cut"},
		"server: session of 33 bytes":    badServer(hello12(), withSession(picked12(), strings.Repeat("a", 33)), "session"),
		"server: rest":                   badServer(hello12(), mutate(picked12(), func(h *hello) { h.rest = []byte{0} }), "end"),
		"server: twice":                  badServer(hello12(), mutate(picked12(), func(h *hello) { h.extensions = append(h.extensions, extension{35, nil}) }), "twice"),
		"server: ALPN of two":            badServer(hello12(), picked12().with(alpn("h2", "http/1.1")), "extension 16"),
		"server: ALPN empty":             badServer(hello12(), picked12().with(alpn("")), "extension 16"),
		"server: ticket not empty":       badServer(hello12(), picked12().with(extension{35, []byte{0}}), "extension 35"),
		"server: status not empty":       badServer(hello12(), picked12().with(extension{5, []byte{0}}), "extension 5"),
		"server: versions too long":      badServer(hello13(), picked13().with(extension{43, []byte{3, 4, 0}}), "extension 43"),
		"server: share without a key":    badServer(hello13(), picked13().with(extension{51, u16(29)}), "extension 51"),
		"server: identity cut":           badServer(hello0RTT(), picked13().with(extension{41, []byte{0}}), "extension 41"),
		"server: cookie in its hello":    badServer(hello13(), picked13().with(extension{44, []byte{0, 1, 1}}), "extension 44"),
		"server: 1.3 without a key":      badServer(hello13(), picked13().without(51), "neither"),
		"server: 1.3 compressed":         badServer(mutate(hello13(), func(h *hello) { h.compressions = []byte{0, 1} }), mutate(picked13(), func(h *hello) { h.compressions = []byte{1} }), "compression"),
		"server: 1.3 in its own version": badServer(hello13(), mutate(picked13(), func(h *hello) { h.version = tls.VersionTLS13 }), "version"),
		"server: 1.3 without extension":  badServer(hello13(), mutate(picked13().without(43), func(h *hello) { h.version = tls.VersionTLS13 }), "version"),
		"server: 1.3 below 1.2":          badServer(hello13(), mutate(picked13(), func(h *hello) { h.version = tls.VersionTLS11 }), "version"),
		"server: share in 1.2":           badServer(hello13(), picked12().with(share(29)), "TLS 1.3"),
		"server: identity in 1.2":        badServer(hello13().with(preSharedKey(1)), picked12().with(extension{41, u16(0)}), "TLS 1.3"),
		"server: versions for 1.2":       badServer(hello13(), picked12().with(extension{43, u16(tls.VersionTLS12)}), "TLS 1.3"),
		"server: retry in 1.2":           badServer(hello13(), mutate(picked12(), func(h *hello) { h.random = retryRandom }), "TLS 1.3"),
		"server: retry for nothing":      badServer(hello13(), retry().without(51), "nothing"),
		"server: certificate type cut":   badServer(hello12().with(extension{9, []byte{1, 0}}), picked12().with(extension{9, nil}), "extension 9"),
	})
}

func TestRefusedSessions(t *testing.T) {
	mutate := func(h hello, change func(*hello)) hello { change(&h); return h }
	suite := func(h hello, s uint16) hello { h.suites = []uint16{s}; return h }
	version := func(h hello, v uint16) hello { h.version = v; return h }
	alerts := map[reason.Reason]reason.Alert{
		reason.SSL2NotAllowed: 70, reason.TLSVersionNotAllowed: 70, reason.TLSDraftNotAllowed: 70, reason.TLSEarlyDataLost: 70,
		reason.ServerNameNotAllowed: 112, reason.ServerNameMissing: 112, reason.ServerNameChanged: 112,
		reason.TLSNotOffered: 49, reason.TLSNotCheckable: 49, reason.TLSTooMuchCollected: 49, reason.ServerCertificateMissing: 49,
	}
	notOffered := func(h, picked hello, text string) refusalCase {
		return refusalCase{turns: answered(h, picked), reason: reason.TLSNotOffered, text: text}
	}
	notAllowed := func(turns conversation, text string) refusalCase {
		return refusalCase{turns: turns, reason: reason.TLSVersionNotAllowed, text: text}
	}
	otherName := func(names ...string) refusalCase {
		return refusalCase{turns: firstHello(hello12().with(sni(names...))), reason: reason.ServerNameNotAllowed, text: names[0]}
	}
	of := func(c refusalCase, cfg handshake.Config) refusalCase { c.cfg = cfg; return c }
	second := func(h hello) conversation {
		return after(retried()[:2], client(messages(h.client())))
	}
	anonymous := func(parts ...[]byte) refusalCase {
		return refusalCase{
			turns:  after(full()[:1], server(messages(picked12().server()), messages(parts...))),
			reason: reason.ServerCertificateMissing, text: host,
		}
	}
	checkRefusals(t, 106, alerts, map[string]refusalCase{
		"hello of SSL 2":               {turns: first([]byte{0x80, 46, 1, 3, 1, 0, 21}), reason: reason.SSL2NotAllowed, text: "SSL 2"},
		"hello of SSL 2, only":         {turns: first([]byte{0x80, 46, 1, 0, 2}), reason: reason.SSL2NotAllowed},
		"hello of SSL 2, type byte":    {turns: first([]byte{0x96, 3, 1}), reason: reason.SSL2NotAllowed},
		"client of SSL 3":              notAllowed(firstHello(version(hello12(), 0x0300)), "client wants SSLv3"),
		"client of SSL 2 in a record":  notAllowed(firstHello(version(hello12(), 0x0002)), "client wants 0x0002"),
		"client below the minimum":     of(notAllowed(firstHello(version(hello12(), tls.VersionTLS11)), "client wants TLS 1.1, and the gateway lets TLS 1.2 to TLS 1.3"), handshake.Config{MinVersion: tls.VersionTLS12}),
		"client with extension below":  of(notAllowed(firstHello(hello12().with(extension{43, versions(tls.VersionTLS11)})), "TLS 1.1"), handshake.Config{MinVersion: tls.VersionTLS12}),
		"client above the maximum":     of(notAllowed(firstHello(hello13().with(extension{43, versions(tls.VersionTLS13)})), "TLS 1.3"), handshake.Config{MaxVersion: tls.VersionTLS12}),
		"client with GREASE alone":     notAllowed(firstHello(hello13().with(extension{43, versions(0x0a0a, 0x0305)})), "wants 0x0000"),
		"client of SSL 3 by extension": notAllowed(firstHello(hello13().with(extension{43, versions(0x0300)})), "SSLv3"),
		"server picks SSL 3":           notAllowed(answered(hello12(), version(picked12(), 0x0300)), "server wants SSLv3"),
		"server picks SSL 2":           notAllowed(answered(hello12(), version(picked12(), 0x0002)), "server wants 0x0002"),
		"server above the maximum":     of(notAllowed(answered(hello13(), picked13()), "TLS 1.3"), handshake.Config{MaxVersion: tls.VersionTLS12}),
		"retry above the maximum":      of(notAllowed(answered(hello13(), retry()), "TLS 1.3"), handshake.Config{MaxVersion: tls.VersionTLS12}),
		"server below the minimum":     of(notAllowed(answered(hello12(), version(picked12(), tls.VersionTLS11)), "TLS 1.1"), handshake.Config{MinVersion: tls.VersionTLS12}),
		"server of 1.2, minimum 1.3":   of(notAllowed(answered(hello13(), picked12()), "TLS 1.2"), handshake.Config{MinVersion: tls.VersionTLS13}),
		"client of a draft":            {turns: firstHello(hello13().with(extension{43, versions(0x7f1c)})), reason: reason.TLSDraftNotAllowed, text: "client wants a draft of TLS 1.3 (0x7F1C)"},
		"server of a draft":            {turns: answered(hello13().with(extension{43, versions(0x7f1c, 0x0303)}), picked13().with(extension{43, u16(0x7f1c)})), reason: reason.TLSDraftNotAllowed, text: "server"},
		"server of an old draft":       {turns: answered(hello13(), version(picked12(), 0x7f12)), reason: reason.TLSDraftNotAllowed, text: "0x7F12"},

		"version above the client's":    notOffered(version(hello12(), tls.VersionTLS11), picked12(), "TLS 1.2"),
		"version not in the extension":  notOffered(hello13(), version(picked12(), tls.VersionTLS11), "TLS 1.1"),
		"1.3 without having it":         notOffered(hello12(), picked13(), "TLS 1.3"),
		"suite":                         notOffered(hello12(), suite(picked12(), 0xc030), "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"),
		"suite that signals":            notOffered(hello12(), suite(picked12(), 0x00ff), "cipher suite"),
		"suite of 1.3 for 1.2":          notOffered(hello13(), suite(picked12(), 0x1301), "TLS 1.3"),
		"compression":                   notOffered(hello12(), mutate(picked12(), func(h *hello) { h.compressions = []byte{1} }), "compression"),
		"extension":                     notOffered(hello12(), picked12().with(extension{23, nil}), "extension 23"),
		"renegotiation":                 notOffered(mutate(hello12(), func(h *hello) { h.suites = h.suites[:2] }), picked12(), "extension 65281"),
		"protocol":                      notOffered(hello12(), picked12().with(alpn("h3")), "protocol"),
		"1.3: session id":               notOffered(hello13(), withSession(picked13(), "other"), "session id"),
		"1.3: group":                    notOffered(hello13(), picked13().with(share(23)), "group 23"),
		"1.3: identity":                 notOffered(hello13().with(preSharedKey(2)), picked13().with(extension{41, u16(2)}), "pre-shared key"),
		"1.3: suite of 1.2":             notOffered(hello13(), suite(picked13(), 0xc02b), "another version"),
		"retry: suite of 1.2":           notOffered(hello13(), suite(retry(), 0xc02b), "another version"),
		"1.3: PSK":                      notOffered(hello13(), picked13().with(extension{41, u16(0)}), "extension 41"),
		"retry: group with a key share": notOffered(hello13(), retry().with(extension{51, u16(29)}), "group 29"),
		"retry: unknown group":          notOffered(hello13(), retry().with(extension{51, u16(24)}), "group 24"),
		"retry: then another suite": {
			turns:  after(retried()[:3], server(messages(suite(picked13().with(share(23)), 0x1302).server()))),
			reason: reason.TLSNotOffered, text: "HelloRetryRequest",
		},
		"retry: then TLS 1.2":          {turns: after(retried()[:3], full()[1]), reason: reason.TLSNotOffered, text: "another version"},
		"retry: then 1.3 not offered":  {turns: append(second(hello13().with(shares(23), extension{43, versions(tls.VersionTLS12)})), retried()[3]), reason: reason.TLSNotOffered, text: "TLS 1.3"},
		"a session nobody offered":     {turns: conversation{full()[0], server(messages(picked12().server()), ccs)}, reason: reason.TLSNotOffered, text: "session to resume"},
		"another session id resumed":   {turns: conversation{client(messages(withSession(hello12(), "one").client())), server(messages(withSession(picked12(), "two").server()), ccs)}, reason: reason.TLSNotOffered, text: "session to resume"},
		"a ticket for no session":      {turns: conversation{full()[0], server(messages(picked12().server(), ticket("new")))}, reason: reason.TLSNotOffered, text: "session to resume"},
		"raw public keys":              {turns: answered(hello12().with(extension{20, []byte{1, 2}}), picked12().with(extension{20, []byte{2}})), reason: reason.TLSNotCheckable},
		"raw public key of the client": {turns: answered(hello12().with(extension{19, []byte{1, 2}}), picked12().with(extension{19, []byte{2}})), reason: reason.TLSNotCheckable},
		"OpenPGP":                      {turns: answered(hello12().with(extension{9, []byte{1, 1}}), picked12().with(extension{9, []byte{1}})), reason: reason.TLSNotCheckable},
		"cached information":           {turns: answered(hello12().with(extension{25, nil}), picked12().with(extension{25, nil})), reason: reason.TLSNotCheckable},

		"other name":                   otherName("other.example.com"),
		"name above":                   otherName("example.com"),
		"name below":                   otherName("a." + host),
		"two final dots":               {turns: firstHello(hello12().with(sni(host + ".."))), reason: reason.ServerNameNotAllowed},
		"two final dots of another":    of(refusalCase{turns: firstHello(hello12().with(sni("b.example.com.."))), reason: reason.ServerNameNotAllowed}, handshake.Config{AllowedName: func(string) bool { return true }}),
		"IP literal":                   otherName("10.0.0.1"),
		"IP literal that is allowed":   of(otherName("10.0.0.1"), handshake.Config{AllowedName: func(string) bool { return true }}),
		"another IP literal":           of(otherName("10.0.0.1"), handshake.Config{Host: "10.0.0.2"}),
		"name that is allowed not":     of(otherName("b.example.com"), handshake.Config{AllowedName: func(name string) bool { return name == "c.example.com" }}),
		"no name":                      {cfg: handshake.Config{RequireServerName: true}, turns: firstHello(hello12().without(0)), reason: reason.ServerNameMissing, text: host},
		"second hello: other name":     {turns: second(hello13().with(sni("other.example.com"))), reason: reason.ServerNameChanged},
		"second hello: no name":        {turns: second(hello13().without(0)), reason: reason.ServerNameChanged},
		"second hello: a name at last": {turns: conversation{client(messages(hello13().without(0).client())), retried()[1], client(messages(hello13().client()))}, reason: reason.ServerNameChanged},

		"anonymous":             anonymous(keyExchange),
		"pre-shared key":        anonymous(done),
		"a certificate request": anonymous(askForOne),
		"an empty list":         anonymous(certificates()),

		"early data, then TLS 1.2":      {turns: conversation{client(messages(hello0RTT().client()), record(typeApplication, 1)), full()[1]}, reason: reason.TLSEarlyDataLost, text: "TLS 1.2"},
		"early data where 1.2 is most":  {cfg: handshake.Config{MaxVersion: tls.VersionTLS12}, turns: firstHello(hello0RTT()), reason: reason.TLSEarlyDataLost, text: "TLS 1.2"},
		"budget for a hello":            {cfg: handshake.Config{Budget: newBudget(100)}, turns: firstHello(hello12()), reason: reason.TLSTooMuchCollected, text: "100 bytes"},
		"budget for a part of a hello":  {cfg: handshake.Config{Budget: newBudget(100)}, turns: first(messages(claimed(clientHelloType, 5000), make([]byte, 1000))), reason: reason.TLSTooMuchCollected},
		"budget for a part of the leaf": {cfg: handshake.Config{Budget: newBudget(1000)}, turns: after(fullWith()[:2], client(messages(claimed(certificateType, 9006), u24(9003), u24(9000), make([]byte, 2000)))), reason: reason.TLSTooMuchCollected},
	})
}

func TestAllowedNames(t *testing.T) {
	for title, c := range map[string]struct {
		cfg  handshake.Config
		name string
		want string
	}{
		"none":                   {handshake.Config{}, "", ""},
		"an allowed one":         {handshake.Config{AllowedName: func(name string) bool { return name == "b.example.com" }}, "B.example.com.", "b.example.com"},
		"the IP literal":         {handshake.Config{Host: "10.0.0.1"}, "10.0.0.1", "10.0.0.1"},
		"the IPv6 literal":       {handshake.Config{Host: "2001:db8::1"}, "2001:0DB8:0::1", "2001:0db8:0::1"},
		"a name for an IP":       {handshake.Config{Host: "10.0.0.1", AllowedName: func(name string) bool { return name == host }}, host, host},
		"A-labels, as it stands": {handshake.Config{Host: "xn--gtway-gra.example.com"}, "XN--GTWAY-GRA.example.com", "xn--gtway-gra.example.com"},
	} {
		t.Run(title, func(t *testing.T) {
			h := hello12().with(sni(c.name))
			if c.name == "" {
				h = hello12().without(0)
			}
			got := judge(t, c.cfg, append(firstHello(h), full()[1:]...))
			if got.State != handshake.Done || got.Seen.ServerName != c.want {
				t.Errorf("name %q, want %q (%s)", got.Seen.ServerName, c.want, got.Text)
			}
		})
	}
}

func asRefusal(t *testing.T, err error) *handshake.Refusal {
	t.Helper()
	refusal, ok := errors.AsType[*handshake.Refusal](err)
	if !ok {
		t.Fatalf("%v is no refusal", err)
	}
	return refusal
}

func TestAlertRecord(t *testing.T) {
	refused := func(t *testing.T, turns conversation) *handshake.Refusal {
		t.Helper()
		w := handshake.New(handshake.Config{Host: host})
		for i, turn := range turns {
			if _, err := w.Feed(turn.from, turn.data); err != nil {
				if i != len(turns)-1 {
					t.Fatalf("turn %d: %v", i, err)
				}
				return asRefusal(t, err)
			}
		}
		return asRefusal(t, w.Timeout())
	}
	old := hello12().client()
	for title, c := range map[string]struct {
		turns conversation
		want  []byte
	}{
		"before anything":                       {first([]byte("GET ")), []byte{21, 3, 1, 0, 2, 2, 50}},
		"SSL 2":                                 {first([]byte{0x80, 46, 1}), []byte{21, 3, 1, 0, 2, 2, 70}},
		"in the version of the first record":    {first(versioned(tls.VersionTLS11, typeHandshake, hello12().with(sni("a")).client()...)), []byte{21, 3, 2, 0, 2, 2, 112}},
		"first record of SSL 3":                 {first(versioned(0x0300, typeHandshake, hello12().with(sni("a")).client()...)), []byte{21, 3, 1, 0, 2, 2, 112}},
		"after a whole server record":           {conversation{full()[0], server(messages(picked12().server())), client(messages(old))}, []byte{21, 3, 3, 0, 2, 2, 50}},
		"within a server record":                {conversation{full()[0], server(full()[1].data[:50]), client(messages(old))}, nil},
		"within a server header":                {conversation{full()[0], server(full()[1].data[:3]), client(messages(old))}, nil},
		"server refused at the first byte":      {conversation{full()[0], server([]byte("HTTP"))}, []byte{21, 3, 3, 0, 2, 2, 50}},
		"server refused within a record it had": {conversation{full()[0], server(full()[1].data[:50]), server(bytes.Repeat([]byte{0}, 2000))}, nil},
		"after the server's CCS":                {after(resumed("a", "")[:2], client(messages(old))), nil},
		"with the server's CCS":                 {conversation{full()[0], server(messages(picked12().server()), ccs)}, []byte{21, 3, 3, 0, 2, 2, 49}},
		"after a CCS that means nothing":        {after(retried()[:2], client(messages(hello13().with(sni("a")).client()))), []byte{21, 3, 3, 0, 2, 2, 112}},
		"time-out":                              {full()[:2], []byte{21, 3, 3, 0, 2, 2, 49}},
		"time-out within a record":              {conversation{full()[0], server(full()[1].data[:50])}, nil},
		"time-out before anything":              {nil, []byte{21, 3, 1, 0, 2, 2, 49}},
	} {
		t.Run(title, func(t *testing.T) {
			if got := refused(t, c.turns).AlertRecord(); !bytes.Equal(got, c.want) {
				t.Errorf("% x, want % x", got, c.want)
			}
		})
	}
}

package handshake_test

import (
	"crypto/tls"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/omsgateway/omsgateway/internal/clientcert"
	"github.com/omsgateway/omsgateway/internal/handshake"
)

// sameVerdict ignores what depends on the cut: how much of the chunk that was refused had been forwarded, and the Opaque of a
// chunk that was.
var sameVerdict = cmp.Options{
	cmpopts.IgnoreFields(outcome{}, "Forwarded", "Opaque"), cmp.AllowUnexported(clientcert.Certificate{}),
}

// judge replays a conversation whole, in single bytes and, where its records are TLS, in records of one byte.
func judge(t *testing.T, cfg handshake.Config, c conversation) outcome {
	t.Helper()
	want := replay(t, cfg, c, whole)
	if diff := cmp.Diff(want, replay(t, cfg, c, bytewise), sameVerdict); diff != "" {
		t.Errorf("single bytes (-whole +bytes):\n%s", diff)
	}
	return want
}

func TestHandshakes(t *testing.T) {
	for title, c := range map[string]struct {
		conversation conversation
		want         handshake.Seen
		sessions     []handshake.SessionKey
	}{
		"TLS 1.2": {full(), handshake.Seen{
			Version: tls.VersionTLS12, CipherSuite: 0xc02b, ServerName: host, Certificate: handshake.Shown{Visibility: handshake.NotAsked},
		}, []handshake.SessionKey{key(byID, "new session"), key(byEither, "ticket")}},
		"TLS 1.2 with a client certificate": {fullWith(leaf("agent"), leaf("CA")), handshake.Seen{
			Version: tls.VersionTLS12, CipherSuite: 0xc02b, ServerName: host, Certificate: handshake.Shown{
				Visibility: handshake.Visible, Certificate: clientcert.Parse(leaf("agent")),
			},
		}, []handshake.SessionKey{key(byID, "new session")}},
		"TLS 1.2 with no client certificate": {fullWith(), handshake.Seen{
			Version: tls.VersionTLS12, CipherSuite: 0xc02b, ServerName: host, Certificate: handshake.Shown{Visibility: handshake.NotGiven},
		}, []handshake.SessionKey{key(byID, "new session")}},
		"TLS 1.2 resumed": {resumed("old", ""), handshake.Seen{
			Version: tls.VersionTLS12, CipherSuite: 0xc02b, ServerName: host, Resumed: true,
			Certificate: handshake.Shown{Visibility: handshake.UnknownSession},
		}, nil},
		"TLS 1.2 resumed, ticket renewed, past unknown": {resumed("old", "renewed"), handshake.Seen{
			Version: tls.VersionTLS12, CipherSuite: 0xc02b, ServerName: host, Resumed: true,
			Certificate: handshake.Shown{Visibility: handshake.UnknownSession},
		}, nil},
		"TLS 1.3": {full13(), handshake.Seen{
			Version: tls.VersionTLS13, CipherSuite: 0x1301, ServerName: host, Certificate: handshake.Shown{Visibility: handshake.Encrypted},
		}, nil},
		"TLS 1.3 with HelloRetryRequest": {retried(), handshake.Seen{
			Version: tls.VersionTLS13, CipherSuite: 0x1301, ServerName: host, Certificate: handshake.Shown{Visibility: handshake.Encrypted},
		}, nil},
		"TLS 1.3 with early data refused": {refused0RTT(), handshake.Seen{
			Version: tls.VersionTLS13, CipherSuite: 0x1301, ServerName: host, Certificate: handshake.Shown{Visibility: handshake.Encrypted},
		}, nil},
		"TLS 1.3 with early data accepted": {conversation{
			client(messages(hello0RTT().client()), ccs, record(typeApplication, slices.Repeat([]byte{1}, 16640)...)),
			server(messages(picked13().with(extension{41, u16(0)}).server()), ccs),
			client(record(typeApplication, 1)),
		}, handshake.Seen{
			Version: tls.VersionTLS13, CipherSuite: 0x1301, ServerName: host, Resumed: true,
			Certificate: handshake.Shown{Visibility: handshake.Encrypted},
		}, nil},
	} {
		t.Run(title, func(t *testing.T) {
			got := judge(t, handshake.Config{}, c.conversation)
			if got.State != handshake.Done || got.Opaque != [2]bool{true, true} {
				t.Fatalf("not done: %s %s", got, got.Text)
			}
			if diff := cmp.Diff(c.want, got.Seen, cmp.AllowUnexported(clientcert.Certificate{})); diff != "" {
				t.Errorf("Seen (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.sessions, got.Sessions); diff != "" {
				t.Errorf("Sessions (-want +got):\n%s", diff)
			}
			for _, turn := range c.conversation {
				got.Forwarded[turn.from] -= len(turn.data)
			}
			if got.Forwarded != [2]int{} {
				t.Errorf("forwarded and sent differ by %d", got.Forwarded)
			}
		})
	}
}

func TestVerdictAfterEachTurn(t *testing.T) {
	type verdicts []handshake.Verdict
	for title, c := range map[string]struct {
		conversation conversation
		want         verdicts
	}{
		"full": {full(), verdicts{
			{State: handshake.Pending}, {State: handshake.Pending}, {State: handshake.Pending, Opaque: true}, {State: handshake.Done, Opaque: true},
		}},
		"full with false start": {append(full()[:3:3], client(record(typeApplication, 1, 2, 3)), full()[3]), verdicts{
			{State: handshake.Pending}, {State: handshake.Pending}, {State: handshake.Pending, Opaque: true},
			{State: handshake.Pending, Opaque: true}, {State: handshake.Done, Opaque: true},
		}},
		"resumed": {resumed("old", "new"), verdicts{
			{State: handshake.Pending}, {State: handshake.Verified, Opaque: true}, {State: handshake.Done, Opaque: true},
		}},
		"TLS 1.3": {full13(), verdicts{
			{State: handshake.Pending}, {State: handshake.Done, Opaque: true}, {State: handshake.Done, Opaque: true},
		}},
		"a server warning before its hello": {append(conversation{full()[0], server(warning(112))}, full()[1:]...), verdicts{
			{State: handshake.Pending}, {State: handshake.Pending}, {State: handshake.Pending}, {State: handshake.Pending, Opaque: true},
			{State: handshake.Done, Opaque: true},
		}},
		"fatal alert": {conversation{full()[0], server(fatal(40)), client(fatal(0)), server(warning(0))}, verdicts{
			{State: handshake.Pending}, {State: handshake.Ended}, {State: handshake.Ended}, {State: handshake.Ended},
		}},
		"close_notify": {conversation{full()[0], full()[1], client(warning(0))}, verdicts{
			{State: handshake.Pending}, {State: handshake.Pending}, {State: handshake.Ended},
		}},
	} {
		t.Run(title, func(t *testing.T) {
			w := handshake.New(handshake.Config{Host: host})
			var got verdicts
			for i, turn := range c.conversation {
				v, err := w.Feed(turn.from, turn.data)
				if err != nil {
					t.Fatalf("turn %d: %v", i, err)
				}
				got = append(got, v)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestLegal has what looks odd and must pass.
func TestLegal(t *testing.T) {
	old := func(version uint16) conversation {
		h, picked := hello12(), picked12()
		h.version, picked.version = version, version
		picked.compressions, h.compressions = []byte{1}, []byte{1, 0}
		return conversation{
			client(versioned(tls.VersionTLS10, typeHandshake, h.client()...)),
			server(versioned(version, typeHandshake, slices.Concat(picked.server(), serverChain, done)...)),
			client(versioned(version, typeHandshake, clientKey...), versioned(version, typeCCS, 1), finished),
			server(versioned(version, typeCCS, 1), finished),
		}
	}
	bare := hello12()
	bare.extensions = nil
	bareServer := picked12()
	bareServer.extensions, bareServer.session = nil, nil
	split := hello12().client()
	greasedShares := slices.Concat(u16(12), u16(0x3a3a), []byte{0, 1, 0}, shares(29).data[2:])
	greased := hello13().with(extension{0x2a2a, nil}, extension{51, greasedShares})
	oldRecord := slices.Clone(messages(hello12().client()))
	oldRecord[2] = 0
	change := func(c conversation, turn int, replacement turn) conversation {
		c[turn] = replacement
		return c
	}
	for title, c := range map[string]conversation{
		"TLS 1.0": old(tls.VersionTLS10),
		"TLS 1.1": old(tls.VersionTLS11),
		"no extensions": {
			client(messages(bare.client())), server(messages(bareServer.server(), serverChain, done)), client(messages(clientKey), ccs), server(ccs),
		},
		"GREASE":                             change(full13(), 0, client(messages(greased.client()))),
		"first record says 3.0":              change(full(), 0, client(oldRecord)),
		"name in capitals with a final dot":  change(full(), 0, client(messages(hello12().with(sni("GateWay.Example.COM.")).client()))),
		"a hello in two records":             change(full(), 0, client(messages(split[:100]), messages(split[100:]))),
		"a warning between two fragments":    change(full(), 0, client(messages(split[:100]), warning(90), messages(split[100:]))),
		"an alert in two records":            change(full(), 0, client(messages(split[:100]), record(typeAlert, 1), record(typeAlert, 90), messages(split[100:]))),
		"four warnings, two in a record":     change(full(), 1, server(warning(112), record(typeAlert, 1, 112, 1, 112), warning(1), full()[1].data)),
		"a HelloRequest":                     change(full(), 1, server(messages(message(helloRequest)), full()[1].data)),
		"a HelloRequest in a longer record":  change(full(), 1, server(messages(message(helloRequest), picked12().server(), serverChain, done))),
		"16 records that advance nothing":    change(full(), 1, server(slices.Repeat(messages(message(helloRequest)), 16), full()[1].data)),
		"CCS before the second hello":        change(retried(), 2, client(ccs, retried()[2].data)),
		"CCS after the second hello":         change(retried(), 2, client(messages(hello13().with(shares(23)).client()), ccs)),
		"HelloRetryRequest with a cookie":    change(retried(), 1, server(messages(retry().with(extension{44, []byte{0, 1, 'c'}}).server()))),
		"a certificate of 64 KiB":            fullWithRecords(slices.Repeat([]byte{1}, 64<<10)),
		"a chain of 256 KiB":                 fullWithRecords([]byte{1}, slices.Repeat([]byte{1}, 256<<10-10)),
		"a client that gives no certificate": fullWith(),
		"resumption by session id": {
			client(messages(withSession(hello12(), "id").client())),
			server(messages(withSession(picked12(), "id").server()), ccs, finished),
			client(ccs, finished),
		},
		"an empty ticket":                      change(full(), 3, server(messages(ticket("")), ccs, finished)),
		"TLS 1.2 for a client that offers 1.3": change(full(), 0, client(messages(hello13().client()))),
		"TLS 1.3 resumed without a key share": {
			client(messages(hello13().with(preSharedKey(2)).client())),
			server(messages(picked13().without(51).with(extension{41, u16(1)}).server())),
		},
	} {
		t.Run(title, func(t *testing.T) {
			if got := judge(t, handshake.Config{}, c); got.State != handshake.Done {
				t.Errorf("%s %s", got, got.Text)
			}
		})
	}
}

// fullWithRecords is fullWith for chains that need several records.
func fullWithRecords(chain ...[]byte) conversation {
	c := fullWith(leaf("a"))
	c[2] = client(inRecords(slices.Concat(certificates(chain...), clientKey, proof), 1<<14), ccs)
	return c
}

// inRecords puts payload into records of at most size bytes.
func inRecords(payload []byte, size int) []byte {
	var records []byte
	for part := range slices.Chunk(payload, size) {
		records = append(records, record(typeHandshake, part...)...)
	}
	return records
}

func withSession(h hello, id string) hello {
	h.session = []byte(id)
	return h
}

func TestAcrossRecordsOfOneByte(t *testing.T) {
	for title, c := range map[string]conversation{
		"full": full(), "with a certificate": fullWith(leaf("agent"), leaf("CA")), "resumed": resumed("a", "b"),
		"TLS 1.3": full13(), "retried": retried(), "early data": refused0RTT(),
	} {
		t.Run(title, func(t *testing.T) {
			want := replay(t, handshake.Config{}, c, whole)
			got := judge(t, handshake.Config{}, recut(c))
			if diff := cmp.Diff(want, got, sameVerdict); diff != "" {
				t.Errorf("records of one byte (-as sent +recut):\n%s", diff)
			}
		})
	}
}

// recut puts every byte of the handshake messages in the clear into a record of its own.
func recut(c conversation) conversation {
	var cut conversation
	var encrypted [2]bool
	var stream [2][]byte
	for _, t := range c {
		stream[t.from] = append(stream[t.from], t.data...)
		var out []byte
		for len(stream[t.from]) >= 5 {
			s := stream[t.from]
			end := 5 + int(s[3])<<8 + int(s[4])
			if len(s) < end {
				break
			}
			stream[t.from] = s[end:]
			if encrypted[t.from] || s[0] != typeHandshake {
				out = append(out, s[:end]...)
				if s[0] == typeCCS && !isPending(append(cut, turn{t.from, out}), t.from) {
					encrypted[t.from] = true
				}
				continue
			}
			for _, b := range s[5:end] {
				out = append(out, s[0], s[1], s[2], 0, 1, b)
			}
			encrypted[t.from] = !isPending(append(cut, turn{t.from, out}), t.from)
		}
		cut = append(cut, turn{t.from, out})
	}
	for from, rest := range stream {
		if len(rest) > 0 {
			cut = append(cut, turn{handshake.Direction(from), rest})
		}
	}
	return cut
}

// isPending reports whether a direction is still in the clear after c.
func isPending(c conversation, from handshake.Direction) bool {
	w := handshake.New(handshake.Config{Host: host, AllowedName: func(string) bool { return true }})
	var v handshake.Verdict
	for _, t := range c {
		last, err := w.Feed(t.from, t.data)
		if err != nil {
			return false
		}
		if t.from == from || last.State == handshake.Done {
			v = last
		}
	}
	return !v.Opaque
}

func TestEnd(t *testing.T) {
	for title, c := range map[string]struct {
		conversation conversation
		from         handshake.Direction
		want         handshake.Verdict
	}{
		"before a byte":            {nil, handshake.FromClient, handshake.Verdict{State: handshake.Ended}},
		"within the hello":         {conversation{client(full()[0].data[:50])}, handshake.FromClient, handshake.Verdict{State: handshake.Ended}},
		"of the server":            {full()[:1], handshake.FromServer, handshake.Verdict{State: handshake.Ended}},
		"after the client's CCS":   {full()[:3], handshake.FromClient, handshake.Verdict{State: handshake.Ended, Opaque: true}},
		"after the verdict":        {full(), handshake.FromClient, handshake.Verdict{State: handshake.Done, Opaque: true}},
		"resumed, before the CCS":  {resumed("a", "")[:2], handshake.FromClient, handshake.Verdict{State: handshake.Done, Opaque: true}},
		"resumed, of the server":   {resumed("a", "")[:2], handshake.FromServer, handshake.Verdict{State: handshake.Verified, Opaque: true}},
		"twice, the second server": {conversation{client(fatal(0))}[:0], handshake.FromServer, handshake.Verdict{State: handshake.Ended}},
	} {
		t.Run(title, func(t *testing.T) {
			shared := newBudget(1 << 20)
			w := handshake.New(handshake.Config{Host: host, Budget: shared})
			for _, turn := range c.conversation {
				if _, err := w.Feed(turn.from, turn.data); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(c.want, w.End(c.from)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if shared.Used() != 0 {
				t.Errorf("%d bytes are held", shared.Used())
			}
		})
	}
}

func TestOnlyAlertsPassAfterTheEnd(t *testing.T) {
	second := hello12().client()
	for title, c := range map[string]struct {
		conversation conversation
		heldBack     bool
	}{
		"alert of the other side":      {conversation{full()[0], server(fatal(40)), client(fatal(0))}, false},
		"alert of the same side":       {conversation{full()[0], server(fatal(40)), server(warning(0))}, false},
		"alert in parts":               {conversation{full()[0], server(fatal(40)), client(fatal(0)[:3]), client(fatal(0)[3:])}, false},
		"handshake of the same side":   {conversation{full()[0], server(fatal(40), full()[1].data)}, true},
		"handshake of the other side":  {conversation{full()[0], client(fatal(40)), full()[1]}, true},
		"the rest of a record":         {conversation{full()[0], server(full()[1].data[:100]), client(fatal(40)), server(full()[1].data[100:])}, true},
		"the rest of a header":         {conversation{full()[0], server(full()[1].data[:3]), client(fatal(40)), server(full()[1].data[3:])}, true},
		"the rest of a message":        {conversation{client(messages(second[:9])), client(fatal(40)), client(messages(second[9:]))}, true},
		"what is encrypted":            {append(full()[:3:3], server(fatal(40)), client(record(typeApplication, 1))), true},
		"no TLS":                       {conversation{full()[0], server(fatal(40)), client([]byte("GET"))}, true},
		"more warnings than allowed":   {conversation{full()[0], server(fatal(40)), client(slices.Repeat(warning(90), 5))}, true},
		"four fatal alerts":            {conversation{full()[0], server(fatal(40)), client(slices.Repeat(fatal(40), 4))}, false},
		"five fatal alerts":            {conversation{full()[0], server(fatal(40)), client(slices.Repeat(fatal(40), 5))}, true},
		"close_notify five times":      {conversation{full()[0], server(slices.Repeat(warning(0), 4)), server(warning(0))}, true},
		"an alert that cannot be read": {conversation{full()[0], server(fatal(40)), client(record(typeAlert, 3))}, true},
	} {
		t.Run(title, func(t *testing.T) {
			got := judge(t, handshake.Config{}, c.conversation)
			if got.State != handshake.Ended || got.HeldBack != c.heldBack || got.Reason != "" {
				t.Errorf("held back %v, want %v (%s)", got.HeldBack, c.heldBack, got)
			}
		})
	}
}

func TestTimeout(t *testing.T) {
	for title, c := range map[string]struct {
		conversation conversation
		refused      bool
	}{
		"nothing":    {nil, true},
		"half":       {full()[:2], true},
		"unfinished": {resumed("a", "")[:2], true},
		"done":       {full(), false},
		"ended":      {conversation{full()[0], server(fatal(40))}, false},
	} {
		t.Run(title, func(t *testing.T) {
			w := handshake.New(handshake.Config{Host: host})
			for _, turn := range c.conversation {
				if _, err := w.Feed(turn.from, turn.data); err != nil {
					t.Fatal(err)
				}
			}
			err := w.Timeout()
			if (err != nil) != c.refused {
				t.Fatalf("Timeout: %v", err)
			}
			if !c.refused {
				return
			}
			if w.Timeout() == nil || w.State() != handshake.Refused {
				t.Error("a refusal does not last")
			}
			if _, again := w.Feed(handshake.FromClient, []byte{1}); again == nil || again.Error() != err.Error() {
				t.Errorf("Feed after it: %v, want %v", again, err)
			}
			if !strings.Contains(err.Error(), "30 seconds") {
				t.Errorf("text %q", err)
			}
		})
	}
}

func TestDebugLines(t *testing.T) {
	lines := func(cfg handshake.Config, c conversation) string {
		var lines []string
		cfg.Debug = func(line string) { lines = append(lines, line) }
		replay(t, cfg, c, whole)
		return strings.Join(lines, "\n")
	}
	for title, c := range map[string]struct {
		conversation conversation
		want         []string
	}{
		"full": {fullWith(leaf("agent")), []string{
			"Client SNI: " + host, "Client SNI is verified", "[TLS][Handshake] >ClientHello", "[TLS][Handshake] <ServerHello",
			"[TLS][Handshake] <Certificate", "[TLS][Handshake] <ServerKeyExchange", "[TLS][Handshake] <CertificateRequest",
			"[TLS][Handshake] <ServerHelloDone", "Server-side passed verification", "[TLS][Handshake] >Certificate",
			"[TLS][Handshake] >ClientKeyExchange", "[TLS][Handshake] >CertificateVerify",
		}},
		"resumed": {resumed("a", "b"), []string{
			"Client SNI: " + host, "Client SNI is verified", "[TLS][Handshake] >ClientHello", "[TLS][Handshake] <ServerHello",
			"Server-side passed verification", "[TLS][Handshake] <NewSessionTicket",
		}},
		"TLS 1.3 without a name": {append(conversation{client(messages(hello13().without(0).client()))}, full13()[1:]...), []string{
			"Client sends no SNI", "[TLS][Handshake] >ClientHello", "[TLS][Handshake] <ServerHello", "Server-side passed verification",
		}},
		"retried": {retried(), []string{
			"Client SNI: " + host, "Client SNI is verified", "[TLS][Handshake] >ClientHello", "[TLS][Handshake] <HelloRetryRequest",
			"[TLS][Handshake] >ClientHello", "[TLS][Handshake] <ServerHello", "Server-side passed verification",
		}},
	} {
		t.Run(title, func(t *testing.T) {
			if diff := cmp.Diff(strings.Join(c.want, "\n"), lines(handshake.Config{}, c.conversation)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

package forward_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/omsgateway/omsgateway/internal/event"
	"github.com/omsgateway/omsgateway/internal/handshake"
	"github.com/omsgateway/omsgateway/internal/policy"
	"github.com/omsgateway/omsgateway/internal/reason"
)

const (
	client = handshake.FromClient
	server = handshake.FromServer
)

// refusal is what the gateway says of a session that it refuses.
type refusal struct {
	id     event.ID
	reason reason.Reason
	text   string // of the event: all of it, or with a final * its beginning
}

// expectRefusal waits for the event and the canonical line, and checks what was counted.
func (r *rig) expectRefusal(want refusal) {
	r.t.Helper()
	got := r.sink.wait(r.t, "of the refusal", func(e event.Event) bool { return e.Reason == want.reason })
	beginning, cut := strings.CutSuffix(want.text, "*")
	fits := got.Text == beginning || cut && strings.HasPrefix(got.Text, beginning)
	if got.ID != want.id || got.Level != event.Error || !fits {
		r.t.Errorf("got %d %s\nwant %d %s", got.ID, got.Text, want.id, want.text)
	}
	r.sink.wait(r.t, "canonical", summary("decision=refused reason="+string(want.reason)+" "))
	r.sink.wait(r.t, "canonical", summary(" end=refused"))
	if counts := r.counters.Snapshot(); counts.Rejections != 1 || counts.Refused[want.reason] != 1 {
		r.t.Errorf("counted %+v", counts)
	}
}

// expectNoRefusal checks the events after a tunnel's end.
func (r *rig) expectNoRefusal() {
	r.t.Helper()
	for _, e := range r.sink.find(func(e event.Event) bool { return e.Level == event.Error }) {
		r.t.Errorf("unexpected event: %d %s", e.ID, e.Text)
	}
	if counts := r.counters.Snapshot(); counts.Rejections != 0 || len(counts.Refused) != 0 {
		r.t.Errorf("counted %+v", counts)
	}
}

// offence is what a client begins with and may not.
type offence struct {
	data   []byte
	change func(*policy.Input)
	alert  []byte
	refusal
}

const refusedBecause = "TLS session with a.example.com:443 is refused: "

// offendingHellos are refused when their last byte has come.
func offendingHellos(t *testing.T) map[string]offence {
	with := func(change func(*tls.Config)) []byte {
		config, _ := configs(t)
		config.MaxVersion = tls.VersionTLS12
		change(config)
		return hello(t, config)
	}
	return map[string]offence{
		"server name": {
			data:  with(func(c *tls.Config) { c.ServerName = "c.example.com" }),
			alert: fatal(1, 112),
			refusal: refusal{event.TLSRefused, reason.ServerNameNotAllowed, refusedBecause + "the client asks for the server name " +
				"c.example.com, and the tunnel was opened for a.example.com; if both are right, allow c.example.com too, " +
				"with a client certificate policy that is not stricter"},
		},
		"version": {
			data:   with(func(c *tls.Config) { c.MaxVersion = tls.VersionTLS11 }),
			change: func(in *policy.Input) { in.MinVersion = tls.VersionTLS12 },
			alert:  fatal(1, 70),
			refusal: refusal{event.TLSRefused, reason.TLSVersionNotAllowed, refusedBecause +
				"the client wants TLS 1.1, and the gateway lets TLS 1.2 to TLS 1.3 through (settings MinimumTlsVersion and MaximumTlsVersion)"},
		},
		"no server name": {
			data:    with(func(c *tls.Config) { c.ServerName, c.InsecureSkipVerify = "", true }),
			change:  func(in *policy.Input) { in.RequireServerName = true },
			alert:   fatal(1, 112),
			refusal: refusal{event.TLSRefused, reason.ServerNameMissing, refusedBecause + "the client names no server*"},
		},
	}
}

// offences are all ways in which a client can begin wrong.
func offences(t *testing.T) map[string]offence {
	all := offendingHellos(t)
	all["plain HTTP"] = offence{
		data:    []byte("GET / HTTP/1.1\r\nHost: a.example.com\r\n\r\n"),
		alert:   fatal(1, 50),
		refusal: refusal{event.NoTLS, reason.TLSNotSpoken, refusedBecause + "the tunnel carries no TLS: *"},
	}
	all["SSL 2"] = offence{
		data:    []byte{0x80, 0x2e, 1, 0, 2},
		alert:   fatal(1, 70),
		refusal: refusal{event.TLSRefused, reason.SSL2NotAllowed, refusedBecause + "the client begins with a hello of SSL 2*"},
	}
	all["empty record"] = offence{
		data:    record(22),
		alert:   fatal(3, 50),
		refusal: refusal{event.NoTLS, reason.TLSRecordInvalid, refusedBecause + "a TLS record from the client cannot be parsed: *"},
	}
	return all
}

// TestRefusedBeginning also shows that nothing of it reaches the server, and that the client reads the alert and FIN even if it has
// sent more than the gateway has read.
func TestRefusedBeginning(t *testing.T) {
	overEngines(t, func(t *testing.T, start starter) {
		for name, tt := range offences(t) {
			for more, data := range map[string][]byte{"": nil, " and much more": make([]byte, 50<<10)} {
				t.Run(name+more, func(t *testing.T) {
					target := startRaw(t)
					r := start(t, target, tt.change)
					p := r.tunnel(target)
					p.send(client, append(bytes.Clone(tt.data), data...))
					p.expectEnd(server, nil)
					r.expectRefusal(tt.refusal)
					p.expectEnd(client, tt.alert)
				})
			}
		}
	})
}

func TestRefusedBeginningThatCameWithTheRequest(t *testing.T) {
	overEngines(t, func(t *testing.T, start starter) {
		for name, tt := range offences(t) {
			t.Run(name, func(t *testing.T) {
				target := startRaw(t)
				r := start(t, target, tt.change)
				conn := r.dial()
				if _, err := conn.Write(append([]byte(request), tt.data...)); err != nil {
					t.Fatal(err)
				}
				if got, err := io.ReadAll(conn); err != nil || string(got) != established+string(tt.alert) {
					t.Errorf("the client reads %q, %v", got, err)
				}
				if got, err := io.ReadAll(<-target.peers); err != nil || len(got) > 0 {
					t.Errorf("the server reads %q, %v", got, err)
				}
				r.expectRefusal(tt.refusal)
			})
		}
	})
}

// TestLastFragmentOfAHelloIsHeldBack cuts an offending hello at every byte: what comes before the cut passes, what completes the
// hello never does.
func TestLastFragmentOfAHelloIsHeldBack(t *testing.T) {
	overEngines(t, func(t *testing.T, start starter) {
		for name, tt := range offendingHellos(t) {
			t.Run(name, func(t *testing.T) {
				target := startRaw(t)
				r := start(t, target, tt.change)
				for cut := 1; cut < len(tt.data); cut++ {
					p := r.tunnel(target)
					p.pass(client, tt.data[:cut])
					p.send(client, tt.data[cut:])
					p.expectEnd(server, nil)
					p.expectEnd(client, tt.alert)
					_ = p.client().Close()
				}
			})
			t.Run(name+" in records of one byte", func(t *testing.T) {
				target := startRaw(t)
				r := start(t, target, tt.change)
				p := r.tunnel(target)
				records := inOnes(tt.data)
				last := len(records) - 1
				for _, record := range records[:last] {
					p.pass(client, record)
				}
				p.send(client, records[last])
				p.expectEnd(server, nil)
				p.expectEnd(client, tt.alert)
				r.expectRefusal(tt.refusal)
			})
		}
	})
}

// TestHandshakeInPieces passes a whole handshake byte by byte, and in records of one byte, and checks that nothing is changed.
func TestHandshakeInPieces(t *testing.T) {
	overEngines(t, func(t *testing.T, start starter) {
		clientConfig, serverConfig := configs(t)
		clientConfig.MaxVersion = tls.VersionTLS12
		turns := converse(t, clientConfig, serverConfig)
		t.Run("bytes", func(t *testing.T) {
			target := startRaw(t)
			r := start(t, target, nil)
			p := r.tunnel(target)
			for _, turn := range turns {
				for i := range turn.data {
					p.pass(turn.from, turn.data[i:i+1])
				}
			}
			r.expectCarriedOn(p)
		})
		t.Run("records of one byte", func(t *testing.T) {
			target := startRaw(t)
			r := start(t, target, nil)
			p := r.tunnel(target)
			for _, turn := range turns[:2] {
				for _, record := range inOnes(turn.data) {
					p.pass(turn.from, record)
				}
			}
			p.play(turns[2:]...) // there is a ChangeCipherSpec in each
			r.expectCarriedOn(p)
		})
	})
}

// expectCarriedOn checks that a verified tunnel carries anything both ways, and ends when both sides have finished.
func (r *rig) expectCarriedOn(p pair) {
	r.t.Helper()
	r.sink.wait(r.t, "107", id(event.TLSVerified))
	p.pass(client, []byte("no TLS any more"))
	p.pass(server, []byte("and none here"))
	_ = p.client().CloseWrite()
	p.expectEnd(server, nil)
	p.pass(server, []byte("half is open"))
	_ = p.server().CloseWrite()
	p.expectEnd(client, nil)
	r.sink.wait(r.t, "canonical", summary(" end=finished"))
	r.expectNoRefusal()
}

// TestRefusedServer has the server offend: the client gets what came before, and an alert if that ends with a record.
func TestRefusedServer(t *testing.T) {
	overEngines(t, func(t *testing.T, start starter) {
		clientConfig, serverConfig := configs(t)
		clientConfig.MaxVersion = tls.VersionTLS12
		turns := converse(t, clientConfig, serverConfig)
		first := firstRecord(turns[1].data) // the record with the ServerHello
		heartbeat := record(24, 1, 0, 0)
		outOfPlace := refusal{event.NoTLS, reason.TLSMessageUnexpected, refusedBecause + "a heartbeat from the server is out of place in the TLS handshake"}
		speaks := refusal{event.NoTLS, reason.TLSServerFirst, refusedBecause +
			"the tunnel carries no TLS: the server speaks before the client's hello is complete"}
		tests := map[string]struct {
			before  []turn
			pieces  [][]byte // of the server; the last is refused
			alert   []byte
			refusal refusal
		}{
			"speaks first":           {nil, [][]byte{[]byte("SSH-2.0-x\r\n")}, fatal(1, 50), speaks},
			"speaks first, in TLS":   {nil, [][]byte{first}, fatal(1, 50), speaks},
			"speaks too early":       {[]turn{{client, turns[0].data[:100]}}, [][]byte{first}, fatal(1, 50), speaks},
			"no ServerHello":         {turns[:1], [][]byte{heartbeat}, fatal(1, 50), outOfPlace},
			"after its ServerHello":  {turns[:1], [][]byte{first, heartbeat}, fatal(3, 50), outOfPlace},
			"in one chunk with it":   {turns[:1], [][]byte{append(bytes.Clone(first), heartbeat...)}, fatal(3, 50), outOfPlace},
			"within a record":        {turns[:1], [][]byte{append(bytes.Clone(first), 22, 3, 3), {0, 0}}, nil, refusal{event.NoTLS, reason.TLSRecordInvalid, "*"}},
			"after the client's CCS": {turns[:3], [][]byte{heartbeat}, fatal(3, 50), outOfPlace},
		}
		for name, tt := range tests {
			t.Run(name, func(t *testing.T) {
				target := startRaw(t)
				r := start(t, target, nil)
				p := r.tunnel(target)
				p.play(tt.before...)
				last := len(tt.pieces) - 1
				for _, piece := range tt.pieces[:last] {
					p.pass(server, piece)
				}
				p.send(server, tt.pieces[last])
				p.expectEnd(client, tt.alert)
				p.expectOver(server)
				r.expectRefusal(tt.refusal)
			})
		}
	})
}

// TestAlertComesAfterWhatWasJudged has the client offend while the gateway cannot write what the server has sent.
func TestAlertComesAfterWhatWasJudged(t *testing.T) {
	overEngines(t, func(t *testing.T, start starter) {
		clientConfig, serverConfig := configs(t)
		clientConfig.MaxVersion = tls.VersionTLS12
		turns := converse(t, clientConfig, serverConfig)
		hello, first := turns[0], firstRecord(turns[1].data) // the record with the ServerHello
		target := startRaw(t)
		r := start(t, target, nil)
		p := r.tunnel(target)
		_ = p.client().SetReadBuffer(smallBuffer)
		p.play(hello, turn{server, first})

		want := p.fill(r, len(first))
		p.send(client, []byte("GET / HTTP/1.1\r\n\r\n"))
		p.expectEnd(client, append(want, fatal(3, 50)...))
		line := r.sink.wait(t, "canonical", summary(" end=refused"))
		if received := fmt.Sprintf(" received=%d ", len(first)+len(want)); !strings.Contains(line.Text, received) {
			t.Errorf("not%s: %s", received, line.Text)
		}
	})
}

// fill has the server send the beginning of a Certificate until the gateway cannot write it to the client, which has got so many
// bytes of the server before.
func (p pair) fill(r *rig, before int) (sent []byte) {
	for record := range slices.Chunk(largeCertificate(), 5+certificatePart) {
		p.send(server, record)
		sent = append(sent, record...)
		if !r.receives(before + len(sent)) {
			break
		}
	}
	return sent
}

// receives reports whether the gateway soon has written so many bytes to the client of the one tunnel. It is wrong if the gateway is
// slow, and then the test looks at less than it could.
func (r *rig) receives(count int) bool {
	for end := time.Now().Add(200 * time.Millisecond); time.Now().Before(end); {
		if open := r.tunnels.List(nil); len(open) == 1 && open[0].Received >= int64(count) {
			return true
		}
		runtime.Gosched()
	}
	return false
}

const certificatePart = 4 << 10

// largeCertificate is the beginning of a Certificate, in records of certificatePart bytes.
func largeCertificate() []byte {
	const length = 900_000
	body := make([]byte, 800*certificatePart/4)
	put := func(at []byte, n int) { at[0], at[1], at[2] = byte(n>>16), byte(n>>8), byte(n) }
	body[0] = 11
	put(body[1:], length+6)
	put(body[4:], length+3)
	put(body[7:], length)
	var flight []byte
	for part := range slices.Chunk(body, certificatePart) {
		flight = append(flight, record(22, part...)...)
	}
	return flight
}

func TestHandshakeTimeout(t *testing.T) {
	overEnginesAtOnce(t, func(t *testing.T, start starter) {
		clientConfig, serverConfig := configs(t)
		clientConfig.MaxVersion = tls.VersionTLS12
		turns := converse(t, clientConfig, serverConfig)
		hello := turns[0].data
		tests := map[string]struct {
			before []turn
			alert  []byte
		}{
			"silent client":            {nil, fatal(1, 49)},
			"half a hello":             {[]turn{{client, hello[:50]}}, fatal(1, 49)},
			"silent server":            {turns[:1], fatal(1, 49)},
			"half an answer":           {[]turn{turns[0], {server, turns[1].data[:20]}}, nil},
			"client without an answer": {turns[:2], fatal(3, 49)},
			"server without an answer": {turns[:3], fatal(3, 49)},
		}
		for name, tt := range tests {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				target := startRaw(t)
				r := start(t, target, func(in *policy.Input) { in.Limits.HandshakeTimeout = time.Second })
				p := r.tunnel(target)
				p.play(tt.before...)
				p.expectEnd(client, tt.alert)
				p.expectOver(server)
				r.expectRefusal(refusal{event.TLSRefused, reason.TLSHandshakeTimeout, refusedBecause + "the TLS handshake was not complete after *"})
			})
		}
	})
}

func TestTooManyHandshakes(t *testing.T) {
	overEngines(t, func(t *testing.T, start starter) {
		target := startRaw(t)
		r := start(t, target, func(in *policy.Input) { in.Limits.MaxHandshakes = 2 })
		first := r.tunnel(target)
		r.tunnel(target)
		resp := r.exchange(request)
		if resp.StatusCode != 503 || resp.Header.Get("OMS-Gateway-Reason") != string(reason.TooManyClientHandshakes) {
			t.Fatalf("got %d %v", resp.StatusCode, resp.Header)
		}
		if got, err := io.ReadAll(<-target.peers); err != nil || len(got) > 0 {
			t.Errorf("the server without a tunnel reads %q, %v", got, err)
		}
		refused := r.sink.wait(t, "of the limit", func(e event.Event) bool { return e.Reason == reason.TooManyClientHandshakes })
		if refused.ID != event.Fault {
			t.Errorf("event %d %s", refused.ID, refused.Text)
		}
		if counts := r.counters.Snapshot(); counts.Rejections != 0 {
			t.Errorf("counted %+v", counts)
		}

		// A refused session gives its place back although its client keeps the connection open, and so does a verified one.
		first.send(client, []byte("GET / HTTP/1.1\r\n\r\n"))
		first.expectEnd(client, fatal(1, 50))
		r.sink.wait(t, "canonical", summary(" end=refused"))
		third := r.tunnel(target)
		clientConfig, serverConfig := configs(t)
		third.play(converse(t, clientConfig, serverConfig)...)
		r.sink.wait(t, "107", id(event.TLSVerified))
		for r.server.Left().Handshakes > 1 { // the place is given back after the last byte of the handshake was seen
		}
		r.tunnel(target)
	})
}

func TestCloseDuringTheHandshake(t *testing.T) {
	overEngines(t, func(t *testing.T, start starter) {
		clientConfig, serverConfig := configs(t)
		clientConfig.MaxVersion = tls.VersionTLS12
		turns := converse(t, clientConfig, serverConfig)
		for said := range turns {
			target := startRaw(t)
			r := start(t, target, nil)
			p := r.tunnel(target)
			p.play(turns[:said]...)
			for r.tunnels.CloseIdle(0) == 0 { // the client may have the answer before the tunnel is in the table
			}
			p.expectOver(client)
			p.expectOver(server)
			r.sink.wait(t, "canonical", summary(" end=closed"))
			r.expectNoRefusal()
		}
	})
}

// TestCloseBeforeTheHandshake closes a tunnel that is in the table and not watched yet.
func TestCloseBeforeTheHandshake(t *testing.T) {
	overEngines(t, func(t *testing.T, start starter) {
		target := startRaw(t)
		r := start(t, target, nil)
		r.sink.enabled.Store(new(func(event.Level) { r.tunnels.CloseIdle(0) })) // it is asked before the watch begins, too
		p := r.tunnel(target)
		p.expectOver(client)
		p.expectOver(server)
		r.sink.wait(t, "canonical", summary(" end=closed"))
		r.expectNoRefusal()
	})
}

// TestMemoryOfHandshakes shows that what a handshake has collected is given back whatever becomes of it; start checks it at the end.
func TestMemoryOfHandshakes(t *testing.T) {
	overEngines(t, func(t *testing.T, start starter) {
		target := startRaw(t)
		r := start(t, target, nil)
		clientConfig, _ := configs(t)
		hello := hello(t, clientConfig)
		var open []pair
		for range 10 {
			p := r.tunnel(target)
			p.pass(client, hello[:len(hello)-1])
			open = append(open, p)
		}
		if used := r.server.Left().Bytes; used == 0 {
			t.Error("nothing is accounted for")
		}
		for i, p := range open {
			switch i % 3 {
			case 0:
				_ = p.client().Close()
				p.expectEnd(server, nil)
				_ = p.server().Close()
			case 1:
				_ = p.server().SetLinger(0)
				_ = p.server().Close()
			}
		}
		r.sink.waitFor(t, "canonical", 7, summary("host=a.example.com"))
	})
}

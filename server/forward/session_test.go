package forward_test

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/omsgateway/omsgateway/internal/event"
	"github.com/omsgateway/omsgateway/internal/handshake"
	"github.com/omsgateway/omsgateway/internal/policy"
	"github.com/omsgateway/omsgateway/internal/reason"
	"github.com/omsgateway/omsgateway/internal/tunnel"
)

var versions = map[string]uint16{
	"TLS 1.0": tls.VersionTLS10, "TLS 1.1": tls.VersionTLS11, "TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13,
}

// talk makes a TLS session through the gateway, sends a word and gets it back.
func (r *rig) talk(config *tls.Config) (tls.ConnectionState, error) {
	r.t.Helper()
	conn := r.dial()
	defer conn.Close()
	secure := r.secure(conn, request, func(c *tls.Config) {
		roots := c.RootCAs
		*c = *config.Clone()
		c.RootCAs, c.ServerName = roots, "a.example.com"
	})
	if _, err := io.WriteString(secure, "ping"); err != nil {
		return tls.ConnectionState{}, err
	}
	if _, err := io.ReadFull(secure, make([]byte, 4)); err != nil {
		return tls.ConnectionState{}, err
	}
	return secure.ConnectionState(), nil
}

func TestVersions(t *testing.T) {
	overEngines(t, func(t *testing.T, start starter) {
		for name, version := range versions {
			t.Run(name, func(t *testing.T) {
				r := start(t, startTarget(t, func(c *tls.Config) { c.MinVersion = tls.VersionTLS10 }), nil)
				cache := tls.NewLRUClientSessionCache(1)
				config := &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: version, ClientSessionCache: cache}
				for _, resumed := range []bool{false, true, true} {
					state, err := r.talk(config)
					if err != nil || state.Version != version || state.DidResume != resumed {
						t.Fatalf("version %x, resumed %v, %v; want %x, %v", state.Version, state.DidResume, err, version, resumed)
					}
				}
				lines := r.sink.waitFor(t, "canonical", 3, summary("decision=allowed reason=- "))
				for _, line := range lines {
					if !strings.Contains(line.Text, ` tls="`+name+`" server_name=a.example.com `) {
						t.Errorf("canonical: %s", line.Text)
					}
				}
				if verified := r.sink.find(id(event.TLSVerified)); len(verified) != 3 {
					t.Errorf("%d events 107", len(verified))
				}
				r.expectNoRefusal()
			})
		}
	})
}

func TestVersionOutOfBounds(t *testing.T) {
	overEngines(t, func(t *testing.T, start starter) {
		for name, version := range versions {
			for bound, change := range map[string]func(*policy.Input){
				"below": func(in *policy.Input) { in.MinVersion = version + 1 },
				"above": func(in *policy.Input) { in.MinVersion, in.MaxVersion = tls.VersionTLS10-1, version-1 },
			} {
				t.Run(name+" is "+bound, func(t *testing.T) {
					r := start(t, startTarget(t, func(c *tls.Config) { c.MinVersion = tls.VersionTLS10 }), change)
					_, err := r.talk(&tls.Config{MinVersion: version, MaxVersion: version})
					if err == nil || !strings.Contains(err.Error(), "protocol version not supported") {
						t.Errorf("the client gets %v", err)
					}
					r.expectRefusal(refusal{event.TLSRefused, reason.TLSVersionNotAllowed, refusedBecause + "the client wants " + name + ", and *"})
				})
			}
		}
	})
}

// TestServerPicksAVersionOutOfBounds has a client that would go lower than the gateway does.
func TestServerPicksAVersionOutOfBounds(t *testing.T) {
	overEngines(t, func(t *testing.T, start starter) {
		r := start(t, startTarget(t, func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }),
			func(in *policy.Input) { in.MinVersion = tls.VersionTLS12 })
		_, err := r.talk(&tls.Config{MinVersion: tls.VersionTLS10})
		if err == nil || !strings.Contains(err.Error(), "protocol version not supported") {
			t.Errorf("the client gets %v", err)
		}
		r.expectRefusal(refusal{event.TLSRefused, reason.TLSVersionNotAllowed, refusedBecause + "the server wants TLS 1.1, and *"})
	})
}

// TestOtherServerName shows that another name passes if it is itself allowed on the tunnel's port.
func TestOtherServerName(t *testing.T) {
	overEngines(t, func(t *testing.T, start starter) {
		for port, want := range map[string]string{"443": "", "8443": "unrecognized name"} {
			t.Run(port, func(t *testing.T) {
				r := start(t, startTarget(t, nil), func(in *policy.Input) {
					in.Entries = append(in.Entries, entry(t, "a.example.com:8443"), entry(t, "c.example.com"))
				})
				secure := r.secure(r.dial(), strings.Replace(request, "443", port, 1), func(c *tls.Config) {
					c.ServerName, c.InsecureSkipVerify = "c.example.com", true // the target is not c
				})
				err := secure.Handshake()
				if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
					t.Errorf("the client gets %v", err)
				}
			})
		}
	})
}

// certificateCase is what is asked of a client's certificate, what the client does, and what becomes of it.
type certificateCase struct {
	requirement handshake.Requirement
	allowed     string
	version     uint16
	asks        bool
	gives       bool

	alert      string // that the client gets; "" if the session passes
	refusal    refusal
	subject    string // in the table of tunnels
	notVisible int64
}

// TestClientCertificates has a row for each case of the policy.
func TestClientCertificates(t *testing.T) {
	overEngines(t, func(t *testing.T, start starter) {
		const twelve, thirteen = tls.VersionTLS12, tls.VersionTLS13
		const other = "CN=another agent, OU=Linux Monitoring Agent, O=Microsoft"
		notAllowed := refusal{event.Forbidden, reason.ClientCertificateNotAllowed, "Invalid Client certificate: " + agentSubject}
		needed := func(why reason.Reason, text string) refusal {
			return refusal{event.TLSRefused, why, refusedBecause + "a client certificate is required, and " + text}
		}
		tests := map[string]certificateCase{
			"off, shown":            {handshake.Off, other, twelve, true, true, "", refusal{}, agentSubject, 0},
			"off, not given":        {handshake.Off, other, twelve, true, false, "", refusal{}, "", 0},
			"off, not asked":        {handshake.Off, other, twelve, false, false, "", refusal{}, "", 0},
			"off, TLS 1.3":          {handshake.Off, other, thirteen, true, true, "", refusal{}, "", 0},
			"allowed":               {handshake.IfShown, agentSubject, twelve, true, true, "", refusal{}, agentSubject, 0},
			"allowed, by CN":        {handshake.IfShown, "agent", twelve, true, true, "", refusal{}, agentSubject, 0},
			"allowed, TLS 1.0":      {handshake.IfShown, agentSubject, tls.VersionTLS10, true, true, "", refusal{}, agentSubject, 0},
			"not allowed":           {handshake.IfShown, other, twelve, true, true, "access denied", notAllowed, "", 0},
			"part of the name":      {handshake.IfShown, "age", twelve, true, true, "access denied", notAllowed, "", 0},
			"empty list":            {handshake.IfShown, "", twelve, true, true, "access denied", notAllowed, "", 0},
			"not given":             {handshake.IfShown, agentSubject, twelve, true, false, "", refusal{}, "", 1},
			"not asked":             {handshake.IfShown, agentSubject, twelve, false, true, "", refusal{}, "", 1},
			"TLS 1.3":               {handshake.IfShown, agentSubject, thirteen, true, true, "", refusal{}, "", 1},
			"required, allowed":     {handshake.Required, agentSubject, twelve, true, true, "", refusal{}, agentSubject, 0},
			"required, not allowed": {handshake.Required, other, twelve, true, true, "access denied", notAllowed, "", 0},
			"required, not given": {handshake.Required, agentSubject, twelve, true, false, "bad certificate",
				needed(reason.ClientCertificateNotGiven, "the client has given none to a.example.com; *"), "", 0},
			"required, not asked": {handshake.Required, agentSubject, twelve, false, true, "access denied",
				needed(reason.ClientCertificateNotAsked, "the server a.example.com asks for none in its handshake; *"), "", 0},
			"required, TLS 1.3": {handshake.Required, agentSubject, thirteen, true, true, "protocol version not supported",
				needed(reason.ClientCertificateEncrypted, "TLS 1.3 encrypts it so that it cannot be seen; limit the client to TLS 1.2*"), "", 0},
		}
		for name, tt := range tests {
			t.Run(name, func(t *testing.T) {
				r := start(t, startTarget(t, asking(t, tt.asks)), func(in *policy.Input) { judging(in, tt.requirement, tt.allowed) })
				config := giving(t, tt.gives)
				config.MaxVersion = tt.version
				if tt.alert != "" {
					_, err := r.talk(config)
					if err == nil || !strings.Contains(err.Error(), tt.alert) {
						t.Errorf("the client gets %v", err)
					}
					r.expectRefusal(tt.refusal)
					return
				}
				conn := r.dial()
				secure := r.secure(conn, request, func(c *tls.Config) {
					c.MinVersion, c.MaxVersion, c.Certificates = tls.VersionTLS10, config.MaxVersion, config.Certificates
				})
				echo(t, secure, "hello")
				open := r.tunnels.List(nil)
				want := []tunnel.TLS{{Version: tls.VersionName(tt.version), ServerName: "a.example.com", Subject: tt.subject}}
				if diff := cmp.Diff(want, []tunnel.TLS{open[0].TLS}); diff != "" {
					t.Errorf("the tunnel (-want +got):\n%s", diff)
				}
				if got := r.counters.Snapshot().NotVisible; got != tt.notVisible {
					t.Errorf("%d not visible", got)
				}
				r.expectNoRefusal()
			})
		}
	})
}

func asking(t *testing.T, asks bool) func(*tls.Config) {
	return func(c *tls.Config) {
		c.MinVersion, c.ClientCAs = tls.VersionTLS10, certificates(t).ca.Pool()
		if asks {
			c.ClientAuth = tls.VerifyClientCertIfGiven
		}
	}
}

func giving(t *testing.T, gives bool) *tls.Config {
	t.Helper()
	config := &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS12}
	if gives {
		config.Certificates = []tls.Certificate{certificates(t).agent}
	}
	return config
}

func judging(in *policy.Input, requirement handshake.Requirement, allowed ...string) {
	in.ClientCertificate, in.Certificates = requirement, nil
	for _, text := range allowed {
		if text != "" {
			in.Certificates = append(in.Certificates, text)
		}
	}
}

// TestSubjectOfTheEventAllowsTheCertificate feeds what the event prints back to the list.
func TestSubjectOfTheEventAllowsTheCertificate(t *testing.T) {
	overEngines(t, func(t *testing.T, start starter) {
		r := start(t, startTarget(t, asking(t, true)), func(in *policy.Input) { judging(in, handshake.Required) })
		if _, err := r.talk(giving(t, true)); err == nil {
			t.Fatal("not refused")
		}
		refused := r.sink.wait(t, "105", id(event.Forbidden))
		subject, found := strings.CutPrefix(refused.Text, "Invalid Client certificate: ")
		if !found {
			t.Fatalf("event: %s", refused.Text)
		}
		r.change(func(in *policy.Input) { judging(in, handshake.Required, subject) })
		if _, err := r.talk(giving(t, true)); err != nil {
			t.Error(err)
		}
	})
}

// TestCertificateFragment sends a client's part byte by byte: the last byte of a certificate that is not allowed, and all behind it,
// never reach the server.
func TestCertificateFragment(t *testing.T) {
	overEngines(t, func(t *testing.T, start starter) {
		clientConfig, serverConfig := configs(t)
		clientConfig.MaxVersion, clientConfig.Certificates = tls.VersionTLS12, []tls.Certificate{certificates(t).agent}
		serverConfig.ClientAuth = tls.RequireAndVerifyClientCert
		turns := converse(t, clientConfig, serverConfig)
		leaf := certificates(t).agent.Certificate[0]
		flight := string(turns[2].data)
		last := strings.Index(flight, string(leaf)) + len(leaf) - 1
		if last < len(leaf) {
			t.Fatal("the certificate is not there in one piece")
		}
		target := startRaw(t)
		r := start(t, target, func(in *policy.Input) { judging(in, handshake.IfShown, "another") })
		p := r.tunnel(target)
		p.play(turns[:2]...)
		for i := range last {
			p.pass(client, turns[2].data[i:i+1])
		}
		p.send(client, turns[2].data[last:])
		p.expectEnd(server, nil)
		p.expectEnd(client, fatal(3, 49))
		r.expectRefusal(refusal{event.Forbidden, reason.ClientCertificateNotAllowed, "Invalid Client certificate: " + agentSubject})
	})
}

// TestResumedSessions shows that a session is judged by the certificate of the handshake that made it and by the list of today.
func TestResumedSessions(t *testing.T) {
	overEngines(t, func(t *testing.T, start starter) {
		notAllowed := refusal{event.Forbidden, reason.ClientCertificateNotAllowed, "Invalid Client certificate: " + agentSubject}
		unknown := refusal{event.TLSRefused, reason.ClientCertificateResumed, refusedBecause + "a client certificate is required, and this TLS session *"}
		tests := map[string]struct {
			outside bool // the session is made where the gateway does not see it
			before  func(*policy.Input)
			after   func(*policy.Input)

			alert      string
			refusal    refusal
			subject    string // in the canonical line
			notVisible int64
		}{
			"still allowed": {false, required(agentSubject), required("another", "agent"), "", refusal{}, agentSubject, 0},
			"no longer":     {false, required(agentSubject), required("another"), "access denied", notAllowed, "", 0},
			"made when nothing was judged": {false, func(in *policy.Input) { judging(in, handshake.Off) }, required(agentSubject), "",
				refusal{}, agentSubject, 0},
			"made when nothing was judged, not allowed": {false, func(in *policy.Input) { judging(in, handshake.Off) }, required("another"),
				"access denied", notAllowed, "", 0},
			"unknown": {true, required(agentSubject), required(agentSubject), "access denied", unknown, "", 0},
			"unknown, if shown": {true, required(agentSubject), func(in *policy.Input) { judging(in, handshake.IfShown, agentSubject) }, "",
				refusal{}, "", 1},
			"unknown, off": {true, required(agentSubject), func(in *policy.Input) { judging(in, handshake.Off) }, "", refusal{}, "", 0},
		}
		for name, tt := range tests {
			t.Run(name, func(t *testing.T) {
				target := startTarget(t, asking(t, true))
				r := start(t, target, tt.before)
				config := giving(t, true)
				config.ClientSessionCache = tls.NewLRUClientSessionCache(1)
				if tt.outside {
					outside := config.Clone()
					outside.RootCAs, outside.ServerName = target.ca.Pool(), "a.example.com"
					conn, err := tls.Dial("tcp", target.address, outside)
					if err != nil {
						t.Fatal(err)
					}
					echo(t, conn, "ping")
					_ = conn.Close()
				} else if _, err := r.talk(config); err != nil {
					t.Fatal(err)
				}
				r.change(tt.after)
				state, err := r.talk(config)
				if tt.alert != "" {
					if err == nil || !strings.Contains(err.Error(), tt.alert) {
						t.Errorf("the client gets %v", err)
					}
					r.expectRefusal(tt.refusal)
					return
				}
				if err != nil || !state.DidResume {
					t.Fatalf("resumed %v, %v", state.DidResume, err)
				}
				count := 2
				if tt.outside {
					count = 1
				}
				lines := r.sink.waitFor(t, "canonical", count, summary("decision=allowed"))
				want := " subject=- "
				if tt.subject != "" {
					want = ` subject="` + tt.subject + `" `
				}
				if line := lines[count-1].Text; !strings.Contains(line, want) {
					t.Errorf("not%s: %s", want, line)
				}
				if got := r.counters.Snapshot().NotVisible; got != tt.notVisible {
					t.Errorf("%d not visible", got)
				}
				r.expectNoRefusal()
			})
		}
	})
}

func required(allowed ...string) func(*policy.Input) {
	return func(in *policy.Input) { judging(in, handshake.Required, allowed...) }
}

// TestSessionResumedByID plays what a client and a server that know no tickets say.
func TestSessionResumedByID(t *testing.T) {
	overEngines(t, func(t *testing.T, start starter) {
		clientConfig, serverConfig := configs(t)
		clientConfig.MaxVersion, clientConfig.Certificates = tls.VersionTLS12, []tls.Certificate{certificates(t).agent}
		serverConfig.ClientAuth, serverConfig.SessionTicketsDisabled = tls.RequireAndVerifyClientCert, true
		full := converse(t, clientConfig, serverConfig)
		session := []byte("the id of the session")
		full[1].data = withSession(full[1].data, session)
		picked := firstRecord(full[1].data)
		finished := append(record(20, 1), record(22, make([]byte, 40)...)...)
		again := []turn{
			{client, withSession(full[0].data, session)},
			{server, append(bytes.Clone(picked), finished...)},
			{client, finished},
		}

		target := startRaw(t)
		r := start(t, target, required(agentSubject))
		for _, turns := range [][]turn{full, again} {
			p := r.tunnel(target)
			p.play(turns...)
			_ = p.client().CloseWrite()
			_ = p.server().Close()
			p.expectOver(client)
		}
		lines := r.sink.waitFor(t, "canonical", 2, summary(" end=finished"))
		for _, line := range lines {
			if !strings.Contains(line.Text, `subject="`+agentSubject+`"`) {
				t.Errorf("canonical: %s", line.Text)
			}
		}
		r.expectNoRefusal()

		r.change(required("another"))
		p := r.tunnel(target)
		p.play(again[0])
		p.send(server, again[1].data)
		p.expectEnd(client, fatal(3, 49))
		r.expectRefusal(refusal{event.Forbidden, reason.ClientCertificateNotAllowed, "Invalid Client certificate: " + agentSubject})
	})
}

// withSession gives the hello that a flight begins with a session id.
func withSession(flight, id []byte) []byte {
	const record, message, length = 3, 7, 5 + 4 + 2 + 32 // where they have their lengths, and the id has its own
	behind := flight[length+1+int(flight[length]):]
	longer := slices.Concat(flight[:length], []byte{byte(len(id))}, id, behind)
	for _, at := range []int{record, message} {
		binary.BigEndian.PutUint16(longer[at:], binary.BigEndian.Uint16(longer[at:])+uint16(len(longer)-len(flight)))
	}
	return longer
}

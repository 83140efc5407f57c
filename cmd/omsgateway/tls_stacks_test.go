package main_test

import (
	"crypto/tls"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/omsgateway/omsgateway/internal/testscale"
)

// TestStacks has real implementations of TLS speak to each other through one gateway, each client with each server: at both
// versions that all of them have, as they are and with each handshake cut into records of one byte on both sides of the gateway.
// Each client shows a certificate, and resumes its session if it keeps it by itself.
func TestStacks(t *testing.T) {
	t.Parallel()
	g := runStacksGateway(t)
	all := stacks(t)
	agents := newAgents(t)
	own, agent := agents.named("localhost"), agents.named("agent")
	for i, server := range all {
		t.Run(server.name+" server", func(t *testing.T) {
			server.need(t)
			port := server.serve(t, own)
			behind := startCopier(t, func() (net.Conn, error) { return net.DialTimeout("tcp", "127.0.0.1:"+port, patience) }, theServer)
			_, cutPort, _ := net.SplitHostPort(behind.address)
			direct, cut := "localhost:"+port, "localhost:"+cutPort
			g.allow(t, direct, "IF_SHOWN")
			g.allow(t, cut, "IF_SHOWN")
			door, cutDoor := g.door(t, direct, nobody), g.door(t, cut, theClient)
			for j, client := range all {
				if !testscale.Full() && j != i && j != (i+1)%len(all) {
					continue // each is a client and a server all the same
				}
				t.Run(client.name+" client", func(t *testing.T) {
					client.need(t)
					for _, v := range []struct{ version, subject string }{{"1.2", agent.subject}, {"1.3", ""}} {
						want := session{"TLS " + v.version, "localhost", v.subject}
						t.Run(v.version, func(t *testing.T) {
							g.passes(t, direct, want, client.dial(t, door.address, v.version, agent))
							if !client.keeps {
								return
							}
							again := client.dial(t, door.address, v.version, agent)
							if client == server && !again.resumed { // with others it may not: in TLS 1.2 Java resumes none without an id
								t.Error("the session is not resumed")
							}
							g.passes(t, direct, want, again)
						})
						t.Run(v.version+" in records of one byte", func(t *testing.T) {
							fromClient, fromServer := cutDoor.records.Load(), behind.records.Load()
							g.passes(t, cut, want, client.dial(t, cutDoor.address, v.version, agent))
							fromClient, fromServer = cutDoor.records.Load()-fromClient, behind.records.Load()-fromServer
							if min(fromClient, fromServer) < 50 {
								t.Errorf("only %d and %d records of one byte", fromClient, fromServer)
							}
						})
					}
				})
			}
		})
	}
}

// TestGnuTLSStack has gnutls-cli do what only its own server goes along with. It runs alone, since gnutls-cli waits only so long for the
// ticket of a session that it is to resume.
func TestGnuTLSStack(t *testing.T) {
	(&stack{needs: []string{"gnutls-serv", "gnutls-cli"}}).need(t)
	g := runStacksGateway(t)
	agents := newAgents(t)
	own, agent := agents.named("localhost"), agents.named("agent")
	early := write(t, "early", strings.Repeat("early\n", 20))
	debug := []string{"--debug", "5"}
	for _, c := range []struct {
		name           string
		version        string
		subject        string
		server, client []string
		resumed        bool
		unsure         bool   // which session is resumed cannot be told
		has, lacks     string // message in the first handshake
		says           string // what the server says in the end
	}{
		{name: "1.0", version: "1.0", subject: agent.subject},
		{name: "1.1", version: "1.1", subject: agent.subject},
		{name: "1.2, no certificate is asked for", version: "1.2", server: []string{"--disable-client-cert"}, lacks: "<CertificateRequest"},
		{name: "1.2, a second handshake inside of the session", version: "1.2", subject: agent.subject, server: debug, client: []string{"--rehandshake"}, says: `(?s)(CLIENT HELLO \(1\) was received.*){2}`},
		{name: "1.2, by ticket", version: "1.2", subject: agent.subject, server: []string{"--nodb"}, client: []string{"--resume"}, resumed: true, unsure: true, has: "<NewSessionTicket"},
		{name: "1.2, by id", version: "1.2", subject: agent.subject, server: []string{"--noticket"}, client: []string{"--resume"}, resumed: true, lacks: "<NewSessionTicket"},
		{name: "1.3, resumed", version: "1.3", client: []string{"--resume"}, resumed: true},
		{name: "1.3, early data", version: "1.3", server: append(debug, "--earlydata"), client: []string{"--resume", "--earlydata", early}, resumed: true, says: `decrypted early data with length`},
	} {
		t.Run(c.name, func(t *testing.T) {
			server, port := serveGnuTLS(t, own, c.server...)
			target := "localhost:" + port
			g.allow(t, target, "IF_SHOWN")
			want := session{"TLS " + c.version, "localhost", c.subject}
			show := []string{"--x509certfile", agent.file, "--x509keyfile", agent.file}
			client := dialGnuTLS(t, g.door(t, target, nobody).address, c.version, slices.Concat(show, c.client)...)
			if client.resumed != c.resumed {
				t.Errorf("resumed is %v, want %v", client.resumed, c.resumed)
			}
			if c.resumed { // it has connected, disconnected and connected again
				g.verified(t, target, want).compareMessages(t, c.has, c.lacks)
				c.has, c.lacks = "", ""
			}
			if c.unsure { // the client makes up an id beside its ticket, and the server has given one: docs/tls.md
				want.ClientCertificate = ""
			}
			g.passes(t, target, want, client).compareMessages(t, c.has, c.lacks)
			server.wait(t, c.says)
		})
	}
}

// TestOpenSSLStack has s_client ask the gateway itself, in all ways to do a handshake that OpenSSL has.
func TestOpenSSLStack(t *testing.T) {
	t.Parallel()
	openSSL := &stack{needs: []string{"openssl"}}
	openSSL.need(t)
	help, _ := exec.CommandContext(t.Context(), "openssl", "s_client", "-help").CombinedOutput()
	g := runStacksGateway(t)
	agents := newAgents(t)
	own, agent := agents.named("localhost"), agents.named("agent")
	ownRSA := &identity{file: filepath.Join(t.TempDir(), "rsa.pem")}
	out, err := exec.CommandContext(t.Context(), "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost",
		"-keyout", ownRSA.file, "-out", ownRSA.file).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	early := write(t, "early", strings.Repeat("early\n", 2000))

	with := func(args ...string) []string { return args }
	old := func(version string) []string { return with(version, "-cipher", "ALL:@SECLEVEL=0") }
	give := with("-cert", agent.file, "-key", agent.file)
	for _, c := range []struct {
		name           string
		version        string
		subject        string
		own            *identity
		server, client []string
		again          []string // the client's arguments for a second connection in the session
		has, lacks     string   // message in the first handshake
	}{
		{name: "1.0", version: "TLS 1.0", server: old("-tls1"), client: old("-tls1")},
		{name: "1.0 with a certificate", version: "TLS 1.0", subject: agent.subject, server: slices.Concat(ask, old("-tls1")), client: slices.Concat(give, old("-tls1")), again: old("-tls1")},
		{name: "1.1", version: "TLS 1.1", server: old("-tls1_1"), client: old("-tls1_1")},
		{name: "1.1 with a certificate", version: "TLS 1.1", subject: agent.subject, server: slices.Concat(ask, old("-tls1_1")), client: slices.Concat(give, old("-tls1_1")), again: old("-tls1_1")},
		{name: "1.2", version: "TLS 1.2", client: with("-tls1_2")},
		{name: "1.2, the server has no other", version: "TLS 1.2", server: with("-tls1_2"), client: with()},
		{name: "1.2 with the key exchange of RSA", version: "TLS 1.2", own: ownRSA, server: with("-tls1_2"), client: with("-tls1_2", "-cipher", "AES128-SHA"), lacks: "<ServerKeyExchange"},
		{name: "1.2, a certificate is asked for", version: "TLS 1.2", server: ask, client: with("-tls1_2"), has: "<CertificateRequest"},
		{name: "1.2 with a certificate, by ticket", version: "TLS 1.2", subject: agent.subject, server: ask, client: slices.Concat(give, with("-tls1_2")), again: with("-tls1_2"), has: "<NewSessionTicket"},
		{name: "1.2 with a certificate, by id", version: "TLS 1.2", subject: agent.subject, server: slices.Concat(ask, with("-no_ticket")), client: slices.Concat(give, with("-tls1_2")), again: with("-tls1_2"), lacks: "<NewSessionTicket"},
		{name: "1.3", version: "TLS 1.3", server: ask, client: give, again: with()},
		{name: "1.3 without CCS", version: "TLS 1.3", server: with("-no_middlebox"), client: with("-no_middlebox")},
		{name: "1.3 with a second hello", version: "TLS 1.3", server: with("-groups", "P-384"), client: with("-groups", "X25519:P-384"), has: "<HelloRetryRequest"},
		{name: "1.3 with early data", version: "TLS 1.3", server: with("-early_data"), client: with(), again: with("-early_data", early)},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, arg := range c.client {
				if strings.HasPrefix(arg, "-tls1") && !regexp.MustCompile(`(?m)^ `+arg+`\s`).Match(help) {
					t.Skipf("this OpenSSL has no %s", arg)
				}
			}
			hasEarly := slices.Contains(c.server, "-early_data")
			if !hasEarly {
				c.server = append(c.server, "-rev")
			}
			if c.own == nil {
				c.own = own
			}
			server, port := serveOpenSSL(t, c.own, c.server...)
			target := "localhost:" + port
			g.allow(t, target, "IF_SHOWN")
			file := filepath.Join(t.TempDir(), "session")
			connect := func(args ...string) *held {
				if hasEarly { // it gives nothing back by itself
					server.say(t, "gnop-gnip OHCE")
				}
				return dialOpenSSL(t, slices.Concat(with("-proxy", g.proxy, "-connect", target), args)...)
			}
			want := session{c.version, "localhost", c.subject}
			first := g.passes(t, target, want, connect(slices.Concat(c.client, with("-sess_out", file))...))
			first.compareMessages(t, c.has, c.lacks)
			if c.again == nil {
				return
			}
			again := connect(slices.Concat(c.again, with("-sess_in", file))...)
			if !again.resumed {
				t.Error("the session is not resumed")
			}
			g.passes(t, target, want, again)
			if hasEarly {
				server.wait(t, `(?s)early\n.*ECHO ping-pong\n`)
			}
		})
	}
}

// session is what the gateway has seen of one, as tunnel list --json names it.
type session struct {
	TLSVersion        string `json:"tlsVersion"`
	ServerName        string `json:"serverName"`
	ClientCertificate string `json:"clientCertificate"`
}

func runStacksGateway(t *testing.T) *tlsGateway {
	t.Helper()
	r := runGateway(t, "--set", "AllowLoopbackTargets=On")
	omsgwctl(t, r, "setting", "set", "LogLevel", "Debug")
	g := &tlsGateway{running: r, batch: startBatch(t, r), asked: map[string]int{}, byReason: map[string]int64{}}
	g.call(t, "AllowedClientCertificateService/AddAllowedClientCertificates", `{"certificates":[{"subject":"agent"}]}`, nil)
	return g
}

// door is a copier that has the gateway connect it to target.
func (g *tlsGateway) door(t *testing.T, target string, cut side) *copier {
	t.Helper()
	return startCopier(t, func() (net.Conn, error) {
		conn, err := net.DialTimeout("tcp", g.proxy, patience)
		if err != nil {
			return nil, err
		}
		return conn, connect(conn, target)
	}, cut)
}

// passes judges the one open tunnel to target while it is open, ends it, and judges what the log says.
func (g *tlsGateway) passes(t *testing.T, target string, want session, client *held) trace {
	t.Helper()
	var list struct{ Tunnels []session }
	out := omsgwctl(t, g.running, "tunnel", "list", "--json")
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if diff := cmp.Diff([]session{want}, list.Tunnels); diff != "" {
		t.Errorf("the open tunnels (-want +got):\n%s", diff)
	}
	client.end(t)
	return g.verified(t, target, want)
}

// verified judges what the log says about the next connection to target, and returns it.
func (g *tlsGateway) verified(t *testing.T, target string, want session) trace {
	t.Helper()
	trace := g.nextTrace(t, target)
	for _, line := range []string{
		" DEBUG TlsParser - Client SNI is verified\n",
		" DEBUG TlsParser - TLS session is successfully verified\n",
	} {
		if n := trace.count(line); n != 1 {
			t.Errorf("%d times in the log: %s", n, line)
		}
	}
	if n := trace.count(" ERROR "); n != 0 {
		t.Errorf("%d errors", n)
	}
	trace.want(t, ` decision=allowed reason=- .* tls="`+regexp.QuoteMeta(want.TLSVersion)+`" server_name=`+want.ServerName+
		` subject=`+regexp.QuoteMeta(logged(want.ClientCertificate))+` sent=[1-9]\d* received=[1-9]\d* .* end=finished$`)
	if t.Failed() {
		t.Logf("the gateway's log:\n%s", trace.text)
	}
	return trace
}

// compareMessages wants the first message in the handshake, and not the second; either may be empty.
func (tr trace) compareMessages(t *testing.T, has, lacks string) {
	t.Helper()
	const prefix = "[TLS][Handshake] "
	if has != "" && tr.count(prefix+has+"\n") != 1 || lacks != "" && tr.count(prefix+lacks+"\n") != 0 {
		t.Errorf("not one %q, or there is %q:\n%s", has, lacks, tr.text)
	}
}

// TestPostQuantumHello has a ClientHello that does not fit into a packet come in two. The second is sent when the server has the
// first, so that they cannot meet on the way.
func TestPostQuantumHello(t *testing.T) {
	t.Parallel()
	g := runStacksGateway(t)
	o, err := newOriginWith(func(c *tls.Config) { c.CurvePreferences = []tls.CurveID{tls.X25519MLKEM768} })
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	arrived := make(chan struct{})
	behind := startCopier(t, func() (net.Conn, error) {
		conn, err := net.DialTimeout("tcp", "127.0.0.1:"+o.port, patience)
		return &noticed{Conn: conn, first: arrived}, err
	}, nobody)
	_, port, _ := net.SplitHostPort(behind.address)
	target := "localhost:" + port
	g.allow(t, target, "IF_SHOWN")

	conn, err := net.DialTimeout("tcp", g.proxy, patience)
	if err != nil {
		t.Fatal(err)
	}
	if err := connect(conn, target); err != nil {
		t.Fatal(err)
	}
	split := &inTwo{Conn: conn, goOn: arrived}
	client := talkGo(t, split, &tls.Config{CurvePreferences: []tls.CurveID{tls.X25519MLKEM768}})
	if split.first < 1184 { // the key share alone (FIPS 203, table 3)
		t.Errorf("the ClientHello has %d bytes, which is not large", split.first)
	}
	g.passes(t, target, session{"TLS 1.3", "localhost", ""}, client)
}

// inTwo writes what is written first in two halves, the second when it may go on.
type inTwo struct {
	net.Conn
	goOn  <-chan struct{}
	first int // bytes that were written first
}

func (c *inTwo) Write(p []byte) (int, error) {
	if c.first > 0 {
		return c.Conn.Write(p)
	}
	c.first = len(p)
	n, err := c.Conn.Write(p[:len(p)/2])
	if err != nil {
		return n, err
	}
	select {
	case <-c.goOn:
	case <-time.After(patience):
		return n, os.ErrDeadlineExceeded
	}
	rest, err := c.Conn.Write(p[n:])
	return n + rest, err
}

// noticed tells when it was written to first.
type noticed struct {
	net.Conn
	first chan struct{}
	once  sync.Once
}

func (c *noticed) Write(p []byte) (int, error) {
	c.once.Do(func() { close(c.first) })
	return c.Conn.Write(p)
}

func (c *noticed) CloseWrite() error { return c.Conn.(*net.TCPConn).CloseWrite() }

package main_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/omsgateway/omsgateway/internal/testca"
)

// policyCase is one way in which a row of the policy table comes about.
type policyCase struct {
	row     string
	stack   string // whose client and server
	made    made
	version string
	subject string // that is seen
	pair    func(t *testing.T) pair
}

// made tells how the session was made that is resumed.
type made int

const (
	notResumed made = iota
	throughGateway
	pastGateway
)

// pair is a TLS server, and a client that goes with it and keeps its sessions.
type pair interface {
	port() string
	// connect makes a connection through the proxy, or a direct one if that is empty, and has a line answered by the server.
	connect(t *testing.T, proxy string) outcome
	// verified counts the handshakes that have come to their end at the server.
	verified() int64
}

// outcome is what a client got.
type outcome struct {
	passed  bool // its line was answered
	resumed bool
	alert   int // that ended the handshake; 0 for none
	err     error
}

// policyCases has at least one case for each row.
func policyCases(t *testing.T) []policyCase {
	t.Helper()
	agents := newAgents(t)
	agent, stranger, nameless, endless := agents.named("agent"), agents.named("stranger"), agents.nameless(), agents.endless()
	const tls12, tls13 = "TLS 1.2", "TLS 1.3"
	asks := func(c *tls.Config) { c.ClientAuth = tls.RequestClientCert }
	silent := func(*tls.Config) {}
	p384 := func(c *tls.Config) {
		c.ClientAuth, c.CurvePreferences = tls.RequestClientCert, []tls.CurveID{tls.CurveP384}
	}
	older := func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }

	inGo := func(version uint16, server func(*tls.Config), shows *identity) func(*testing.T) pair {
		return func(t *testing.T) pair { return newGoPair(t, version, server, shows) }
	}
	byID := func(server []string, shows *identity) func(*testing.T) pair {
		return func(t *testing.T) pair {
			p := newOpenSSLPair(t, slices.Concat([]string{"-rev", "-no_ticket"}, server), "-tls1_2")
			if shows != nil {
				p.first = []string{"-cert", shows.file, "-key", shows.file}
			}
			return p
		}
	}
	early := func(t *testing.T) *openSSLPair {
		p := newOpenSSLPair(t, []string{"-early_data"})
		p.later = []string{"-early_data", write(t, "early", strings.Repeat("early\n", 2000))}
		return p
	}

	return []policyCase{
		{"shown, in the list", "Go", notResumed, tls12, agent.subject, inGo(tls.VersionTLS12, asks, agent)},
		{"shown, in the list", "Go, TLS 1.0", notResumed, "TLS 1.0", agent.subject, inGo(tls.VersionTLS10, asks, agent)},
		{"shown, not in the list", "Go", notResumed, tls12, stranger.subject, inGo(tls.VersionTLS12, asks, stranger)},
		{"shown, without a subject that can be read", "none", notResumed, tls12, nameless.subject, inGo(tls.VersionTLS12, asks, nameless)},
		{"shown, without a subject that can be read", "long", notResumed, tls12, endless.subject, inGo(tls.VersionTLS12, asks, endless)},
		{"asked for, none given", "Go", notResumed, tls12, "", inGo(tls.VersionTLS12, asks, nil)},
		{"not asked for", "Go", notResumed, tls12, "", inGo(tls.VersionTLS12, silent, agent)},
		{"TLS 1.3", "Go", notResumed, tls13, "", inGo(tls.VersionTLS13, asks, agent)},
		{"TLS 1.3, resumed", "Go", throughGateway, tls13, "", inGo(tls.VersionTLS13, asks, agent)},
		{"TLS 1.3, the server asks for a second hello", "Go", notResumed, tls13, "", inGo(tls.VersionTLS13, p384, agent)},

		{"early data (0-RTT), TLS 1.3 is picked", "OpenSSL", pastGateway, tls13, "", func(t *testing.T) pair { return early(t) }},
		{"early data (0-RTT), an older version is picked", "OpenSSL", pastGateway, "", "", func(t *testing.T) pair {
			p := early(t)
			p.other = newGoPair(t, tls.VersionTLS12, older, nil)
			return p
		}},

		{"resumed, the certificate remembered is in the list", "ticket", throughGateway, tls12, agent.subject, inGo(tls.VersionTLS12, asks, agent)},
		{"resumed, the certificate remembered is in the list", "id", throughGateway, tls12, agent.subject, byID(ask, agent)},
		{"resumed, the certificate remembered is not in the list", "ticket", throughGateway, tls12, stranger.subject, inGo(tls.VersionTLS12, asks, stranger)},
		{"resumed, the certificate remembered is not in the list", "id", throughGateway, tls12, stranger.subject, byID(ask, stranger)},
		{"resumed, remembered that none was given", "ticket", throughGateway, tls12, "", inGo(tls.VersionTLS12, asks, nil)},
		{"resumed, remembered that none was given", "id", throughGateway, tls12, "", byID(ask, nil)},
		{"resumed, remembered that none was asked for", "ticket", throughGateway, tls12, "", inGo(tls.VersionTLS12, silent, agent)},
		{"resumed, remembered that none was asked for", "id", throughGateway, tls12, "", byID(nil, agent)},
		{"resumed, not remembered", "ticket", pastGateway, tls12, "", inGo(tls.VersionTLS12, asks, agent)},
		{"resumed, not remembered", "id", pastGateway, tls12, "", byID(ask, agent)},
	}
}

// ask makes s_server ask for a client certificate.
var ask = []string{"-verify", "1"}

// identity is a client certificate with its key, for Go and as a file for OpenSSL.
type identity struct {
	subject string // as events print it
	tls     tls.Certificate
	file    string
}

// agents makes client certificates.
type agents struct {
	t         *testing.T
	authority *testca.CA
}

func newAgents(t *testing.T) agents {
	t.Helper()
	authority, err := testca.New()
	if err != nil {
		t.Fatal(err)
	}
	return agents{t, authority}
}

func (a agents) named(name string) *identity {
	subject := pkix.Name{CommonName: name, OrganizationalUnit: []string{"Linux Monitoring Agent"}, Organization: []string{"Microsoft"}}
	id := a.issue(subject)
	id.subject = "CN=" + name + ", OU=Linux Monitoring Agent, O=Microsoft"
	return id
}

// nameless has a certificate without a subject.
func (a agents) nameless() *identity { return a.issue(pkix.Name{}) }

// endless has a certificate whose subject is longer than the gateway reads.
func (a agents) endless() *identity {
	return a.issue(pkix.Name{CommonName: "agent" + strings.Repeat(" x", 4096)})
}

// issue makes an identity whose subject cannot be read.
func (a agents) issue(subject pkix.Name) *identity {
	a.t.Helper()
	certificate, err := a.authority.Client(subject)
	if err != nil {
		a.t.Fatal(err)
	}
	public, private, err := testca.PEMKeyPair(certificate)
	if err != nil {
		a.t.Fatal(err)
	}
	sum := sha256.Sum256(certificate.Certificate[0])
	return &identity{
		subject: "sha256:" + hex.EncodeToString(sum[:]),
		tls:     certificate,
		file:    write(a.t, "identity.pem", string(public)+string(private)),
	}
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// goPair is an origin, and a client of the standard library.
type goPair struct {
	origin *origin
	client *tls.Config
}

func newGoPair(t *testing.T, version uint16, server func(*tls.Config), shows *identity) *goPair {
	t.Helper()
	o, err := newOriginWith(func(c *tls.Config) {
		c.MinVersion = tls.VersionTLS10
		server(c)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = o.Close() })
	client := &tls.Config{
		ServerName: "localhost", InsecureSkipVerify: true, MinVersion: version, MaxVersion: version,
		ClientSessionCache: tls.NewLRUClientSessionCache(1),
	}
	if shows != nil {
		client.Certificates = []tls.Certificate{shows.tls}
	}
	return &goPair{o, client}
}

func (p *goPair) port() string { return p.origin.port }

func (p *goPair) verified() int64 { return p.origin.verified.Load() }

func (p *goPair) connect(t *testing.T, proxy string) outcome {
	t.Helper()
	target := "localhost:" + p.port()
	at := proxy
	if at == "" {
		at = "127.0.0.1:" + p.port()
	}
	conn, err := net.DialTimeout("tcp", at, patience)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	if proxy != "" {
		if err := connect(conn, target); err != nil {
			t.Fatal(err)
		}
	}
	secure := tls.Client(conn, p.client)
	if err := secure.Handshake(); err != nil {
		return outcome{alert: alertOf(err), err: err}
	}
	err = (&heldTunnel{conn: secure, reader: bufio.NewReader(secure)}).echo("hello")
	return outcome{passed: err == nil, resumed: secure.ConnectionState().DidResume, alert: alertOf(err), err: err}
}

// alertOf is the number of the alert that the other side has sent, or 0.
func alertOf(err error) int {
	remote, ok := errors.AsType[*net.OpError](err)
	if !ok || remote.Op != "remote error" {
		return 0
	}
	for n := 1; n < 256; n++ {
		if tls.AlertError(n).Error() == remote.Err.Error() {
			return n
		}
	}
	return 0
}

// openSSLPair is openssl s_server and s_client.
type openSSLPair struct {
	listens string
	input   io.Writer // of s_server
	session string    // file
	known   bool      // whether the file is there
	args    []string  // of each client
	first   []string  // of the client that makes the session, beside args
	later   []string  // of the clients that resume it, beside args
	other   pair      // the server to which the session is taken, if it is another one
}

func newOpenSSLPair(t *testing.T, server []string, client ...string) *openSSLPair {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil {
		if os.Getenv("OMSGATEWAY_TEST_REQUIRE") == "all" {
			t.Fatalf("openssl is required: %v", err)
		}
		t.Skip("openssl is not installed")
	}
	own := newAgents(t).named("localhost").file
	p := &openSSLPair{session: filepath.Join(t.TempDir(), "session"), args: client}
	ctx, cancel := context.WithCancel(context.Background())
	args := []string{"s_server", "-accept", "127.0.0.1:0", "-cert", own, "-key", own}
	cmd := exec.CommandContext(ctx, "openssl", append(args, server...)...)
	input, err := cmd.StdinPipe() // it ends when its input does
	if err != nil {
		t.Fatal(err)
	}
	p.input = input
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	drained := make(chan struct{})
	t.Cleanup(func() {
		_ = input.Close()
		cancel()
		<-drained
		_ = cmd.Wait()
	})
	lines := bufio.NewScanner(output)
	for p.listens == "" && lines.Scan() {
		if address, listens := strings.CutPrefix(lines.Text(), "ACCEPT "); listens {
			p.listens = address
		}
	}
	go func() {
		defer close(drained)
		_, _ = io.Copy(io.Discard, output)
	}()
	if p.listens == "" {
		t.Fatalf("s_server does not listen: %s", cmd)
	}
	return p
}

func (p *openSSLPair) port() string {
	if p.other != nil {
		return p.other.port()
	}
	_, port, _ := net.SplitHostPort(p.listens)
	return port
}

// verified is not known of s_server.
func (p *openSSLPair) verified() int64 { return 0 }

var alertNumber = regexp.MustCompile(`SSL alert number (\d+)`)

func (p *openSSLPair) connect(t *testing.T, proxy string) outcome {
	t.Helper()
	args := slices.Concat([]string{"s_client", "-servername", "localhost"}, p.args)
	if p.known {
		args = slices.Concat(args, p.later, []string{"-sess_in", p.session})
	} else {
		args = slices.Concat(args, p.first, []string{"-sess_out", p.session})
		p.known = true
	}
	if proxy == "" {
		args = append(args, "-connect", p.listens)
	} else {
		args = append(args, "-proxy", proxy, "-connect", "localhost:"+p.port())
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "openssl", args...)
	input, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(p.input, "gnip") // what a server says that does not reverse lines
	fmt.Fprintln(input, "ping")
	var said bytes.Buffer
	answered := false
	for lines := bufio.NewScanner(output); !answered && lines.Scan(); {
		fmt.Fprintln(&said, lines.Text())
		answered = strings.Contains(lines.Text(), "gnip")
	}
	_ = input.Close()
	_, _ = io.Copy(&said, output)
	err = cmd.Wait() // its exit code says little: some end with 1 when the input does
	got := outcome{passed: answered, resumed: strings.Contains(said.String(), "Reused, "), err: err}
	if number := alertNumber.FindStringSubmatch(said.String()); number != nil {
		got.alert, _ = strconv.Atoi(number[1])
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s\n%s", cmd, said.String())
		}
	})
	return got
}

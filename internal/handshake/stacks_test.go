package handshake_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/omsgateway/omsgateway/internal/handshake"
	"github.com/omsgateway/omsgateway/internal/reason"
)

// identity is a certificate that signs itself, for Go and as a PEM file with its key.
type identity struct {
	tls  tls.Certificate
	file string
}

func newIdentity(t *testing.T, useRSA bool, subject pkix.Name) identity {
	t.Helper()
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var private, public any = ec, ec.Public()
	if useRSA {
		rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		private, public = rsaKey, rsaKey.Public()
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: subject, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	id := identity{
		tls:  tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private},
		file: filepath.Join(t.TempDir(), "identity.pem"),
	}
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})...)
	if err := os.WriteFile(id.file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return id
}

const agentSubject = "CN=agent, OU=Linux Monitoring Agent, O=Microsoft"

var agentName = pkix.Name{CommonName: "agent", OrganizationalUnit: []string{"Linux Monitoring Agent"}, Organization: []string{"Microsoft"}}

// goServer is a TLS server of the standard library. It answers its address.
func goServer(t *testing.T, cfg *tls.Config) string {
	t.Helper()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				echo(conn)
			}()
		}
	}()
	return listener.Addr().String()
}

// goClient connects, sends a line and reads the answer.
func goClient(cfg *tls.Config, address string) error {
	conn, err := tls.Dial("tcp", address, cfg)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("ping\n")); err != nil {
		return err
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err == nil && line != "gnip\n" {
		err = fmt.Errorf("the answer is %q", line)
	}
	return err
}

func watching() handshake.Config { return handshake.Config{Host: "localhost", RequireServerName: true} }

func TestGo(t *testing.T) {
	server, agent := newIdentity(t, false, pkix.Name{CommonName: "localhost"}), newIdentity(t, false, agentName)
	for _, c := range []struct {
		name       string
		version    uint16
		auth       tls.ClientAuthType
		give       bool
		curves     []tls.CurveID // of the server
		visibility handshake.Visibility
	}{
		{"go-tls10", tls.VersionTLS10, tls.NoClientCert, false, nil, handshake.NotAsked},
		{"go-tls10-client-certificate", tls.VersionTLS10, tls.RequireAnyClientCert, true, nil, handshake.Visible},
		{"go-tls11", tls.VersionTLS11, tls.NoClientCert, false, nil, handshake.NotAsked},
		{"go-tls12", tls.VersionTLS12, tls.NoClientCert, false, nil, handshake.NotAsked},
		{"go-tls12-client-certificate", tls.VersionTLS12, tls.RequireAnyClientCert, true, nil, handshake.Visible},
		{"go-tls12-none-given", tls.VersionTLS12, tls.RequestClientCert, false, nil, handshake.NotGiven},
		{"go-tls13", tls.VersionTLS13, tls.RequestClientCert, true, nil, handshake.Encrypted},
		{"go-tls13-retry", tls.VersionTLS13, tls.NoClientCert, false, []tls.CurveID{tls.CurveP384}, handshake.Encrypted},
	} {
		t.Run(c.name, func(t *testing.T) {
			address := goServer(t, &tls.Config{
				Certificates: []tls.Certificate{server.tls}, MinVersion: tls.VersionTLS10, MaxVersion: c.version,
				ClientAuth: c.auth, CurvePreferences: c.curves,
			})
			clientConfig := &tls.Config{
				InsecureSkipVerify: true, ServerName: "localhost", MinVersion: tls.VersionTLS10,
				ClientSessionCache: tls.NewLRUClientSessionCache(1),
			}
			if c.give {
				clientConfig.Certificates = []tls.Certificate{agent.tls}
			}
			known := map[handshake.SessionKey]handshake.Shown{}
			for _, resumed := range []bool{false, true} {
				cfg := watching()
				cfg.Resumed = func(key handshake.SessionKey) (handshake.Shown, bool) { shown, ok := known[key]; return shown, ok }
				r := startCopier(t, cfg, address)
				if err := goClient(clientConfig, r.address); err != nil {
					t.Fatal(err)
				}
				w, turns := r.wait(t)
				name := c.name
				if resumed {
					name += "-resumed"
				}
				got := keep(t, name, cfg, turns)
				seen := w.Seen()
				if got.State != handshake.Done || seen.Version != c.version || seen.ServerName != "localhost" || seen.Resumed != resumed {
					t.Fatalf("%s: %s %s", name, got, got.Text)
				}
				if seen.Certificate.Visibility != c.visibility {
					t.Errorf("%s: visibility %d, want %d", name, seen.Certificate.Visibility, c.visibility)
				}
				if c.visibility == handshake.Visible && seen.Certificate.Certificate.Subject != agentSubject {
					t.Errorf("%s: subject %q", name, seen.Certificate.Certificate.Subject)
				}
				if c.version < tls.VersionTLS13 && !resumed && len(w.Sessions()) == 0 {
					t.Errorf("%s: no session to remember", name)
				}
				for _, key := range w.Sessions() {
					known[key] = seen.Certificate
				}
			}
		})
	}
}

func TestGoOffersPostQuantumKeyExchange(t *testing.T) {
	id := newIdentity(t, false, pkix.Name{CommonName: "localhost"})
	address := goServer(t, &tls.Config{Certificates: []tls.Certificate{id.tls}, CurvePreferences: []tls.CurveID{tls.X25519MLKEM768}})
	r := startCopier(t, watching(), address)
	clientConfig := &tls.Config{InsecureSkipVerify: true, ServerName: "localhost", CurvePreferences: []tls.CurveID{tls.X25519MLKEM768}}
	if err := goClient(clientConfig, r.address); err != nil {
		t.Fatal(err)
	}
	_, turns := r.wait(t)
	if got := keep(t, "go-tls13-post-quantum", watching(), turns); got.State != handshake.Done || len(turns[0].data) < 1184 {
		t.Errorf("%s, and the first turn has %d bytes", got, len(turns[0].data))
	}
}

// TestRefusedLive: the client gets the alert that its library understands.
func TestRefusedLive(t *testing.T) {
	id := newIdentity(t, false, pkix.Name{CommonName: "localhost"})
	address := goServer(t, &tls.Config{Certificates: []tls.Certificate{id.tls}})
	cfg := watching()
	cfg.Host = "other.example.com"
	r := startCopier(t, cfg, address)
	if err := goClient(&tls.Config{InsecureSkipVerify: true, ServerName: "localhost"}, r.address); err == nil {
		t.Error("the client has had an answer")
	}
	w, _ := r.wait(t)
	if w.State() != handshake.Refused || reason.Of(w.Timeout()) != reason.ServerNameNotAllowed {
		t.Errorf("state %d: %v", w.State(), w.Timeout())
	}
}

// program starts a client, sends it a line, and closes its input when it has the answer.
func program(t *testing.T, name string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	stdin, err := cmd.StdinPipe()
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
	fmt.Fprintln(stdin, "ping")
	var text strings.Builder
	lines := bufio.NewScanner(output)
	for lines.Scan() && !strings.Contains(lines.Text(), "gnip") {
		fmt.Fprintln(&text, lines.Text())
	}
	stdin.Close()
	io.Copy(&text, output)
	_ = cmd.Wait() // its exit code says little: some end with 1 when the input does
	if t.Failed() || testing.Verbose() {
		t.Logf("%s %s\n%s", name, strings.Join(args, " "), text.String())
	}
}

func need(t *testing.T, name string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("these programs read a pipe in other ways on Windows; their recordings are replayed")
	}
	if _, err := exec.LookPath(name); err != nil {
		if os.Getenv("OMSGATEWAY_TEST_REQUIRE") == "all" {
			t.Fatalf("%s is not installed", name)
		}
		t.Skipf("%s is not installed", name)
	}
}

// opensslServer starts s_server and answers its address and its input, which it sends to the client unless it reverses lines.
func opensslServer(t *testing.T, args ...string) (address string, input io.Writer) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, "openssl", append([]string{"s_server", "-accept", "127.0.0.1:0"}, args...)...)
	stdin, err := cmd.StdinPipe() // it ends when its input does
	if err != nil {
		t.Fatal(err)
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	drained := make(chan struct{})
	t.Cleanup(func() {
		stdin.Close()
		cancel()
		<-drained
		_ = cmd.Wait()
	})
	lines := bufio.NewScanner(output)
	for address == "" && lines.Scan() {
		if listens, ok := strings.CutPrefix(lines.Text(), "ACCEPT "); ok {
			address = listens
		}
	}
	if address == "" {
		close(drained)
		t.Fatalf("s_server does not listen: %s", cmd)
	}
	go func() {
		defer close(drained)
		io.Copy(io.Discard, output)
	}()
	return address, stdin
}

func TestOpenSSL(t *testing.T) {
	need(t, "openssl")
	server, rsaServer := newIdentity(t, false, pkix.Name{CommonName: "localhost"}), newIdentity(t, true, pkix.Name{CommonName: "localhost"})
	agent := newIdentity(t, false, agentName)
	early := filepath.Join(t.TempDir(), "early")
	if err := os.WriteFile(early, []byte(strings.Repeat("early\n", 2000)), 0o600); err != nil {
		t.Fatal(err)
	}
	with := func(args ...string) []string { return args }
	old := with("-cipher", "ALL:@SECLEVEL=0")
	oldVersion := func(version string) []string { return slices.Concat(with(version), old) }
	give := with("-cert", agent.file, "-key", agent.file)
	own := with("-cert", server.file, "-key", server.file)
	rev := slices.Concat(own, with("-rev"))
	type want struct {
		version    uint16
		resumed    bool
		visibility handshake.Visibility
		reason     reason.Reason
	}
	for _, c := range []struct {
		name           string
		server, client []string
		again          []string // the client's arguments for a second connection in the session
		want           want
		wantAgain      handshake.Visibility
	}{
		{name: "tls10", server: slices.Concat(rev, oldVersion("-tls1")), client: oldVersion("-tls1"), want: want{version: tls.VersionTLS10, visibility: handshake.NotAsked}},
		{name: "tls11", server: slices.Concat(rev, oldVersion("-tls1_1")), client: oldVersion("-tls1_1"), want: want{version: tls.VersionTLS11, visibility: handshake.NotAsked}},
		{name: "tls12", server: rev, client: with("-tls1_2"), want: want{version: tls.VersionTLS12, visibility: handshake.NotAsked}},
		{name: "tls12-server-of-12", server: slices.Concat(rev, with("-tls1_2")), want: want{version: tls.VersionTLS12, visibility: handshake.NotAsked}},
		{
			name: "tls12-rsa", server: with("-cert", rsaServer.file, "-key", rsaServer.file, "-rev"),
			client: with("-tls1_2", "-cipher", "AES128-SHA"),
			want:   want{version: tls.VersionTLS12, visibility: handshake.NotAsked},
		},
		{
			name: "tls10-client-certificate", server: slices.Concat(rev, with("-verify", "1"), oldVersion("-tls1")),
			client: slices.Concat(oldVersion("-tls1"), give),
			want:   want{version: tls.VersionTLS10, visibility: handshake.Visible},
		},
		{name: "tls12-client-certificate", server: slices.Concat(rev, with("-verify", "1")), client: slices.Concat(give, with("-tls1_2")), want: want{version: tls.VersionTLS12, visibility: handshake.Visible}},
		{name: "tls12-none-given", server: slices.Concat(rev, with("-verify", "1")), client: with("-tls1_2"), want: want{version: tls.VersionTLS12, visibility: handshake.NotGiven}},
		{
			name: "tls12-ticket", server: slices.Concat(rev, with("-verify", "1")),
			client: slices.Concat(give, with("-tls1_2")), again: with("-tls1_2"),
			want: want{version: tls.VersionTLS12, visibility: handshake.Visible}, wantAgain: handshake.Visible,
		},
		{
			name: "tls12-session-id", server: slices.Concat(rev, with("-no_ticket", "-verify", "1")),
			client: slices.Concat(give, with("-tls1_2")), again: with("-tls1_2"),
			want: want{version: tls.VersionTLS12, visibility: handshake.Visible}, wantAgain: handshake.Visible,
		},
		{name: "tls13", server: rev, client: give, want: want{version: tls.VersionTLS13, visibility: handshake.Encrypted}},
		{name: "tls13-no-middlebox", server: slices.Concat(rev, with("-no_middlebox")), client: with("-no_middlebox"), want: want{version: tls.VersionTLS13, visibility: handshake.Encrypted}},
		{name: "tls13-retry", server: slices.Concat(rev, with("-groups", "P-384")), client: with("-groups", "X25519:P-384"), want: want{version: tls.VersionTLS13, visibility: handshake.Encrypted}},
		{
			name: "tls13-early-data", server: slices.Concat(own, with("-early_data")), again: with("-early_data", early),
			want: want{version: tls.VersionTLS13, visibility: handshake.Encrypted}, wantAgain: handshake.Encrypted,
		},
		{
			name: "anonymous", server: with("-nocert", "-tls1_2", "-cipher", "aNULL:@SECLEVEL=0"),
			client: with("-tls1_2", "-cipher", "aNULL:@SECLEVEL=0"),
			want:   want{version: tls.VersionTLS12, reason: reason.ServerCertificateMissing},
		},
		{
			name: "psk", server: with("-nocert", "-tls1_2", "-psk", "0102", "-cipher", "PSK"),
			client: with("-tls1_2", "-psk", "0102", "-cipher", "PSK"),
			want:   want{version: tls.VersionTLS12, reason: reason.ServerCertificateMissing},
		},
		{name: "no-name", server: rev, client: with("-noservername"), want: want{version: tls.VersionTLS13, visibility: handshake.Encrypted}},
	} {
		t.Run(c.name, func(t *testing.T) {
			address, answers := opensslServer(t, slices.Concat(c.server, with("-naccept", "2"))...)
			session := filepath.Join(t.TempDir(), "session")
			known := map[handshake.SessionKey]handshake.Shown{}
			connect := func(name string, want want, args ...string) {
				fmt.Fprintln(answers, "gnip") // what a server without -rev says
				cfg := watching()
				cfg.Resumed = func(key handshake.SessionKey) (handshake.Shown, bool) { shown, ok := known[key]; return shown, ok }
				if cfg.RequireServerName = c.name != "no-name"; cfg.RequireServerName {
					args = append(args, "-servername", "localhost")
				}
				r := startCopier(t, cfg, address)
				program(t, "openssl", append([]string{"s_client", "-connect", r.address}, args...)...)
				w, turns := r.wait(t)
				got := keep(t, name, cfg, turns)
				seen := w.Seen()
				if got.Reason != want.reason || seen.Version != want.version ||
					seen.Resumed != want.resumed || seen.Certificate.Visibility != want.visibility {
					t.Fatalf("%s: %s, want %+v\n%s", name, got, want, got.Text)
				}
				if want.reason == "" && got.State != handshake.Done {
					t.Fatalf("%s: %s", name, got)
				}
				if want.visibility == handshake.Visible && seen.Certificate.Certificate.Subject != agentSubject {
					t.Errorf("%s: subject %q", name, seen.Certificate.Certificate.Subject)
				}
				for _, key := range w.Sessions() {
					known[key] = seen.Certificate
				}
			}
			connect("openssl-"+c.name, c.want, slices.Concat(c.client, with("-sess_out", session))...)
			if c.again != nil {
				again := c.want
				again.resumed, again.visibility = true, c.wantAgain
				connect("openssl-"+c.name+"-resumed", again, slices.Concat(c.again, with("-sess_in", session))...)
			}
		})
	}
}

// TestOtherClients has the clients of other stacks speak to a server of the standard library that asks for a certificate.
func TestOtherClients(t *testing.T) {
	server, agent := newIdentity(t, false, pkix.Name{CommonName: "localhost"}), newIdentity(t, false, agentName)
	p12 := filepath.Join(t.TempDir(), "identity.p12")
	node := func(version, port string) []string {
		return []string{"-e", fmt.Sprintf(`
			const fs = require("fs"), pem = fs.readFileSync(%q);
			const c = require("tls").connect({host: "127.0.0.1", port: %s, servername: "localhost", rejectUnauthorized: false,
				cert: pem, key: pem, minVersion: %q, maxVersion: %q}, () => c.write("ping\n"));
			c.on("data", d => { process.stdout.write(d); c.end(); });
			c.on("error", e => console.log(e));`, agent.file, port, version, version)}
	}
	for _, c := range []struct {
		name    string
		version uint16
		program string
		args    func(port string) []string
	}{
		{"node-tls12", tls.VersionTLS12, "node", func(port string) []string { return node("TLSv1.2", port) }},
		{"node-tls13", tls.VersionTLS13, "node", func(port string) []string { return node("TLSv1.3", port) }},
		{"gnutls-tls12", tls.VersionTLS12, "gnutls-cli", func(port string) []string {
			return []string{"--insecure", "--x509certfile", agent.file, "--x509keyfile", agent.file,
				"--priority", "NORMAL:-VERS-ALL:+VERS-TLS1.2", "-p", port, "localhost"}
		}},
		{"gnutls-tls13", tls.VersionTLS13, "gnutls-cli", func(port string) []string {
			return []string{"--insecure", "--x509certfile", agent.file, "--x509keyfile", agent.file, "-p", port, "localhost"}
		}},
		{"java-tls12", tls.VersionTLS12, "java", func(port string) []string { return []string{"testdata/Client.java", port, "TLSv1.2", p12} }},
		{"java-tls13", tls.VersionTLS13, "java", func(port string) []string { return []string{"testdata/Client.java", port, "TLSv1.3", p12} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			need(t, c.program)
			if c.program == "java" {
				need(t, "javac")
				need(t, "openssl")
				out, err := exec.CommandContext(t.Context(), "openssl", "pkcs12", "-export", "-in", agent.file,
					"-out", p12, "-passout", "pass:password").CombinedOutput()
				if err != nil {
					t.Fatalf("%v: %s", err, out)
				}
			}
			address := goServer(t, &tls.Config{Certificates: []tls.Certificate{server.tls}, ClientAuth: tls.RequireAnyClientCert})
			r := startCopier(t, watching(), address)
			_, port, err := net.SplitHostPort(r.address)
			if err != nil {
				t.Fatal(err)
			}
			program(t, c.program, c.args(port)...)
			w, turns := r.wait(t)
			got := keep(t, c.name, watching(), turns)
			seen := w.Seen()
			if got.State != handshake.Done || seen.Version != c.version || seen.ServerName != "localhost" {
				t.Fatalf("%s %s", got, got.Text)
			}
			certificate := seen.Certificate.Certificate
			if c.version == tls.VersionTLS12 && (certificate == nil || certificate.Subject != agentSubject) {
				t.Errorf("the certificate is not seen: %s", got)
			}
		})
	}
}

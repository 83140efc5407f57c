package main_test

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// stack is an implementation of TLS. Its client always shows the certificate of shows; its server asks for one, takes TLS 1.2 and
// 1.3, and gives a line back, whole, in reverse, or without ECHO.
type stack struct {
	name  string
	needs []string // programs
	keeps bool     // the client keeps sessions, by address and version, and resumes them
	// serve starts the server and answers its port.
	serve func(t *testing.T, own *identity) string
	// dial connects to an address and has a line answered.
	dial func(t *testing.T, address, version string, shows *identity) *held
}

// held is a connection of a client whose line was answered.
type held struct {
	resumed bool
	end     func(t *testing.T) // closes it in order
}

// stacks are all that are known. Those that run in a process of their own for all connections are started here, if they are
// installed, and end with t.
func stacks(t *testing.T) []*stack {
	t.Helper()
	all := []*stack{
		{
			name: "Go",
			serve: func(t *testing.T, _ *identity) string {
				o, err := newOriginWith(func(c *tls.Config) { c.ClientAuth = tls.RequestClientCert })
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = o.Close() })
				return o.port
			},
			dial: func(t *testing.T, address, version string, shows *identity) *held {
				v := map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}[version]
				return dialGo(t, address, &tls.Config{Certificates: []tls.Certificate{shows.tls}, MinVersion: v, MaxVersion: v})
			},
		},
		{
			name: "OpenSSL", needs: []string{"openssl"},
			serve: func(t *testing.T, own *identity) string {
				_, port := serveOpenSSL(t, own, "-rev", "-verify", "1")
				return port
			},
			dial: func(t *testing.T, address, version string, shows *identity) *held {
				return dialOpenSSL(t, "-connect", address, "-tls"+strings.ReplaceAll(version, ".", "_"), "-cert", shows.file, "-key", shows.file)
			},
		},
		{
			name: "GnuTLS", needs: []string{"gnutls-serv", "gnutls-cli"},
			serve: func(t *testing.T, own *identity) string {
				_, port := serveGnuTLS(t, own)
				return port
			},
			dial: func(t *testing.T, address, version string, shows *identity) *held {
				return dialGnuTLS(t, address, version, "--x509certfile", shows.file, "--x509keyfile", shows.file)
			},
		},
	}
	for _, p := range []struct {
		name    string
		needs   []string
		command []string
	}{
		{"Node", []string{"node"}, []string{"node", filepath.Join("testdata", "stacks", "peer.js")}},
		// A Java program that is given as its source needs the compiler.
		{"Java", []string{"java", "javac"}, []string{"java", "-XX:TieredStopAtLevel=1", filepath.Join("testdata", "stacks", "Peer.java")}},
	} {
		s := &stack{name: p.name, needs: p.needs, keeps: true}
		all = append(all, s)
		if len(s.missing()) > 0 || runtime.GOOS == "windows" {
			continue // need tells
		}
		peer := &peer{program: startProgram(t, p.command[0], p.command[1:]...)}
		s.serve = func(t *testing.T, own *identity) string { return peer.do(t, "serve", own.file) }
		s.dial = func(t *testing.T, address, version string, shows *identity) *held {
			_, port, _ := net.SplitHostPort(address)
			how, answer, _ := strings.Cut(peer.do(t, "connect", port, version, shows.file), " ")
			if !lineAnswered.MatchString(answer + "\n") {
				t.Fatalf("%s: %s %s", s.name, how, answer)
			}
			return &held{resumed: how == "resumed", end: func(t *testing.T) {
				if answer := peer.do(t, "close"); answer != "closed" {
					t.Errorf("%s: %s", s.name, answer)
				}
			}}
		}
	}
	return all
}

func (s *stack) missing() []string {
	return slices.DeleteFunc(slices.Clone(s.needs), func(program string) bool {
		_, err := exec.LookPath(program)
		return err == nil
	})
}

// need skips a test for which a program of the stack is missing, or fails it where all are required.
func (s *stack) need(t *testing.T) {
	t.Helper()
	if len(s.needs) > 0 && runtime.GOOS == "windows" {
		t.Skip("these programs read a pipe in other ways on Windows")
	}
	missing := s.missing()
	if len(missing) == 0 {
		return
	}
	if os.Getenv("OMSGATEWAY_TEST_REQUIRE") == "all" {
		t.Fatalf("not installed: %v", missing)
	}
	t.Skipf("not installed: %v", missing)
}

// lineSaid is what clients say, and lineAnswered how any of the servers answers that. No PEM has a hyphen in its lines, and s_client
// may print the answer behind the beginning of a line of its own.
const lineSaid = "ECHO ping-pong"

var lineAnswered = regexp.MustCompile(`(ping-pong|gnop-gnip OHCE)\r?\n`)

// dialGo connects the standard library to an address and has a line answered.
func dialGo(t *testing.T, address string, config *tls.Config) *held {
	t.Helper()
	conn, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		t.Fatal(err)
	}
	return talkGo(t, conn, config)
}

func talkGo(t *testing.T, conn net.Conn, config *tls.Config) *held {
	t.Helper()
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	config.ServerName, config.InsecureSkipVerify = "localhost", true
	secure := tls.Client(conn, config)
	if _, err := fmt.Fprintln(secure, lineSaid); err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(secure)
	if line, err := reader.ReadString('\n'); err != nil || !lineAnswered.MatchString(line) {
		t.Fatalf("the answer is %q, %v", line, err)
	}
	return &held{resumed: secure.ConnectionState().DidResume, end: func(t *testing.T) {
		if err := secure.CloseWrite(); err != nil {
			t.Error(err)
		}
		if rest, err := io.ReadAll(reader); len(rest) > 0 || err != nil && !errors.Is(err, io.ErrUnexpectedEOF) { // without close_notify
			t.Errorf("at the end came %q, %v", rest, err)
		}
		_ = conn.Close()
	}}
}

// serveOpenSSL starts s_server and answers it with its port.
func serveOpenSSL(t *testing.T, own *identity, args ...string) (server *program, port string) {
	t.Helper()
	args = append([]string{"s_server", "-accept", "127.0.0.1:0", "-cert", own.file, "-key", own.file}, args...)
	server = startProgram(t, "openssl", args...)
	return server, server.wait(t, `(?m)^ACCEPT 127\.0\.0\.1:(\d+)$`)[1]
}

// dialOpenSSL starts s_client and has a line answered.
func dialOpenSSL(t *testing.T, args ...string) *held {
	t.Helper()
	client := startProgram(t, "openssl", append([]string{"s_client", "-servername", "localhost"}, args...)...)
	client.say(t, lineSaid)
	client.wait(t, lineAnswered.String())
	return &held{resumed: strings.Contains(client.said.String(), "\nReused, "), end: client.end}
}

// serveGnuTLS starts gnutls-serv, which cannot choose a port, and not an address either.
func serveGnuTLS(t *testing.T, own *identity, args ...string) (server *program, port string) {
	t.Helper()
	for range 10 {
		port := freePort(t)
		server := startProgram(t, "gnutls-serv", append([]string{"--echo", "--port", port,
			"--priority", "NORMAL:+VERS-TLS1.0:+VERS-TLS1.1:%COMPAT", "--x509certfile", own.file, "--x509keyfile", own.file}, args...)...)
		if server.wait(t, `listening on IPv4 \S+ port \d+\.\.\.(done|bind\(\) failed)`)[1] == "done" {
			return server, port
		}
	}
	t.Fatal("gnutls-serv finds no port")
	return nil, ""
}

// dialGnuTLS starts gnutls-cli and has a line answered.
func dialGnuTLS(t *testing.T, address, version string, args ...string) *held {
	t.Helper()
	_, port, _ := net.SplitHostPort(address)
	client := startProgram(t, "gnutls-cli", append([]string{"--insecure", "--port", port,
		"--priority", "NORMAL:-VERS-ALL:+VERS-TLS" + version + ":%COMPAT", "localhost"}, args...)...)
	client.say(t, lineSaid)
	client.wait(t, lineAnswered.String())
	return &held{resumed: strings.Contains(client.said.String(), "This is a resumed session"), end: client.end}
}

// program is one that runs, with all that it says on either output.
type program struct {
	name  string
	in    io.WriteCloser
	said  *syncBuffer
	ended chan struct{}
}

// startProgram starts a program that ends with t at the latest.
func startProgram(t *testing.T, name string, args ...string) *program {
	t.Helper()
	cmd := exec.Command(name, args...)
	p := &program{name: cmd.String(), said: &syncBuffer{changed: make(chan struct{}, 1)}, ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p.said, p.said
	cmd.WaitDelay = time.Second
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.in = in
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = cmd.Wait() // the exit code says little: some end with 1 when their input does
		close(p.ended)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-p.ended
		if t.Failed() {
			t.Logf("%s\n%s", p.name, p.said)
		}
	})
	return p
}

func (p *program) say(t *testing.T, line string) {
	t.Helper()
	if _, err := fmt.Fprintln(p.in, line); err != nil {
		t.Fatalf("%s: %v", p.name, err)
	}
}

func (p *program) wait(t *testing.T, pattern string) []string {
	t.Helper()
	match, err := p.said.wait(p.ended, regexp.MustCompile(pattern))
	if err != nil {
		t.Fatalf("%s does not say %s: %v\n%s", p.name, pattern, err, p.said)
	}
	return match
}

// end closes the program's input, at which it closes its connection and ends.
func (p *program) end(t *testing.T) {
	t.Helper()
	_ = p.in.Close()
	select {
	case <-p.ended:
	case <-time.After(patience):
		t.Errorf("%s does not end with its input", p.name)
	}
}

// peer is a program that does one command after the other; see testdata/stacks.
type peer struct {
	*program
	commands int
}

// do returns what the program says to a command.
func (p *peer) do(t *testing.T, command ...string) string {
	t.Helper()
	p.commands++
	p.say(t, fmt.Sprintf("%d %s", p.commands, strings.Join(command, " ")))
	return p.wait(t, fmt.Sprintf(`(?m)^%d (.*)\n`, p.commands))[1]
}

// side is one of the two of a copied connection.
type side int

const (
	nobody side = iota
	theClient
	theServer
)

// copier is a TCP proxy.
type copier struct {
	address string
	records atomic.Int64 // of one byte, that it has made
}

// startCopier starts a copier for what dial opens. The plaintext handshake that a side sends goes on in records of one byte.
func startCopier(t *testing.T, dial func() (net.Conn, error), cut side) *copier {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &copier{address: listener.Addr().String()}
	var running sync.WaitGroup
	t.Cleanup(func() {
		_ = listener.Close()
		running.Wait()
	})
	running.Go(func() {
		for {
			front, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer front.Close()
				back, err := dial()
				if err != nil {
					t.Error(err)
					return
				}
				defer back.Close()
				deadline := time.Now().Add(patience)
				_ = front.SetDeadline(deadline)
				_ = back.SetDeadline(deadline)
				var up sync.WaitGroup
				up.Go(func() { r.pump(back, front, cut == theClient) })
				r.pump(front, back, cut == theServer)
				up.Wait()
			})
		}
	})
	return r
}

// pump moves all that comes from one connection to the other, and then its end.
func (r *copier) pump(to, from net.Conn, cut bool) {
	reader := bufio.NewReader(from)
	for cut {
		head, err := reader.Peek(5)
		if cut = err == nil && head[0] == 22; !cut {
			break
		}
		start, content := [3]byte(head), make([]byte, binary.BigEndian.Uint16(head[3:]))
		_, _ = reader.Discard(len(head))
		if _, err := io.ReadFull(reader, content); err != nil {
			break
		}
		var records []byte
		for _, b := range content {
			records = append(append(records, start[:]...), 0, 1, b)
		}
		r.records.Add(int64(len(content)))
		for chunk := range slices.Chunk(records, 7) { // their ends fall anywhere in the records, which have 6 bytes
			if _, err := to.Write(chunk); err != nil {
				break
			}
		}
	}
	_, _ = io.Copy(to, reader)
	_ = to.(interface{ CloseWrite() error }).CloseWrite()
}

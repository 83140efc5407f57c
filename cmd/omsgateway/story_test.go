package main_test

import (
	"archive/zip"
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/omsgateway/omsgateway/internal/osdefaults"
	"github.com/omsgateway/omsgateway/internal/testpipe"
)

// binaries is the folder with the two programs as they ship: OMSGATEWAY_TEST_PROGRAMS, else they are built once for all tests of this
// package.
var binaries string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		if os.Getenv(handVariable) != "" {
			return runByHand()
		}
		if binaries = os.Getenv("OMSGATEWAY_TEST_PROGRAMS"); binaries != "" {
			return m.Run()
		}
		dir, err := os.MkdirTemp("", "omsgateway-test")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		build := exec.Command("go", "build", "-o", dir+string(filepath.Separator), "github.com/omsgateway/omsgateway/cmd/...")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "building the programs: %v\n%s", err, out)
			return 1
		}
		if err := os.Chmod(dir, 0o755); err != nil { // other accounts run the programs too //nolint:gosec // see above
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		binaries = dir
		return m.Run()
	}())
}

func exe() string {
	if runtime.GOOS == "windows" {
		return ".exe"
	}
	return ""
}

// TestStories runs the user stories in testdata/story: each starts real gateways and TLS servers and drives them with the real
// programs. Besides the commands of testscript a story has
//
//	gateway NAME [FLAG...]   start a gateway whose state is in $WORK/NAME; sets PROXY (host:port) and OMSGATEWAY_ADDRESS
//	gateway -clock NAME [FLAG...] the same in this test's program, with a clock that stands still; FLAG is --listen or --set
//	clock NAME DURATION      let time pass on that clock, and wait until all is done that is due by then
//	halt NAME                ask it to stop, as a service manager does, and wait for a clean end (stop is a command of testscript)
//	crash NAME               end it at once
//	log NAME REGEXP          wait until a line of its log matches; groups with a name become variables
//	origin [-asks] [NAME]    start a TLS server, which may ask for client certificates; sets ORIGIN (localhost:port), ORIGIN_IP,
//	                         and CA for curl --cacert
//	agents [-nobody] NAME    let gateways that start from now on see $WORK/etc-opt as /etc/opt, where monitoring agents have their
//	                         configuration, and find a TLS server under NAME at port 443, which asks for client certificates; sets
//	                         CA for curl --cacert. With -nobody they run with the account of this name
//	exits CODE PROGRAM...    run a program that must end with this exit code
//	send FILE                send a file to PROXY as it is, print what comes back until the end
//	hold NAME HOST:PORT [CERT] open a tunnel through PROXY to the echo server behind it and keep it open; with the file of a client
//	                         certificate and its key, that is shown in TLS 1.2
//	echo NAME TEXT           send a text through that tunnel; it must come back
//	ended NAME               the tunnel must have been closed from the other side
//	squid [-tls] NAME [USER PASSWORD] start a Squid, which may want credentials or TLS; sets SQUID (host:port), and writes squid-ca.pem.
//	                         It forbids .forbidden.test
//	unplug NAME              end it at once
//	unpack FILE TEXT         write the files of a ZIP archive, each after a line with its name, into one file
//
// $SHARED is a folder that other accounts can reach; [curl], [openssl], [setfacl], [setpriv], [squid], [root], [agents] and [wine] are
// conditions. Gateways trust the roots of $SSL_CERT_FILE if that is set.
func TestStories(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "story"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", binaries+string(filepath.ListSeparator)+os.Getenv("PATH"))
			env.Values[storyKey{}] = &story{
				gateways: map[string]*gateway{}, tunnels: map[string]*heldTunnel{}, squids: map[string]*squid{},
			}
			env.Defer(func() { env.Values[storyKey{}].(*story).end() })
			// A folder that other accounts can reach too.
			shared, err := os.MkdirTemp("", "omsgateway-story") //nolint:usetesting // other accounts cannot reach T's folder
			if err != nil {
				return err
			}
			env.Setenv("SHARED", shared)
			env.Defer(func() { _ = os.RemoveAll(shared) })
			return os.Chmod(shared, 0o755)
		},
		Condition: func(name string) (bool, error) {
			switch name {
			case "root":
				return os.Geteuid() == 0, nil
			case "agents":
				return agentsPossible(), nil
			case "wine":
				return onWine(), nil
			case "curl", "openssl", "setfacl", "setpriv", "squid":
				_, err := exec.LookPath(name)
				if name == "squid" {
					err = lookForSquid()
				}
				if err != nil && os.Getenv("OMSGATEWAY_TEST_REQUIRE") == "all" {
					return false, fmt.Errorf("%s is required: %w", name, err)
				}
				return err == nil, nil
			}
			return false, fmt.Errorf("unknown condition %q", name)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"gateway": func(ts *testscript.TestScript, neg bool, args []string) { of(ts, false).gateway(ts, neg, args) },
			"agents":  func(ts *testscript.TestScript, neg bool, args []string) { of(ts, neg).agents(ts, args) },
			"clock":   func(ts *testscript.TestScript, neg bool, args []string) { of(ts, neg).clock(ts, args) },
			"exits":   func(ts *testscript.TestScript, neg bool, args []string) { of(ts, neg).exits(ts, args) },
			"halt":    func(ts *testscript.TestScript, neg bool, args []string) { of(ts, neg).halt(ts, args) },
			"crash":   func(ts *testscript.TestScript, neg bool, args []string) { of(ts, neg).crash(ts, args) },
			"log":     func(ts *testscript.TestScript, neg bool, args []string) { of(ts, neg).log(ts, args) },
			"origin":  func(ts *testscript.TestScript, neg bool, args []string) { of(ts, neg).origin(ts, args) },
			"send":    func(ts *testscript.TestScript, neg bool, args []string) { of(ts, neg).send(ts, args) },
			"hold":    func(ts *testscript.TestScript, neg bool, args []string) { of(ts, neg).hold(ts, args) },
			"echo":    func(ts *testscript.TestScript, neg bool, args []string) { of(ts, neg).echo(ts, args) },
			"ended":   func(ts *testscript.TestScript, neg bool, args []string) { of(ts, neg).ended(ts, args) },
			"squid":   func(ts *testscript.TestScript, neg bool, args []string) { of(ts, neg).squid(ts, args) },
			"unplug":  func(ts *testscript.TestScript, neg bool, args []string) { of(ts, neg).unplug(ts, args) },
			"unpack":  unpack,
		},
	})
}

func unpack(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: unpack FILE TEXT")
	}
	archive, err := zip.OpenReader(ts.MkAbs(args[0]))
	ts.Check(err)
	defer archive.Close()
	var text bytes.Buffer
	for _, packed := range archive.File {
		fmt.Fprintf(&text, "--- %s\n", packed.Name)
		file, err := packed.Open()
		ts.Check(err)
		_, err = io.Copy(&text, file)
		ts.Check(err)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), text.Bytes(), 0o600))
}

// patience bounds every wait of a story.
const patience = 20 * time.Second

// story is what one script has started.
type story struct {
	gateways map[string]*gateway // the last one of each name
	started  []*gateway
	tunnels  map[string]*heldTunnel
	squids   map[string]*squid
	closers  []io.Closer
	mounts   []string // PATH and what gateways see there, in turn
	nobody   bool     // gateways run with the account nobody
}

// storyKey is where a script keeps its story.
type storyKey struct{}

func of(ts *testscript.TestScript, neg bool) *story {
	if neg {
		ts.Fatalf("this command cannot be negated")
	}
	return ts.Value(storyKey{}).(*story)
}

func (s *story) end() {
	for _, t := range s.tunnels {
		_ = t.conn.Close()
	}
	for _, g := range s.started {
		_ = g.process.Kill()
		<-g.ended
	}
	for _, c := range s.closers {
		_ = c.Close()
	}
}

// gateway is a running process of the real program.
type gateway struct {
	process *os.Process
	log     *syncBuffer
	ended   chan struct{}
	err     error // of the process, when ended is closed
	hand    *hand // of its clock, nil for one that goes by itself
}

// gateway alone can be negated: the gateway must refuse to start then.
func (s *story) gateway(ts *testscript.TestScript, neg bool, args []string) {
	byHand := len(args) > 0 && args[0] == "-clock"
	if byHand {
		args = args[1:]
	}
	if len(args) == 0 {
		ts.Fatalf("usage: gateway [-clock] NAME [FLAG...]")
	}
	dir := ts.MkAbs(args[0])
	flags := append([]string{"--state-dir", dir}, args[1:]...)
	if !strings.Contains(strings.Join(args, " "), "--listen") {
		flags = append(flags, "--listen", "127.0.0.1:0")
	}
	start := func() (*gateway, error) { return startGatewayWith(trusted(ts), s.onAgentsComputer, flags...) }
	if byHand {
		start = func() (*gateway, error) { return startByHand(trusted(ts), flags...) }
	}
	g, err := start()
	ts.Check(err)
	s.gateways[args[0]] = g
	s.started = append(s.started, g)
	line, err := g.log.wait(g.ended, regexp.MustCompile(`started and listens on (\S+)`))
	if neg {
		if err == nil {
			ts.Fatalf("the gateway has started")
		}
		return
	}
	if err != nil {
		ts.Fatalf("the gateway does not start: %v\n%s", err, g.log)
	}
	ts.Setenv("PROXY", line[1])
	address := osdefaults.AddressIn(dir)
	ts.Check(testpipe.Prime(address))
	ts.Setenv("OMSGATEWAY_ADDRESS", address)
}

func startGateway(flags ...string) (*gateway, error) {
	return startGatewayWith(nil, func(line []string) []string { return line }, flags...)
}

// startGatewayWith adds variables to the environment, and runs the command line that around makes of the gateway's.
func startGatewayWith(env []string, around func([]string) []string, flags ...string) (*gateway, error) {
	line := around(append([]string{filepath.Join(binaries, "omsgateway"+exe())}, flags...))
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Env = append(os.Environ(), env...)
	return started(cmd)
}

func started(cmd *exec.Cmd) (*gateway, error) {
	g := &gateway{log: &syncBuffer{changed: make(chan struct{}, 1)}, ended: make(chan struct{})}
	cmd.Stderr = g.log
	stoppable(cmd)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	g.process = cmd.Process
	go func() {
		g.err = cmd.Wait()
		close(g.ended)
	}()
	return g, nil
}

func (s *story) of(ts *testscript.TestScript, args []string, n int, usage string) *gateway {
	if len(args) != n {
		ts.Fatalf("usage: %s", usage)
	}
	g := s.gateways[args[0]]
	if g == nil {
		ts.Fatalf("there is no gateway %s", args[0])
	}
	return g
}

func (s *story) halt(ts *testscript.TestScript, args []string) {
	g := s.of(ts, args, 1, "halt NAME")
	ts.Check(askToStop(g.process))
	select {
	case <-g.ended:
	case <-time.After(patience):
		ts.Fatalf("the gateway does not stop\n%s", g.log)
	}
	if g.err != nil {
		ts.Fatalf("the gateway ended with %v\n%s", g.err, g.log)
	}
}

func (s *story) crash(ts *testscript.TestScript, args []string) {
	g := s.of(ts, args, 1, "crash NAME")
	ts.Check(g.process.Kill())
	<-g.ended
}

func (s *story) exits(ts *testscript.TestScript, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM [ARG...]")
	}
	code := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("%v", err)
		}
		code = exit.ExitCode()
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

func (s *story) log(ts *testscript.TestScript, args []string) {
	g := s.of(ts, args, 2, "log NAME REGEXP")
	pattern, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	match, err := g.log.wait(g.ended, pattern)
	if err != nil {
		ts.Fatalf("no line of the log matches %s: %v\n%s", args[1], err, g.log)
	}
	for i, name := range pattern.SubexpNames() {
		if name != "" {
			ts.Setenv(name, match[i])
		}
	}
}

func (s *story) origin(ts *testscript.TestScript, args []string) {
	adjust := func(*tls.Config) {}
	if len(args) > 0 && args[0] == "-asks" {
		adjust, args = func(c *tls.Config) { c.ClientAuth = tls.RequestClientCert }, args[1:]
	}
	suffix := ""
	if len(args) == 1 {
		suffix = "_" + args[0]
	}
	o, err := newOriginWith(adjust)
	ts.Check(err)
	s.closers = append(s.closers, o)
	ca := ts.MkAbs("ca" + suffix + ".pem")
	ts.Check(os.WriteFile(ca, o.ca, 0o600))
	ts.Setenv("CA"+suffix, ca)
	ts.Setenv("ORIGIN"+suffix, "localhost:"+o.port)
	ts.Setenv("ORIGIN_IP"+suffix, "127.0.0.1:"+o.port)
}

func (s *story) send(ts *testscript.TestScript, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: send FILE")
	}
	conn, err := net.DialTimeout("tcp", ts.Getenv("PROXY"), patience)
	ts.Check(err)
	defer conn.Close()
	ts.Check(conn.SetDeadline(time.Now().Add(patience)))
	_, err = io.WriteString(conn, strings.ReplaceAll(ts.ReadFile(args[0]), "\n", "\r\n"))
	ts.Check(err)
	answer, err := io.ReadAll(conn)
	ts.Check(err)
	_, _ = ts.Stdout().Write(bytes.ReplaceAll(answer, []byte("\r\n"), []byte("\n")))
}

// heldTunnel is an open tunnel to an echo server.
type heldTunnel struct {
	conn   net.Conn
	reader *bufio.Reader
}

func (s *story) hold(ts *testscript.TestScript, args []string) {
	if len(args) != 2 && len(args) != 3 {
		ts.Fatalf("usage: hold NAME HOST:PORT [CERT]")
	}
	client := &tls.Config{}
	if len(args) == 3 {
		certificate, err := tls.LoadX509KeyPair(ts.MkAbs(args[2]), ts.MkAbs(args[2]))
		ts.Check(err)
		client.Certificates, client.MaxVersion = []tls.Certificate{certificate}, tls.VersionTLS12
	}
	t, err := openTunnelWith(client, ts.Getenv("PROXY"), args[1])
	ts.Check(err)
	s.tunnels[args[0]] = t
}

func openTunnel(proxy, target string) (*heldTunnel, error) {
	return openTunnelWith(&tls.Config{}, proxy, target)
}

func openTunnelWith(client *tls.Config, proxy, target string) (*heldTunnel, error) {
	conn, err := net.DialTimeout("tcp", proxy, patience)
	if err != nil {
		return nil, err
	}
	_ = conn.SetDeadline(time.Now().Add(patience))
	secure, err := connectTLS(client, conn, target)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return &heldTunnel{conn: secure, reader: bufio.NewReader(secure)}, nil
}

func (t *heldTunnel) echo(text string) error {
	_ = t.conn.SetDeadline(time.Now().Add(patience))
	if _, err := fmt.Fprintf(t.conn, "ECHO %s\n", text); err != nil {
		return err
	}
	line, err := t.reader.ReadString('\n')
	if err != nil {
		return err
	}
	if got := strings.TrimSuffix(line, "\n"); got != text {
		return fmt.Errorf("sent %q, got %q", text, got)
	}
	return nil
}

func (s *story) echo(ts *testscript.TestScript, args []string) {
	if len(args) != 2 || s.tunnels[args[0]] == nil {
		ts.Fatalf("usage: echo NAME TEXT, after hold NAME")
	}
	ts.Check(s.tunnels[args[0]].echo(args[1]))
}

func (s *story) ended(ts *testscript.TestScript, args []string) {
	if len(args) != 1 || s.tunnels[args[0]] == nil {
		ts.Fatalf("usage: ended NAME, after hold NAME")
	}
	t := s.tunnels[args[0]]
	ts.Check(t.conn.SetReadDeadline(time.Now().Add(patience)))
	if _, err := t.reader.ReadByte(); err == nil || os.IsTimeout(err) {
		ts.Fatalf("the tunnel is still open (%v)", err)
	}
}

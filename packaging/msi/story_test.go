package msi_test

import (
	"crypto/tls"
	"encoding/base64"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/omsgateway/omsgateway/internal/testca"
)

// TestStories runs the user stories in testdata/story under Wine; packaging/msi/smoke starts it, on a fresh computer for each story.
// $OLD and $NEW are packages of two versions, $OLDFILE is the first as a path of this system, $ORIGINAL and $FORWARDER are packages as the
// original's (testdata/original), $C is the folder that is disk C: (so that $C/x is C:\x), $PORT a free port. Besides the commands of
// testscript a story has
//
//	setup CODE ARG...   run msiexec, which must end with the low byte of this exit code; for logged
//	logged TEXT         fail unless the text is in the log of the last setup, the list of properties left out; with ! if it is
//	ctl ARG...          run the installed omsgwctl
//	update CODE HOW PROPERTY...  run Update-OMSGateway.ps1 with the new package, which must end with this exit code; HOW is quiet or
//	                    foreground. $FAIL names what is made to fail in it (testdata/wine/standins.ps1)
//	original set JSON   give the original settings; original show prints those
//	origin              start a TLS server; sets ORIGIN (localhost:port), and CA for curl --cacert
//	relay               start a proxy that refuses everything; sets RELAY (127.0.0.1:port)
//	relayed USER:PASS   fail unless that is what the last request to it had to show
//	registry TEXT       fail unless the text is in the registry of the computer; with ! if it is
func TestStories(t *testing.T) {
	packages := os.Getenv("OMSGATEWAY_MSI_STORIES")
	if packages == "" {
		t.Skip("this is run by packaging/msi/smoke, which builds two packages and starts Wine")
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "story"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			port, err := freePort()
			if err != nil {
				return err
			}
			for _, name := range []string{"HOME", "WINEPREFIX", "WINEDEBUG", "WINEDLLOVERRIDES", "DOTNET_ROOT"} { // the last one for pwsh
				if value, ok := os.LookupEnv(name); ok {
					env.Setenv(name, value)
				}
			}
			env.Setenv("LC_ALL", "C.UTF-8")    // how arguments become those of Windows
			env.Setenv("TMPDIR", os.TempDir()) // where the one server of this computer is found
			for name, file := range map[string]string{
				"OLD": "old.msi", "NEW": "new.msi", "ORIGINAL": "original.msi", "FORWARDER": "forwarder.msi",
			} {
				env.Setenv(name, dosPath(filepath.Join(packages, file)))
			}
			env.Setenv("OLDFILE", filepath.Join(packages, "old.msi"))
			env.Setenv("C", filepath.Join(os.Getenv("WINEPREFIX"), "drive_c"))
			env.Setenv("PORT", port)
			env.Values[stateKey{}] = &state{}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"setup":    setup,
			"ctl":      ctl,
			"origin":   origin,
			"logged":   logged,
			"registry": registry,
			"update":   func(ts *testscript.TestScript, neg bool, args []string) { update(ts, packages, here, neg, args) },
			"original": func(ts *testscript.TestScript, neg bool, args []string) { original(ts, packages, here, neg, args) },
			"relay":    relay,
			"relayed":  relayed,
		},
	})
}

// dosPath is a path of this system as Wine's programs see it.
func dosPath(path string) string { return "Z:" + strings.ReplaceAll(path, "/", `\`) }

// freePort is one outside the range from which systems hand out ports, so that nobody gets it by chance.
func freePort() (string, error) {
	for range 100 {
		port := strconv.Itoa(20_000 + rand.IntN(10_000))
		l, err := net.Listen("tcp", ":"+port)
		if err == nil {
			return port, l.Close()
		}
	}
	return "", errors.New("no port is free")
}

// exitCode runs a program and returns the exit code that this system has for it.
func exitCode(ts *testscript.TestScript, name string, args ...string) int {
	err := ts.Exec(name, args...)
	exit, ok := errors.AsType[*exec.ExitError](err)
	switch {
	case err == nil:
		return 0
	case !ok:
		ts.Fatalf("%v", err)
	}
	return exit.ExitCode()
}

func setup(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: setup CODE ARG...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	args = append([]string{"msiexec"}, append(args[1:], "/qn", "/l*v", dosPath(ts.MkAbs("setup.log")))...)
	if got := exitCode(ts, "wine", args...); got != want&0xff {
		ts.Fatalf("exit code %d, want %d (the low byte of %d)\n%s", got, want&0xff, want, setupLog(ts))
	}
}

// setupLog is the log of the last setup without the list of properties: Wine lists hidden ones, too.
func setupLog(ts *testscript.TestScript) string {
	log, err := os.ReadFile(ts.MkAbs("setup.log"))
	ts.Check(err)
	return properties.ReplaceAllString(strings.ReplaceAll(string(log), "\r\n", "\n"), "")
}

// properties are all lines of a property in the log: its value may have several, which begin with a name in capitals.
var properties = regexp.MustCompile(`(?m)^Property\(S\): .*\n([A-Z]+=.*\n)*`)

func logged(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: logged TEXT")
	}
	if log := setupLog(ts); strings.Contains(log, args[0]) == neg {
		ts.Fatalf("the log has it: %v\n%s", neg, log)
	}
}

func ctl(ts *testscript.TestScript, neg bool, args []string) {
	program := filepath.Join(ts.Getenv("C"), "Program Files", "OMS Gateway", "omsgwctl.exe")
	if got := exitCode(ts, "wine", append([]string{program}, args...)...); (got != 0) != neg {
		ts.Fatalf("exit code %d", got)
	}
}

// powershell runs testdata/wine/update.ps1, which has the script's stand-ins for Wine, and returns its exit code.
func powershell(ts *testscript.TestScript, packages, here string, args ...string) int {
	return exitCode(ts, "pwsh", append([]string{
		"-NoProfile", "-NonInteractive", "-File", filepath.Join(here, "testdata", "wine", "update.ps1"),
		filepath.Join(packages, "Update-OMSGateway.ps1"), filepath.Join(packages, "new.msi"),
	}, args...)...)
}

func update(ts *testscript.TestScript, packages, here string, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: update CODE HOW PROPERTY...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	if got := powershell(ts, packages, here, args[1:]...); got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

func original(ts *testscript.TestScript, packages, here string, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: original set JSON, or original show")
	}
	if got := powershell(ts, packages, here, args...); got != 0 {
		ts.Fatalf("exit code %d", got)
	}
}

func registry(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: registry TEXT")
	}
	found := false
	for _, key := range []string{`HKLM\SOFTWARE`, `HKLM\SYSTEM`, `HKCU`} {
		file := ts.MkAbs("registry.reg")
		ts.Check(ts.Exec("wine", "reg", "export", key, dosPath(file), "/y"))
		text, err := os.ReadFile(file) // UTF-16
		ts.Check(err)
		found = found || strings.Contains(strings.ReplaceAll(string(text), "\x00", ""), args[0])
	}
	if found == neg {
		ts.Fatalf("in the registry: %v", found)
	}
}

// stateKey is where a script keeps its state.
type stateKey struct{}

type state struct {
	credentials chan string // what its relay proxy was shown
}

func relay(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: relay")
	}
	credentials := make(chan string, 100)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case credentials <- r.Header.Get("Proxy-Authorization"):
		default:
		}
		w.WriteHeader(http.StatusForbidden)
	}))
	ts.Defer(proxy.Close)
	ts.Setenv("RELAY", proxy.Listener.Addr().String())
	ts.Value(stateKey{}).(*state).credentials = credentials
}

func relayed(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: relayed USER:PASSWORD")
	}
	want := "Basic " + base64.StdEncoding.EncodeToString([]byte(args[0]))
	select {
	case got := <-ts.Value(stateKey{}).(*state).credentials:
		if got != want {
			ts.Fatalf("the relay proxy was shown %q, want %q", got, want)
		}
	default:
		ts.Fatalf("nobody has asked the relay proxy")
	}
}

func origin(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: origin")
	}
	ca, err := testca.New()
	ts.Check(err)
	certificate, err := ca.Server("localhost")
	ts.Check(err)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}})
	ts.Check(err)
	ts.Defer(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				head := make([]byte, 1024)
				if _, err := conn.Read(head); err == nil {
					_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nhello\n")
				}
			}()
		}
	}()
	_, port, err := net.SplitHostPort(l.Addr().String())
	ts.Check(err)
	ts.Setenv("ORIGIN", "localhost:"+port)
	file := ts.MkAbs("ca.pem")
	ts.Check(os.WriteFile(file, ca.PEM(), 0o600))
	ts.Setenv("CA", file)
}

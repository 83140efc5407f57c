package main_test

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/omsgateway/omsgateway/internal/osdefaults"
	"github.com/omsgateway/omsgateway/internal/testpipe"
	"github.com/omsgateway/omsgateway/internal/testscale"
)

// running is a gateway for a Go test.
type running struct {
	*gateway
	proxy   string
	address string
}

func runGateway(t *testing.T, flags ...string) *running {
	t.Helper()
	return runGatewayIn(t, t.TempDir(), append([]string{"--listen", "127.0.0.1:0"}, flags...)...)
}

func runGatewayIn(t *testing.T, dir string, flags ...string) *running {
	t.Helper()
	return runGatewayWith(t, func(line []string) []string { return line }, dir, flags...)
}

// runGatewayWith runs the command line that around makes of the gateway's.
func runGatewayWith(t *testing.T, around func([]string) []string, dir string, flags ...string) *running {
	t.Helper()
	g, err := startGatewayWith(nil, around, append([]string{"--state-dir", dir}, flags...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = g.process.Kill()
		<-g.ended
	})
	line, err := g.log.wait(g.ended, regexp.MustCompile(`started and listens on (\S+)`))
	if err != nil {
		t.Fatalf("the gateway does not start: %v\n%s", err, g.log)
	}
	address := osdefaults.AddressIn(dir)
	if err := testpipe.Prime(address); err != nil {
		t.Fatal(err)
	}
	return &running{gateway: g, proxy: line[1], address: address}
}

func (r *running) stop(t *testing.T) {
	t.Helper()
	if err := askToStop(r.process); err != nil {
		t.Fatal(err)
	}
	select {
	case <-r.ended:
	case <-time.After(patience):
		t.Fatalf("the gateway does not stop\n%s", r.log)
	}
	if r.err != nil {
		t.Fatalf("the gateway ended with %v\n%s", r.err, r.log)
	}
}

func newTestOrigin(t *testing.T) *origin {
	t.Helper()
	o, err := newOrigin()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = o.Close() })
	return o
}

// TestChangesCutNoTunnel adds hosts with omsgwctl while 200 tunnels move data.
func TestChangesCutNoTunnel(t *testing.T) {
	t.Parallel()
	tunnels, changes := testscale.Of(200, 50), 20
	o := newTestOrigin(t)
	r := runGateway(t, "--set", "AllowLoopbackTargets=On")
	omsgwctl(t, r, "setting", "set", "LogLevel", "Warning")
	target := "localhost:" + o.port
	omsgwctl(t, r, "allowed-host", "add", target)

	var stop atomic.Bool
	var moving sync.WaitGroup
	var echoes atomic.Int64
	failed := make(chan error, tunnels)
	for range tunnels {
		tunnel, err := openTunnel(r.proxy, target)
		if err != nil {
			t.Fatal(err)
		}
		defer tunnel.conn.Close()
		moving.Go(func() {
			for i := 0; !stop.Load(); i++ {
				if err := tunnel.echo(fmt.Sprint("message ", i)); err != nil {
					failed <- err
					return
				}
				echoes.Add(1)
			}
		})
	}
	for i := range changes {
		before := echoes.Load()
		omsgwctl(t, r, "allowed-host", "add", fmt.Sprintf("host-%d.example.com", i))
		for echoes.Load() == before && len(failed) == 0 { // data has moved during each change
			time.Sleep(time.Millisecond) //nolint:forbidigo // a poll, bounded by the echoes' own deadlines
		}
	}
	omsgwctl(t, r, "allowed-host", "remove", target)
	stop.Store(true)
	moving.Wait()
	close(failed)
	for err := range failed {
		t.Errorf("a tunnel was cut: %v", err)
	}
	if got := strings.Count(omsgwctl(t, r, "tunnel", "list", "--json"), `"openedAt"`); got != tunnels {
		t.Errorf("%d tunnels are open, want %d", got, tunnels)
	}
}

// omsgwctl runs the real program and returns its standard output.
func omsgwctl(t *testing.T, r *running, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(binaries, "omsgwctl"+exe()), append([]string{"--address", r.address}, args...)...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("omsgwctl %v: %v\n%s", args, err, stderr.String())
	}
	return string(out)
}

// batch is a running omsgwctl batch.
type batch struct {
	in  io.WriteCloser
	out *bufio.Scanner
}

func startBatch(t *testing.T, r *running) *batch {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(binaries, "omsgwctl"+exe()), "--address", r.address, "batch")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	b := &batch{in: in, out: bufio.NewScanner(out)}
	if !b.out.Scan() || !strings.Contains(b.out.Text(), `"hello"`) {
		t.Fatalf("batch greets with %q, %v", b.out.Text(), b.out.Err())
	}
	return b
}

// call makes one call with params in JSON.
func (b *batch) call(method, params string) error {
	if _, err := fmt.Fprintf(b.in, `{"jsonrpc":"2.0","id":1,"method":%q,"params":%s}`+"\n", method, params); err != nil {
		return err
	}
	if !b.out.Scan() {
		return fmt.Errorf("batch has ended: %w", cmp.Or(b.out.Err(), io.EOF))
	}
	if !strings.Contains(b.out.Text(), `"result"`) {
		return errors.New(b.out.Text())
	}
	return nil
}

// TestEachConnectSeesOneSnapshot goes through three configurations, back and forth: the host allowed while loopback is not, no
// host, loopback permitted without the host. None of them lets a CONNECT through, but a mixture of two would.
func TestEachConnectSeesOneSnapshot(t *testing.T) {
	t.Parallel()
	const workers = 8
	connects, changes := testscale.Of(10_000, 1_000), testscale.Of(1_000, 100)
	o := newTestOrigin(t)
	r := runGateway(t)
	omsgwctl(t, r, "setting", "set", "LogLevel", "Error")
	target := "localhost:" + o.port
	b := startBatch(t, r)
	steps := []struct {
		method, params string
		reason         string // that the next CONNECT must get
	}{
		{"AllowedHostService/AddAllowedHosts", `{"hosts":[{"host":"` + target + `"}]}`, "ADDRESS_NOT_ALLOWED"},
		{"AllowedHostService/RemoveAllowedHosts", `{"hosts":["` + target + `"]}`, "HOST_NOT_ALLOWED"},
		{"SettingService/SetSetting", `{"key":"AllowLoopbackTargets","value":"On"}`, "HOST_NOT_ALLOWED"},
		{"SettingService/SetSetting", `{"key":"AllowLoopbackTargets","value":"Off"}`, "HOST_NOT_ALLOWED"},
	}

	var left, addressRefused, hostRefused atomic.Int64
	left.Store(int64(connects))
	var connecting sync.WaitGroup
	for range workers {
		connecting.Go(func() {
			for left.Add(-1) >= 0 {
				switch why, err := refusedReason(r.proxy, target); {
				case err != nil:
					t.Error(err)
					return
				case why == "ADDRESS_NOT_ALLOWED":
					addressRefused.Add(1)
				case why == "HOST_NOT_ALLOWED":
					hostRefused.Add(1)
				default:
					t.Errorf("a CONNECT was answered %q", why)
				}
			}
		})
	}
	for i := range changes {
		step := steps[i%len(steps)]
		if err := b.call(step.method, step.params); err != nil {
			t.Fatal(err)
		}
		why, err := refusedReason(r.proxy, target)
		if err != nil {
			t.Fatal(err)
		}
		if why != step.reason {
			t.Fatalf("after change %d a CONNECT was answered %q, want %q", i, why, step.reason)
		}
	}
	connecting.Wait()
	if addressRefused.Load() == 0 || hostRefused.Load() == 0 {
		t.Errorf("the connects did not run across the changes: %d and %d", addressRefused.Load(), hostRefused.Load())
	}
	r.stop(t)
}

// refusedReason is the reason for which one CONNECT is refused, or "allowed".
func refusedReason(proxy, target string) (string, error) {
	conn, err := net.DialTimeout("tcp", proxy, patience)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	err = connect(conn, target)
	if refused, ok := errors.AsType[refusedError](err); ok {
		return refused.reason, nil
	}
	if err != nil {
		return "", err
	}
	return "allowed", nil
}

// TestListenerMoves changes where clients connect, while a tunnel is open.
func TestListenerMoves(t *testing.T) {
	t.Parallel()
	o := newTestOrigin(t)
	target := "localhost:" + o.port
	first, second := freePort(t), freePort(t)
	dir := t.TempDir()
	config := fmt.Sprintf(`{"version":1,"settings":{"ListenPort":%s,"ListenAddress":"127.0.0.1","AllowLoopbackTargets":"On"},
		"allowedHosts":[{"host":%q}]}`, first, target)
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	r := runGatewayIn(t, dir)
	tunnel, err := openTunnel("127.0.0.1:"+first, target)
	if err != nil {
		t.Fatal(err)
	}
	defer tunnel.conn.Close()

	check := func(step, open, closed string) {
		t.Helper()
		again, err := openTunnel("127.0.0.1:"+open, target)
		if err != nil {
			t.Fatalf("%s: port %s: %v", step, open, err)
		}
		_ = again.conn.Close()
		if conn, err := net.DialTimeout("tcp", "127.0.0.1:"+closed, patience); err == nil {
			_ = conn.Close()
			t.Errorf("%s: port %s is still open", step, closed)
		}
		if err := tunnel.echo(step); err != nil {
			t.Errorf("%s: the tunnel was cut: %v", step, err)
		}
	}
	omsgwctl(t, r, "setting", "set", "ListenPort", second)
	check("to another port", second, first)

	// All addresses overlap with the one before: the old listener closes first.
	omsgwctl(t, r, "setting", "set", "ListenAddress", "")
	check("to all addresses", second, first)
	omsgwctl(t, r, "setting", "set", "ListenAddress", "127.0.0.1")
	check("back to one address", second, first)

	// A port that somebody else has: nothing changes.
	taken, err := net.Listen("tcp", "127.0.0.1:"+first)
	if err != nil {
		t.Fatal(err)
	}
	refused := exec.CommandContext(t.Context(), filepath.Join(binaries, "omsgwctl"+exe()),
		"--address", r.address, "setting", "set", "ListenPort", first)
	if out, err := refused.CombinedOutput(); err == nil || !strings.Contains(string(out), "cannot listen on 127.0.0.1:"+first) {
		t.Errorf("a port that is taken: %v\n%s", err, out)
	}
	_ = taken.Close()
	check("after a port that is taken", second, first)
	if got := strings.TrimSpace(omsgwctl(t, r, "setting", "get", "ListenPort")); got != second {
		t.Errorf("ListenPort is %s, want %s", got, second)
	}
	r.stop(t)
}

// freePort is a port that nobody had a moment ago at any address, outside of the range from which systems give ports to clients.
func freePort(t *testing.T) string {
	t.Helper()
	for range 100 {
		port := strconv.Itoa(10_000 + rand.IntN(20_000))
		if l, err := net.Listen("tcp", ":"+port); err == nil {
			_ = l.Close()
			return port
		}
	}
	t.Fatal("no port is free")
	return ""
}

// TestStartWaitsForAStandIn starts a gateway while an omsgwctl stands in for it.
func TestStartWaitsForAStandIn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	runGatewayIn(t, dir, "--listen", "127.0.0.1:0").stop(t)
	leave := standIn(t, dir)
	g, err := startGateway("--state-dir", dir, "--listen", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = g.process.Kill()
		<-g.ended
	}()
	leave()
	if _, err := g.log.wait(g.ended, regexp.MustCompile(`started and listens on`)); err != nil {
		t.Errorf("the gateway does not start: %v\n%s", err, g.log)
	}
}

// TestUndoAfterAStandIn has setup fail while an omsgwctl stands in for the gateway, and stays.
func TestUndoAfterAStandIn(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "gw")
	setup := func(in string, args ...string) (string, error) {
		args = append([]string{"setup", "--state-dir", dir}, args...)
		cmd := exec.CommandContext(t.Context(), filepath.Join(binaries, "omsgateway"+exe()), args...)
		cmd.Stdin = strings.NewReader(in)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := setup("PORTNUMBER=8200\n"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	leave := standIn(t, dir)
	if out, err := setup("", "undo"); err == nil || !strings.Contains(out, "stop it first") {
		t.Errorf("undo while somebody has the folder: %v\n%s", err, out)
	}
	leave()
	if out, err := setup("", "undo"); err != nil {
		t.Errorf("undo: %v\n%s", err, out)
	}
	if _, err := os.Stat(filepath.Join(dir, "config.json")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what setup wrote is still there: %v", err)
	}
}

// standIn has an omsgwctl stand in for the gateway in dir until leave is called.
func standIn(t *testing.T, dir string) (leave func()) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(binaries, "omsgateway"+exe()), "admin-stdio", "--state-dir", dir)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// What gRPC says first shows that the folder is taken.
	if _, err := io.ReadFull(out, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		_ = in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the stand-in ended with %v", err)
		}
	}
}

package main_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"golang.org/x/sys/unix"

	"github.com/omsgateway/omsgateway/internal/osdefaults"
	"github.com/omsgateway/omsgateway/internal/testscale"
)

// TestFloods floods one gateway from all sides. At first a user without a role floods the admin API, and the gateway's memory hardly grows.
// Then that goes on while users who may only read hold all connections and watches that they get, a client opens tunnels as fast as it
// can and says nothing in them, and others ask for ever new hosts, all with as few descriptors as just suffice. Meanwhile an
// administrator changes things, 20,000 hosts at once among them, and another client opens tunnels. Nothing of theirs is refused or lost.
func TestFloods(t *testing.T) {
	if !testscale.Full() {
		t.Skip("it takes both processors for a while: make floods")
	}
	const (
		descriptors = 64 + 2*5000
		refusals    = 12_500   // more than all rings of events together have room for
		room        = 48 << 20 // bytes that the gateway may grow by because of the admin API
		roomForAll  = 256 << 20
	)
	dir, err := os.MkdirTemp("", "omsgateway-flood") //nolint:usetesting // other users cannot reach those of t.TempDir
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	o := newTestOrigin(t)
	socket, state := filepath.Join(dir, "admin.sock"), filepath.Join(dir, "state")
	limited := fmt.Sprintf(`ulimit -n %d && exec "$@"`, descriptors)
	isRoot := os.Geteuid() == 0              // else nobody can connect as another user
	hasReaders := isRoot && agentsPossible() // else the gateway cannot be shown a group of them
	r := runGatewayWith(t, func(line []string) []string {
		line = append([]string{"sh", "-c", limited, "sh"}, line...)
		if hasReaders {
			line = inOwnMounts([]string{"/etc/group", groupFile(t, dir)}, line)
		}
		return line
	}, state, "--listen", "127.0.0.1:0", "--address", "unix:"+socket, "--set", "AllowLoopbackTargets=On")
	r.address = "unix:" + socket
	target := "localhost:" + o.port
	omsgwctl(t, r, "allowed-host", "add", target)
	if got := omsgwctl(t, r, "status"); !strings.Contains(got, "(at most 5000)") {
		t.Errorf("other limits are in force than there are descriptors for: %s", got)
	}

	before := mostMemory(t, r)
	grown := func(by string, most int) {
		n := mostMemory(t, r) - before
		t.Logf("%s made the gateway grow by %d MiB", by, n>>20)
		if n > most {
			t.Errorf("which is more than %d MiB", most>>20)
		}
	}
	var flooding sync.WaitGroup
	if isRoot {
		floodAdminAPI(t, &flooding, socket)
		for range 3 {
			wantRunning(t, r)
		}
		flooding.Wait()
		grown("a flood of the admin API", room)
	}

	ctx, cancel := context.WithCancel(t.Context())
	defer flooding.Wait()
	defer cancel()
	if hasReaders {
		holdAsReaders(ctx, t, socket)
	}
	if isRoot {
		floodAdminAPI(t, &flooding, socket)
	}
	full := openTunnelsAndSayNothing(ctx, t, &flooding, r.proxy, target)
	refused := askForNewHosts(ctx, t, &flooding, r.proxy)
	select {
	case <-full:
	case <-time.After(2 * patience):
		t.Fatal("nobody is refused a tunnel")
	}
	changed := changeMuch(t, r, dir)
	wantRunning(t, r)
	wantWatch(t, r)
	for n := range 40 {
		if err := tryTunnel(r.proxy, target, "127.0.0.3", fmt.Sprint(n)); err != nil {
			t.Errorf("tunnel %d of another client: %v", n+1, err)
		}
	}
	for over := time.Now().Add(2 * patience); refused.Load() < refusals && !t.Failed(); <-time.After(10 * time.Millisecond) {
		if time.Now().After(over) {
			t.Fatalf("only %d requests were refused", refused.Load())
		}
	}
	grown("all floods together", roomForAll)
	cancel()
	flooding.Wait()
	changed(state)
}

func wantRunning(t *testing.T, r *running) {
	t.Helper()
	if got := omsgwctl(t, r, "status"); !strings.Contains(got, "running") {
		t.Errorf("the administrator is told %s", got)
	}
}

// wantWatch watches events as the administrator until there is one.
func wantWatch(t *testing.T, r *running) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(binaries, "omsgwctl"), "--address", r.address, "event", "watch", "--tail", "1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if !bufio.NewScanner(out).Scan() {
		t.Error("the administrator cannot watch events")
	}
	cancel()
	_ = cmd.Wait()
}

// readGroup is the id of the group whose members may read, in the file that groupFile makes.
const readGroup = 54322

// groupFile writes what /etc/group is for a gateway that knows the group of those who may read.
func groupFile(t *testing.T, dir string) string {
	t.Helper()
	groups, err := os.ReadFile("/etc/group")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "group")
	own := fmt.Sprintf("%s:x:%d:\n", osdefaults.ReadGroup, readGroup)
	if err := os.WriteFile(path, append([]byte(own), groups...), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// adminCall is the headers of a call of the admin API.
func adminCall(method string) []hpack.HeaderField {
	return []hpack.HeaderField{
		{Name: ":method", Value: "POST"}, {Name: ":scheme", Value: "http"}, {Name: ":authority", Value: "gateway"},
		{Name: ":path", Value: "/omsgateway.admin.v1." + method},
		{Name: "content-type", Value: "application/grpc"}, {Name: "te", Value: "trailers"},
	}
}

// holdAsReaders has 10 users who may only read connect 8 times each, watch events on each connection, and keep it until ctx is done.
func holdAsReaders(ctx context.Context, t *testing.T, socket string) {
	t.Helper()
	for uid := uintptr(60000); uid < 60010; uid++ {
		for range 8 {
			conn, err := dialAs(uid, readGroup, socket)
			if err != nil {
				t.Fatal(err)
			}
			context.AfterFunc(ctx, func() { _ = conn.Close() })
			f := newFlooder(conn)
			f.headers(adminCall("EventService/WatchEvents"), false)
			f.write(func() error { return f.framer.WriteData(f.stream, true, make([]byte, 5)) }) // an empty message
			go func() { _ = f.read() }()
		}
	}
}

// floodAdminAPI has a user without a role try to fill the gateway's memory with all connections that such users have, on each in another
// way. They end without being asked to.
func floodAdminAPI(t *testing.T, flooding *sync.WaitGroup, socket string) {
	t.Helper()
	call := adminCall("AllowedHostService/AddAllowedHosts")
	with := func(name, value string) []hpack.HeaderField {
		return append(call[:len(call):len(call)], hpack.HeaderField{Name: name, Value: value})
	}
	bodies := func(f *flooder) {
		for range 100 {
			f.headers(call, false)
			f.body(1 << 20)
		}
	}
	floods := map[string]func(*flooder){
		"bodies of 1 MiB that lack their last byte":      bodies,
		"more bodies of 1 MiB that lack their last byte": bodies,
		"calls without a body that do not end": func(f *flooder) {
			for range 100 {
				f.headers(call, false)
			}
		},
		"1 MiB of headers on each of 100 streams": func(f *flooder) {
			for range 100 {
				f.headers(with("x", strings.Repeat("x", 1<<20)), false)
			}
		},
		"15 KiB of headers again and again, and no answer is read": func(f *flooder) {
			f.deaf.Lock()
			defer f.deaf.Unlock()
			for range 20_000 {
				f.headers(with("x", strings.Repeat("x", 15<<10)), false)
			}
		},
		"hundreds of small headers": func(f *flooder) {
			fields := call[:len(call):len(call)]
			for i := range 350 {
				fields = append(fields, hpack.HeaderField{Name: fmt.Sprint("h", i), Value: "v"})
			}
			for range 100 {
				f.headers(fields, false)
			}
		},
		"headers that never end": func(f *flooder) {
			f.write(func() error {
				return f.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: f.next(), BlockFragment: f.block(call)})
			})
			for !f.hasEnded() {
				f.write(func() error { return f.framer.WriteContinuation(f.stream, false, nil) })
			}
		},
		"calls with a time limit of 11,000 years": func(f *flooder) {
			for range 60_000 {
				f.headers(with("grpc-timeout", "99999999H"), true)
			}
		},
	}
	for name, flood := range floods {
		conn, err := dialAs(54321, 54321, socket)
		if err != nil {
			t.Fatal(err)
		}
		f := newFlooder(conn)
		flooding.Go(func() {
			defer conn.Close()
			ended := make(chan error, 1)
			go func() { ended <- f.read() }()
			flood(f)
			if err := <-ended; err != nil {
				t.Errorf("%s: the gateway does not end the connection: %v", name, err)
			}
		})
	}
}

// TestFloodOfLargeRequests lets a caller who may change begin as many of the largest requests as he can, none of which ends: together
// they would have 1.3 GiB. One is received, and the others keep no more than what came unasked. A small change is made meanwhile.
func TestFloodOfLargeRequests(t *testing.T) {
	const (
		largest = 24 << 20
		room    = largest + 64<<20 // bytes that the gateway may grow by
	)
	r := runGateway(t)
	before := mostMemory(t, r)
	received := make(chan struct{}, 1)
	var flooding sync.WaitGroup
	addition := adminCall("AllowedHostService/AddAllowedHosts")
	for range 7 { // of the 8 connections of a caller; each has 8 calls
		conn, err := net.Dial("unix", strings.TrimPrefix(r.address, "unix:"))
		if err != nil {
			t.Fatal(err)
		}
		f := newFlooder(conn)
		f.received = received
		flooding.Go(func() { _ = f.read() })
		defer conn.Close()
		for range 8 {
			f.headers(addition, false)
			f.body(largest)
		}
	}
	select {
	case <-received:
	case <-time.After(patience):
		t.Fatal("no large request is received")
	}
	if got := omsgwctl(t, r, "allowed-host", "add", "a.example.com"); !strings.Contains(got, "added") {
		t.Errorf("meanwhile: %s", got)
	}
	grown := mostMemory(t, r) - before
	t.Logf("the gateway has grown by %d MiB", grown>>20)
	if grown > room {
		t.Error("which is too much")
	}
	_ = r.process.Kill() // it would wait for the calls
	<-r.ended
	flooding.Wait()
}

// TestFloodOfRevisions has a user who may only read ask for a look through all revisions, of which two are large, on all connections that
// he gets. The gateway makes one such call at a time, and an administrator's meanwhile.
func TestFloodOfRevisions(t *testing.T) {
	if os.Geteuid() != 0 || !agentsPossible() {
		t.Skip("nobody can connect as a user of the group of readers")
	}
	const room = 256 << 20                           // bytes that the gateway may grow by; without turns it is gigabytes
	dir, err := os.MkdirTemp("", "omsgateway-flood") //nolint:usetesting // other users cannot reach those of t.TempDir
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "admin.sock")
	r := runGatewayWith(t, func(line []string) []string {
		return inOwnMounts([]string{"/etc/group", groupFile(t, dir)}, line)
	}, filepath.Join(dir, "state"), "--listen", "127.0.0.1:0", "--address", "unix:"+socket)
	r.address = "unix:" + socket
	var list strings.Builder
	for i := range 95_000 {
		fmt.Fprintf(&list, "host-%06d-with-a-long-name.of-a-domain.example.com\n", i)
	}
	add := exec.CommandContext(t.Context(), filepath.Join(binaries, "omsgwctl"), "--address", r.address, "allowed-host", "add", "-")
	add.Stdin = strings.NewReader(list.String())
	if out, err := add.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	omsgwctl(t, r, "allowed-host", "add", "one.example.com")
	before := mostMemory(t, r)
	answered := make(chan struct{}, 2*8*32)
	var flooding sync.WaitGroup
	for range 8 {
		conn, err := dialAs(60000, readGroup, socket)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		f := newFlooder(conn)
		f.answered = answered
		flooding.Go(func() { _ = f.read() })
		for range 32 {
			f.headers(adminCall("RevisionService/VerifyRevisions"), false)
			f.write(func() error { return f.framer.WriteData(f.stream, true, make([]byte, 5)) }) // an empty message
		}
	}
	for range 2 * 20 {
		select {
		case <-answered:
		case <-time.After(patience):
			t.Fatal("the calls are not answered")
		}
	}
	if got := omsgwctl(t, r, "revision", "verify"); !strings.Contains(got, "3") {
		t.Errorf("the administrator is told %s", got)
	}
	grown := mostMemory(t, r) - before
	t.Logf("the gateway has grown by %d MiB", grown>>20)
	if grown > room {
		t.Error("which is too much")
	}
	_ = r.process.Kill() // it would wait for the calls
	<-r.ended
	flooding.Wait()
}

// TestFloodOfAnswersThatNobodyReads asks for long answers on 7 connections, as often as it may on each, and takes not a byte of them.
func TestFloodOfAnswersThatNobodyReads(t *testing.T) {
	const room = 7*8<<20 + 32<<20 // bytes that the gateway may grow by: 1 MiB for each of 8 calls, and what is no answer
	r := runGateway(t)
	var list strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&list, "CN=%s-%d, O=%s\n", strings.Repeat("c", 60), i, strings.Repeat("o", 700))
	}
	add := exec.CommandContext(t.Context(), filepath.Join(binaries, "omsgwctl"), "--address", r.address,
		"allowed-client-certificate", "add", "-")
	add.Stdin = strings.NewReader(list.String())
	if out, err := add.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	before := mostMemory(t, r)
	answered := make(chan struct{}, 7*32)
	var flooding sync.WaitGroup
	for range 7 { // of the 8 connections of a caller
		conn, err := net.Dial("unix", strings.TrimPrefix(r.address, "unix:"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		f := newFlooder(conn)
		f.answered = answered
		f.write(func() error { return f.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0}) })
		flooding.Go(func() { _ = f.read() })
		for range 32 {
			f.headers(adminCall("AllowedClientCertificateService/ListAllowedClientCertificates"), false)
			f.write(func() error { return f.framer.WriteData(f.stream, true, make([]byte, 5)) }) // an empty message
		}
	}
	for range 7 * 32 { // most are refused at once
		select {
		case <-answered:
		case <-time.After(patience):
			t.Fatal("the calls are not answered")
		}
	}
	if got := omsgwctl(t, r, "status"); !strings.Contains(got, "running") {
		t.Errorf("meanwhile: %s", got)
	}
	grown := mostMemory(t, r) - before
	t.Logf("the gateway has grown by %d MiB", grown>>20)
	if grown > room {
		t.Error("which is too much")
	}
	_ = r.process.Kill() // it would wait for the calls
	<-r.ended
	flooding.Wait()
}

// mostMemory is the most memory that the gateway has had since it started, in bytes (VmHWM, proc(5)).
func mostMemory(t *testing.T, r *running) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)
	if line == nil {
		t.Fatalf("no VmHWM in %s", status)
	}
	kib, err := strconv.Atoi(string(line[1]))
	if err != nil {
		t.Fatal(err)
	}
	return kib << 10
}

// flooder is a client that keeps to HTTP/2, but not to what a gRPC library would send.
type flooder struct {
	conn   net.Conn
	framer *http2.Framer
	deaf   sync.Mutex // who holds it keeps the answers from being read

	answered chan<- struct{} // gets one for headers of an answer, for its trailers, and for a call that is refused; may be nil
	received chan<- struct{} // gets one when all of a body but its last byte is sent; may be nil

	mu     sync.Mutex // of all below, and of writing
	failed error
	stream uint32         // the last one
	unsent map[uint32]int // what bodies still have to send when they may
	hpack  *hpack.Encoder
	buf    bytes.Buffer
}

// newFlooder begins a connection.
func newFlooder(conn net.Conn) *flooder {
	_ = conn.SetDeadline(time.Now().Add(patience))
	f := &flooder{conn: conn, framer: http2.NewFramer(conn, conn), unsent: make(map[uint32]int)}
	f.hpack = hpack.NewEncoder(&f.buf)
	f.write(func() error {
		if _, err := conn.Write([]byte(http2.ClientPreface)); err != nil {
			return err
		}
		return f.framer.WriteSettings()
	})
	return f
}

// dialAs connects as another user, of a group. What the gateway sees is who the thread was that connected (SO_PEERCRED, unix(7)).
func dialAs(uid, gid uintptr, socket string) (conn net.Conn, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		for _, call := range [][4]uintptr{
			{unix.SYS_SETGROUPS, 0, 0, 0}, {unix.SYS_SETRESGID, gid, gid, gid}, {unix.SYS_SETRESUID, uid, uid, uid},
		} {
			if _, _, errno := unix.RawSyscall(call[0], call[1], call[2], call[3]); errno != 0 {
				err = errno
				return
			}
		}
		conn, err = net.Dial("unix", socket)
	}()
	<-done
	return conn, err
}

// write sends something, unless that has failed before: the gateway may end the connection at any time.
func (f *flooder) write(send func() error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failed == nil {
		f.failed = send()
	}
}

func (f *flooder) hasEnded() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.failed != nil
}

// next is the id of a new stream. Like block, it is for use in write.
func (f *flooder) next() uint32 {
	f.stream += 2
	if f.stream == 2 {
		f.stream = 1
	}
	return f.stream
}

func (f *flooder) block(fields []hpack.HeaderField) []byte {
	f.buf.Reset()
	for _, field := range fields {
		field.Sensitive = len(field.Value) > 1<<10 // not to be kept in the table of either side
		_ = f.hpack.WriteField(field)
	}
	return f.buf.Bytes()
}

// headers begins a stream.
func (f *flooder) headers(fields []hpack.HeaderField, end bool) {
	f.write(func() error {
		block := f.block(fields)
		first := block[:min(len(block), 16<<10)]
		block = block[len(first):]
		err := f.framer.WriteHeaders(http2.HeadersFrameParam{
			StreamID: f.next(), BlockFragment: first, EndStream: end, EndHeaders: len(block) == 0,
		})
		for err == nil && len(block) > 0 {
			part := block[:min(len(block), 16<<10)]
			block = block[len(part):]
			err = f.framer.WriteContinuation(f.stream, len(block) == 0, part)
		}
		return err
	})
}

// body sends what the last stream may send of a message of size bytes, less the last one. The rest goes when it may.
func (f *flooder) body(size int) {
	f.write(func() error {
		prefix := binary.BigEndian.AppendUint32([]byte{0}, uint32(size))
		if err := f.framer.WriteData(f.stream, false, prefix); err != nil {
			return err
		}
		f.unsent[f.stream] = size - 1
		return f.more(f.stream, 65535-len(prefix)) // RFC 9113 section 6.9.2
	})
}

// more sends at most credit bytes of a body.
func (f *flooder) more(stream uint32, credit int) error {
	for credit > 0 && f.unsent[stream] > 0 {
		part := min(credit, f.unsent[stream], 16<<10)
		credit -= part
		f.unsent[stream] -= part
		if err := f.framer.WriteData(stream, false, make([]byte, part)); err != nil {
			return err
		}
		if f.unsent[stream] == 0 {
			select {
			case f.received <- struct{}{}:
			default:
			}
		}
	}
	return nil
}

// read reads until the connection ends.
func (f *flooder) read() error {
	for {
		f.deaf.Lock()
		frame, err := f.framer.ReadFrame()
		f.deaf.Unlock()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		if err != nil {
			return nil //nolint:nilerr // it has ended
		}
		switch frame.(type) {
		case *http2.HeadersFrame, *http2.RSTStreamFrame:
			if f.answered != nil {
				f.answered <- struct{}{}
			}
		}
		if window, ok := frame.(*http2.WindowUpdateFrame); ok && window.StreamID != 0 {
			f.write(func() error { return f.more(window.StreamID, int(window.Increment)) })
		}
	}
}

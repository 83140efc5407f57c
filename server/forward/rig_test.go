package forward_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/omsgateway/omsgateway/internal/clock"
	"github.com/omsgateway/omsgateway/internal/demand"
	"github.com/omsgateway/omsgateway/internal/event"
	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/policy"
	"github.com/omsgateway/omsgateway/internal/reason"
	"github.com/omsgateway/omsgateway/internal/resumption"
	"github.com/omsgateway/omsgateway/internal/splice"
	"github.com/omsgateway/omsgateway/internal/testca"
	"github.com/omsgateway/omsgateway/internal/tunnel"
	"github.com/omsgateway/omsgateway/internal/usage"
	"github.com/omsgateway/omsgateway/server/forward"
)

func TestMain(m *testing.M) {
	flag.Parse()
	_ = flag.Set("test.parallel", "16") // what runs side by side here waits for limits, and not for a processor
	goleak.VerifyTestMain(m)
}

// patience bounds every wait of a test.
const patience = 20 * time.Second

// rig is a server on loopback with the two seams faked: the dialer returns what the test says, the sink keeps what it gets.
type rig struct {
	t        *testing.T
	address  string
	listener net.Listener
	server   *forward.Server
	sink     *sink
	target   *target // nil if the dialer is a fake
	tunnels  *tunnel.Table
	counters *tunnel.Counters
	usage    *usage.Memory
	demand   *demand.Memory
	input    policy.Input
	policy   atomic.Pointer[policy.Policy] // compiled from input
}

// start starts a server with the engine that suits this system best.
func start(t *testing.T, dialer forward.Dialer, change func(*policy.Input)) *rig {
	t.Helper()
	engine, err := splice.New()
	if err != nil {
		t.Fatal(err)
	}
	return startWith(t, engine, dialer, change)
}

// starter starts a server as start does, with an engine of one kind.
type starter func(t *testing.T, dialer forward.Dialer, change func(*policy.Input)) *rig

// overEngines runs a test over each kind of engine.
func overEngines(t *testing.T, test func(t *testing.T, start starter)) {
	t.Run("goroutine", func(t *testing.T) { test(t, startPlain) })
	t.Run("best", func(t *testing.T) { test(t, start) })
}

// overEnginesAtOnce does so side by side, for a test that waits for limits.
func overEnginesAtOnce(t *testing.T, test func(t *testing.T, start starter)) {
	t.Parallel()
	overEngines(t, func(t *testing.T, start starter) {
		t.Parallel()
		test(t, start)
	})
}

// startPlain starts a server with the engine for every system.
func startPlain(t *testing.T, dialer forward.Dialer, change func(*policy.Input)) *rig {
	t.Helper()
	return startWith(t, splice.NewGoroutineEngine(), dialer, change)
}

func startWith(t *testing.T, engine splice.Engine, dialer forward.Dialer, change func(*policy.Input)) *rig {
	t.Helper()
	in := policy.Input{Limits: policy.Limits{
		MaxConnections:   100,
		MaxRefused:       256,
		MaxRequestHeads:  80,
		MaxHandshakes:    50,
		HeadTimeout:      patience,
		DialTimeout:      patience,
		HelloTimeout:     patience,
		HandshakeTimeout: patience,
		CloseTimeout:     patience,
		IdleTimeout:      patience,
		DrainTimeout:     patience,
	}}
	in.Entries = []policy.Entry{entry(t, "a.example.com"), entry(t, "b.example.com:8443")}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, address: listener.Addr().String(), listener: listener, sink: newSink(),
		tunnels: tunnel.NewTable(), counters: &tunnel.Counters{}, usage: usage.New(), demand: demand.New(), input: in}
	r.change(change)
	r.server = forward.New(forward.Options{
		Clock:    clock.System{},
		Policy:   r.policy.Load,
		Dialer:   dialer,
		Engine:   engine,
		Sessions: resumption.New(time.Now),
		Usage:    r.usage,
		Demand:   r.demand,
		Events:   r.sink,
		Tunnels:  r.tunnels,
		Counters: r.counters,
	})
	r.target, _ = dialer.(*target)
	served := make(chan error, 1)
	open, shut := context.WithCancel(context.Background())
	entrance := small(t, listener)
	go func() { served <- r.server.Serve(open, entrance) }()
	t.Cleanup(func() {
		_ = listener.Close()
		shut()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
		now, cancel := context.WithCancel(context.Background())
		cancel()
		r.server.Shutdown(now)
		if left := r.server.Left(); left != (forward.Left{}) || r.tunnels.Len() != 0 || r.counters.Snapshot().ActiveConnections != 0 {
			t.Errorf("left over: %+v, %d tunnels, %+v", left, r.tunnels.Len(), r.counters.Snapshot())
		}
	})
	return r
}

// change changes the policy for the connections to come; nil leaves it as it is.
func (r *rig) change(change func(*policy.Input)) {
	r.t.Helper()
	if change != nil {
		change(&r.input)
	}
	compiled, err := policy.Compile(r.input)
	if err != nil {
		r.t.Fatal(err)
	}
	r.policy.Store(compiled)
}

// smallBuffer is what the system has room for on the way to a client, so that a slow reader is noticed soon.
const smallBuffer = 64 << 10

func (r *rig) dial() *net.TCPConn {
	r.t.Helper()
	conn, err := net.DialTimeout("tcp", r.address, patience)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		r.t.Fatal(err)
	}
	return conn.(*net.TCPConn)
}

// exchange sends request and reads one answer to its end.
func (r *rig) exchange(request string) *http.Response {
	r.t.Helper()
	conn := r.dial()
	defer conn.Close()
	if _, err := io.WriteString(conn, request); err != nil {
		r.t.Fatal(err)
	}
	return r.answer(conn)
}

func (r *rig) answer(conn net.Conn) *http.Response {
	r.t.Helper()
	all, err := io.ReadAll(conn)
	if err != nil {
		r.t.Fatalf("reading the answer: %v (got %q)", err, all)
	}
	method := http.MethodGet
	resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(all)), &http.Request{Method: method})
	if err != nil {
		r.t.Fatalf("parsing the answer %q: %v", all, err)
	}
	return resp
}

// sink keeps events and lets a test wait for one.
type sink struct {
	mu      sync.Mutex
	events  []event.Event
	changed chan struct{}
	before  atomic.Pointer[func(event.Event)] // called before an event is taken, unless nil
	enabled atomic.Pointer[func(event.Level)] // called when somebody asks, unless nil
}

func newSink() *sink { return &sink{changed: make(chan struct{}, 1)} }

func (s *sink) Enabled(l event.Level) bool {
	if f := s.enabled.Load(); f != nil {
		(*f)(l)
	}
	return true
}

func (s *sink) Emit(e event.Event) {
	if f := s.before.Load(); f != nil {
		(*f)(e)
	}
	if e.Summary != nil {
		_, e.Text, _ = strings.Cut(event.Format(e), " - ")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, e)
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// wait returns the first event that fits.
func (s *sink) wait(t *testing.T, what string, fits func(event.Event) bool) event.Event {
	t.Helper()
	return s.waitFor(t, what, 1, fits)[0]
}

// waitFor returns the events that fit, once there are so many.
func (s *sink) waitFor(t *testing.T, what string, count int, fits func(event.Event) bool) []event.Event {
	t.Helper()
	timeout := time.After(patience)
	for {
		if all := s.find(fits); len(all) >= count {
			return all
		}
		select {
		case <-s.changed:
		case <-timeout:
			t.Fatalf("no event %s in %v", what, s.texts())
		}
	}
}

func (s *sink) find(fits func(event.Event) bool) (all []event.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.events {
		if fits(e) {
			all = append(all, e)
		}
	}
	return all
}

func (s *sink) texts() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var texts []string
	for _, e := range s.events {
		texts = append(texts, fmt.Sprintf("%d %s", e.ID, e.Text))
	}
	return texts
}

func id(want event.ID) func(event.Event) bool {
	return func(e event.Event) bool { return e.ID == want }
}

func summary(part string) func(event.Event) bool {
	return func(e event.Event) bool {
		return strings.HasPrefix(e.Text, "client=") && strings.Contains(e.Text, part)
	}
}

// dialer is the fake of the other seam.
type dialer func(ctx context.Context, target hostname.Target) (net.Conn, error)

func (d dialer) Dial(ctx context.Context, target hostname.Target, _ policy.Decision) (net.Conn, []byte, error) {
	conn, err := d(ctx, target)
	return conn, nil, err
}

func (dialer) Known(target hostname.Target, how policy.Decision) (netip.AddrPort, bool) {
	return nothingKnown{}.Known(target, how)
}

func (dialer) Forget(hostname.Target) {}

// nothingKnown is the part of a dialer that knows no address.
type nothingKnown struct{}

func (nothingKnown) Known(hostname.Target, policy.Decision) (netip.AddrPort, bool) {
	return netip.AddrPort{}, false
}
func (nothingKnown) Forget(hostname.Target) {}

// known is a dialer to an address that nobody has to be asked for.
type known struct {
	dialer
	address netip.AddrPort
}

func (k known) Known(hostname.Target, policy.Decision) (netip.AddrPort, bool) { return k.address, true }

// never is the dialer of tests in which nothing may be dialled.
func never(t *testing.T) forward.Dialer {
	return dialer(func(_ context.Context, target hostname.Target) (net.Conn, error) {
		t.Errorf("%v was dialled", target)
		return nil, reason.New(reason.TargetUnreachable, "target", target.String())
	})
}

// target is a TLS server on loopback that gives every byte back, and a dialer to it.
type target struct {
	forward.Dialer
	ca      *testca.CA
	address string
}

func startTarget(t *testing.T, change func(*tls.Config)) *target {
	t.Helper()
	ca, err := testca.New()
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := ca.Server("a.example.com")
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{certificate}, ClientCAs: ca.Pool()}
	if change != nil {
		change(config)
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer conn.Close()
				_ = conn.SetDeadline(time.Now().Add(patience))
				_, _ = io.Copy(conn, conn)
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		running.Wait()
	})
	address := listener.Addr().String()
	return &target{ca: ca, address: address, Dialer: dialTo(address)}
}

// proxied is a connection to the proxy on which the request goes out together with the first bytes for the target, as clients send
// them, and from which the proxy's answer has been taken.
type proxied struct {
	*net.TCPConn
	request string // "" once it is sent
	answer  []byte // what is still to come of it
}

func (p *proxied) Write(data []byte) (int, error) {
	request := p.request
	p.request = ""
	n, err := p.TCPConn.Write(append([]byte(request), data...))
	return n - len(request), err
}

func (p *proxied) Read(data []byte) (int, error) {
	if len(p.answer) > 0 {
		got := make([]byte, len(p.answer))
		if _, err := io.ReadFull(p.TCPConn, got); err != nil {
			return 0, err
		}
		if !bytes.Equal(got, p.answer) {
			return 0, fmt.Errorf("the proxy answers %q", got)
		}
		p.answer = nil
	}
	return p.TCPConn.Read(data)
}

// open opens a tunnel with a TLS session in it.
func (r *rig) open(conn *net.TCPConn, request string) *tls.Conn {
	r.t.Helper()
	secure := r.secure(conn, request, nil)
	if err := secure.Handshake(); err != nil {
		r.t.Fatal(err)
	}
	return secure
}

// secure is a TLS session in a tunnel, before its handshake.
func (r *rig) secure(conn *net.TCPConn, request string, change func(*tls.Config)) *tls.Conn {
	config := &tls.Config{ServerName: "a.example.com", RootCAs: r.target.ca.Pool()}
	if change != nil {
		change(config)
	}
	return tls.Client(&proxied{TCPConn: conn, request: request, answer: []byte("HTTP/1.1 200 Connection established\r\n\r\n")}, config)
}

// echo sends text and expects it back.
func echo(t *testing.T, conn io.ReadWriter, text string) {
	t.Helper()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(text))
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != text {
		t.Fatalf("got %q, %v", got, err)
	}
}

// entry is an allowed host.
func entry(t *testing.T, host string) policy.Entry {
	t.Helper()
	pattern, err := hostname.ParsePattern(host)
	if err != nil {
		t.Fatal(err)
	}
	return policy.Entry{Pattern: pattern, Source: policy.Source{Kind: policy.Local, Loosens: true}}
}

// dialTo is a dialer that connects to address whatever the target is.
func dialTo(address string) forward.Dialer {
	return known{
		dialer: func(ctx context.Context, _ hostname.Target) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", address)
		},
		address: netip.MustParseAddrPort(address),
	}
}

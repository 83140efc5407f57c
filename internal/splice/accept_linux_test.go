package splice_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/omsgateway/omsgateway/internal/splice"
	"github.com/omsgateway/omsgateway/internal/testnet"
)

// kernelEngine is the engine that accepts.
func kernelEngine(t *testing.T) splice.Engine {
	t.Helper()
	before := openFiles(t)
	e, err := splice.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = e.Close()
		if after := openFiles(t); after != before {
			t.Errorf("%d descriptors are open, %d were before", after, before)
		}
	})
	return e
}

// door is a listener that an engine accepts from; plan returns what becomes of each connection.
type door struct {
	t       *testing.T
	address string
	taken   chan taken
	owner
}

// taken is what Plan.Take was called with.
type taken struct {
	conn  net.Conn
	cause error
}

// receive opens a door of the engine. The plan of a connection is made by plan, which may leave Open and Take out: then the target gets
// all that the client sends. The first bytes may be none, if the client is slower than the engine.
func receive(t *testing.T, e splice.Engine, plan func(from netip.AddrPort, first string) splice.Plan) *door {
	t.Helper()
	listener := listen(t, "tcp", "127.0.0.1:0")
	d := &door{t: t, address: listener.Addr().String(), taken: make(chan taken, 1000), owner: newOwner()}
	open, shut := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- e.(splice.Accepter).Accept(open, listener, func(from netip.AddrPort, first []byte) splice.Plan {
			head := bytes.Clone(first)
			p := plan(from, string(head))
			if p.Take == nil {
				p.Take = func(conn net.Conn, cause error) { d.taken <- taken{conn, cause} }
			}
			if p.Open == nil {
				p.Open = func(client io.Writer, _ *splice.Pair) (splice.Options, error) {
					_, err := io.WriteString(client, "welcome")
					return splice.Options{ClientHead: head, Owner: d}, err
				}
			}
			return p
		})
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		shut()
		if err := <-ended; err != nil && !errors.Is(err, net.ErrClosed) { // the engine is closed in some tests
			t.Errorf("Accept: %v", err)
		}
	})
	return d
}

func listen(t *testing.T, network, address string) *net.TCPListener {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.(*net.TCPListener)
}

// enter connects and sends text.
func (d *door) enter(text string) *net.TCPConn {
	d.t.Helper()
	conn, err := net.Dial("tcp", d.address)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = conn.Close() })
	send(d.t, conn, text)
	return conn.(*net.TCPConn)
}

// take waits for a connection that the engine hands on; it is closed with the test.
func (d *door) take() taken {
	d.t.Helper()
	got := <-d.taken
	d.t.Cleanup(func() { _ = got.conn.Close() })
	return got
}

func addrOf(l net.Listener) netip.AddrPort { return l.Addr().(*net.TCPAddr).AddrPort() }

func TestAcceptConnects(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "[::1]"} {
		t.Run(host, func(t *testing.T) {
			e, target := kernelEngine(t), listen(t, "tcp", host+":0")
			var from netip.AddrPort
			d := receive(t, e, func(addr netip.AddrPort, _ string) splice.Plan {
				from = addr
				return splice.Plan{Target: addrOf(target), Limit: time.Minute}
			})
			client := d.enter("hello")
			expect(t, client, "welcome")
			conn, err := target.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			send(t, conn, "from the target")
			expect(t, client, "from the target")
			send(t, client, " from the client")
			expect(t, conn, "hello from the client")
			_ = client.CloseWrite()
			expectEOF(t, conn)
			_ = conn.Close()
			expectEOF(t, client)
			want := splice.Result{Sent: int64(len("hello from the client")), Received: int64(len("from the target"))}
			if r := <-d.ended; r != want {
				t.Errorf("the pair ended with %+v; want %+v", r, want)
			}
			if local := client.LocalAddr().(*net.TCPAddr).AddrPort(); from != local {
				t.Errorf("the connection was taken to come from %v; it does from %v", from, local)
			}
		})
	}
}

// TestAcceptPassesTheHead has what came behind the first bytes judged and passed on, before what the client sends later.
func TestAcceptPassesTheHead(t *testing.T) {
	for name, verdict := range map[string]splice.Verdict{
		"passed":  {Action: splice.PassAll},
		"leaving": {Action: splice.Pass, Within: time.Hour},
		"refused": {Action: splice.Refuse, Alert: []byte("no")},
	} {
		t.Run(name, func(t *testing.T) {
			e, target := kernelEngine(t), listen(t, "tcp", "127.0.0.1:0")
			owner := newOwner()
			d := receive(t, e, func(_ netip.AddrPort, first string) splice.Plan {
				return splice.Plan{Target: addrOf(target), Open: func(client io.Writer, _ *splice.Pair) (splice.Options, error) {
					_, err := io.WriteString(client, "welcome")
					return splice.Options{ClientHead: []byte(first), Owner: owner, Inspection: always(verdict)}, err
				}}
			})
			client := d.enter("head ")
			expect(t, client, "welcome")
			conn, err := target.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if verdict.Action != splice.Refuse {
				send(t, client, "and more")
				expect(t, conn, "head and more")
				return
			}
			expectEOF(t, conn)
			expect(t, client, "no")
			r := <-owner.ended
			if r.End != splice.EndRefused || r.Sent != 0 {
				t.Errorf("ended with %+v", r)
			}
			_ = r.Left.Client.Close()
		})
	}
}

// always is an inspection that says the same of everything.
type always splice.Verdict

func (v always) Chunk(splice.Side, []byte) splice.Verdict { return splice.Verdict(v) }
func (v always) End(splice.Side) splice.Verdict           { return splice.Verdict(v) }
func (v always) Late() splice.Verdict                     { return splice.Verdict(v) }

func TestAcceptHandsOn(t *testing.T) {
	refused, quiet := errors.New("refused by the test"), testnet.Silent(t)
	closed := listen(t, "tcp", "127.0.0.1:0")
	_ = closed.Close()
	target := listen(t, "tcp", "127.0.0.1:0")
	refusing := func(io.Writer, *splice.Pair) (splice.Options, error) { return splice.Options{}, refused }
	tests := map[string]struct {
		plan splice.Plan
		do   func(t *testing.T, e splice.Accepter, client *net.TCPConn) // once the target is being connected
		want func(error) bool
		dead bool // the client's connection is
	}{
		"no target": {want: func(err error) bool { return err == nil }},
		"no room":   {plan: splice.Plan{Target: addrOf(target), Open: refusing}, want: func(err error) bool { return errors.Is(err, refused) }},
		"no service": {plan: splice.Plan{Target: addrOf(closed)}, want: func(err error) bool {
			return errors.Is(err, unix.ECONNREFUSED) && errors.Is(err, splice.ErrNotConnected)
		}},
		"no way": {plan: splice.Plan{Target: netip.MustParseAddrPort("255.255.255.255:1")},
			want: func(err error) bool { return errors.Is(err, splice.ErrNotConnected) }},
		"no answer": {plan: splice.Plan{Target: quiet, Limit: time.Millisecond},
			want: func(err error) bool {
				return errors.Is(err, os.ErrDeadlineExceeded) && errors.Is(err, splice.ErrNotConnected)
			}},
		"abandoned": {plan: splice.Plan{Target: quiet},
			do:   func(_ *testing.T, e splice.Accepter, _ *net.TCPConn) { e.Abandon(refused) },
			want: func(err error) bool { return errors.Is(err, refused) && !errors.Is(err, splice.ErrNotConnected) }},
		"engine closes": {plan: splice.Plan{Target: quiet},
			do:   func(_ *testing.T, e splice.Accepter, _ *net.TCPConn) { _ = e.Close() },
			want: func(err error) bool { return errors.Is(err, net.ErrClosed) && !errors.Is(err, splice.ErrNotConnected) }},
		"client resets": {plan: splice.Plan{Target: quiet},
			do: func(t *testing.T, _ splice.Accepter, client *net.TCPConn) { reset(t, client) },
			want: func(err error) bool {
				return errors.Is(err, unix.ECONNRESET) && !errors.Is(err, splice.ErrNotConnected)
			},
			dead: true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			e := kernelEngine(t).(splice.Accepter)
			asked := make(chan string, 1)
			d := receive(t, e, func(_ netip.AddrPort, first string) splice.Plan {
				asked <- first
				return tt.plan
			})
			client := d.enter("hello")
			if first := <-asked; first != "hello" && first != "" {
				t.Errorf("first came %q", first)
			}
			if tt.do != nil {
				tt.do(t, e, client)
			}
			got := d.take()
			if !tt.want(got.cause) {
				t.Errorf("taken for %v", got.cause)
			}
			if tt.dead {
				return
			}
			send(t, got.conn, "usable")
			expect(t, client, "usable")
			if len(d.ended) > 0 || len(d.taken) > 0 {
				t.Error("there was more than one end")
			}
		})
	}
}

// TestClientIsGoneBeforeItIsAccepted has both sides of a pair become ready, or fail, in the same moment: it is opened or taken, not both.
func TestClientIsGoneBeforeItIsAccepted(t *testing.T) {
	closed := listen(t, "tcp", "127.0.0.1:0")
	_ = closed.Close()
	for name, target := range map[string]*net.TCPListener{"target opens": listen(t, "tcp", "127.0.0.1:0"), "target refuses": closed} {
		t.Run(name, func(t *testing.T) {
			e, listener := kernelEngine(t).(splice.Accepter), listen(t, "tcp", "127.0.0.1:0")
			client, err := net.Dial("tcp", listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			send(t, client, "hello")
			reset(t, client.(*net.TCPConn))
			ends := make(chan string, 10)
			accepting := make(chan error)
			go func() {
				accepting <- e.Accept(t.Context(), listener, func(netip.AddrPort, []byte) splice.Plan {
					return splice.Plan{
						Target: addrOf(target),
						Open: func(io.Writer, *splice.Pair) (splice.Options, error) {
							ends <- "opened"
							return splice.Options{}, nil
						},
						Take: func(conn net.Conn, _ error) {
							ends <- "taken"
							_ = conn.Close()
						},
					}
				})
			}()
			first := <-ends
			_ = e.Close()
			if err := <-accepting; !errors.Is(err, net.ErrClosed) {
				t.Errorf("Accept: %v", err)
			}
			if len(ends) > 0 {
				t.Errorf("%s, and then %s", first, <-ends)
			}
		})
	}
}

// TestAcceptAfterClose is told so.
func TestAcceptAfterClose(t *testing.T) {
	e := kernelEngine(t).(splice.Accepter)
	_ = e.Close()
	if err := e.Accept(t.Context(), listen(t, "tcp", "127.0.0.1:0"), nil); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept: %v", err)
	}
}

// TestConnectedToItself tells a socket that TCP has connected to itself from others.
func TestConnectedToItself(t *testing.T) {
	for _, ip := range []string{"127.0.0.1", "::1"} {
		fd, address, err := bound(ip)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		if splice.ConnectedToItself(fd, netip.AddrPortFrom(address.Addr(), address.Port()^1)) {
			t.Errorf("%v is taken for another one", address)
		}
		to := unix.Sockaddr(&unix.SockaddrInet4{Port: int(address.Port()), Addr: [4]byte{127, 0, 0, 1}})
		if address.Addr().Is6() {
			to = &unix.SockaddrInet6{Port: int(address.Port()), Addr: address.Addr().As16()}
		}
		if err := unix.Connect(fd, to); err != nil {
			t.Fatal(err)
		}
		if !splice.ConnectedToItself(fd, address) {
			t.Errorf("%v is connected to itself", address)
		}
	}
}

// bound is a socket with an address.
func bound(ip string) (fd int, address netip.AddrPort, err error) {
	addr := netip.MustParseAddr(ip)
	family, at := unix.AF_INET, unix.Sockaddr(&unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	if addr.Is6() {
		family, at = unix.AF_INET6, &unix.SockaddrInet6{Addr: addr.As16()}
	}
	if fd, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
		return -1, address, err
	}
	if err = unix.Bind(fd, at); err != nil {
		return fd, address, err
	}
	name, err := unix.Getsockname(fd)
	switch a := name.(type) {
	case *unix.SockaddrInet4:
		address = netip.AddrPortFrom(addr, uint16(a.Port))
	case *unix.SockaddrInet6:
		address = netip.AddrPortFrom(addr, uint16(a.Port))
	}
	return fd, address, err
}

// TestAbandonLasts has a connection abandoned that comes afterwards.
func TestAbandonLasts(t *testing.T) {
	e, quiet, cause := kernelEngine(t).(splice.Accepter), testnet.Silent(t), errors.New("the test")
	d := receive(t, e, func(netip.AddrPort, string) splice.Plan { return splice.Plan{Target: quiet} })
	e.Abandon(cause)
	d.enter("hello")
	if got := d.take(); !errors.Is(got.cause, cause) {
		t.Errorf("taken for %v", got.cause)
	}
}

// TestAcceptMany opens so many at a time that they do not stay with one loop, from two listeners, of which one goes away.
func TestAcceptMany(t *testing.T) {
	const clients, each = 8, 60
	e, target := kernelEngine(t), listen(t, "tcp", "127.0.0.1:0")
	var echoing sync.WaitGroup
	echoing.Go(func() {
		for {
			conn, err := target.Accept()
			if err != nil {
				return
			}
			echoing.Go(func() {
				defer conn.Close()
				_, _ = io.Copy(struct{ io.Writer }{conn}, struct{ io.Reader }{conn})
			})
		}
	})
	t.Cleanup(func() {
		_ = target.Close()
		echoing.Wait()
	})
	plan := func(netip.AddrPort, string) splice.Plan {
		return splice.Plan{Target: addrOf(target), Limit: time.Minute}
	}
	t.Run("", func(t *testing.T) { receive(t, e, plan).enter("hello") })
	d := receive(t, e, plan)
	var running sync.WaitGroup
	for i := range clients {
		running.Go(func() {
			var all []net.Conn
			for j := range each {
				conn, err := net.Dial("tcp", d.address)
				if err != nil {
					t.Error(err)
					return
				}
				defer conn.Close()
				text := fmt.Sprintf("tunnel %d of client %d", j, i)
				got := make([]byte, len("welcome"))
				if _, err := io.ReadFull(conn, got); err != nil {
					t.Error(err)
				}
				if _, err := io.WriteString(conn, text); err != nil {
					t.Error(err)
				}
				all = append(all, conn)
			}
			for j, conn := range all {
				want := fmt.Appendf(nil, "tunnel %d of client %d", j, i)
				got := make([]byte, len(want))
				if _, err := io.ReadFull(conn, got); err != nil || !bytes.Equal(got, want) {
					t.Errorf("read %q, %v; want %q", got, err, want)
				}
			}
		})
	}
	running.Wait()
}

// TestAcceptTellsOfFailures has accepting fail for want of a descriptor, and goes on afterwards.
func TestAcceptTellsOfFailures(t *testing.T) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	e, listener := kernelEngine(t).(splice.Accepter), listen(t, "tcp", "127.0.0.1:0")
	taken := make(chan net.Conn, 2)
	accept := func(ctx context.Context) error {
		return e.Accept(ctx, listener, func(netip.AddrPort, []byte) splice.Plan {
			return splice.Plan{Take: func(conn net.Conn, _ error) { taken <- conn }}
		})
	}
	clients := make([]net.Conn, 2)
	for i := range clients {
		conn, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		clients[i] = conn
	}
	// One descriptor is vacant, so that the first connection is accepted, and is handed on with the help of the reserve.
	low := limit
	low.Cur = uint64(fill(t) + 1)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &low); err != nil {
		t.Fatal(err)
	}
	err := accept(t.Context())
	first := <-taken
	if restored := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); restored != nil {
		t.Fatal(restored)
	}
	defer first.Close()
	if !errors.Is(err, unix.EMFILE) {
		t.Errorf("Accept: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- accept(ctx) }()
	second := <-taken
	defer second.Close()
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Accept: %v", err)
	}
	for i, conn := range []net.Conn{first, second} {
		send(t, clients[i], "alive")
		expect(t, conn, "alive")
	}
}

// fill opens what is needed so that no descriptor is vacant below the one that it returns.
func fill(t *testing.T) (vacant int) {
	t.Helper()
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	highest := 0
	for _, name := range names {
		fd, err := strconv.Atoi(name.Name())
		if err != nil {
			t.Fatal(err)
		}
		highest = max(highest, fd)
	}
	for {
		file, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		if fd := int(file.Fd()); fd > highest {
			_ = file.Close()
			return fd
		}
		t.Cleanup(func() { _ = file.Close() })
	}
}

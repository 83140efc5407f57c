package splice_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"testing"

	"go.uber.org/goleak"

	"github.com/omsgateway/omsgateway/internal/splice"
)

func TestMain(m *testing.M) {
	if isChild() {
		return
	}
	before, err := countFiles()
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		after, err2 := countFiles()
		if code == 0 && (err != nil || err2 != nil || after != before) {
			fmt.Printf("%d descriptors are open, %d were before the tests (%v, %v)\n", after, before, err, err2)
			code = 1
		}
		os.Exit(code)
	}))
}

// engines are what every test runs over: the one for everything, and the one for this system.
var engines = []struct {
	name string
	make func() (splice.Engine, error)
}{
	{"goroutine", func() (splice.Engine, error) { return splice.NewGoroutineEngine(), nil }},
	{"best", splice.New},
}

// overEngines runs a test over each engine; the engine is closed, and must have lost no descriptor, when the test ends.
func overEngines(t *testing.T, test func(t *testing.T, e splice.Engine, engine string)) {
	for _, engine := range engines {
		t.Run(engine.name, func(t *testing.T) {
			before := openFiles(t)
			e, err := engine.make()
			if err != nil {
				t.Fatal(err)
			}
			t.Run("", func(t *testing.T) { test(t, e, engine.name) })
			if err := e.Close(); err != nil {
				t.Error(err)
			}
			if after := openFiles(t); after != before {
				t.Errorf("%d descriptors are open, %d were before", after, before)
			}
		})
	}
}

// overEnginesAtOnce does so side by side with others, for a test that waits for limits; descriptors are counted after all tests.
func overEnginesAtOnce(t *testing.T, test func(t *testing.T, e splice.Engine, engine string)) {
	t.Parallel()
	for _, engine := range engines {
		t.Run(engine.name, func(t *testing.T) {
			t.Parallel()
			e, err := engine.make()
			if err != nil {
				t.Fatal(err)
			}
			t.Run("", func(t *testing.T) { test(t, e, engine.name) })
			if err := e.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	n, err := countFiles()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// countFiles counts the descriptors of this process, where the system tells.
func countFiles() (int, error) {
	// A connection makes the runtime open what it keeps for its poller, so that this does not count later.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	_ = l.Close()
	if runtime.GOOS != "linux" {
		return 0, nil
	}
	names, err := os.ReadDir("/proc/self/fd")
	return len(names), err
}

// connect makes a TCP connection over the loopback: what the gateway holds, and what the peer holds.
func connect(t testing.TB) (held, peer *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	a, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return a.(*net.TCPConn), c.(*net.TCPConn)
}

// tunnel is a joined pair with the two peers that talk through it.
type tunnel struct {
	pair           *splice.Pair
	client, target *net.TCPConn
	done           <-chan splice.Result
}

func join(t testing.TB, e splice.Engine, o splice.Options) tunnel {
	t.Helper()
	heldClient, client := connect(t)
	heldTarget, target := connect(t)
	pair, done := joinConns(e, heldClient, heldTarget, o)
	return tunnel{pair: pair, client: client, target: target, done: done}
}

func joinConns(e splice.Engine, client, target net.Conn, o splice.Options) (*splice.Pair, <-chan splice.Result) {
	owner := newOwner()
	o.Owner = owner
	return e.Join(client, target, o), owner.ended
}

// owner hands on what it is told; there is room for more calls, which would be wrong and be found.
type owner struct {
	ended    chan splice.Result
	fellBack chan error
}

func newOwner() owner { return owner{make(chan splice.Result, 1000), make(chan error, 10)} }

func (o owner) Ended(r splice.Result) { o.ended <- r }

func (o owner) Fallback(cause error) { o.fellBack <- cause }

// result waits for the end of the tunnel.
func (tn tunnel) result(t testing.TB) splice.Result {
	t.Helper()
	r := <-tn.done
	sent, received := tn.pair.Counts()
	if sent != r.Sent || received != r.Received {
		t.Errorf("Counts after the end are %d and %d, the result has %d and %d", sent, received, r.Sent, r.Received)
	}
	return r
}

func send(t testing.TB, to io.Writer, text string) {
	t.Helper()
	if _, err := io.WriteString(to, text); err != nil {
		t.Fatal(err)
	}
}

func expect(t testing.TB, from io.Reader, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(from, got); err != nil || string(got) != want {
		t.Fatalf("read %q, %v; want %q", got, err, want)
	}
}

func expectEOF(t testing.TB, from io.Reader) {
	t.Helper()
	if n, err := from.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Fatalf("read %d bytes, %v; want the end of the stream", n, err)
	}
}

// expectReset reads whatever is left and wants the connection to have been reset after it.
func expectReset(t testing.TB, from io.Reader) {
	t.Helper()
	if _, err := io.Copy(io.Discard, from); !isReset(err) {
		t.Fatalf("read ended with %v; want a reset", err)
	}
}

// reset closes c so that its peer sees an RST.
func reset(t testing.TB, c *net.TCPConn) {
	t.Helper()
	if err := c.SetLinger(0); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}

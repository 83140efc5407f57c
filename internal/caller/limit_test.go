package caller_test

import (
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omsgateway/omsgateway/internal/caller"
	"github.com/omsgateway/omsgateway/internal/reason"
)

// handshake is that of a transport whose connections all have one caller.
func handshake(conn net.Conn) (net.Conn, caller.AuthInfo, error) {
	return handshakeOf(conn, caller.Fixed(caller.Caller{Name: "alice", Role: caller.Change}))
}

func handshakeOf(conn net.Conn, id caller.Identity) (net.Conn, caller.AuthInfo, error) {
	return caller.Handshake(conn, func(conn net.Conn) (net.Conn, caller.Identity, error) { return conn, id, nil })
}

func TestConnectionOverTheLimitIsClosedSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := newMemory(100)
		listener := caller.Limit(inner, 5, 2)
		defer listener.Close()
		var open []net.Conn
		for i := range 3 {
			conn := accept(t, listener)
			known, _, err := handshake(conn)
			if err != nil {
				t.Fatalf("connection %d: %v", i+1, err)
			}
			open = append(open, known)
		}
		start := time.Now()
		if _, err := open[2].Read(make([]byte, 1)); err == nil {
			t.Error("the connection over the limit stays open")
		}
		if took := time.Since(start); took != 2*time.Second { // the bubble's clock
			t.Errorf("it was closed after %v", took)
		}
		open[0].Close()
		if known, _, err := handshake(accept(t, listener)); err != nil {
			t.Errorf("after one was closed: %v", err)
		} else {
			known.SetReadDeadline(time.Now().Add(time.Hour))
			if _, err := known.Read(make([]byte, 1)); !isTimeout(err) {
				t.Errorf("after one was closed, the next one is closed too: %v", err)
			}
			known.Close()
		}
		open[1].Close()
	})
}

func TestRefusalsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		listener := caller.Limit(newMemory(100), 5, 1)
		defer listener.Close()
		alice := caller.Fixed(caller.Caller{Name: "alice", Role: caller.Change})
		bob := caller.Fixed(caller.Caller{Name: "bob", Role: caller.Read})
		next := func(who caller.Identity) net.Conn {
			known, _, err := handshakeOf(accept(t, listener), who)
			if err != nil {
				t.Fatal(err)
			}
			return known
		}
		next(alice)
		next(bob)
		start := time.Now()
		for range 16 {
			next(bob)
		}
		next(alice)
		if took := time.Since(start); took > 0 { // the bubble's clock, as below
			t.Errorf("one who may change waits for those who may not, for %v", took)
		}
		next(bob)
		if took := time.Since(start); took != 2*time.Second {
			t.Errorf("the seventeenth was told after %v", took)
		}
		left := accept(t, listener)
		time.AfterFunc(time.Second, func() { left.Close() })
		for range 15 {
			next(bob)
		}
		start = time.Now()
		if _, _, err := handshakeOf(left, bob); !errors.Is(err, net.ErrClosed) {
			t.Errorf("one that is closed while it waits: %v", err)
		}
		if took := time.Since(start); took != time.Second {
			t.Errorf("it has waited for %v", took)
		}
		time.Sleep(3 * time.Second) //nolint:forbidigo // the bubble's clock
	})
}

func TestUnknownCallersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const total = 4
		inner := newMemory(100)
		listener := caller.Limit(inner, total, 2)
		silent := make([]net.Conn, total)
		for i := range silent {
			silent[i] = accept(t, listener)
		}
		next := make(chan error, 1)
		go func() {
			_, err := listener.Accept()
			next <- err
		}()
		synctest.Wait()
		if waiting := len(inner.conns); waiting != 100-total {
			t.Errorf("%d connections were taken from the queue, %d is the limit", 100-waiting, total)
		}
		silent[0].Close()
		silent[0].Close() // counts once
		if err := <-next; err != nil {
			t.Errorf("after one was closed: %v", err)
		}
	})
}

// Connections that say nothing do not keep others out.
func TestConnectionThatIsSilentLongestEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		listener := caller.Limit(newMemory(100), 3, 2)
		silent := []net.Conn{accept(t, listener), accept(t, listener), accept(t, listener)}
		start := time.Now()
		accept(t, listener)
		if took := time.Since(start); took != 20*time.Millisecond { // the bubble's clock
			t.Errorf("the next one was accepted after %v", took)
		}
		if _, err := silent[0].Read(make([]byte, 1)); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("the one that was silent longest is not closed: %v", err)
		}
		known, _, err := handshake(silent[1])
		if err != nil {
			t.Errorf("the next one is closed: %v", err)
		}
		defer known.Close()
		accept(t, listener) // in the place of that one
		accept(t, listener) // and of the next that is silent
		next := make(chan error, 1)
		go func() {
			_, err := listener.Accept()
			next <- err
		}()
		synctest.Wait()
		listener.Close()
		if err := <-next; !errors.Is(err, net.ErrClosed) {
			t.Errorf("Accept of a closed listener: %v", err)
		}
	})
}

// A connection that ends during the handshake (the server stops, or its time limit closes it) leaves no count behind.
func TestClosedDuringTheHandshake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		listener := caller.Limit(newMemory(100), 1, 1)
		defer listener.Close()
		for range 10 {
			conn := accept(t, listener)
			conn.Close()
			if _, _, err := handshake(conn); !errors.Is(err, net.ErrClosed) {
				t.Fatal(err)
			}
		}
		if _, _, err := handshake(accept(t, listener)); err != nil {
			t.Error(err)
		}
	})
}

// A caller without a role has five seconds, whatever the limits are.
func TestConnectionWithoutARoleIsClosedSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		listener := caller.Limit(newMemory(1), 5, 2)
		defer listener.Close()
		conn, info, err := handshakeOf(accept(t, listener), caller.Fixed(caller.Caller{Name: "mallory", ToRead: "ask"}))
		if err != nil {
			t.Fatal(err)
		}
		if err := info.Caller().May(caller.Read); reason.Of(err) != reason.NotPermittedToRead {
			t.Errorf("the caller is told %v", err)
		}
		start := time.Now()
		if _, err := conn.Read(make([]byte, 1)); err == nil {
			t.Error("the connection stays open")
		}
		if took := time.Since(start); took != 5*time.Second { // the bubble's clock
			t.Errorf("it was closed after %v", took)
		}
	})
}

// Whoever has no role counts as one caller, so that many names do not help.
func TestCallersWithoutARoleCountAsOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		listener := caller.Limit(newMemory(100), 3, 2)
		defer listener.Close()
		for _, name := range []string{"a", "b", "c", "d"} {
			if _, _, err := handshakeOf(accept(t, listener), caller.Fixed(caller.Caller{Name: name})); err != nil {
				t.Fatal(err)
			}
		}
		conn, info, err := handshake(accept(t, listener))
		if err != nil {
			t.Fatal(err)
		}
		if err := info.Caller().May(caller.Change); err != nil {
			t.Errorf("a caller with a role has no place: %v", err)
		}
		conn.Close()
		time.Sleep(5 * time.Second) //nolint:forbidigo // the bubble's clock
	})
}

func accept(t *testing.T, listener net.Listener) net.Conn {
	t.Helper()
	conn, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func isTimeout(err error) bool {
	netErr, ok := errors.AsType[net.Error](err)
	return ok && netErr.Timeout()
}

// memory is a listener with connections that wait already.
type memory struct {
	conns  chan net.Conn
	closed chan struct{}
}

func newMemory(count int) memory {
	m := memory{make(chan net.Conn, count), make(chan struct{})}
	for range count {
		_, server := net.Pipe()
		m.conns <- server
	}
	return m
}

func (m memory) Accept() (net.Conn, error) {
	select {
	case conn := <-m.conns:
		return conn, nil
	case <-m.closed:
		return nil, net.ErrClosed
	}
}

func (m memory) Close() error   { close(m.closed); return nil }
func (m memory) Addr() net.Addr { return &net.UnixAddr{} }

package localsock_test

import (
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omsgateway/omsgateway/internal/localsock"
)

// In these tests every connection has the same caller: this process.

func TestConnectionOverTheLimitIsClosedSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := newMemory(100)
		listener := localsock.Limit(inner, 5, 2)
		defer listener.Close()
		var open []net.Conn
		for i := range 3 {
			conn := accept(t, listener)
			known, _, err := localsock.StdioCredentials().ServerHandshake(conn)
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
		if known, _, err := localsock.StdioCredentials().ServerHandshake(accept(t, listener)); err != nil {
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
		listener := localsock.Limit(newMemory(100), 5, 1)
		defer listener.Close()
		handshake := func() error {
			conn := accept(t, listener)
			_, _, err := localsock.StdioCredentials().ServerHandshake(conn)
			if err != nil {
				conn.Close() // as gRPC does
			}
			return err
		}
		for i := range 1 + 16 {
			if err := handshake(); err != nil {
				t.Fatalf("connection %d: %v", i+1, err)
			}
		}
		for range 50 {
			if err := handshake(); err == nil {
				t.Fatal("more than 16 connections over the limit are open")
			}
		}
		time.Sleep(3 * time.Second) //nolint:forbidigo // the bubble's clock
		if err := handshake(); err != nil {
			t.Errorf("after the refused ones were closed: %v", err)
		}
		time.Sleep(3 * time.Second) //nolint:forbidigo // the bubble's clock
	})
}

func TestUnknownCallersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const total = 4
		inner := newMemory(100)
		listener := localsock.Limit(inner, total, 2)
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
		go func() {
			_, err := listener.Accept()
			next <- err
		}()
		synctest.Wait()
		if waiting := len(inner.conns); waiting != 100-total-1 {
			t.Errorf("%d connections were taken from the queue", 100-waiting)
		}
		listener.Close()
		if err := <-next; !errors.Is(err, net.ErrClosed) {
			t.Errorf("Accept of a closed listener: %v", err)
		}
	})
}

// A connection that ends during the handshake (the server stops, or its time limit closes it) leaves no count behind.
func TestClosedDuringTheHandshake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		listener := localsock.Limit(newMemory(100), 1, 1)
		defer listener.Close()
		for range 10 {
			conn := accept(t, listener)
			conn.Close()
			if _, _, err := localsock.StdioCredentials().ServerHandshake(conn); !errors.Is(err, net.ErrClosed) {
				t.Fatal(err)
			}
		}
		if _, _, err := localsock.StdioCredentials().ServerHandshake(accept(t, listener)); err != nil {
			t.Error(err)
		}
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

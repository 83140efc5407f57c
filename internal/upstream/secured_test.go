package upstream_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/omsgateway/omsgateway/internal/upstream"
)

// dialSecured is a connection through a relay proxy that is spoken to in TLS; serve is the relay proxy behind its good answer.
func dialSecured(t *testing.T, serve func(*tls.Conn)) net.Conn {
	t.Helper()
	ca := newCA(t)
	certificate, err := ca.Server("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	r := startRelayWith(t, &tls.Config{Certificates: []tls.Certificate{certificate}}, func(conn net.Conn) {
		if _, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n"); err == nil {
			serve(conn.(*tls.Conn))
		}
	})
	conn, _, err := upstream.Dialer{Roots: ca.Pool()}.Dial(t.Context(), target(t, "a.example.com:443"), r.way())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// A write that a deadline cuts short goes on later, and not a byte is lost or doubled.
func TestWritesThatAreCutShort(t *testing.T) {
	begin, got := make(chan struct{}), make(chan []byte, 1)
	const room = 64 << 10 // of the sockets
	conn := dialSecured(t, func(c *tls.Conn) {
		_ = c.NetConn().(*net.TCPConn).SetReadBuffer(room)
		<-begin
		all, _ := io.ReadAll(c)
		got <- all
		_ = c.CloseWrite()
	})
	_ = conn.(interface{ NetConn() net.Conn }).NetConn().(*net.TCPConn).SetWriteBuffer(room)
	want := bytes.Repeat([]byte("0123456789abcdef"), 1<<17) // much more than they take
	rest, cuts := want, 0
	for len(rest) > 0 {
		wait := time.Millisecond
		if cuts > 20 {
			wait = patience
		}
		if err := conn.SetWriteDeadline(time.Now().Add(wait)); err != nil {
			t.Fatal(err)
		}
		n, err := conn.Write(rest)
		rest = rest[n:]
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			if cuts++; cuts == 20 {
				close(begin)
			}
		case err != nil:
			t.Fatal(err)
		}
	}
	if cuts < 20 {
		t.Fatal("no write was cut short")
	}
	if err := conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if all := <-got; !bytes.Equal(all, want) {
		t.Errorf("%d bytes arrived, or others than were sent", len(all))
	}
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("behind the end of the other side: %v", err)
	}
}

// What was written before Close arrives, and Close does not wait for it.
func TestWhatWasWrittenBeforeCloseArrives(t *testing.T) {
	begin, got := make(chan struct{}), make(chan string, 1)
	conn := dialSecured(t, func(c *tls.Conn) {
		<-begin
		all, _ := io.ReadAll(c)
		got <- string(all)
	})
	if _, err := io.WriteString(conn, "the last words"); err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	close(begin)
	if words := <-got; words != "the last words" {
		t.Errorf("arrived: %q", words)
	}
	if _, err := conn.Write([]byte("x")); err == nil {
		t.Error("a closed connection takes more")
	}
	if _, err := conn.Read(make([]byte, 1)); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("a closed connection is read to its end: %v", err)
	}
}

// A relay proxy that is gone is told by the error of a write, as a reset of TCP is.
func TestWriteToARelayProxyThatIsGone(t *testing.T) {
	conn := dialSecured(t, func(c *tls.Conn) {
		_ = c.NetConn().(*net.TCPConn).SetLinger(0)
		_ = c.NetConn().Close()
	})
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	_, _ = conn.Read(make([]byte, 1)) // until it is gone
	_ = conn.SetWriteDeadline(time.Now().Add(patience))
	for range 3 {
		if _, err := conn.Write(make([]byte, 64<<10)); err != nil {
			if errors.Is(err, io.ErrClosedPipe) || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("the error is %v", err)
			}
			return
		}
	}
	t.Error("every write succeeds")
}

package main_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestOneClientTakesWhatItCan has one client open tunnels and say nothing in them, more than there are places for handshakes, as fast as
// it can. Another one opens tunnels all the time, and gets all of them.
func TestOneClientTakesWhatItCan(t *testing.T) {
	t.Parallel()
	const greedy, wanted = 4400, 40
	o := newTestOrigin(t)
	r := runGateway(t, "--set", "AllowLoopbackTargets=On")
	target := "localhost:" + o.port
	omsgwctl(t, r, "allowed-host", "add", target)

	var opened, refused atomic.Int64
	full := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	var flood sync.WaitGroup
	defer flood.Wait()
	defer cancel()
	for range greedy {
		flood.Go(func() {
			for ctx.Err() == nil {
				conn, err := dialFrom(r.proxy, "127.0.0.2")
				if err != nil {
					t.Error(err)
					return
				}
				gone := context.AfterFunc(ctx, func() { _ = conn.Close() })
				if connect(conn, target) == nil {
					opened.Add(1)
					_, _ = io.Copy(io.Discard, conn) // until the gateway ends it
				} else if ctx.Err() == nil && refused.Add(1) == 1 {
					close(full)
				}
				gone()
				_ = conn.Close()
				select { // who is refused tries again, as agents do
				case <-time.After(500 * time.Millisecond):
				case <-ctx.Done():
				}
			}
		})
	}
	select {
	case <-full:
	case <-time.After(2 * patience):
		t.Fatalf("%d tunnels are open, and none was refused", opened.Load())
	}

	failed := 0
	var slowest time.Duration
	var last error
	for n := range wanted {
		began := time.Now()
		if err := tryTunnel(r.proxy, target, "127.0.0.3", fmt.Sprint(n)); err != nil {
			failed, last = failed+1, err
		}
		slowest = max(slowest, time.Since(began))
	}
	t.Logf("%d tunnels of the one were opened and %d refused; %d of %d of the other failed, and the slowest took %v",
		opened.Load(), refused.Load(), failed, wanted, slowest)
	if failed > 0 {
		t.Errorf("the last of them: %v", last)
	}
}

// TestManyAgentsBehindOneAddress has 1,000 agents begin their requests at the same time, then their handshakes, from the address of a
// load balancer. A gateway with its defaults refuses none.
func TestManyAgentsBehindOneAddress(t *testing.T) {
	t.Parallel()
	const agents = 1000
	o := newTestOrigin(t)
	r := runGateway(t, "--set", "AllowLoopbackTargets=On")
	target := "localhost:" + o.port
	omsgwctl(t, r, "allowed-host", "add", target)
	var conns []net.Conn
	defer func() {
		for _, conn := range conns {
			_ = conn.Close()
		}
	}()
	for range agents {
		conn, err := dialFrom(r.proxy, "127.0.0.2")
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, &begun{Conn: conn})
		if _, err := io.WriteString(conn, "CONNECT "); err != nil {
			t.Fatal(err)
		}
	}
	refused := 0
	for n, conn := range conns {
		if err := connect(conn, target); err != nil {
			if refused++; refused == 1 {
				t.Errorf("number %d: %v", n+1, err)
			}
		}
	}
	if refused > 0 {
		t.Fatalf("%d of %d are refused", refused, agents)
	}
	for n, conn := range conns {
		secure := tls.Client(conn, &tls.Config{InsecureSkipVerify: true, ServerName: "localhost"}) // as in connectTLS
		if err := secure.Handshake(); err != nil {
			t.Fatalf("the handshake of number %d: %v", n+1, err)
		}
	}
}

// begun is a connection whose first word of the request has been sent already.
type begun struct {
	net.Conn
	said bool
}

func (c *begun) Write(data []byte) (int, error) {
	skip := 0
	if !c.said {
		c.said, skip = true, len("CONNECT ")
	}
	n, err := c.Conn.Write(data[skip:])
	return skip + n, err
}

// dialFrom connects to the proxy from an address of loopback.
func dialFrom(proxy, from string) (net.Conn, error) {
	d := net.Dialer{Timeout: patience, LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	conn, err := d.Dial("tcp", proxy)
	if err != nil {
		return nil, err
	}
	_ = conn.SetDeadline(time.Now().Add(2 * patience))
	return conn, nil
}

// tryTunnel opens a tunnel from an address, has a line come back through it, and closes it.
func tryTunnel(proxy, target, from, text string) error {
	conn, err := dialFrom(proxy, from)
	if err != nil {
		return err
	}
	defer conn.Close()
	secure, err := connectTLS(&tls.Config{}, conn, target)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(secure, "ECHO %s\n", text); err != nil {
		return err
	}
	got := make([]byte, len(text)+1)
	if _, err := io.ReadFull(secure, got); err != nil {
		return err
	}
	if string(got) != text+"\n" {
		return fmt.Errorf("sent %q, got %q", text, got)
	}
	return nil
}

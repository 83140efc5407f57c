package main_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// openTunnelsAndSayNothing has one client open tunnels and say nothing in them until ctx is done, more than there are places for
// handshakes, as fast as it can. Full is closed when one is refused.
func openTunnelsAndSayNothing(ctx context.Context, t *testing.T, flood *sync.WaitGroup, proxy, target string) (full <-chan struct{}) {
	t.Helper()
	const greedy = 4400
	refused := make(chan struct{})
	refuse := sync.OnceFunc(func() { close(refused) })
	for range greedy {
		flood.Go(func() {
			for ctx.Err() == nil {
				conn, err := dialFrom(proxy, "127.0.0.2")
				if err != nil {
					t.Error(err)
					return
				}
				gone := context.AfterFunc(ctx, func() { _ = conn.Close() })
				if connect(conn, target) == nil {
					_, _ = io.Copy(io.Discard, conn) // until the gateway ends it
				} else if ctx.Err() == nil {
					refuse()
				}
				gone()
				_ = conn.Close()
				select { // who is refused tries again, as agents do
				case <-time.After(2 * time.Second):
				case <-ctx.Done():
				}
			}
		})
	}
	return refused
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
	// All at once, since each has to begin within 10 s, and with a key that is quickly made.
	var handshakes sync.WaitGroup
	for n, conn := range conns {
		handshakes.Go(func() {
			secure := tls.Client(conn, &tls.Config{
				InsecureSkipVerify: true, ServerName: "localhost", CurvePreferences: []tls.CurveID{tls.X25519}, // as in connectTLS
			})
			if err := secure.Handshake(); err != nil {
				t.Errorf("the handshake of number %d: %v", n+1, err)
			}
		})
	}
	handshakes.Wait()
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

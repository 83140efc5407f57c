package main_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestDescriptorsUsedUp opens more connections than the process may have descriptors: the client that finds none left is told so,
// and everything works again when the others have gone.
func TestDescriptorsUsedUp(t *testing.T) {
	t.Parallel()
	o := newTestOrigin(t)
	r := runGateway(t, "--set", "AllowLoopbackTargets=On")
	target := "localhost:" + o.port
	omsgwctl(t, r, "allowed-host", "add", target)
	const descriptors = 64
	if err := unix.Prlimit(r.process.Pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: descriptors, Max: descriptors}, nil); err != nil {
		t.Fatal(err)
	}

	var held []net.Conn
	defer func() {
		for _, conn := range held {
			_ = conn.Close()
		}
	}()
	for range descriptors {
		conn, err := net.DialTimeout("tcp", r.proxy, patience)
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, conn)
		_, _ = io.WriteString(conn, "C")
	}
	last, err := net.DialTimeout("tcp", r.proxy, patience)
	if err != nil {
		t.Fatal(err)
	}
	held = append(held, last)
	_ = last.SetDeadline(time.Now().Add(patience))
	_, _ = fmt.Fprintf(last, "CONNECT %s HTTP/1.1\r\n\r\n", target)
	resp, err := http.ReadResponse(bufio.NewReader(last), &http.Request{Method: http.MethodConnect})
	if err != nil {
		t.Fatalf("the client without a descriptor is told nothing: %v\n%s", err, r.log)
	}
	_ = resp.Body.Close()
	if got := resp.Header.Get("OMS-Gateway-Reason"); resp.StatusCode != http.StatusServiceUnavailable || got != "RESOURCES_EXHAUSTED" {
		t.Fatalf("the client without a descriptor is told %d %s\n%s", resp.StatusCode, got, r.log)
	}
	for _, conn := range held {
		_ = conn.Close()
	}
	deadline := time.Now().Add(patience)
	for {
		tunnel, err := openTunnel(r.proxy, target)
		if err == nil {
			_ = tunnel.conn.Close()
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the gateway does not recover: %v\n%s", err, r.log)
		}
	}
	r.stop(t)
}

// TestFewDescriptors has clients open as many tunnels as they get, and ask for more all the time, in a process that may have fewer
// descriptors than MaxConnections needs. It says so, tells clients why, and can be administered meanwhile.
func TestFewDescriptors(t *testing.T) {
	const descriptors, most = 256, (256 - 64) / 2
	o := newTestOrigin(t)
	dir := t.TempDir()
	r := runGatewayWith(t, func(line []string) []string {
		return append([]string{"sh", "-c", fmt.Sprintf(`ulimit -n %d && exec "$@"`, descriptors), "sh"}, line...)
	}, dir, "--listen", "127.0.0.1:0", "--set", "AllowLoopbackTargets=On")
	target := "localhost:" + o.port
	omsgwctl(t, r, "allowed-host", "add", target)

	const advice = "at most 96 client connections can be open, and not 20000 as MaxConnections says"
	if got := omsgwctl(t, r, "event", "list", "--id", "100"); !strings.Contains(got, advice) {
		t.Errorf("no event says it: %s", got)
	}
	if got := omsgwctl(t, r, "status"); !strings.Contains(got, "(at most 96)") || !strings.Contains(got, advice) {
		t.Errorf("status does not say it: %s", got)
	}
	if got := omsgwctl(t, r, "status", "--json"); !strings.Contains(got, `"maxClientConnections": "96"`) ||
		!strings.Contains(got, "DESCRIPTORS_TOO_FEW") {
		t.Errorf("the JSON of status does not say it: %s", got)
	}

	ctx, cancel := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	defer clients.Wait()
	defer cancel()
	var open atomic.Int64
	told := make(chan struct{}, 1) // a client that it has no place; most are not told, for want of descriptors
	for n := range 200 {
		clients.Go(func() {
			for ctx.Err() == nil {
				conn, err := dialFrom(r.proxy, fmt.Sprintf("127.0.0.%d", 2+n))
				if err != nil {
					t.Error(err)
					return
				}
				gone := context.AfterFunc(ctx, func() { _ = conn.Close() })
				if err := connect(conn, target); err == nil {
					open.Add(1)
					_, _ = io.Copy(io.Discard, conn)
					open.Add(-1)
				} else if strings.Contains(err.Error(), "503") {
					select {
					case told <- struct{}{}:
					default:
					}
				}
				gone()
				_ = conn.Close()
				select {
				case <-time.After(20 * time.Millisecond):
				case <-ctx.Done():
				}
			}
		})
	}
	// The last eighth is for clients that have less than others, and all of these have the same.
	for over := time.Now().Add(patience); open.Load() < most || len(told) == 0; <-time.After(10 * time.Millisecond) {
		if time.Now().After(over) {
			t.Fatalf("%d tunnels are open, and %d clients were told that there are no more\n%s", open.Load(), len(told), r.log)
		}
	}
	for n := range 20 {
		omsgwctl(t, r, "allowed-host", "add", fmt.Sprintf("h%d.example.com", n))
	}
	if got := omsgwctl(t, r, "status"); !strings.Contains(got, "running") {
		t.Errorf("the status is %s", got)
	}
	if got := open.Load(); got != most {
		t.Errorf("%d tunnels are open, want %d", got, most)
	}
}

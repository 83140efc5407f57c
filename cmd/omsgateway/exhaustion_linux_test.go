package main_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestDescriptorsUsedUp opens more connections than the process may have descriptors: the client that finds none left is told so,
// and everything works again when the others have gone.
func TestDescriptorsUsedUp(t *testing.T) {
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

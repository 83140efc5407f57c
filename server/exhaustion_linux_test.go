package main

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
	told := false
	for i := 0; i < 2*descriptors && !told; i++ {
		conn, err := net.DialTimeout("tcp", r.proxy, patience)
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, conn)
		// Clients of the last descriptors ask for a tunnel, the others only hold theirs.
		if i < descriptors/2 {
			_, _ = io.WriteString(conn, "C")
			continue
		}
		_, _ = fmt.Fprintf(conn, "CONNECT %s HTTP/1.1\r\n\r\n", target)
		_ = conn.SetReadDeadline(time.Now().Add(patience))
		resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: http.MethodConnect})
		if err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		_ = resp.Body.Close()
		told = resp.StatusCode == http.StatusServiceUnavailable && resp.Header.Get("OMS-Gateway-Reason") == "RESOURCES_EXHAUSTED"
	}
	if !told {
		t.Fatalf("nobody was told that no descriptor is left\n%s", r.log)
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

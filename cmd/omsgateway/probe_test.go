package main_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestConnectionsWithoutAByte has the probes of a load balancer hang up in each way, at once or after the system has stopped waiting for
// their first byte (TCP_DEFER_ACCEPT): none of them leaves a line in the log. A client that is as slow is
// answered, and leaves one.
func TestConnectionsWithoutAByte(t *testing.T) {
	t.Parallel()
	r := runGateway(t, "--set", "LogLevel=Debug")
	var probes []string
	dial := func() *net.TCPConn {
		conn, err := net.DialTimeout("tcp", r.proxy, patience)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return conn.(*net.TCPConn)
	}
	probe := func() *net.TCPConn {
		conn := dial()
		probes = append(probes, conn.LocalAddr().String())
		return conn
	}
	slow := dial()
	finishes, resets := probe(), probe()
	for i := range 20 {
		conn := probe()
		if i%2 == 0 {
			_ = conn.SetLinger(0)
		}
		_ = conn.Close()
	}
	<-time.After(1500 * time.Millisecond)
	_ = finishes.Close()
	_ = resets.SetLinger(0)
	_ = resets.Close()

	_ = slow.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(slow, "CONNECT other.example.com:443 HTTP/1.1\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(slow), &http.Request{Method: http.MethodConnect})
	if err != nil {
		t.Fatalf("the slow client gets %v\n%s", err, r.log)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusForbidden {
		t.Errorf("the slow client gets %s", resp.Status)
	}
	r.stop(t)
	if address := slow.LocalAddr().String(); !strings.Contains(r.log.String(), address) {
		t.Errorf("the log does not tell of %s:\n%s", address, r.log)
	}
	for _, address := range probes {
		if strings.Contains(r.log.String(), address) {
			t.Errorf("the log tells of %s, which has sent nothing:\n%s", address, r.log)
		}
	}
}

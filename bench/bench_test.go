//go:build linux

package main

import (
	"crypto/x509/pkix"
	"encoding/json"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/omsgateway/omsgateway/internal/testca"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A benchmark that does not notice damage would call a fast proxy good that loses bytes.
func TestDamageIsFound(t *testing.T) {
	const size = 3*chunkBytes + 17
	up := func(s *session) error { return s.upload(5, size) }
	down := func(s *session) error { return s.download(5, size) }
	flip := func(b []byte) []byte { b[len(b)-1] ^= 1; return b }
	lose := func(b []byte) []byte { return b[1:] }
	again := func(b []byte) []byte { return append(b, b[0]) }
	keep := func(b []byte) []byte { return b }
	for name, c := range map[string]struct {
		damage   func([]byte) []byte
		fromHere bool // of what the client sends
		exchange func(*session) error
		damaged  bool
	}{
		"upload":               {keep, true, up, false},
		"download":             {keep, false, down, false},
		"upload, byte wrong":   {flip, true, up, true},
		"upload, byte lost":    {lose, true, up, true},
		"upload, byte twice":   {again, true, up, true},
		"download, byte wrong": {flip, false, down, true},
		"download, byte lost":  {lose, false, down, true},
		"download, byte twice": {again, false, down, true},
	} {
		t.Run(name, func(t *testing.T) {
			direct, origin := startTestOrigin(t)
			direct.origin = damagingProxy(t, origin, c.damage, c.fromHere)
			s, err := direct.open(t.Context(), 0)
			if err != nil {
				t.Fatal(err)
			}
			defer s.close()
			if err := s.leaveTLS(); err != nil {
				t.Fatal(err)
			}
			if c.damaged {
				s.patience = time.Second // a byte that is lost is waited for in vain
			}
			if err := c.exchange(s); (err != nil) != c.damaged {
				t.Errorf("error %v", err)
			}
		})
	}
}

// startTestOrigin returns a client of an origin that runs in the test, and the address of it.
func startTestOrigin(t *testing.T) (*client, string) {
	t.Helper()
	c := newContent()
	o, ca, err := newOrigin(c)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go o.accept(listener)
	authority, err := testca.New()
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := authority.Client(pkix.Name{CommonName: "agent"})
	if err != nil {
		t.Fatal(err)
	}
	return newClient(listener.Addr().String(), ca, certificate, c), listener.Addr().String()
}

// damagingProxy carries one connection to the target and damages one read of many bytes, after which it ends the direction.
func damagingProxy(t *testing.T, target string, damage func([]byte) []byte, fromClient bool) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		defer client.Close()
		server, err := net.Dial("tcp", target)
		if err != nil {
			return
		}
		defer server.Close()
		done := make(chan struct{})
		carry := func(to, from net.Conn, damage func([]byte) []byte) {
			buf := make([]byte, 16<<10, 17<<10)
			for damaged := false; ; {
				n, err := io.ReadAtLeast(from, buf, 1)
				chunk := buf[:n]
				if n > 4<<10 && !damaged && damage != nil {
					chunk, damaged = damage(chunk), true
				}
				if _, writeErr := to.Write(chunk); err != nil || writeErr != nil {
					break
				}
			}
			_ = to.(*net.TCPConn).CloseWrite()
		}
		up, down := damage, damage
		if fromClient {
			down = nil
		} else {
			up = nil
		}
		go func() {
			defer close(done)
			carry(client, server, down)
		}()
		carry(server, client, up)
		<-done
	}()
	return listener.Addr().String()
}

// What is read from /proc is held to what the system tells this process about itself.
func TestMeasure(t *testing.T) {
	cpu := func() time.Duration {
		var r syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
			t.Fatal(err)
		}
		return time.Duration(r.Utime.Nano() + r.Stime.Nano())
	}
	newContent().sum(0, 100<<20) // some milliseconds at least
	low := cpu()
	before, err := measure(os.Getpid())
	high := cpu()
	if err != nil {
		t.Fatal(err)
	}
	const tick = 10 * time.Millisecond // getrusage(2) may be that much behind
	if before.cpu < low-tick || before.cpu > high+tick {
		t.Errorf("CPU time %v is not between %v and %v", before.cpu, low, high)
	}
	const files = 10
	for range files {
		f, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
	}
	memory := make([]byte, 64<<20)
	for i := 0; i < len(memory); i += 4096 {
		memory[i] = 1
	}
	after, err := measure(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if got := after.descriptors - before.descriptors; got != files {
		t.Errorf("%d descriptors more, want %d", got, files)
	}
	if got := after.memory - before.memory; got < int64(len(memory))/2 {
		t.Errorf("%d bytes of memory more, want some %d", got, len(memory))
	}
	memory[0] = 2 // it lives until here
}

func TestTable(t *testing.T) {
	r := results{}
	r.add(shortTunnels, gatewayName, figures{cpuEach: 150e-6})
	r.add(shortTunnels, gatewayName, figures{cpuEach: 140e-6})
	r.add(shortTunnels, plainName, figures{cpuEach: 200e-6})
	r.add(shortTunnels, directName, figures{rate: 1000})
	r.add(idleTunnels, gatewayName, figures{memoryEach: 2048, left: 0})
	r.add(idleTunnels, gatewayName, figures{memoryEach: 4096, left: 3})
	r.add(firstByte, gatewayName, figures{toFirstByte: 900e-6})
	r.add(firstByte, plainName, figures{toFirstByte: 1000e-6})
	r.add(firstByte, directName, figures{toFirstByte: 500e-6})
	r.add(agents9000, gatewayName, nil) // which failed
	yes, no := true, false
	ratio := func(f float64) *float64 { return &f }
	want := []line{
		{"CPU per short tunnel", "us", map[string]float64{gatewayName: 140, plainName: 200}, ratio(0.7), "<= 0.75", &yes},
		{"memory of an idle tunnel", "KiB", map[string]float64{gatewayName: 2}, nil, "<= 3 KiB", &yes},
		{"descriptors left after it", "", map[string]float64{gatewayName: 3}, nil, "<= 0", &no},
		{"added time to the first byte", "us", map[string]float64{gatewayName: 400, plainName: 500}, ratio(0.8), "<= 0.80", &yes},
	}
	near := cmp.Comparer(func(a, b float64) bool { return a-b < 1e-9 && b-a < 1e-9 })
	if diff := cmp.Diff(want, r.lines(true), near); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	for _, l := range r.lines(false) {
		if l.Met != nil {
			t.Errorf("%s was judged", l.Text)
		}
	}
	if table := r.table(true); !strings.Contains(table, "pass") || !strings.Contains(table, "FAIL") {
		t.Errorf("the table does not tell which goals are met:\n%s", table)
	}
	file := filepath.Join(t.TempDir(), "results.json")
	if err := r.save(file, machine{}, true); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !json.Valid(data) {
		t.Errorf("the file is no JSON:\n%s", data)
	}
}

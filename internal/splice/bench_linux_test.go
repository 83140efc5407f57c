package splice_test

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"os/exec"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/omsgateway/omsgateway/internal/splice"
)

// The benchmarks run a copier for each engine, and one that is written with io.Copy as most are, as processes of their own,
// so that the load they are put under is not counted. Each round asks all of them in turn. What counts is the lowest figure
// of the rounds, and its ratio to the plain copier's: `go test -run '^$' -bench . -benchtime 5x`.

// copierEnv makes the test binary a copier to the address in copierTarget.
//
// Started by root, each copier becomes a user of its own, since the kernel limits the pipes of an unprivileged user and a
// gateway is one (fs.pipe-user-pages-soft).
const (
	copierEnv    = "SPLICE_TEST_COPIER"
	copierTarget = "SPLICE_TEST_TARGET"
	copierUser   = "SPLICE_TEST_USER"
)

// usage is what a copier has used.
type usage struct {
	CPU    int64 // nanoseconds, of user and kernel
	Memory int64 // bytes of the process that stand in memory
	Files  int
}

// runCopier accepts connections and carries each to the target, prints its own address, and then its usage for each line read.
func runCopier(kind, target, user string) error {
	if os.Getuid() == 0 {
		uid, err := strconv.Atoi(user)
		if err != nil {
			return err
		}
		if err := syscall.Setuid(uid); err != nil {
			return err
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	join := plainJoin
	for _, engine := range engines {
		if engine.name == kind {
			e, err := engine.make()
			if err != nil {
				return err
			}
			join = func(client, target net.Conn) { e.Join(client, target, splice.Options{Idle: 1 << 40}) }
		}
	}
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				target, err := net.Dial("tcp", target)
				if err != nil {
					_ = client.Close()
					return
				}
				join(client, target)
			}()
		}
	}()
	fmt.Println(l.Addr())
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		if lines.Text() == "settle" {
			debug.FreeOSMemory()
		}
		u, err := ownUsage()
		if err != nil {
			return err
		}
		if err := json.NewEncoder(os.Stdout).Encode(u); err != nil {
			return err
		}
	}
	return nil
}

// plainJoin is the usual copier.
func plainJoin(client, target net.Conn) {
	var wg sync.WaitGroup
	for _, c := range [][2]net.Conn{{client, target}, {target, client}} {
		wg.Go(func() {
			_, _ = io.Copy(c[1], c[0])
			_ = c[1].(*net.TCPConn).CloseWrite()
		})
	}
	wg.Wait()
	_ = client.Close()
	_ = target.Close()
}

func ownUsage() (u usage, err error) {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return u, err
	}
	u.CPU = r.Utime.Nano() + r.Stime.Nano()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return u, err
	}
	u.Files = len(files)
	status, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return u, err
	}
	var total, resident int64
	_, err = fmt.Sscan(string(status), &total, &resident)
	u.Memory = resident * int64(os.Getpagesize())
	return u, err
}

// copierProcess is a running copier.
type copierProcess struct {
	kind string
	addr string
	in   io.Writer
	out  *bufio.Scanner
	best float64
}

func startCopiers(b *testing.B, target string) []*copierProcess {
	b.Helper()
	var copiers []*copierProcess
	for i, kind := range []string{"plain", "goroutine", "best"} {
		c := exec.Command(os.Args[0])
		c.Env = append(os.Environ(), copierEnv+"="+kind, copierTarget+"="+target, copierUser+"="+strconv.Itoa(60001+i))
		c.Stderr = os.Stderr
		in, err := c.StdinPipe()
		if err != nil {
			b.Fatal(err)
		}
		out, err := c.StdoutPipe()
		if err != nil {
			b.Fatal(err)
		}
		if err := c.Start(); err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() {
			_ = in.Close() // its end
			if err := c.Wait(); err != nil {
				b.Error(err)
			}
		})
		r := &copierProcess{kind: kind, in: in, out: bufio.NewScanner(out), best: math.Inf(1)}
		r.addr = r.line(b)
		copiers = append(copiers, r)
	}
	return copiers
}

func (r *copierProcess) line(b *testing.B) string {
	b.Helper()
	if !r.out.Scan() {
		b.Fatalf("copier %s is gone: %v", r.kind, r.out.Err())
	}
	return strings.TrimSpace(r.out.Text())
}

func (r *copierProcess) usage(b *testing.B, how string) (u usage) {
	b.Helper()
	if _, err := fmt.Fprintln(r.in, how); err != nil {
		b.Fatal(err)
	}
	if err := json.Unmarshal([]byte(r.line(b)), &u); err != nil {
		b.Fatal(err)
	}
	return u
}

func (r *copierProcess) dial(b *testing.B) net.Conn {
	b.Helper()
	c, err := net.Dial("tcp", r.addr)
	if err != nil {
		b.Fatal(err)
	}
	return c
}

func (r *copierProcess) dialTLS(b *testing.B) net.Conn {
	b.Helper()
	c := tls.Client(r.dial(b), &tls.Config{InsecureSkipVerify: true})
	if err := c.Handshake(); err != nil {
		b.Fatal(err)
	}
	return c
}

// rounds runs load through each copier in turn and reports the lowest CPU time for each unit of it.
func rounds(b *testing.B, copiers []*copierProcess, unit string, nanos float64, load func(*copierProcess) (units float64)) {
	b.Helper()
	for b.Loop() {
		for _, r := range copiers {
			before := r.usage(b, "cpu").CPU
			units := load(r)
			r.best = min(r.best, float64(r.usage(b, "cpu").CPU-before)/units)
		}
	}
	b.ReportMetric(0, "ns/op")
	for _, r := range copiers {
		b.ReportMetric(r.best/nanos, r.kind+"-"+unit)
		if r != copiers[0] {
			b.ReportMetric(r.best/copiers[0].best, r.kind+"/plain")
		}
	}
}

const upload = 200 << 10

// serveUploads speaks TLS, as all that goes through the gateway does, since that decides in what portions bytes come. It
// answers 100 bytes for each upload of 200 KiB.
func serveUploads(b *testing.B) (addr string) {
	b.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: certificates(b)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				buf, got := make([]byte, 32<<10), 0
				for {
					n, err := c.Read(buf)
					if err != nil {
						return
					}
					for got += n; got >= upload; got -= upload {
						if _, err := c.Write(buf[:100]); err != nil {
							return
						}
					}
				}
			}()
		}
	}()
	return l.Addr().String()
}

// transfer uploads through a tunnel, and waits for each answer or, if not asked to wait, takes answers at the end alone.
func transfer(b *testing.B, c net.Conn, uploads int, wait bool) {
	body, answer := make([]byte, upload), make([]byte, 100)
	for range uploads {
		if _, err := c.Write(body); err != nil {
			b.Error(err)
			return
		}
		if wait {
			if _, err := io.ReadFull(c, answer); err != nil {
				b.Error(err)
				return
			}
		}
	}
	if !wait {
		if _, err := io.CopyN(io.Discard, c, int64(uploads*len(answer))); err != nil {
			b.Error(err)
		}
	}
}

// bulk moves about a GB through so many tunnels at once, and returns the GB.
func bulk(b *testing.B, r *copierProcess, tunnels int) float64 {
	const total = 1000 << 20
	each := total / tunnels / upload
	var wg sync.WaitGroup
	for range tunnels {
		c := r.dialTLS(b)
		wg.Go(func() {
			defer func() { _ = c.Close() }()
			transfer(b, c, each, false)
		})
	}
	wg.Wait()
	return float64(tunnels*each*upload) / 1e9
}

// BenchmarkBulk is CPU time for each GB over 64 tunnels.
func BenchmarkBulk(b *testing.B) {
	copiers := startCopiers(b, serveUploads(b))
	rounds(b, copiers, "ms/GB", 1e6, func(r *copierProcess) float64 { return bulk(b, r, 64) })
}

// BenchmarkBesideIdle is CPU time for each GB over 16 tunnels beside 600 that wait.
func BenchmarkBesideIdle(b *testing.B) {
	copiers := startCopiers(b, serveUploads(b))
	for _, r := range copiers {
		idle(b, r, 600)
	}
	rounds(b, copiers, "ms/GB", 1e6, func(r *copierProcess) float64 { return bulk(b, r, 16) })
}

// BenchmarkUpload is CPU time for each upload of 200 KiB and its answer, over 50 kept tunnels, 8 at work at a time.
func BenchmarkUpload(b *testing.B) {
	copiers := startCopiers(b, serveUploads(b))
	tunnels := map[*copierProcess][]net.Conn{}
	for _, r := range copiers {
		tunnels[r] = idle(b, r, 50)
	}
	rounds(b, copiers, "us/upload", 1e3, func(r *copierProcess) float64 {
		const each = 40
		var wg sync.WaitGroup
		room := make(chan struct{}, 8)
		for _, c := range tunnels[r] {
			wg.Go(func() {
				for range each {
					room <- struct{}{}
					transfer(b, c, 1, true)
					<-room
				}
			})
		}
		wg.Wait()
		return float64(each * len(tunnels[r]))
	})
}

// BenchmarkSmall is CPU time for each message of 100 bytes there and back, 16 tunnels at once.
func BenchmarkSmall(b *testing.B) {
	copiers := startCopiers(b, serveEcho(b))
	tunnels := map[*copierProcess][]net.Conn{}
	for _, r := range copiers {
		tunnels[r] = dialMany(b, r, 16)
	}
	rounds(b, copiers, "us/message", 1e3, func(r *copierProcess) float64 {
		const each = 1000
		var wg sync.WaitGroup
		for _, c := range tunnels[r] {
			wg.Go(func() {
				for range each {
					exchange(b, c)
				}
			})
		}
		wg.Wait()
		return float64(each * len(tunnels[r]))
	})
}

// BenchmarkShort is CPU time for each tunnel that carries one small message there and back, 16 at a time.
func BenchmarkShort(b *testing.B) {
	copiers := startCopiers(b, serveEcho(b))
	rounds(b, copiers, "us/tunnel", 1e3, func(r *copierProcess) float64 {
		const workers, each = 16, 200
		var wg sync.WaitGroup
		for range workers {
			wg.Go(func() {
				for range each {
					c := r.dial(b)
					exchange(b, c)
					_ = c.Close()
				}
			})
		}
		wg.Wait()
		return workers * each
	})
}

// BenchmarkIdle is what a tunnel holds while it waits, after it has moved bytes both ways. One round is enough: nothing else
// moves memory in the copiers.
func BenchmarkIdle(b *testing.B) {
	const tunnels = 2000
	copiers := startCopiers(b, serveEcho(b))
	for b.Loop() { // or this function runs again for more rounds
	}
	for _, r := range copiers {
		before := r.usage(b, "settle")
		for _, c := range dialMany(b, r, tunnels) {
			exchange(b, c)
		}
		after := r.usage(b, "settle")
		b.ReportMetric(float64(after.Memory-before.Memory)/1024/tunnels, r.kind+"-KiB/tunnel")
		b.ReportMetric(float64(after.Files-before.Files)/tunnels, r.kind+"-files/tunnel")
	}
	b.ReportMetric(0, "ns/op")
}

// idle opens tunnels that have moved bytes both ways and wait.
func idle(b *testing.B, r *copierProcess, n int) []net.Conn {
	b.Helper()
	var tunnels []net.Conn
	for range n {
		c := r.dialTLS(b)
		b.Cleanup(func() { _ = c.Close() })
		transfer(b, c, 1, true)
		tunnels = append(tunnels, c)
	}
	return tunnels
}

func dialMany(b *testing.B, r *copierProcess, n int) []net.Conn {
	b.Helper()
	var tunnels []net.Conn
	for range n {
		c := r.dial(b)
		b.Cleanup(func() { _ = c.Close() })
		tunnels = append(tunnels, c)
	}
	return tunnels
}

func serveEcho(b *testing.B) (addr string) {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				buf := make([]byte, 1000)
				for {
					n, err := c.Read(buf)
					if err != nil {
						return
					}
					if _, err := c.Write(buf[:n]); err != nil {
						return
					}
				}
			}()
		}
	}()
	return l.Addr().String()
}

func exchange(b *testing.B, c net.Conn) {
	message := make([]byte, 100)
	if _, err := c.Write(message); err != nil {
		b.Error(err)
		return
	}
	if _, err := io.ReadFull(c, message); err != nil {
		b.Error(err)
	}
}

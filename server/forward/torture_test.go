package forward_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/omsgateway/omsgateway/internal/handshake"
	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/policy"
	"github.com/omsgateway/omsgateway/server/forward"
)

// soakEnv makes TestTorture go on for a time, such as 10m, instead of a number of tunnels.
const soakEnv = "OMSGATEWAY_SOAK"

// TestTorture has many tunnels open, carry random bytes both ways in pieces of 1 byte to 1 MiB, stall, and end in every way that TCP
// knows, in the handshake or behind it. All bytes are hashed; and when all tunnels are gone, the gateway holds what it held before.
func TestTorture(t *testing.T) {
	overEngines(t, func(t *testing.T, start starter) {
		target := startRaw(t)
		r := start(t, &fickle{Dialer: target}, func(in *policy.Input) { in.Limits.MaxConnections = 1000 })
		clientConfig, serverConfig := configs(t)
		full13 := converse(t, clientConfig, serverConfig)[:3]
		clientConfig.MaxVersion = tls.VersionTLS12
		tunnels := torturer{rig: r, target: target, handshakes: [][]turn{converse(t, clientConfig, serverConfig), full13, resumed(t)}}
		seed := rand.Uint64()
		t.Logf("seed %d", seed)

		tunnels.run(t, seed, 0, 100) // what is kept for the next tunnel is there now
		before := holdings(t, r)
		switch soak, err := time.ParseDuration(os.Getenv(soakEnv)); {
		case err == nil:
			began, next := time.Now(), 100
			for ; time.Since(began) < soak/2 && !t.Failed(); next += 1000 { // half of the time for each engine
				tunnels.run(t, seed, next, next+1000)
			}
			t.Logf("%d tunnels in %v", next, time.Since(began))
		case testing.Short() || underRace:
			tunnels.run(t, seed, 100, 400)
		default:
			tunnels.run(t, seed, 100, 2000)
		}
		holdings(t, r).expectLike(t, before)
	})
}

// fickle is a dialer that knows every other time what it is asked, so that an engine which can connect a target does, or a goroutine.
type fickle struct {
	forward.Dialer
	asked atomic.Int64
}

func (f *fickle) Known(target hostname.Target, how policy.Decision) (netip.AddrPort, bool) {
	address, known := f.Dialer.Known(target, how)
	return address, known && f.asked.Add(1)%2 == 0
}

// torturer opens tunnels to a raw target.
type torturer struct {
	rig        *rig
	target     raw
	handshakes [][]turn
	opening    sync.Mutex // so that it is known which two ends belong together
}

// run carries the tunnels with these numbers, some at a time, and waits until the gateway has forgotten them.
func (o *torturer) run(t *testing.T, seed uint64, from, to int) {
	room := make(chan struct{}, 50)
	var running sync.WaitGroup
	for i := from; i < to; i++ {
		running.Go(func() {
			room <- struct{}{}
			defer func() { <-room }()
			if err := o.torture(rand.New(rand.NewPCG(seed, uint64(i)))); err != nil {
				t.Errorf("tunnel %d of seed %d: %v", i, seed, err)
			}
		})
	}
	running.Wait()
	o.rig.sink.waitFor(t, "canonical", to-from, summary(""))
	for end := time.Now().Add(patience); o.rig.counters.Snapshot().ActiveConnections > 0 && time.Now().Before(end); {
		runtime.Gosched()
	}
	o.rig.sink.mu.Lock()
	o.rig.sink.events = nil
	o.rig.sink.mu.Unlock()
}

func (o *torturer) open() (p pair, err error) {
	o.opening.Lock()
	defer o.opening.Unlock()
	conn, err := net.Dial("tcp", o.rig.address)
	if err != nil {
		return p, err
	}
	client := conn.(*net.TCPConn)
	p.ends[handshake.FromClient] = client
	_ = client.SetDeadline(time.Now().Add(patience))
	answer := make([]byte, len(established))
	if _, err = io.WriteString(client, request); err == nil {
		_, err = io.ReadFull(client, answer)
	}
	if err != nil || string(answer) != established {
		_ = client.Close()
		return p, fmt.Errorf("the answer is %q, %w", answer, err)
	}
	p.ends[handshake.FromServer] = <-o.target.peers
	return p, p.server().SetDeadline(time.Now().Add(patience))
}

// torture is the life of one tunnel.
func (o *torturer) torture(random *rand.Rand) error {
	p, err := o.open()
	if err != nil {
		return err
	}
	defer p.client().Close()
	defer p.server().Close()
	turns := o.handshakes[random.IntN(len(o.handshakes))]
	if random.IntN(6) == 0 { // it does not come to an end
		turns = turns[:random.IntN(len(turns)-1)]
		if err := p.speak(random, turns); err != nil {
			return err
		}
		return p.breakOff(random)
	}
	if err := p.speak(random, turns); err != nil {
		return err
	}
	plans := [2]plan{newPlan(random), newPlan(random)}
	plans[client].late = plans[client].late && !plans[server].late
	resetter := handshake.Direction(2)
	if random.IntN(4) == 0 {
		resetter = handshake.Direction(random.IntN(2))
		plans[resetter].resets = true
	}
	var wg sync.WaitGroup
	var got [2]error
	for d := range p.ends {
		wg.Go(func() { got[d] = plans[d].run(p.ends[d], plans[1-d]) })
	}
	wg.Wait()
	if all := errors.Join(got[:]...); resetter > server || errors.Is(all, errDamaged) {
		return all
	}
	// Whoever is reset gets that, and before it nothing that was not sent.
	if !errors.Is(got[1-resetter], errReset) && !errors.Is(got[1-resetter], errPipe) {
		return fmt.Errorf("the peer of a reset gets %w", got[1-resetter])
	}
	if err := got[resetter]; err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// speak passes turns of a handshake, sometimes in pieces.
func (p pair) speak(random *rand.Rand, turns []turn) error {
	pieces := []int{1, 7, 1000, 1 << 20}[random.IntN(4):]
	for _, turn := range turns {
		for data, i := turn.data, 0; len(data) > 0; i++ {
			n := min(len(data), pieces[min(i, len(pieces)-1)])
			if _, err := p.ends[turn.from].Write(data[:n]); err != nil {
				return fmt.Errorf("in the handshake, as the %s: %w", turn.from, err)
			}
			data = data[n:]
		}
		got := make([]byte, len(turn.data))
		if _, err := io.ReadFull(p.ends[1-turn.from], got); err != nil || !bytes.Equal(got, turn.data) {
			return fmt.Errorf("in the handshake, from the %s: %w, or other bytes", turn.from, err)
		}
	}
	return nil
}

// breakOff ends a handshake from one side; the other is told so.
func (p pair) breakOff(random *rand.Rand) error {
	from := random.IntN(2)
	if random.IntN(2) == 0 {
		_ = p.ends[from].SetLinger(0)
	}
	_ = p.ends[from].Close()
	got, err := io.ReadAll(p.ends[1-from])
	if len(got) > 0 || err != nil && !errors.Is(err, errReset) {
		return fmt.Errorf("a handshake that was broken off ends with %w and %d bytes", err, len(got))
	}
	return nil
}

// plan is what one end of a tunnel does behind the handshake.
type plan struct {
	seed   [32]byte
	size   int // bytes to send
	pieces []int
	read   int  // bytes at a time
	pauses bool // of the reader
	late   bool // reads only when all is sent
	resets bool // in the middle
}

func newPlan(random *rand.Rand) plan {
	p := plan{size: 1 << random.IntN(21), read: 1 << (6 + random.IntN(14)), pauses: random.IntN(4) == 0, late: random.IntN(8) == 0}
	p.size -= random.IntN(p.size)
	for i := range p.seed {
		p.seed[i] = byte(random.Uint32())
	}
	for range 1 + random.IntN(4) {
		p.pieces = append(p.pieces, []int{1, 1 + random.IntN(100), 1460, 64 << 10, 1 << 20}[random.IntN(5)])
	}
	p.pieces = append(p.pieces, max(1, p.size/50)) // a large stream is not sent byte by byte alone
	return p
}

func (p plan) run(end *net.TCPConn, other plan) error {
	received := make(chan error, 1)
	if !p.late {
		go func() { received <- p.receive(end, other) }()
	}
	sent := p.send(end)
	if p.late {
		received <- p.receive(end, other)
	}
	return errors.Join(sent, <-received)
}

func (p plan) send(end *net.TCPConn) error {
	stream := rand.NewChaCha8(p.seed)
	left := p.size
	if p.resets {
		left /= 2
	}
	buf := make([]byte, min(left, 1<<20))
	for i := 0; left > 0; i++ {
		n := min(left, p.pieces[i%len(p.pieces)])
		_, _ = stream.Read(buf[:n])
		if _, err := end.Write(buf[:n]); err != nil {
			return err
		}
		left -= n
	}
	if p.resets {
		return errors.Join(end.SetLinger(0), end.Close())
	}
	return end.CloseWrite()
}

var errDamaged = errors.New("other bytes came than were sent")

// receive compares the hash of what came, to the end or to the error, with that of what the other end has sent so far.
func (p plan) receive(end *net.TCPConn, other plan) error {
	got, sent := sha256.New(), sha256.New()
	buf, total := make([]byte, p.read), 0
	var err error
	for i := 0; err == nil; i++ {
		var n int
		n, err = end.Read(buf)
		got.Write(buf[:n])
		total += n
		if p.pauses && i%50 == 0 && i < 1000 {
			<-time.After(time.Millisecond)
		}
	}
	_, _ = io.CopyN(sent, rand.NewChaCha8(other.seed), int64(total))
	if total > other.size || !bytes.Equal(got.Sum(nil), sent.Sum(nil)) {
		return fmt.Errorf("%w: %d bytes came of %d", errDamaged, total, other.size)
	}
	if errors.Is(err, io.EOF) && total == other.size {
		return nil
	}
	return fmt.Errorf("%d bytes of %d came, then %w", total, other.size, err)
}

// holding is what the process has.
type holding struct{ files, heap int }

// holdings counts when every tunnel is gone.
func holdings(t *testing.T, r *rig) (h holding) {
	t.Helper()
	if n := r.tunnels.Len(); n != 0 {
		t.Errorf("%d tunnels are left", n)
	}
	runtime.GC()
	runtime.GC() // what pools hold is given up the second time
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	h.heap = int(stats.HeapAlloc)
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	h.files = len(names)
	return h
}

// expectLike wants no more than there was before: up to a pipe for each processor, and a MiB.
func (h holding) expectLike(t *testing.T, before holding) {
	t.Helper()
	if h.files > before.files+2*runtime.GOMAXPROCS(0) || h.heap > before.heap+1<<20 {
		t.Errorf("%d descriptors and %d bytes in use, before were %d and %d", h.files, h.heap, before.files, before.heap)
	}
}

// TestReceiversThatNeverRead fills a hundred tunnels in both directions, and wants another one to move on.
func TestReceiversThatNeverRead(t *testing.T) {
	overEngines(t, func(t *testing.T, start starter) {
		const tunnels, bound = 100, 64 << 20
		target := startRaw(t)
		// Little room on the way to the targets, too: the system has only so much for all connections.
		r := start(t, dialer(func(ctx context.Context, to hostname.Target) (net.Conn, error) {
			conn, _, err := target.Dial(ctx, to, policy.Decision{})
			if err == nil {
				err = conn.(*net.TCPConn).SetWriteBuffer(smallBuffer)
			}
			return conn, err
		}), func(in *policy.Input) { in.Limits.MaxConnections = 2 * tunnels })
		clientConfig, serverConfig := configs(t)
		clientConfig.MaxVersion = tls.VersionTLS12
		turns := converse(t, clientConfig, serverConfig)
		var senders sync.WaitGroup
		for range tunnels {
			p := r.tunnel(target)
			p.play(turns...)
			for _, end := range p.ends {
				_ = end.SetReadBuffer(smallBuffer)
				senders.Go(func() {
					n, _ := io.CopyN(struct{ io.Writer }{end}, zeros{}, bound)
					if n == bound {
						t.Error("the sender was not stopped")
					}
				})
			}
			defer p.client().Close()
			defer p.server().Close()
		}
		p := r.tunnel(target)
		p.play(turns...)
		go func() {
			_, _ = io.CopyN(struct{ io.Writer }{p.client()}, zeros{}, bound)
			_ = p.client().CloseWrite()
		}()
		if n, err := io.Copy(io.Discard, p.server()); n != bound || err != nil {
			t.Errorf("the tunnel that is read carries %d bytes, %v", n, err)
		}
		for _, open := range r.tunnels.List(nil) {
			r.tunnels.Close(open.ID)
		}
		senders.Wait()
		r.sink.waitFor(t, "canonical", tunnels+1, summary(" end=closed"))
	})
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return len(b), nil }

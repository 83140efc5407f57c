package splice_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/omsgateway/omsgateway/internal/splice"
)

// TestTorture sends random streams through many tunnels at once, both ways, in pieces of 1 byte to 1 MiB, with pauses of the
// readers, half-closes in any order, and resets in the middle. Each byte is compared with the one that was sent.
func TestTorture(t *testing.T) {
	tunnels := 400
	if testing.Short() {
		tunnels = 100
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	overEngines(t, func(t *testing.T, e splice.Engine, _ string) {
		var wg sync.WaitGroup
		room := make(chan struct{}, 40) // tunnels at a time
		for i := range tunnels {
			wg.Go(func() {
				room <- struct{}{}
				defer func() { <-room }()
				if err := torture(t, e, rand.New(rand.NewPCG(seed, uint64(i)))); err != nil {
					t.Errorf("tunnel %d: %v", i, err)
				}
			})
		}
		wg.Wait()
	})
}

// plan is what one peer does in a torture.
type plan struct {
	seed     [32]byte
	size     int  // bytes to send, then half-close
	head     int  // of which the first go as the head
	resets   bool // reset instead of half-closing
	waits    bool // read all before sending
	pieces   []int
	pauses   time.Duration // of the reader, now and then
	readSize int
}

func newPlan(r *rand.Rand) plan {
	p := plan{size: 1 << r.IntN(22), waits: r.IntN(8) == 0, readSize: 1 << (8 + r.IntN(11))}
	p.size -= r.IntN(p.size)
	for i := range p.seed {
		p.seed[i] = byte(r.Uint32())
	}
	if r.IntN(3) == 0 {
		p.head = min(p.size, r.IntN(20000))
	}
	for range 1 + r.IntN(4) {
		p.pieces = append(p.pieces, []int{1, 1 + r.IntN(100), 1460, 64 << 10, 1 << 20}[r.IntN(5)])
	}
	if p.size > 5000 {
		p.pieces = append(p.pieces, 16<<10) // a large stream is not sent byte by byte alone
	}
	if r.IntN(4) == 0 {
		p.pauses = time.Duration(r.IntN(int(3 * time.Millisecond)))
	}
	return p
}

func torture(t *testing.T, e splice.Engine, r *rand.Rand) error {
	plans := [2]plan{newPlan(r), newPlan(r)}
	if plans[0].waits {
		plans[1].waits = false
	}
	resetter := -1
	if r.IntN(3) == 0 {
		resetter = r.IntN(2)
		plans[resetter].resets = true
	}
	heads := [2][]byte{plans[0].stream().next(plans[0].head), plans[1].stream().next(plans[1].head)}
	join := join
	if r.IntN(2) == 0 {
		join = joinSmall
	}
	tn := join(t, e, splice.Options{ClientHead: heads[0], TargetHead: heads[1], Idle: time.Hour})
	peers := [2]*net.TCPConn{tn.client, tn.target}
	var got [2]error
	var wg sync.WaitGroup
	for i := range peers {
		wg.Go(func() { got[i] = plans[i].run(peers[i], plans[1-i]) })
	}
	wg.Wait()
	result := tn.result(t)
	if resetter < 0 {
		want := splice.Result{Sent: int64(plans[0].size), Received: int64(plans[1].size)}
		if result != want {
			return fmt.Errorf("result is %+v, want %+v", result, want)
		}
		return errors.Join(got[:]...)
	}
	if want := splice.EndClientReset + splice.End(resetter); result.End != want {
		return fmt.Errorf("result is %+v, want %v", result, want)
	}
	if !isReset(got[1-resetter]) {
		return fmt.Errorf("the peer of a reset got %w", got[1-resetter])
	}
	if err := got[resetter]; err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// run sends and receives at once, and compares what comes with what the other peer's plan sends.
func (p plan) run(c *net.TCPConn, other plan) error {
	received := make(chan error, 1)
	if p.waits {
		received <- p.receive(c, other)
	} else {
		go func() { received <- p.receive(c, other) }()
	}
	sent := p.send(c)
	return errors.Join(sent, <-received)
}

func (p plan) send(c *net.TCPConn) error {
	s := p.stream()
	s.next(p.head)
	left := p.size - p.head
	if p.resets {
		left /= 2
	}
	for i := 0; left > 0; i++ {
		b := s.next(min(left, p.pieces[i%len(p.pieces)]))
		if _, err := c.Write(b); err != nil {
			return err
		}
		left -= len(b)
	}
	if p.resets {
		return errors.Join(c.SetLinger(0), c.Close())
	}
	return c.CloseWrite()
}

func (p plan) receive(c *net.TCPConn, other plan) error {
	s := other.stream()
	b := make([]byte, p.readSize)
	total := 0
	for i := 0; ; i++ {
		n, err := c.Read(b)
		if !bytes.Equal(b[:n], s.next(n)) {
			return fmt.Errorf("wrong bytes within %d after %d", n, total)
		}
		if total += n; total > other.size {
			return fmt.Errorf("%d bytes too many", total-other.size)
		}
		if errors.Is(err, io.EOF) {
			if total != other.size {
				return fmt.Errorf("the stream ended after %d of %d bytes", total, other.size)
			}
			return nil
		}
		if err != nil {
			return err
		}
		if p.pauses > 0 && i < 1000 && i%20 == 0 {
			<-time.After(p.pauses)
		}
	}
}

// stream makes the bytes of a plan, the same each time.
func (p plan) stream() *stream { return &stream{rand.NewChaCha8(p.seed)} }

type stream struct{ random *rand.ChaCha8 }

func (s *stream) next(n int) []byte {
	b := make([]byte, n)
	_, _ = s.random.Read(b) // the same bytes however they are divided
	return b
}

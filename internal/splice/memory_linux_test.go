package splice_test

import (
	"io"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/omsgateway/omsgateway/internal/splice"
)

// TestReceiversThatNeverReadHoldLittle has receivers take something, so that portions grow, and then no more.
func TestReceiversThatNeverReadHoldLittle(t *testing.T) {
	const tunnels = 20
	for _, tt := range []struct {
		name  string
		first int64 // bytes that are taken in each direction
		most  int64 // bytes that a tunnel may hold
	}{
		{"from the first byte on", 0, 2 * 64 << 10},
		{"large portions", 8 << 20, 1 << 20},
	} {
		t.Run(tt.name, func(t *testing.T) {
			overEngines(t, func(t *testing.T, e splice.Engine, _ string) {
				wantHeld(t, e, tunnels, tt.first, tunnels*tt.most)
			})
		})
	}
	t.Run("more than all may hold", func(t *testing.T) {
		const all = 1 << 20
		e, err := splice.NewEngineHolding(all)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = e.Close() }()
		wantHeld(t, e, tunnels, 8<<20, all+tunnels*2*(32<<10))
	})
}

// wantHeld fills tunnels in both directions, and wants them to hold no more than so many bytes in the process; first is what is taken of
// each direction before. The system promises more room than it has when bytes come, as it does when its memory for TCP is short.
func wantHeld(t *testing.T, e splice.Engine, tunnels int, first, most int64) {
	t.Helper()
	const noise = 2 << 20 // of the rest of the process
	block := make([]byte, 256<<10)
	var peers sync.WaitGroup
	before := heap()
	var all []tunnel
	for range tunnels {
		heldClient, client := connect(t)
		heldTarget, target := connect(t)
		setNotSentLowat(t, heldClient, 16<<10)
		setNotSentLowat(t, heldTarget, 16<<10)
		pair, done := joinConns(e, heldClient, heldTarget, splice.Options{})
		all = append(all, tunnel{pair: pair, client: client, target: target, done: done})
		for _, c := range []*net.TCPConn{client, target} {
			peers.Go(func() {
				for {
					if _, err := c.Write(block); err != nil {
						return
					}
				}
			})
			peers.Go(func() { _, _ = io.CopyN(io.Discard, struct{ io.Reader }{c}, first) })
		}
	}
	moved := func() (n int64) {
		for _, tn := range all {
			sent, received := tn.pair.Counts()
			n += sent + received
		}
		return n
	}
	for last := int64(-1); last != moved(); { // until nothing moves any more
		last = moved()
		<-time.After(200 * time.Millisecond)
	}
	if held := heap() - before; held > most+noise {
		t.Errorf("%d KiB are held, want at most %d", held>>10, most>>10)
	}
	for _, tn := range all {
		tn.pair.Close(nil)
	}
	peers.Wait()
}

// setNotSentLowat has a connection take no more while it has so many bytes that it could not send yet (tcp(7)).
func setNotSentLowat(t *testing.T, c *net.TCPConn, n int) {
	t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	_ = raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, n) })
	if err != nil {
		t.Fatal(err)
	}
}

// heap is what the process has in use.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

package splice_test

import (
	"io"
	"runtime"
	"testing"

	"github.com/omsgateway/omsgateway/internal/splice"
)

// TestWaitingTunnelsOwnNoGoroutine counts what tunnels hold on Linux while no byte is under way: two descriptors each.
func TestWaitingTunnelsOwnNoGoroutine(t *testing.T) {
	const tunnels, size = 50, 1 << 20
	e, err := splice.New()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.Close() }()
	exchange := func(tn tunnel) {
		go func() { _, _ = io.CopyN(tn.client, zeros{}, size) }()
		if _, err := io.CopyN(io.Discard, tn.target, size); err != nil {
			t.Fatal(err)
		}
		send(t, tn.target, "answer")
		expect(t, tn.client, "answer")
	}
	for range 4 * runtime.GOMAXPROCS(0) {
		exchange(join(t, e, splice.Options{})) // each loop has its pipe now
	}
	var all []tunnel
	for range tunnels {
		all = append(all, join(t, e, splice.Options{}))
	}
	goroutines, files := runtime.NumGoroutine(), openFiles(t)
	for _, tn := range all {
		exchange(tn)
	}
	if now := openFiles(t); now != files {
		t.Errorf("%d descriptors after bytes moved, %d before", now, files)
	}
	// The goroutines of exchange may not be gone quite yet; two for each tunnel would be.
	if now := runtime.NumGoroutine(); now > goroutines+tunnels/2 {
		t.Errorf("%d goroutines after bytes moved, %d before", now, goroutines)
	}
	before := openFiles(t)
	for _, tn := range all {
		tn.pair.Close(nil)
		tn.result(t)
	}
	if now := openFiles(t); now != before-2*tunnels {
		t.Errorf("%d descriptors after the end of %d tunnels, %d before", now, tunnels, before)
	}
}

package splice_test

import (
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/omsgateway/omsgateway/internal/splice"
)

// TestStall has a receiver take nothing, on either side, beside tunnels that go on: one in which nothing waits, and one that moves.
func TestStall(t *testing.T) {
	overEnginesAtOnce(t, func(t *testing.T, e splice.Engine, _ string) {
		o := splice.Options{Stall: time.Millisecond, Idle: time.Hour}
		quiet, moving := join(t, e, o), join(t, e, o)
		send(t, quiet.client, "question")
		expect(t, quiet.target, "question")
		go func() { _, _ = io.Copy(struct{ io.Writer }{moving.client}, zeros{}) }()
		var reading sync.WaitGroup
		reading.Go(func() { _, _ = io.Copy(io.Discard, struct{ io.Reader }{moving.target}) })

		for _, receiver := range []splice.Side{splice.Client, splice.Target} {
			tn := join(t, e, o)
			sender, peer := tn.client, tn.target
			if receiver == splice.Client {
				sender, peer = peer, sender
			}
			sent := make(chan error, 1)
			go func() {
				_, err := io.Copy(struct{ io.Writer }{sender}, zeros{})
				sent <- err
			}()
			r := tn.result(t)
			want := &splice.Stalled{Receiver: receiver, Limit: time.Millisecond}
			if got, _ := errors.AsType[*splice.Stalled](r.Err); r.End != splice.EndStalled || cmp.Diff(want, got) != "" {
				t.Errorf("ended with %v, %v; want %v", r.End, r.Err, want)
			}
			expectReset(t, peer)
			if err := <-sent; !isReset(err) {
				t.Errorf("the sender's writing ended with %v; want a reset", err)
			}
		}

		send(t, quiet.target, "answer")
		expect(t, quiet.client, "answer")
		moving.pair.Close(nil)
		if r := moving.result(t); r.End != splice.EndClosed {
			t.Errorf("the tunnel that moves ended with %v, %v", r.End, r.Err)
		}
		reading.Wait()
		quiet.pair.Close(nil)
	})
}

// TestStallKeepsTime runs on a clock of its own.
func TestStallKeepsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := splice.NewGoroutineEngine()
		var wg sync.WaitGroup
		for _, limit := range []time.Duration{10 * time.Second, 2 * time.Minute, time.Hour} {
			client, peer := net.Pipe()
			target, otherPeer := net.Pipe()
			_, done := joinConns(e, client, target, splice.Options{Stall: limit})
			wg.Go(func() {
				for range 3 { // late, but in time, and then nothing waits for long
					go func() { _, _ = peer.Write([]byte("x")) }()
					<-time.After(limit * 3 / 4)
					_, _ = otherPeer.Read(make([]byte, 1))
					<-time.After(3 * limit)
				}
				began := time.Now()
				_, _ = peer.Write([]byte("x"))
				r := <-done
				if took := time.Since(began); r.End != splice.EndStalled || r.Sent != 3 || took < limit || took > limit*3/2+time.Second {
					t.Errorf("limit %v: ended with %v after %v and %d bytes", limit, r.End, took, r.Sent)
				}
			})
		}
		wg.Wait()
		_ = e.Close()
	})
}

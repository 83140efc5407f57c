package splice_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/omsgateway/omsgateway/internal/splice"
)

// inspected is a tunnel whose inspection is answered by the test.
type inspected struct {
	tunnel
	mu   sync.Mutex
	seen [2]string // by side
	back chan splice.Returned
}

// inspect joins a pair whose inspection ends with PassAll at the first chunk that has "!" in it, and with Return at one with "?".
func inspect(t *testing.T, e splice.Engine, o splice.Options, join func(testing.TB, splice.Engine, splice.Options) tunnel) *inspected {
	in := &inspected{back: make(chan splice.Returned, 2)} // room for a second call, which would be wrong and be found
	limit := time.Duration(0)
	if o.Inspection != nil {
		limit = o.Inspection.Limit
	}
	o.Inspection = &splice.Inspection{
		Limit: limit,
		Inspect: func(from splice.Side, chunk []byte) splice.Verdict {
			in.mu.Lock()
			defer in.mu.Unlock()
			in.seen[from] += string(chunk)
			switch {
			case bytes.ContainsRune(chunk, '!'):
				return splice.PassAll
			case bytes.ContainsRune(chunk, '?'):
				return splice.Return
			}
			return splice.Pass
		},
		GiveBack: func(r splice.Returned) { in.back <- r },
	}
	in.tunnel = join(t, e, o)
	return in
}

// takeBack waits for the connections, which are closed with the test.
func (in *inspected) takeBack(t *testing.T) splice.Returned {
	t.Helper()
	r := <-in.back
	t.Cleanup(func() {
		_, _ = r.Client.Close(), r.Target.Close()
	})
	return r
}

func (in *inspected) expectSeen(t *testing.T, client, target string) {
	t.Helper()
	in.mu.Lock()
	defer in.mu.Unlock()
	if diff := cmp.Diff([2]string{client, target}, in.seen); diff != "" {
		t.Errorf("inspected (-want +got):\n%s", diff)
	}
}

// kernelEngine is the engine that inspects.
func kernelEngine(t *testing.T) splice.Engine {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("no engine of this system inspects")
	}
	before := openFiles(t)
	e, err := splice.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = e.Close()
		if after := openFiles(t); after != before {
			t.Errorf("%d descriptors are open, %d were before", after, before)
		}
	})
	return e
}

func TestInspectionPasses(t *testing.T) {
	in := inspect(t, kernelEngine(t), splice.Options{ClientHead: []byte("head ")}, join)
	expect(t, in.target, "head ")
	send(t, in.target, "hello ")
	expect(t, in.client, "hello ")
	send(t, in.client, "more ")
	expect(t, in.target, "more ")
	send(t, in.target, "all!")
	expect(t, in.client, "all!")
	send(t, in.client, "not seen?")
	expect(t, in.target, "not seen?")
	send(t, in.target, "nor this?")
	expect(t, in.client, "nor this?")
	in.expectSeen(t, "head more ", "hello all!")
	_, _ = in.client.CloseWrite(), in.target.CloseWrite()
	want := splice.Result{Sent: int64(len("head more not seen?")), Received: int64(len("hello all!nor this?"))}
	if diff := cmp.Diff(want, in.result(t)); diff != "" {
		t.Error(diff)
	}
	if len(in.back) > 0 {
		t.Error("the connections were given back, too")
	}
}

// TestInspectionReturns has a chunk held back, while the other direction still has bytes that its receiver does not take.
func TestInspectionReturns(t *testing.T) {
	in := inspect(t, kernelEngine(t), splice.Options{Idle: time.Hour}, joinSmall)
	flood := []byte(strings.Repeat("f", 8<<20))
	sent := make(chan int, 1)
	go func() {
		_ = in.target.SetWriteDeadline(time.Now().Add(time.Second / 2)) // nobody reads
		n, _ := in.target.Write(flood)
		sent <- n
	}()
	flooded := <-sent
	send(t, in.client, "held back?")
	r := in.takeBack(t)
	if r.End != splice.EndFinished || r.Err != nil || r.From != splice.Client || string(r.Chunk) != "held back?" || r.Sent != 0 {
		t.Errorf("given back: %v, %v, %q from the %v, %d bytes sent", r.End, r.Err, r.Chunk, r.From, r.Sent)
	}
	if len(r.Rest[splice.Target]) == 0 || len(r.Rest[splice.Client]) != 0 {
		t.Errorf("the rest is %d bytes from the client and %d from the target", len(r.Rest[splice.Client]), len(r.Rest[splice.Target]))
	}
	// Nothing is lost or doubled: what was written, the rest, and what the socket still has.
	_ = in.target.CloseWrite()
	go func() {
		_, _ = r.Client.Write(r.Rest[splice.Target])
		_, _ = io.Copy(struct{ io.Writer }{r.Client}, struct{ io.Reader }{r.Target}) // without a pipe, which the runtime would keep
		_ = r.Client.(*net.TCPConn).CloseWrite()
	}()
	got, err := io.ReadAll(in.client)
	if err != nil || !bytes.Equal(got, flood[:flooded]) {
		t.Errorf("read %d bytes, %v, of %d", len(got), err, flooded)
	}
	send(t, r.Target, "usable")
	expect(t, in.target, "usable")
	if len(in.done) > 0 {
		t.Error("Done was called, too")
	}
}

func TestInspectionEnds(t *testing.T) {
	cause := errors.New("the test")
	tests := map[string]struct {
		do   func(t *testing.T, e splice.Engine, in *inspected)
		end  splice.End
		from splice.Side
		err  func(error) bool
	}{
		"client finishes": {
			do: func(_ *testing.T, _ splice.Engine, in *inspected) { _ = in.client.CloseWrite() }},
		"target finishes": {
			do: func(_ *testing.T, _ splice.Engine, in *inspected) { _ = in.target.CloseWrite() }},
		"closed": {
			do:  func(_ *testing.T, _ splice.Engine, in *inspected) { in.pair.Close(cause) },
			end: splice.EndClosed, err: func(err error) bool { return errors.Is(err, cause) }},
		"engine closes": {
			do: func(t *testing.T, e splice.Engine, in *inspected) {
				_ = e.Close()
				if len(in.back) != 1 {
					t.Error("Close has not waited for the connections to be given back")
				}
			},
			end: splice.EndClosed, err: func(err error) bool { return errors.Is(err, net.ErrClosed) }},
		"time is over": {
			do:  func(*testing.T, splice.Engine, *inspected) {},
			end: splice.EndIdle},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			e := kernelEngine(t)
			o := splice.Options{Inspection: &splice.Inspection{Limit: time.Hour}}
			if tt.end == splice.EndIdle {
				o.Inspection.Limit = time.Millisecond
			}
			in := inspect(t, e, o, join)
			if tt.end != splice.EndIdle {
				send(t, in.client, "hello")
				expect(t, in.target, "hello")
			}
			tt.do(t, e, in)
			r := in.takeBack(t)
			expected := r.Err == nil
			if tt.err != nil {
				expected = tt.err(r.Err)
			}
			if r.End != tt.end || r.From != tt.from || !expected || len(r.Chunk) > 0 {
				t.Errorf("given back: %v, %v, from the %v, %q", r.End, r.Err, r.From, r.Chunk)
			}
			send(t, r.Client, "usable")
			expect(t, in.client, "usable")
		})
	}
}

// TestResetDuringInspection wants the reset to be told with the connections, or to be left for whoever reads them.
func TestResetDuringInspection(t *testing.T) {
	for side, name := range []string{"client", "target"} {
		t.Run(name, func(t *testing.T) {
			in := inspect(t, kernelEngine(t), splice.Options{}, join)
			send(t, in.client, "hello")
			expect(t, in.target, "hello")
			reset(t, [2]*net.TCPConn{in.client, in.target}[side])
			r := in.takeBack(t)
			if r.End == splice.EndFinished {
				_, r.Err = [2]net.Conn{r.Client, r.Target}[side].Read(make([]byte, 1))
			} else if want := splice.EndClientReset + splice.End(side); r.End != want || r.From != splice.Side(side) {
				t.Errorf("given back: %v from the %v, want %v", r.End, r.From, want)
			}
			if !isReset(r.Err) {
				t.Errorf("given back: %v, want a reset", r.Err)
			}
		})
	}
}

// TestIdleLimitAfterInspection begins with the limit of the inspection and ends by that of the pair, which is shorter.
func TestIdleLimitAfterInspection(t *testing.T) {
	o := splice.Options{Idle: time.Millisecond, Inspection: &splice.Inspection{Limit: time.Hour}}
	in := inspect(t, kernelEngine(t), o, join)
	send(t, in.client, "all!")
	expect(t, in.target, "all!")
	if r := in.result(t); r.End != splice.EndIdle || r.Sent != 4 {
		t.Errorf("the result is %+v", r)
	}
}

// TestInspectedHeads is about what is judged before an engine does anything with the connections, whichever it is.
func TestInspectedHeads(t *testing.T) {
	overEngines(t, func(t *testing.T, e splice.Engine, engine string) {
		t.Run("returned", func(t *testing.T) {
			in := inspect(t, e, splice.Options{ClientHead: []byte("no?")}, join)
			r := in.takeBack(t)
			if string(r.Chunk) != "no?" || r.From != splice.Client || len(r.Rest[splice.Client]) > 0 {
				t.Errorf("given back: %q from the %v, the rest %q", r.Chunk, r.From, r.Rest)
			}
		})
		t.Run("passed for good", func(t *testing.T) {
			in := inspect(t, e, splice.Options{ClientHead: []byte("yes!")}, join)
			expect(t, in.target, "yes!")
			send(t, in.target, "not seen")
			expect(t, in.client, "not seen")
			in.expectSeen(t, "yes!", "")
			in.pair.Close(nil)
			in.result(t)
		})
		t.Run("passed", func(t *testing.T) {
			if engine != "goroutine" {
				t.Skip("TestInspectionPasses goes on from here")
			}
			in := inspect(t, e, splice.Options{ClientHead: []byte("head")}, join)
			r := in.takeBack(t)
			if len(r.Chunk) > 0 || string(r.Rest[splice.Client]) != "head" {
				t.Errorf("given back: %q, the rest %q", r.Chunk, r.Rest)
			}
			in.expectSeen(t, "head", "")
		})
	})
}

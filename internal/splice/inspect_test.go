package splice_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/omsgateway/omsgateway/internal/splice"
)

// marks is an inspection whose verdict on a chunk is in the chunk: "!" passes all, "~" drops, "?" refuses, and "." says that the pair is
// about to end by itself. It refuses what is late, unless it is about to end.
type marks struct {
	mu      sync.Mutex
	seen    [2]string // by side; the end of one is "$"
	leaving bool
	within  time.Duration // for "."
}

const alert = "not this\n"

func (m *marks) Chunk(from splice.Side, chunk []byte) splice.Verdict {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.seen[from] += string(chunk)
	switch {
	case bytes.ContainsRune(chunk, '!'):
		return splice.Verdict{Action: splice.PassAll}
	case bytes.ContainsRune(chunk, '~'):
		return splice.Verdict{Action: splice.Drop}
	case bytes.ContainsRune(chunk, '?'):
		return splice.Verdict{Action: splice.Refuse, Alert: []byte(alert)}
	case bytes.ContainsRune(chunk, '.'):
		m.leaving = true
		return splice.Verdict{Within: m.within}
	}
	return splice.Verdict{}
}

func (m *marks) End(from splice.Side) splice.Verdict {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.seen[from] += "$"
	return splice.Verdict{}
}

func (m *marks) Late() splice.Verdict {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.leaving {
		return splice.Verdict{}
	}
	return splice.Verdict{Action: splice.Refuse, Alert: []byte(alert)}
}

// inspected is a tunnel with an inspection.
type inspected struct {
	tunnel
	*marks
}

func inspect(t *testing.T, e splice.Engine, o splice.Options, join func(testing.TB, splice.Engine, splice.Options) tunnel) inspected {
	m := &marks{within: time.Hour}
	o.Inspection = m
	return inspected{join(t, e, o), m}
}

// expectSeen wants to have been asked about this, once the pair has ended or the bytes have come through.
func (in inspected) expectSeen(t *testing.T, client, target string) {
	t.Helper()
	in.mu.Lock()
	defer in.mu.Unlock()
	if diff := cmp.Diff([2]string{client, target}, in.seen); diff != "" {
		t.Errorf("inspected (-want +got):\n%s", diff)
	}
}

// expectRefused wants the pair to be refused: the client's connection is left, and closed here.
func (in inspected) expectRefused(t *testing.T) splice.Result {
	t.Helper()
	r := in.result(t)
	if r.End != splice.EndRefused || r.Err != nil || r.Left == nil || r.Left.Target != nil {
		t.Fatalf("ended with %+v", r)
	}
	_ = r.Left.Client.Close()
	return r
}

func TestInspectionPasses(t *testing.T) {
	overEngines(t, func(t *testing.T, e splice.Engine, _ string) {
		in := inspect(t, e, splice.Options{ClientHead: []byte("head ")}, join)
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
	})
}

// TestInspectionRefuses has a chunk of each side refused: the client gets the alert, after all that may pass.
func TestInspectionRefuses(t *testing.T) {
	overEngines(t, func(t *testing.T, e splice.Engine, _ string) {
		for from, name := range []string{"client", "target"} {
			t.Run(name, func(t *testing.T) {
				in := inspect(t, e, splice.Options{Idle: time.Hour}, join)
				send(t, in.target, "before ")
				expect(t, in.client, "before ")
				send(t, []io.Writer{in.client, in.target}[from], "this?")
				expect(t, in.client, alert)
				if _, err := io.Copy(io.Discard, in.target); err != nil && !isReset(err) { // what it has sent may not have been read
					t.Errorf("the target reads %v", err)
				}
				if r := in.expectRefused(t); r.Sent != 0 || r.Received != int64(len("before ")) {
					t.Errorf("counted %d and %d bytes", r.Sent, r.Received)
				}
				expectEOF(t, in.client)
			})
		}
	})
}

// TestRefusedClientThatDoesNotRead gets no alert but behind all that may pass.
func TestRefusedClientThatDoesNotRead(t *testing.T) {
	overEnginesAtOnce(t, func(t *testing.T, e splice.Engine, _ string) {
		in := inspect(t, e, splice.Options{}, joinSmall)
		flood := []byte(strings.Repeat("f", 8<<20))
		n := writeUntilFull(in.target, flood)
		send(t, in.client, "this?")
		r := in.expectRefused(t)
		got, err := io.ReadAll(in.client)
		if err != nil || !bytes.Equal(bytes.TrimSuffix(got, []byte(alert)), flood[:r.Received]) || n == len(flood) {
			t.Errorf("read %d bytes, %v; %d were written, of %d", len(got), err, r.Received, n)
		}
	})
}

// writeUntilFull writes data of which nobody reads anything, until nothing more is taken for a while, and returns how much was.
func writeUntilFull(to net.Conn, data []byte) (n int) {
	for {
		_ = to.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
		more, err := to.Write(data[n:])
		n += more
		if more == 0 || err == nil {
			return n
		}
	}
}

// TestInspectionDrops has the receiver get the end of the stream instead of a chunk, and the other direction go on.
func TestInspectionDrops(t *testing.T) {
	overEngines(t, func(t *testing.T, e splice.Engine, _ string) {
		for from, name := range []string{"client", "target"} {
			t.Run(name, func(t *testing.T) {
				in := inspect(t, e, splice.Options{}, join)
				sender, receiver := in.client, in.target
				if from == 1 {
					sender, receiver = receiver, sender
				}
				send(t, sender, "these")
				expect(t, receiver, "these")
				send(t, sender, "not these~")
				expectEOF(t, receiver)
				send(t, sender, strings.Repeat("nor these~", 10000))
				send(t, receiver, "but those")
				expect(t, sender, "but those")
				_ = receiver.CloseWrite()
				expectEOF(t, sender)
				_ = sender.CloseWrite()
				if r := in.result(t); r.End != splice.EndFinished || r.Sent+r.Received != int64(len("thesebut those")) {
					t.Errorf("ended with %+v", r)
				}
			})
		}
	})
}

func TestInspectedPairEnds(t *testing.T) {
	cause := errors.New("the test")
	tests := map[string]struct {
		limit time.Duration
		do    func(e splice.Engine, in inspected)
		want  splice.Result
		seen  [2]string
	}{
		"both finish": {
			do: func(_ splice.Engine, in inspected) {
				_ = in.client.CloseWrite()
				expectEOF(t, in.target)
				send(t, in.target, "late")
				expect(t, in.client, "late")
				_ = in.target.CloseWrite()
			},
			want: splice.Result{Received: 4, End: splice.EndFinished}, seen: [2]string{"$", "late$"}},
		"closed": {
			do:   func(_ splice.Engine, in inspected) { in.pair.Close(cause) },
			want: splice.Result{End: splice.EndClosed, Err: cause}},
		"engine closes": {
			do:   func(e splice.Engine, _ inspected) { _ = e.Close() },
			want: splice.Result{End: splice.EndClosed, Err: net.ErrClosed}},
		"leaves too late": {
			do: func(_ splice.Engine, in inspected) {
				in.mu.Lock()
				in.within = time.Millisecond
				in.mu.Unlock()
				send(t, in.client, "bye.")
				expect(t, in.target, "bye.")
			},
			want: splice.Result{Sent: 4, End: splice.EndIdle}, seen: [2]string{"bye."}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			overEngines(t, func(t *testing.T, e splice.Engine, _ string) {
				in := inspect(t, e, splice.Options{InspectionLimit: time.Hour}, join)
				tt.do(e, in)
				if diff := cmp.Diff(tt.want, in.result(t), cmpopts.EquateErrors()); diff != "" {
					t.Error(diff)
				}
				in.expectSeen(t, tt.seen[0], tt.seen[1])
				for _, c := range []*net.TCPConn{in.client, in.target} {
					expectEOF(t, c)
				}
			})
		})
	}
}

// TestInspectionIsLate refuses what takes too long.
func TestInspectionIsLate(t *testing.T) {
	overEnginesAtOnce(t, func(t *testing.T, e splice.Engine, _ string) {
		in := inspect(t, e, splice.Options{InspectionLimit: time.Millisecond}, join)
		expect(t, in.client, alert)
		expectEOF(t, in.target)
		in.expectRefused(t)
	})
}

func TestResetDuringInspection(t *testing.T) {
	overEngines(t, func(t *testing.T, e splice.Engine, _ string) {
		for side, name := range []string{"client", "target"} {
			t.Run(name, func(t *testing.T) {
				in := inspect(t, e, splice.Options{}, join)
				send(t, in.client, "hello")
				expect(t, in.target, "hello")
				ends := [2]*net.TCPConn{in.client, in.target}
				reset(t, ends[side])
				expectReset(t, ends[1-side])
				if r := in.result(t); r.End != splice.EndClientReset+splice.End(side) || !isReset(r.Err) {
					t.Errorf("ended with %+v", r)
				}
			})
			t.Run(name+" that is leaving", func(t *testing.T) {
				in := inspect(t, e, splice.Options{}, join)
				ends := [2]*net.TCPConn{in.client, in.target}
				send(t, ends[side], "bye.")
				expect(t, ends[1-side], "bye.")
				reset(t, ends[side])
				expectEOF(t, ends[1-side])
				_ = ends[1-side].CloseWrite()
				if r := in.result(t); r.End != splice.EndFinished {
					t.Errorf("ended with %+v", r)
				}
			})
		}
	})
}

// TestIdleLimitAfterInspection begins with the limit of the inspection and ends by that of the pair, which is shorter.
func TestIdleLimitAfterInspection(t *testing.T) {
	overEnginesAtOnce(t, func(t *testing.T, e splice.Engine, _ string) {
		in := inspect(t, e, splice.Options{Idle: time.Millisecond, InspectionLimit: time.Hour}, join)
		send(t, in.client, "all!")
		expect(t, in.target, "all!")
		if r := in.result(t); r.End != splice.EndIdle || r.Sent != 4 {
			t.Errorf("the result is %+v", r)
		}
	})
}

// TestInspectedHeads has the heads judged before anything else, that of the client first.
func TestInspectedHeads(t *testing.T) {
	overEngines(t, func(t *testing.T, e splice.Engine, _ string) {
		for name, tt := range map[string]struct {
			client, target string
			passed         [2]string
			refused        bool
			seen           [2]string
		}{
			"passed":               {client: "yes", passed: [2]string{"yes"}, seen: [2]string{"yes"}},
			"passed for good":      {client: "yes!", target: "no?", passed: [2]string{"yes!", "no?"}, seen: [2]string{"yes!"}},
			"refused":              {client: "no?", refused: true, seen: [2]string{"no?"}},
			"of the target":        {client: "yes", target: "no?", refused: true, seen: [2]string{"yes", "no?"}},
			"dropped, and passed":  {client: "no~", target: "yes", passed: [2]string{"", "yes"}, seen: [2]string{"no~", "yes"}},
			"of the target passed": {target: "yes", passed: [2]string{"", "yes"}, seen: [2]string{"", "yes"}},
			"leaving":              {client: "bye.", passed: [2]string{"bye."}, seen: [2]string{"bye."}},
		} {
			t.Run(name, func(t *testing.T) {
				in := inspect(t, e, splice.Options{ClientHead: []byte(tt.client), TargetHead: []byte(tt.target)}, join)
				if tt.refused {
					expect(t, in.client, alert)
					in.expectRefused(t)
				} else {
					expect(t, in.target, tt.passed[0])
					expect(t, in.client, tt.passed[1])
					in.pair.Close(nil)
					in.result(t)
				}
				in.expectSeen(t, tt.seen[0], tt.seen[1])
			})
		}
	})
}

// TestRelease takes pairs out of their engine, whatever they are about, and goes on with them by hand: nothing is lost or doubled.
func TestRelease(t *testing.T) {
	overEnginesAtOnce(t, func(t *testing.T, e splice.Engine, _ string) {
		for name, tt := range map[string]struct {
			prepare  func(in inspected)
			finished [2]bool
		}{
			"inspected": {prepare: func(inspected) {}},
			"carried": {prepare: func(in inspected) {
				send(t, in.client, "all!")
				expect(t, in.target, "all!")
			}},
			"leaving": {prepare: func(in inspected) {
				send(t, in.client, "bye.")
				expect(t, in.target, "bye.")
			}},
			"half-closed": {finished: [2]bool{splice.Client: true}, prepare: func(in inspected) {
				send(t, in.client, "all!")
				expect(t, in.target, "all!")
				_ = in.client.CloseWrite()
				expectEOF(t, in.target)
			}},
		} {
			t.Run(name, func(t *testing.T) {
				in := inspect(t, e, splice.Options{Idle: time.Hour}, joinSmall)
				tt.prepare(in)
				flood := []byte(strings.Repeat("0123456789abcdef", 1<<19))
				written := writeUntilFull(in.target, flood)
				in.pair.Release()
				r := in.result(t)
				if r.End != splice.EndReleased || r.Err != nil || r.Left == nil {
					t.Fatalf("ended with %+v", r)
				}
				if r.Left.Finished != tt.finished {
					t.Errorf("finished %v", r.Left.Finished)
				}
				if len(r.Left.Held[splice.Client]) > 0 {
					t.Errorf("held %q", r.Left.Held[splice.Client])
				}
				_ = in.target.CloseWrite()
				go func() {
					defer r.Left.Client.Close()
					defer r.Left.Target.Close()
					_, _ = r.Left.Client.Write(r.Left.Held[splice.Target])
					// Without a pipe, which the runtime would keep.
					_, _ = io.Copy(struct{ io.Writer }{r.Left.Client}, struct{ io.Reader }{r.Left.Target})
				}()
				got, err := io.ReadAll(in.client)
				if err != nil || !bytes.Equal(got, flood[:written]) {
					t.Errorf("read %d bytes, %v, of %d", len(got), err, written)
				}
			})
		}
	})
}

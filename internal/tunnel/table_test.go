package tunnel_test

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/tunnel"
)

// relay is a moving part that a test moves.
type relay struct {
	sent, received atomic.Int64
	active         time.Time
	closed         atomic.Int64
	cause          error
}

func (r *relay) Counts() (sent, received int64) { return r.sent.Load(), r.received.Load() }
func (r *relay) LastActive() time.Time          { return r.active }
func (r *relay) Close(cause error)              { r.cause = cause; r.closed.Add(1) }

func info(t testing.TB, id int64, target, entry string) tunnel.Info {
	t.Helper()
	parsed, err := hostname.ParseTarget(target)
	if err != nil {
		t.Fatal(err)
	}
	return tunnel.Info{ID: id, Client: netip.MustParseAddrPort("10.0.0.1:5000"), Target: parsed, Entry: entry,
		TargetAddress: netip.MustParseAddrPort("192.0.2.1:443"), Opened: time.Unix(id, 0)}
}

func ids(states []tunnel.State) []int64 {
	var all []int64
	for _, s := range states {
		all = append(all, s.ID)
	}
	return all
}

func TestListIsSortedAndFiltered(t *testing.T) {
	table := tunnel.NewTable()
	for _, id := range []int64{30, 10, 20} {
		table.Add(info(t, id, fmt.Sprintf("h%d.example.com:443", id), "*.example.com"))
	}
	if diff := cmp.Diff([]int64{10, 20, 30}, ids(table.List(nil))); diff != "" {
		t.Error(diff)
	}
	some := table.List(func(i *tunnel.Info) bool { return i.Target.Host.Name() != "h20.example.com" })
	if diff := cmp.Diff([]int64{10, 30}, ids(some)); diff != "" {
		t.Error(diff)
	}
	if got := tunnel.NewTable().List(nil); len(got) != 0 {
		t.Errorf("an empty table lists %v", got)
	}
}

func TestStateFollowsTheMovingPart(t *testing.T) {
	table := tunnel.NewTable()
	opened := table.Add(info(t, 1, "a.example.com:443", "a.example.com"))
	state := table.List(nil)[0]
	if state.Sent != 0 || state.Received != 0 || !state.LastActive.Equal(time.Unix(1, 0)) {
		t.Errorf("before it moves: %+v", state)
	}
	moving := &relay{active: time.Unix(77, 0)}
	moving.sent.Store(5)
	moving.received.Store(6)
	opened.Attach(moving)
	state = table.List(nil)[0]
	if state.Sent != 5 || state.Received != 6 || !state.LastActive.Equal(time.Unix(77, 0)) || state.TLS != (tunnel.TLS{}) {
		t.Errorf("when it moves: %+v", state)
	}
	shown := tunnel.TLS{Version: "TLS 1.2", ServerName: "a.example.com", Subject: "CN=a"}
	opened.SetTLS(&shown)
	opened.Attach(&relay{active: time.Unix(78, 0)})
	state = table.List(nil)[0]
	if state.TLS != shown || !state.LastActive.Equal(time.Unix(78, 0)) {
		t.Errorf("after the handshake: %+v", state)
	}
}

func TestTotalsHaveOpenAndEndedTunnels(t *testing.T) {
	table := tunnel.NewTable()
	want := func(step string, length int, opened, sent, received int64) {
		t.Helper()
		s, r := table.Bytes()
		if table.Len() != length || table.Opened() != opened || s != sent || r != received {
			t.Errorf("%s: len %d, opened %d, bytes %d, %d; want %d, %d, %d, %d",
				step, table.Len(), table.Opened(), s, r, length, opened, sent, received)
		}
	}
	a := table.Add(info(t, 1, "a.example.com:443", "a.example.com"))
	b := table.Add(info(t, 2, "b.example.com:443", "b.example.com"))
	moving := &relay{}
	moving.sent.Store(10)
	moving.received.Store(20)
	a.Attach(moving)
	want("one moves", 2, 2, 10, 20)
	a.Remove(11, 22)
	a.Remove(1000, 1000)
	a.Attach(moving)
	want("it has ended", 1, 2, 11, 22)
	b.Remove(100, 200)
	want("all have ended", 0, 2, 111, 222)
}

func TestCountByEntry(t *testing.T) {
	table := tunnel.NewTable()
	a := table.Add(info(t, 1, "a.example.com:443", "*.example.com"))
	table.Add(info(t, 2, "b.example.com:443", "*.example.com"))
	table.Add(info(t, 3, "c.example.com:443", "c.example.com"))
	steps := []struct {
		name string
		do   func()
		want int
	}{
		{"open", func() {}, 2},
		{"closing", func() { table.Close(1) }, 1},
		{"closed tunnel ends", func() { a.Remove(0, 0) }, 1},
		{"all", func() { table.CloseIdle(0) }, 0},
	}
	for _, step := range steps {
		step.do()
		if got := table.CountByEntry("*.example.com"); got != step.want {
			t.Errorf("%s: %d, want %d", step.name, got, step.want)
		}
	}
}

func TestClose(t *testing.T) {
	table := tunnel.NewTable()
	opened := table.Add(info(t, 1, "a.example.com:443", "a.example.com"))
	moving := &relay{}
	opened.Attach(moving)
	if table.Close(2) {
		t.Error("a tunnel that does not exist was closed")
	}
	if !table.Close(1) || moving.closed.Load() != 1 || !errors.Is(moving.cause, tunnel.ErrClosed) {
		t.Errorf("closed %d times with cause %v", moving.closed.Load(), moving.cause)
	}
	if table.Close(1) || moving.closed.Load() != 1 {
		t.Error("a closing tunnel was closed again")
	}
	if len(table.List(nil)) != 0 || table.Len() != 1 {
		t.Errorf("a closing tunnel: listed %v, len %d; want not listed, and 1 until it is removed", table.List(nil), table.Len())
	}
	opened.Remove(0, 0)
	if table.Len() != 0 {
		t.Error("the tunnel is still there")
	}
}

func TestTunnelClosedBeforeItMoves(t *testing.T) {
	table := tunnel.NewTable()
	opened := table.Add(info(t, 1, "a.example.com:443", "a.example.com"))
	if !table.Close(1) {
		t.Error("the tunnel was not open")
	}
	moving := &relay{}
	opened.Attach(moving)
	if moving.closed.Load() != 1 {
		t.Error("the moving part goes on")
	}
}

// TestCloseForACause closes a tunnel by itself, before and after it moves.
func TestCloseForACause(t *testing.T) {
	table := tunnel.NewTable()
	cause := errors.New("no room")
	early, late := &relay{}, &relay{}
	waiting := table.Add(info(t, 1, "a.example.com:443", "a.example.com"))
	if !waiting.Close(cause) || waiting.Close(tunnel.ErrClosed) || table.Close(1) {
		t.Error("it was closed more than once, or never")
	}
	waiting.Attach(early)
	moving := table.Add(info(t, 2, "a.example.com:443", "a.example.com"))
	moving.Attach(late)
	moving.Close(cause)
	for name, r := range map[string]*relay{"early": early, "late": late} {
		if r.closed.Load() != 1 || !errors.Is(r.cause, cause) {
			t.Errorf("%s: closed %d times with cause %v", name, r.closed.Load(), r.cause)
		}
	}
	if open := table.CountByEntry("a.example.com"); open != 0 {
		t.Errorf("%d are open", open)
	}
	ended := table.Add(info(t, 3, "a.example.com:443", "a.example.com"))
	ended.Remove(0, 0)
	if ended.Close(cause) {
		t.Error("a tunnel was closed that had ended")
	}
}

func TestShut(t *testing.T) {
	table := tunnel.NewTable()
	before, early, late := &relay{}, &relay{}, &relay{}
	table.Add(info(t, 1, "a.example.com:443", "a.example.com")).Attach(before)
	waiting := table.Add(info(t, 2, "a.example.com:443", "a.example.com"))
	table.Shut()
	table.Shut()
	added := table.Add(info(t, 3, "a.example.com:443", "a.example.com"))
	waiting.Attach(early)
	added.Attach(late)
	for name, r := range map[string]*relay{"open": before, "not attached yet": early, "added later": late} {
		if r.closed.Load() != 1 || !errors.Is(r.cause, tunnel.ErrClosed) {
			t.Errorf("%s: closed %d times with cause %v", name, r.closed.Load(), r.cause)
		}
	}
	if listed, counted := table.List(nil), table.CountByEntry("a.example.com"); len(listed) != 0 || counted != 0 {
		t.Errorf("%d are listed and %d counted as open", len(listed), counted)
	}
	added.Remove(1, 2)
	if sent, received := table.Bytes(); table.Len() != 2 || table.Opened() != 3 || sent != 1 || received != 2 {
		t.Errorf("%d left of %d, %d and %d bytes", table.Len(), table.Opened(), sent, received)
	}
}

func TestCloseIdle(t *testing.T) {
	table := tunnel.NewTable()
	moving := map[int64]*relay{
		1: {active: time.Now().Add(-time.Hour)},
		2: {active: time.Now().Add(time.Hour)}, // busy however long the test takes
		3: {active: time.Now().Add(-time.Minute)},
	}
	for id, m := range moving {
		table.Add(info(t, id, "a.example.com:443", "a.example.com")).Attach(m)
	}
	if got := table.CloseIdle(30 * time.Minute); got != 1 || moving[1].closed.Load() != 1 || moving[3].closed.Load() != 0 {
		t.Errorf("half an hour: %d closed", got)
	}
	if got := table.CloseIdle(time.Second); got != 1 || moving[3].closed.Load() != 1 {
		t.Errorf("a second: %d closed", got)
	}
	if diff := cmp.Diff([]int64{2}, ids(table.List(nil))); diff != "" {
		t.Error(diff)
	}
}

// While tunnels open, move, close and end, totals never shrink and in the end nothing is left or lost.
func TestTableUnderLoad(t *testing.T) {
	const workers, rounds = 8, 200
	table := tunnel.NewTable()
	var working sync.WaitGroup
	for w := range int64(workers) {
		working.Go(func() {
			for i := range int64(rounds) {
				id := w*rounds + i
				opened := table.Add(info(t, id, "a.example.com:443", "a.example.com"))
				moving := &relay{active: time.Now()}
				opened.Attach(moving)
				moving.sent.Add(1)
				if i%3 == 0 {
					table.Close(id)
				}
				moving.sent.Add(1)
				opened.Remove(moving.Counts())
			}
		})
	}
	done := make(chan struct{})
	go func() {
		working.Wait()
		close(done)
	}()
	var last int64
	for ended := false; !ended; {
		select {
		case <-done:
			ended = true
		default:
		}
		sent, _ := table.Bytes()
		if sent < last {
			t.Fatalf("bytes sent went from %d to %d", last, sent)
		}
		last = sent
		table.List(nil)
	}
	if want := int64(2 * workers * rounds); last != want || table.Len() != 0 || table.CountByEntry("a.example.com") != 0 ||
		table.Opened() != workers*rounds {
		t.Errorf("bytes %d, want %d; len %d, by entry %d, opened %d", last, want, table.Len(),
			table.CountByEntry("a.example.com"), table.Opened())
	}
}

func BenchmarkOpenAndEnd(b *testing.B) {
	table := tunnel.NewTable()
	moving := &relay{}
	for id := range int64(20_000) {
		table.Add(info(b, -id, "a.example.com:443", "a.example.com")).Attach(moving)
	}
	template := info(b, 1, "a.example.com:443", "a.example.com")
	var next atomic.Int64
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			one := template
			one.ID = next.Add(1)
			opened := table.Add(one)
			opened.Attach(moving)
			opened.Remove(1, 1)
		}
	})
}

func BenchmarkListOf20000(b *testing.B) {
	table := tunnel.NewTable()
	for id := range int64(20_000) {
		table.Add(info(b, id, "a.example.com:443", "a.example.com")).Attach(&relay{})
	}
	b.ReportAllocs()
	for b.Loop() {
		table.List(nil)
	}
}

package event_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/omsgateway/omsgateway/internal/event"
	"github.com/omsgateway/omsgateway/internal/reason"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var client = event.Client{Connection: 47, Addr: netip.MustParseAddrPort("10.1.2.3:51234")}

// recorder is an output that a test can stop, and let fail.
type recorder struct {
	gate chan struct{} // if not nil, each Write takes one first

	mu     sync.Mutex
	texts  []string
	err    error
	tries  int
	closed bool
}

func (r *recorder) Name() string { return "the recorder" }

func (r *recorder) Write(events []*event.Event) error {
	if r.gate != nil {
		<-r.gate
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tries++
	if r.err != nil {
		return r.err
	}
	for _, e := range events {
		_, text, _ := strings.Cut(event.Format(*e), " - ")
		r.texts = append(r.texts, text)
	}
	return nil
}

func (r *recorder) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	return nil
}

func (r *recorder) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = err
}

func (r *recorder) recorded() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.texts...)
}

func (r *recorder) isClosed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closed
}

func end(t *testing.T, h *event.Hub) {
	t.Helper()
	if err := h.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

func note(i int) event.Event { return event.Note(event.GatewayServer, fmt.Sprintf("note %d", i)) }

func texts(events []event.Event) []string {
	var all []string
	for _, e := range events {
		all = append(all, e.Text)
	}
	return all
}

func TestEventsReachRingsAndOutputs(t *testing.T) {
	first, second := &recorder{}, &recorder{}
	h := event.NewHub(event.Options{Outputs: []event.Output{first, second}})
	h.Emit(note(1))
	h.Emit(event.Step(event.TCPConnection, "not enabled"))
	h.Emit(note(2))
	events, leftOut := h.List(event.Filter{}, 10)
	if diff := cmp.Diff([]string{"note 1", "note 2"}, texts(events)); diff != "" || leftOut != 0 {
		t.Error(diff, leftOut)
	}
	if events[0].Sequence != 1 || events[1].Sequence != 2 || events[0].Time.IsZero() {
		t.Errorf("events = %+v", events)
	}
	end(t, h)
	h.Emit(note(3))
	for _, r := range []*recorder{first, second} {
		if diff := cmp.Diff([]string{"note 1", "note 2"}, r.recorded()); diff != "" {
			t.Error(diff)
		}
		if !r.closed {
			t.Error("an output was not closed")
		}
	}
	if events, _ := h.List(event.Filter{}, 10); len(events) != 2 {
		t.Errorf("after Close: %v", texts(events))
	}
	end(t, h)
}

func TestLevelIsLive(t *testing.T) {
	h := event.NewHub(event.Options{Level: event.Error})
	defer end(t, h)
	emit := func() {
		h.Emit(event.HostForbidden(client, "a.example.com", 443))
		h.Emit(event.NotConnect(client, "GET / HTTP/1.1"))
		h.Emit(note(1))
		h.Emit(event.TunnelEnded(client))
	}
	var counts []int
	for level := event.Error; level <= event.Debug; level++ {
		h.SetLevel(level)
		emit()
		events, _ := h.List(event.Filter{}, 100)
		counts = append(counts, len(events))
	}
	if diff := cmp.Diff([]int{1, 3, 6, 10}, counts); diff != "" {
		t.Error(diff)
	}
	if !h.Enabled(event.Debug) {
		t.Error("Debug is not enabled")
	}
}

func TestListFiltersAndLimits(t *testing.T) {
	h := event.NewHub(event.Options{Level: event.Debug})
	defer end(t, h)
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	all := []event.Event{
		event.HostForbidden(client, "a.example.com", 443), note(1), event.NotConnect(client, "GET / HTTP/1.1"),
		event.TunnelEnded(client), note(2),
	}
	for i := range all {
		all[i].Time = start.Add(time.Duration(i)) // a clock can stand still between two events
		h.Emit(all[i])
	}
	tests := []struct {
		name    string
		filter  event.Filter
		limit   int
		want    []int64
		leftOut int
	}{
		{"all", event.Filter{}, 10, []int64{1, 2, 3, 4, 5}, 0},
		{"the newest", event.Filter{}, 2, []int64{4, 5}, 3},
		{"none", event.Filter{}, 0, nil, 5},
		{"ids", event.Filter{IDs: []event.ID{event.Forbidden, event.Detail}}, 10, []int64{1, 4}, 0},
		{"level", event.Filter{Level: event.Warning}, 10, []int64{1, 3}, 0},
		{"reason", event.Filter{Reason: reason.MethodNotAllowed}, 10, []int64{3}, 0},
		{"text ignores case", event.Filter{Text: "NoTe"}, 10, []int64{2, 5}, 0},
		{"text and limit", event.Filter{Text: "note"}, 1, []int64{5}, 1},
		{"since", event.Filter{Since: all[3].Time}, 10, []int64{4, 5}, 0},
		{"all of them", event.Filter{IDs: []event.ID{event.Forbidden}, Level: event.Error, Reason: reason.HostNotAllowed,
			Text: "a.example.com", Since: all[0].Time}, 10, []int64{1}, 0},
		{"one does not fit", event.Filter{IDs: []event.ID{event.Forbidden}, Text: "b.example.com"}, 10, nil, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			events, leftOut := h.List(test.filter, test.limit)
			var got []int64
			for _, e := range events {
				got = append(got, e.Sequence)
			}
			if diff := cmp.Diff(test.want, got); diff != "" || leftOut != test.leftOut {
				t.Errorf("%s left out %d, want %d", diff, leftOut, test.leftOut)
			}
		})
	}
}

// The rings keep 10,000 events, and 2,000 refusals and errors that a flood of others does not push out.
func TestRefusalsSurviveAFlood(t *testing.T) {
	h := event.NewHub(event.Options{})
	defer end(t, h)
	const refusals, flood = 2_500, 10_100
	for i := range refusals {
		from := event.Client{Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), 1)}
		h.Emit(event.HostForbidden(from, "a.example.com", 443))
	}
	for i := range flood {
		h.Emit(note(i))
	}
	h.Emit(event.NotConnect(client, "GET / HTTP/1.1"))
	events, leftOut := h.List(event.Filter{}, 100_000)
	if len(events) != 1_999+10_000 || leftOut != 0 {
		t.Fatalf("%d events, %d left out; want %d, 0", len(events), leftOut, 1_999+10_000)
	}
	for i := 1; i < len(events); i++ {
		if events[i-1].Sequence >= events[i].Sequence {
			t.Fatalf("event %d has the sequence %d after %d", i, events[i].Sequence, events[i-1].Sequence)
		}
	}
	kept, _ := h.List(event.Filter{Level: event.Error}, 100_000)
	if want := refusals - 1_999; len(kept) != 1_999 || kept[0].Sequence != int64(want+1) {
		t.Errorf("%d refusals from sequence %d, want 1999 from %d", len(kept), kept[0].Sequence, want+1)
	}
}

func TestCanonicalLineIsForOutputsOnly(t *testing.T) {
	log := &recorder{}
	h := event.NewHub(event.Options{Outputs: []event.Output{log}})
	h.Emit(note(1))
	h.Emit(event.TunnelSummary(event.Summary{Client: client, Host: "a.example.com", Decision: "allowed"}))
	h.Emit(note(2))
	events, _ := h.List(event.Filter{}, 10)
	end(t, h)
	if diff := cmp.Diff([]string{"note 1", "note 2"}, texts(events)); diff != "" || events[1].Sequence != 2 {
		t.Error(diff, events)
	}
	if lines := log.recorded(); len(lines) != 3 || !strings.Contains(lines[1], "host=a.example.com") {
		t.Errorf("lines = %q", lines)
	}
}

// One event may be emitted by many at once, and be changed by nobody.
func TestEmitLeavesTheEventAsItIs(t *testing.T) {
	h := event.NewHub(event.Options{})
	defer end(t, h)
	e := event.Event{ID: event.Fault, Level: event.Error, Fields: []event.Field{{Name: "a", Value: "1"}, {Name: "b", Value: "\n"}}}
	var working sync.WaitGroup
	for range 4 {
		working.Go(func() { h.Emit(e) })
	}
	working.Wait()
	if e.Fields[1].Value != "\n" {
		t.Errorf("the field is now %q", e.Fields[1].Value)
	}
	if events, _ := h.List(event.Filter{}, 1); events[0].Fields[0].Value != "1" || events[0].Fields[1].Value != `\n` {
		t.Errorf("fields = %v", events[0].Fields)
	}
}

func TestTextsAndFieldsAreBoundedAndPrintable(t *testing.T) {
	h := event.NewHub(event.Options{})
	defer end(t, h)
	dirty := "a\nb\x1b[31m\u202e\xff" + strings.Repeat("\x00", 1<<20)
	h.Emit(event.Event{ID: event.Fault, Level: event.Error, Text: dirty, Fields: []event.Field{{Name: "host", Value: dirty}}})
	events, _ := h.List(event.Filter{}, 1)
	for _, s := range []string{events[0].Text, events[0].Fields[0].Value} {
		if !strings.HasPrefix(s, `a\nb\x1b[31m\u202e\xff\x00`) || len(s) > 4<<10 || strings.Contains(s, "\x00") {
			t.Errorf("%d bytes: %.60q", len(s), s)
		}
	}
}

// An output that is stuck slows nobody; what it missed is counted, and told when it is back.
func TestStuckOutputDropsAndTells(t *testing.T) {
	stuck, other := &recorder{gate: make(chan struct{})}, &recorder{}
	h := event.NewHub(event.Options{Outputs: []event.Output{stuck, other}})
	const emitted = 30_000
	for i := range emitted {
		h.Emit(note(i))
	}
	lost := h.Dropped() // also of the other output, which may not have kept up
	if lost < emitted-8_192-256-1 {
		t.Fatalf("%d of %d events were dropped", lost, emitted)
	}
	close(stuck.gate)
	end(t, h)
	const notice = "%d events were dropped because the recorder could not take them"
	written, told := 0, 0
	for _, r := range []*recorder{stuck, other} {
		for _, text := range r.recorded() {
			var n int
			if strings.HasPrefix(text, "note ") {
				written++
			} else if _, err := fmt.Sscanf(text, notice, &n); err == nil && r == stuck {
				told += n
			}
		}
	}
	if total := h.Dropped(); written+int(total) < 2*emitted || int64(told) < emitted-8_192-256-1 {
		t.Errorf("%d written, %d dropped, %d told of %d", written, total, told, 2*emitted)
	}
}

// A write that fails is tried again until it succeeds, and is told once.
func TestFailingOutputIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &recorder{err: errors.New("no space left on device")}
		h := event.NewHub(event.Options{Outputs: []event.Output{out}})
		h.Emit(note(1))
		passSeconds(1)
		h.Emit(note(2))
		passSeconds(5)
		if out.tries < 3 {
			t.Errorf("%d tries in 5 s", out.tries)
		}
		out.fail(nil)
		passSeconds(2)
		want := []string{"note 1", "Failed to write to the recorder: no space left on device", "note 2"}
		if diff := cmp.Diff(want, out.recorded()); diff != "" {
			t.Error(diff)
		}
		events, _ := h.List(event.Filter{IDs: []event.ID{event.Fault}}, 10)
		if len(events) != 1 || h.Dropped() != 0 {
			t.Errorf("%d events 400, %d dropped", len(events), h.Dropped())
		}
		end(t, h)
	})
}

func TestCloseGivesUpAnOutputThatFails(t *testing.T) {
	out := &recorder{err: errors.New("no space left on device")}
	h := event.NewHub(event.Options{Outputs: []event.Output{out}})
	for i := range 1000 {
		h.Emit(note(i))
	}
	if err := h.Close(context.Background()); err == nil {
		t.Error("Close tells no error")
	}
	if n := h.Dropped(); n < 1000 || !out.closed {
		t.Errorf("%d dropped, closed %v", n, out.closed)
	}
}

func TestCloseIsBounded(t *testing.T) {
	stuck := &recorder{gate: make(chan struct{})}
	h := event.NewHub(event.Options{Outputs: []event.Output{stuck}})
	h.Emit(note(1))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := h.Close(ctx); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "the recorder") {
		t.Errorf("error %v, want the end of the context and the output's name", err)
	}
	close(stuck.gate) // the goroutine ends, as goleak sees
}

func TestEmitFromManyGoroutines(t *testing.T) {
	out := &recorder{}
	h := event.NewHub(event.Options{Outputs: []event.Output{out}})
	const workers, each = 8, 500
	var working sync.WaitGroup
	for w := range workers {
		working.Go(func() {
			for i := range each {
				h.Emit(note(w*each + i))
				if i%100 == 0 {
					h.List(event.Filter{}, 10)
					h.SetLevel(event.Info)
				}
			}
		})
	}
	working.Wait()
	events, _ := h.List(event.Filter{}, 10_000)
	end(t, h)
	if got := len(out.recorded()); len(events) != workers*each || got != workers*each {
		t.Errorf("%d listed, %d written, want %d", len(events), got, workers*each)
	}
	for i, e := range events {
		if e.Sequence != int64(i+1) {
			t.Fatalf("event %d has the sequence %d", i, e.Sequence)
		}
	}
}

func BenchmarkEmitNotEnabled(b *testing.B) {
	h := event.NewHub(event.Options{})
	e := event.TunnelStarted(client)
	b.ReportAllocs()
	for b.Loop() {
		h.Emit(e)
	}
	closeHub(b, h)
}

func BenchmarkEmitInfo(b *testing.B) {
	h := event.NewHub(event.Options{Outputs: []event.Output{nowhere{}, event.NewFile(b.TempDir() + "/log")}})
	e := event.Note(event.GatewayServer, "Allowed host a.example.com was added by root")
	b.ReportAllocs()
	for b.Loop() {
		h.Emit(e)
	}
	closeHub(b, h)
}

func BenchmarkEmitTunnelSummary(b *testing.B) {
	h := event.NewHub(event.Options{Outputs: []event.Output{nowhere{}}})
	b.ReportAllocs()
	for b.Loop() {
		h.Emit(event.TunnelSummary(summary))
	}
	closeHub(b, h)
}

// BenchmarkWriteToFile is for a batch of 50 lines.
func BenchmarkWriteToFile(b *testing.B) {
	f := event.NewFile(b.TempDir() + "/log")
	e := event.TunnelSummary(summary)
	e.Time = time.Now()
	batch := slices.Repeat([]*event.Event{&e}, 50)
	b.ReportAllocs()
	for b.Loop() {
		if err := f.Write(batch); err != nil {
			b.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		b.Error(err)
	}
}

func BenchmarkEmitRepeatedRefusal(b *testing.B) {
	h := event.NewHub(event.Options{Outputs: []event.Output{nowhere{}}})
	b.ReportAllocs()
	for b.Loop() {
		h.Emit(event.HostForbidden(client, "a.example.com", 443))
	}
	closeHub(b, h)
}

func BenchmarkList(b *testing.B) {
	h := event.NewHub(event.Options{})
	for i := range 10_000 {
		h.Emit(note(i))
	}
	b.ReportAllocs()
	for b.Loop() {
		h.List(event.Filter{Text: "note 99"}, 1000)
	}
	closeHub(b, h)
}

// summary is that of an agent's tunnel.
var summary = event.Summary{
	Client: client, Host: "01234567-89ab-cdef-0123-456789abcdef.ods.opinsights.azure.com", Port: 443, Decision: "allowed",
	Entry: "*.ods.opinsights.azure.com", TLS: "TLS 1.2", ServerName: "01234567-89ab-cdef-0123-456789abcdef.ods.opinsights.azure.com",
	Subject: "O=Microsoft, OU=Microsoft Monitoring Agent, CN=01234567-89ab-cdef-0123-456789abcdef",
	Sent:    204_800, Received: 3_456, Dial: 12 * time.Millisecond, Total: 3456 * time.Millisecond, End: "finished",
}

type nowhere struct{}

func (nowhere) Name() string               { return "nowhere" }
func (nowhere) Write([]*event.Event) error { return nil }
func (nowhere) Close() error               { return nil }

func closeHub(b *testing.B, h *event.Hub) {
	if err := h.Close(context.Background()); err != nil {
		b.Error(err)
	}
}

// Outputs come and go while the hub runs: each has the events between, and is closed.
func TestOutputsComeAndGo(t *testing.T) {
	first, second := &recorder{}, &recorder{}
	h := event.NewHub(event.Options{Outputs: []event.Output{first}})
	h.Emit(note(1))
	h.AddOutput(second)
	h.Emit(note(2))
	if err := h.RemoveOutput(t.Context(), first); err != nil {
		t.Error(err)
	}
	if !first.isClosed() {
		t.Error("the output that was removed is not closed")
	}
	if err := h.RemoveOutput(t.Context(), first); err != nil {
		t.Errorf("removed again: %v", err)
	}
	h.Emit(note(3))
	end(t, h)
	want, got := [][]string{{"note 1", "note 2"}, {"note 2", "note 3"}}, [][]string{first.recorded(), second.recorded()}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	late := &recorder{}
	h.AddOutput(late)
	if !late.isClosed() {
		t.Error("an output that comes after the end is not closed")
	}

	stuck := &recorder{gate: make(chan struct{})}
	h = event.NewHub(event.Options{Outputs: []event.Output{stuck}})
	h.Emit(note(1))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.RemoveOutput(ctx, stuck); err == nil || !strings.Contains(err.Error(), "the recorder") {
		t.Errorf("an output that is stuck: %v", err)
	}
	close(stuck.gate)
	end(t, h)
}

// Each repeat is an error, and so is each event that stands for a connection for which there was no room.
func TestErrorsAreCounted(t *testing.T) {
	h := event.NewHub(event.Options{Level: event.Error})
	defer func() { _ = h.Close(context.Background()) }()
	client := event.Client{Connection: 1, Addr: netip.MustParseAddrPort("192.0.2.1:1")}
	for range 30 {
		h.Emit(event.DialFailed(client, "a.example.com:443", reason.New(reason.TargetNotFound, "host", "a.example.com")))
	}
	h.Emit(event.ConfigurationWrong(errors.New("no reason")))
	h.Emit(event.HostForbidden(client, "b.example.com", 443))
	h.Emit(event.Note(event.GatewayServer, "nothing is wrong"))
	if got := h.Errors(); got != 31 {
		t.Errorf("%d errors, want 31", got)
	}
}

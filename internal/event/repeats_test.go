package event_test

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/omsgateway/omsgateway/internal/event"
)

// passSeconds lets time pass inside a synctest bubble, and lets everybody finish what they then do.
func passSeconds(n int) {
	<-time.After(time.Duration(n) * time.Second)
	synctest.Wait()
}

func TestRepeatsCollapse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &recorder{}
		h := event.NewHub(event.Options{Outputs: []event.Output{out}})
		for i := range 25 {
			from := client
			from.Connection = int64(i)
			from.Addr = netip.AddrPortFrom(client.Addr.Addr(), uint16(1000+i))
			h.Emit(event.HostForbidden(from, "a.example.com", 443))
		}
		other := event.Client{Addr: netip.MustParseAddrPort("10.9.9.9:1")}
		h.Emit(event.HostForbidden(other, "a.example.com", 443))
		h.Emit(event.HostForbidden(client, "b.example.com", 443))
		h.Emit(event.PortForbidden(client, "a.example.com", 444, "a.example.com"))
		passSeconds(1)
		if got := len(out.recorded()); got != 13 {
			t.Errorf("%d lines within the minute, want 10 and 3 others", got)
		}

		passSeconds(60)
		lines := out.recorded()
		if len(lines) != 14 {
			t.Fatalf("%d lines after the minute, want 14", len(lines))
		}
		want := "(15 more from 10.1.2.3 within a minute)"
		if !strings.HasPrefix(lines[13], "Target host (a.example.com) is forbidden. ") || !strings.HasSuffix(lines[13], want) {
			t.Errorf("line = %q, want it to end with %s", lines[13], want)
		}
		events, _ := h.List(event.Filter{}, 1)
		if diff := cmp.Diff(event.Field{Name: "repeats", Value: "15"}, events[0].Fields[len(events[0].Fields)-1]); diff != "" {
			t.Error(diff)
		}
		if age := time.Since(events[0].Time); age > time.Second {
			t.Errorf("the line is %v old", age)
		}

		h.Emit(event.HostForbidden(client, "a.example.com", 443))
		passSeconds(120)
		if got := len(out.recorded()); got != 15 {
			t.Errorf("%d lines after a new minute with one event, want 15", got)
		}
		end(t, h)
	})
}

func TestCloseTellsRepeats(t *testing.T) {
	out := &recorder{}
	h := event.NewHub(event.Options{Outputs: []event.Output{out}})
	line := event.TunnelSummary(event.Summary{Client: client, Host: "a.example.com", Decision: "refused", Reason: "HOST_NOT_ALLOWED"})
	for range 12 {
		h.Emit(line)
	}
	if err := h.Close(context.Background()); err != nil {
		t.Error(err)
	}
	lines := out.recorded()
	if len(lines) != 11 || lines[10] != line.Text+" repeats=2" {
		t.Errorf("lines = %q", lines)
	}
}

func TestWhatIsNoRefusalNeverCollapses(t *testing.T) {
	h := event.NewHub(event.Options{Level: event.Debug})
	defer end(t, h)
	for range 50 {
		h.Emit(event.ConnectReceived(client, "a.example.com:443", nil))
		h.Emit(note(1))
	}
	if events, _ := h.List(event.Filter{}, 1000); len(events) != 100 {
		t.Errorf("%d events, want 100", len(events))
	}
}

// With more different refusals in a minute than are counted, the others still pass, and nothing is lost.
func TestTooManyKeysPass(t *testing.T) {
	h := event.NewHub(event.Options{})
	const keys = 10_100
	for i := range keys {
		h.Emit(event.HostForbidden(client, fmt.Sprintf("h%d.example.com", i), 443))
	}
	for range 30 {
		h.Emit(event.HostForbidden(client, fmt.Sprintf("h%d.example.com", keys-1), 443)) // not among the counted
		h.Emit(event.HostForbidden(client, "h0.example.com", 443))                       // 9 more pass
	}
	end(t, h)
	events, leftOut := h.List(event.Filter{}, 0)
	want := keys + 30 + 9 + 1
	if last := sequence(t, h); last != int64(want) {
		t.Errorf("%d events in all, want %d (%d listed, %d left out)", last, want, len(events), leftOut)
	}
}

func sequence(t *testing.T, h *event.Hub) int64 {
	t.Helper()
	events, _ := h.List(event.Filter{}, 1)
	if len(events) != 1 {
		t.Fatal("no events")
	}
	return events[0].Sequence
}

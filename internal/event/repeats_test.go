package event_test

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/omsgateway/omsgateway/internal/caller"
	"github.com/omsgateway/omsgateway/internal/clock"
	"github.com/omsgateway/omsgateway/internal/event"
	"github.com/omsgateway/omsgateway/internal/reason"
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
	if len(lines) != 11 || lines[10] != lines[0]+" repeats=2" {
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

// A client that asks for ever new hosts has events for a hundred of them in a minute, and one for all others.
func TestNewHostsOfOneClientCollapse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &recorder{}
		h := event.NewHub(event.Options{Outputs: []event.Output{out}})
		const hosts = 5_000
		segment := netip.MustParsePrefix("2001:db8:1:2::/64").Addr().As16()
		for i := range hosts {
			h.Emit(event.HostForbidden(client, fmt.Sprintf("h%d.example.com", i), 443))
			segment[15] = byte(i) // other addresses, one network segment
			h.Emit(event.HostForbidden(event.Client{Addr: netip.AddrPortFrom(netip.AddrFrom16(segment), 1)}, fmt.Sprintf("v%d.example.com", i), 443))
		}
		other := event.Client{Addr: netip.MustParseAddrPort("10.9.9.9:1")}
		h.Emit(event.HostForbidden(other, "other.example.com", 443))
		for range 30 {
			h.Emit(event.HostForbidden(client, "h0.example.com", 443)) // it has been told of: 9 more pass
		}
		passSeconds(1)
		if got, want := len(out.recorded()), 100+100+1+9; got != want {
			t.Errorf("%d lines within the minute, want %d", got, want)
		}
		passSeconds(60)
		events, _ := h.List(event.Filter{Text: "about other hosts"}, 10)
		var found []string
		for _, e := range events {
			if e.ID != event.Forbidden || e.Reason != reason.HostNotAllowed {
				t.Errorf("event %d, %s stands for the others", e.ID, e.Reason)
			}
			_, text, _ := strings.Cut(e.Text, "(")
			_, text, _ = strings.Cut(text, "(")
			found = append(found, text)
		}
		slices.Sort(found)
		want := []string{
			"4900 more from 10.1.2.3 about other hosts within a minute, the first of them " + tenNames("h") + ")",
			"4900 more from 2001:db8:1:2:: about other hosts within a minute, the first of them " + tenNames("v") + ")",
		}
		if diff := cmp.Diff(want, found); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		end(t, h)
	})
}

// Computers beside the gateway have addresses of one segment, each its own.
func TestLinkLocalClientsHaveALimitEach(t *testing.T) {
	h := event.NewHub(event.Options{})
	defer end(t, h)
	const clients = 200
	address := netip.MustParseAddr("fe80::").As16()
	for i := range clients {
		address[15] = byte(i)
		client := event.Client{Addr: netip.AddrPortFrom(netip.AddrFrom16(address).WithZone("eth0"), 1)}
		h.Emit(event.HostForbidden(client, fmt.Sprintf("h%d.example.com", i), 443))
	}
	if events, _ := h.List(event.Filter{}, 1000); len(events) != clients {
		t.Errorf("%d of %d clients have an event", len(events), clients)
	}
}

func tenNames(prefix string) string {
	var all []string
	for i := 100; i < 110; i++ {
		all = append(all, fmt.Sprintf("%s%d.example.com", prefix, i))
	}
	return strings.Join(all, ", ")
}

// Whoever is denied calls of the admin API all the time has ten events of each in a minute, and a hundred of different ones.
func TestDeniedCallsCollapse(t *testing.T) {
	h := event.NewHub(event.Options{})
	for range 500 {
		h.Emit(event.AdminDenied(caller.Caller{Name: "mallory"}, "/a", reason.NotPermittedToRead))
	}
	h.Emit(event.AdminDenied(caller.Caller{Name: "bob"}, "/a", reason.NotPermittedToRead))
	for i := range 500 {
		h.Emit(event.AdminDenied(caller.Caller{Name: "eve", Role: caller.Read}, fmt.Sprintf("/m%d", i), reason.MethodUnknown))
	}
	end(t, h)
	if got, want := sequence(t, h), int64(10+1+1+100+1); got != want {
		t.Errorf("%d events, want %d", got, want)
	}
	for text, want := range map[string]int{"490 more from mallory within a minute": 1, "400 more from eve about other methods": 1} {
		if events, _ := h.List(event.Filter{Text: text}, 10); len(events) != want {
			t.Errorf("%d events with %q", len(events), text)
		}
	}
}

// Somebody with many user ids, none of which has a role, has no more events than one of them would.
func TestDeniedCallsOfManyNamesCollapse(t *testing.T) {
	h := event.NewHub(event.Options{})
	for i := range 500 {
		for range 20 {
			h.Emit(event.AdminDenied(caller.Caller{Name: fmt.Sprintf("uid:%d", i)}, "/a", reason.NotPermittedToRead))
		}
	}
	h.Emit(event.AdminDenied(caller.Caller{Name: "ann"}, "/a", reason.TooManyCalls))
	h.Emit(event.AdminDenied(caller.Caller{Name: "bob", Role: caller.Read}, "/b", reason.NotPermittedToChange))
	end(t, h)
	if got, want := sequence(t, h), int64(100*10+2+100+1); got != want {
		t.Errorf("%d events, want %d", got, want)
	}
	const text = "8000 more from callers without a role about other methods within a minute, the first of them /a by uid:100, /a by uid:101"
	if events, _ := h.List(event.Filter{Text: text}, 10); len(events) != 1 {
		t.Errorf("%d events for the others", len(events))
	}
}

// Refusals of more clients than are counted become one line, too.
func TestNewClientsBeyondAllBoundsCollapse(t *testing.T) {
	h := event.NewHub(event.Options{})
	const clients = 12_000
	for i := range clients {
		from := event.Client{Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 7, byte(i >> 8), byte(i)}), 1)}
		h.Emit(event.HostForbidden(from, "a.example.com", 443))
	}
	end(t, h)
	if got, want := sequence(t, h), int64(10_000+1); got != want {
		t.Errorf("%d events, want %d", got, want)
	}
	if events, _ := h.List(event.Filter{Text: "2000 more from others about other hosts"}, 10); len(events) != 1 {
		t.Errorf("%d events for the others", len(events))
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

// What was held back is told by the hub's own clock, and so is when each event happened.
func TestHubGoesByItsClock(t *testing.T) {
	begin := time.Date(2026, 11, 27, 18, 0, 0, 0, time.UTC)
	now := clock.NewHand(begin)
	h := event.NewHub(event.Options{Clock: now})
	defer end(t, h)
	for range 12 {
		h.Emit(event.HostForbidden(client, "a.example.com", 443))
	}
	now.Advance(time.Minute)
	var times []time.Duration
	events, _ := h.List(event.Filter{}, 100)
	for _, e := range events {
		times = append(times, e.Time.Sub(begin))
	}
	if diff := cmp.Diff(append(make([]time.Duration, 10), time.Minute), times); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

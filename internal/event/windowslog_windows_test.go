package event_test

import (
	"net/netip"
	"testing"

	"github.com/omsgateway/omsgateway/internal/event"
)

// TestWindowsLog writes an event of each level. Whether Event Viewer shows them right, only a person can tell
// (docs/windows-checklist.md).
func TestWindowsLog(t *testing.T) {
	client := event.Client{Connection: 1, Addr: netip.MustParseAddrPort("192.0.2.1:50000")}
	var events []*event.Event
	for _, e := range []event.Event{
		event.Started("1.0.0", []string{"[::]:8080"}),
		event.NotConnect(client, "GET http://a.example.com/%20 HTTP/1.1"),
		event.HostForbidden(client, "a.example.com", 443),
		event.Step(event.GatewayLogic, "one step"),
		event.Stopped(),
	} {
		events = append(events, &e)
	}
	log := event.NewWindowsLog()
	for range 2 {
		if err := log.Write(events); err != nil {
			t.Fatal(err)
		}
	}
	if err := log.Close(); err != nil {
		t.Error(err)
	}
}

func TestInsertsAreEscaped(t *testing.T) {
	for text, want := range map[string]string{
		"":                          "",
		"100 % of it, 5%":           "100 % of it, 5%",
		"GET /a%20b%":               `GET /a\x2520b%`,
		"[fe80::1%12]:80 and %1!s!": `[fe80::1\x2512]:80 and \x251!s!`,
		"%%1":                       `%\x251`,
	} {
		if got := event.EscapeInserts(text); got != want {
			t.Errorf("%q is written as %q, want %q", text, got, want)
		}
	}
}

package forward_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/omsgateway/omsgateway/internal/event"
	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/reason"
	"github.com/omsgateway/omsgateway/server/forward"
)

// refusalRow is a row of internal/reason/testdata/refusals.txt: what goes with a reason.
type refusalRow struct {
	status string
	events []string // more than one where it depends on what is refused
}

func readRefusals(t *testing.T) map[reason.Reason]refusalRow {
	t.Helper()
	golden, err := os.ReadFile(filepath.Join("..", "..", "internal", "reason", "testdata", "refusals.txt"))
	if err != nil {
		t.Fatal(err)
	}
	rows := map[reason.Reason]refusalRow{}
	for line := range strings.Lines(string(golden)) {
		row := strings.Fields(line)
		if len(row) != 5 {
			t.Fatalf("the row %q has not five columns", line)
		}
		rows[reason.Reason(row[0])] = refusalRow{status: row[1], events: strings.Split(row[3], ",")}
	}
	return rows
}

// TestStatuses holds every reason to its HTTP status; a client that gets 500 is told nothing of the reason.
func TestStatuses(t *testing.T) {
	rows := readRefusals(t)
	for _, r := range reason.All() {
		want := rows[r].status
		shown := r
		if want == "500" {
			shown = reason.GatewayFault
		}
		answer := forward.Refusal(reason.Wrap(errors.New("secret inner text"), r))
		if !strings.HasPrefix(answer, "HTTP/1.1 "+want+" ") || !strings.Contains(answer, forward.ReasonHeader+": "+string(shown)+"\r\n") {
			t.Errorf("%s: want status %s and reason %s, got\n%s", r, want, shown, answer)
		}
		if _, body, _ := strings.Cut(answer, "\r\n\r\n"); body != shown.Text(nil)+"\n" {
			t.Errorf("%s has the body %q", r, body)
		}
	}
}

// TestEventsOfTargets holds the reasons for which a tunnel cannot be opened to their events.
func TestEventsOfTargets(t *testing.T) {
	checked := 0
	for r, want := range readRefusals(t) {
		switch r {
		case reason.AddressNotAllowed, reason.ResourcesExhausted, reason.GatewayStopping, reason.TooManyHandshakes:
		default:
			if want.status != "502" && want.status != "504" {
				continue
			}
		}
		checked++
		t.Run(string(r), func(t *testing.T) {
			rig := start(t, dialer(func(context.Context, hostname.Target) (net.Conn, error) { return nil, reason.New(r) }), nil)
			resp := rig.exchange("CONNECT a.example.com:443 HTTP/1.1\r\n\r\n")
			if got := fmt.Sprint(resp.StatusCode); got != want.status || resp.Header.Get(forward.ReasonHeader) != string(r) {
				t.Errorf("got %s %s", got, resp.Header.Get(forward.ReasonHeader))
			}
			rig.sink.wait(t, "of the failure", func(e event.Event) bool { return e.Reason == r && fmt.Sprint(int(e.ID)) == want.events[0] })
		})
	}
	if checked < 20 {
		t.Errorf("%d reasons were checked", checked)
	}
}

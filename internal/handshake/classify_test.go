package handshake

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/omsgateway/omsgateway/internal/reason"
)

// TestEventsAndAlerts holds the reasons with an alert to their event and to it, as internal/reason/testdata/refusals.txt has them.
func TestEventsAndAlerts(t *testing.T) {
	golden, err := os.ReadFile(filepath.Join("..", "reason", "testdata", "refusals.txt"))
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for line := range strings.Lines(string(golden)) {
		row := strings.Fields(line)
		if len(row) != 5 {
			t.Fatalf("the row %q has not five columns", line)
		}
		if row[4] == "-" {
			continue
		}
		checked++
		event, alert := classify(reason.Reason(row[0]))
		if got := fmt.Sprint(event, alert); got != row[3]+" "+row[4] {
			t.Errorf("%s has event and alert %s, want %s %s", row[0], got, row[3], row[4])
		}
	}
	if checked < 20 {
		t.Errorf("%d reasons were checked", checked)
	}
}

package reason_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/omsgateway/omsgateway/internal/reason"
)

// TestRefusals holds every reason to its event and its alert, as testdata/refusals.txt has them in columns four and five. Columns two
// and three are the HTTP status and the gRPC code, which the tests of packages forward and apierr hold to the same file.
func TestRefusals(t *testing.T) {
	golden, err := os.ReadFile(filepath.Join("testdata", "refusals.txt"))
	if err != nil {
		t.Fatal(err)
	}
	orNone := func(number int) string {
		if number == 0 {
			return "-"
		}
		return strconv.Itoa(number)
	}
	var rows []reason.Reason
	for line := range strings.Lines(string(golden)) {
		row := strings.Fields(line)
		if len(row) != 5 {
			t.Fatalf("the row %q has not five columns", line)
		}
		r := reason.Reason(row[0])
		rows = append(rows, r)
		event, _, _ := strings.Cut(row[3], ",") // another one depends on what is refused
		if got := fmt.Sprint(orNone(r.Event()), " ", orNone(int(r.Alert()))); got != event+" "+row[4] {
			t.Errorf("%s has event and alert %s, want %s %s", r, got, event, row[4])
		}
	}
	if !slices.IsSorted(rows) {
		t.Error("the rows of refusals.txt are not in alphabetical order")
	}
	for _, r := range reason.All() {
		switch _, found := slices.BinarySearch(rows, r); {
		case r.Class() == 0:
			t.Errorf("%s has no row, and so no class, in refusals.go", r)
		case r.Text(nil) == string(r):
			t.Errorf("%s has a class and no text", r)
		case !found:
			t.Errorf("%s has no row in testdata/refusals.txt", r)
		case r == reason.TLSHelloTimeout: // nobody knows whether it is a session at all
		case (r.Class() == reason.ClassSession) != (r.Alert() != 0):
			t.Errorf("%s refuses a session and has no alert, or the other way round", r)
		}
	}
}

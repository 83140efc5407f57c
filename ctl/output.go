package ctl

import (
	"bytes"
	"encoding/json"
	"fmt"
	"text/tabwriter"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/omsgateway/omsgateway/internal/apierr"
	"github.com/omsgateway/omsgateway/internal/printable"
)

// table prints rows in columns. What the gateway sent cannot control the terminal.
func (a *app) table(rows ...[]string) error {
	var text bytes.Buffer
	columns := tabwriter.NewWriter(&text, 0, 8, 2, ' ', 0)
	for _, row := range rows {
		for i, cell := range row {
			if i > 0 {
				fmt.Fprint(columns, "\t")
			}
			fmt.Fprint(columns, printable.Escaped(cell))
		}
		fmt.Fprint(columns, "\n")
	}
	if err := columns.Flush(); err != nil {
		return err
	}
	for line := range bytes.Lines(text.Bytes()) {
		if _, err := a.out.Write(append(bytes.TrimRight(line, " \n"), '\n')); err != nil {
			return err
		}
	}
	return nil
}

// printf prints text for people on standard output.
func (a *app) printf(format string, args ...any) error {
	_, err := fmt.Fprintf(a.out, format, args...)
	return err
}

// notef prints a remark for people on standard error; with --json it does not, since the answer says the same.
func (a *app) notef(format string, args ...any) {
	if !a.json {
		fmt.Fprintf(a.err, "omsgwctl: "+format+"\n", args...)
	}
}

// printJSON prints a whole answer, indented.
func (a *app) printJSON(answer proto.Message) error {
	compact, err := compactJSON(answer)
	if err != nil {
		return err
	}
	return a.printIndented(compact)
}

func (a *app) printIndented(compact []byte) error {
	var text bytes.Buffer
	if err := json.Indent(&text, compact, "", "  "); err != nil {
		return err
	}
	text.WriteByte('\n')
	_, err := a.out.Write(text.Bytes())
	return err
}

// compactJSON is the JSON form of a message (https://protobuf.dev/programming-guides/json/) in one line, with every field that
// has a default value. The same message always gives the same bytes.
func compactJSON(message proto.Message) ([]byte, error) {
	varying, err := protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(message)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	err = json.Compact(&text, varying) // protojson varies its white space on purpose
	return text.Bytes(), err
}

// printErrorJSON prints an error on standard error as one object.
func (a *app) printErrorJSON(e *apierr.Error, invalid *invalidEntries) {
	metadata := e.Parts
	if metadata == nil {
		metadata = map[string]string{}
	}
	var text bytes.Buffer
	_ = json.Indent(&text, quote(struct {
		Code     string            `json:"code"`
		Reason   string            `json:"reason"`
		Message  string            `json:"message"`
		Metadata map[string]string `json:"metadata"`
		Problems []entryProblem    `json:"problems,omitempty"`
	}{codeName(e.Code), string(e.Reason), e.Message, metadata, invalid.all()}), "", "  ")
	fmt.Fprintln(a.err, text.String())
}

// size is a number of bytes in people's units.
func size(bytes int64) string {
	if bytes < 1<<10 {
		return fmt.Sprintf("%d B", bytes)
	}
	amount, unit := float64(bytes)/(1<<10), 0
	units := []string{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}
	for amount >= 1<<10 && unit < len(units)-1 {
		amount /= 1 << 10
		unit++
	}
	return fmt.Sprintf("%.1f %s", amount, units[unit])
}

// period is a length of time in its two largest units.
func period(d *durationpb.Duration) string {
	seconds := int64(d.AsDuration() / time.Second)
	switch {
	case seconds >= 24*60*60:
		return fmt.Sprintf("%dd %dh", seconds/(24*60*60), seconds/(60*60)%24)
	case seconds >= 60*60:
		return fmt.Sprintf("%dh %dm", seconds/(60*60), seconds/60%60)
	case seconds >= 60:
		return fmt.Sprintf("%dm %ds", seconds/60, seconds%60)
	}
	return fmt.Sprintf("%ds", seconds)
}

// moment is a point in time on this computer's clock; "" if it is not known.
func moment(t *timestamppb.Timestamp) string {
	if t == nil {
		return ""
	}
	return t.AsTime().Local().Format(time.DateTime)
}

// plural is a number of things, in words: "1 host", "2 hosts".
func plural(count int64, thing string) string {
	if count == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", count, thing)
}

package command

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/omsgateway/omsgateway/internal/apierr"
	"github.com/omsgateway/omsgateway/internal/printable"
)

// View is a message as people see it, and what of it is a failure. Notes go to standard error, and the rest to standard output:
// tables with an empty line between two, then the text. What is in a table cannot control the terminal; text and notes are printed
// as they are.
type View struct {
	Notes  []string // remarks, each in one line
	Tables []Table
	Text   string
	// Failure is why the command fails although the gateway has answered, or nil. It is the error of --json, too.
	Failure error
}

// Table has rows of cells. If they have headings, these are the first row.
type Table [][]string

// Rows is a view of one table.
func Rows(rows ...[]string) View { return View{Tables: []Table{rows}} }

// Textf is a view of text.
func Textf(format string, args ...any) View { return View{Text: fmt.Sprintf(format, args...)} }

// Notef is a view of a note, for a message in which there is nothing to see.
func Notef(format string, args ...any) View {
	return View{Notes: []string{fmt.Sprintf(format, args...)}}
}

// show prints a message: with --json itself, else as people see it.
func (p *Program) show(message any, v View) error {
	if p.JSON {
		if err := p.PrintJSON(message); err != nil {
			return err
		}
		return v.Failure
	}
	for _, note := range v.Notes {
		p.Notef("%s", note)
	}
	for i, t := range v.Tables {
		if i > 0 {
			if err := p.Printf("\n"); err != nil {
				return err
			}
		}
		if err := p.Table(t); err != nil {
			return err
		}
	}
	if v.Text != "" {
		if err := p.Printf("%s", v.Text); err != nil {
			return err
		}
	}
	return v.Failure
}

// Table prints a table.
func (p *Program) Table(rows Table) error {
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
		if _, err := p.Out.Write(append(bytes.TrimRight(line, " \n"), '\n')); err != nil {
			return err
		}
	}
	return nil
}

// Printf prints text for people on standard output.
func (p *Program) Printf(format string, args ...any) error {
	_, err := fmt.Fprintf(p.Out, format, args...)
	return err
}

// Notef prints a remark for people on standard error; with --json it does not, since the answer says the same.
func (p *Program) Notef(format string, args ...any) {
	if !p.JSON {
		fmt.Fprintf(p.Err, "omsgwctl: "+format+"\n", args...)
	}
}

// PrintJSON prints a message, indented.
func (p *Program) PrintJSON(message any) error {
	compact, err := CompactJSON(message)
	if err != nil {
		return err
	}
	return indent(p.Out, compact)
}

func indent(to io.Writer, compact []byte) error {
	var text bytes.Buffer
	if err := json.Indent(&text, compact, "", "  "); err != nil {
		return err
	}
	text.WriteByte('\n')
	_, err := to.Write(text.Bytes())
	return err
}

// CompactJSON is the JSON form of a message of the API (https://protobuf.dev/programming-guides/json/) in one line, with every field
// that has a default value. The same message always gives the same bytes.
func CompactJSON(message any) ([]byte, error) {
	m, ok := message.(proto.Message)
	if !ok {
		return nil, fmt.Errorf("%T has no JSON form", message)
	}
	varying, err := protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(m)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	err = json.Compact(&text, varying) // protojson varies its white space on purpose
	return text.Bytes(), err
}

// Quote is a value as JSON in one line, its text as it is where JSON permits that.
func Quote(value any) []byte {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(value) // strings, numbers and maps of strings: cannot fail
	return bytes.TrimSuffix(text.Bytes(), []byte("\n"))
}

// printErrorJSON prints an error on standard error as one object.
func (p *Program) printErrorJSON(e *apierr.Error, invalid *InvalidEntries) {
	metadata := e.Parts
	if metadata == nil {
		metadata = map[string]string{}
	}
	_ = indent(p.Err, Quote(struct {
		Code     string            `json:"code"`
		Reason   string            `json:"reason"`
		Message  string            `json:"message"`
		Metadata map[string]string `json:"metadata"`
		Problems []EntryProblem    `json:"problems,omitempty"`
	}{CodeName(e.Code), string(e.Reason), e.Message, metadata, invalid.all()}))
}

// Size is a number of bytes in people's units.
func Size(bytes int64) string {
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

// Period is a length of time in its two largest units.
func Period(d *durationpb.Duration) string {
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

// Moment is a point in time on this computer's clock; "" if it is not known.
func Moment(t *timestamppb.Timestamp) string {
	if t == nil {
		return ""
	}
	return t.AsTime().Local().Format(time.DateTime)
}

// Plural is a number of things, in words: "1 host", "2 hosts".
func Plural(count int64, thing string) string {
	if count == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", count, thing)
}

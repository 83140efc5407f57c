package lines_test

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/omsgateway/omsgateway/ctl/lines"
)

func TestLines(t *testing.T) {
	long := strings.Repeat("x", 200_000) // more than any buffer
	tests := map[string]struct {
		in   string
		want []line
	}{
		"nothing":              {"", nil},
		"one without an end":   {"a", []line{{"a", false}}},
		"ends of both kinds":   {"a\nb\r\n\r\n\n\r", []line{{"a", false}, {"b", false}, {"", false}, {"", false}, {"", false}}},
		"byte order marks":     {"\ufeffa\n\ufeffb", []line{{"a", false}, {"\ufeffb", false}}},
		"only such a mark":     {"\ufeff", []line{{"", false}}},
		"exactly as long":      {"0123456789\r\n0123456789", []line{{"0123456789", false}, {"0123456789", false}}},
		"one byte longer":      {"0123456789a\nb", []line{{"0123456789", true}, {"b", false}}},
		"much longer":          {long + "\nb\n" + long, []line{{"xxxxxxxxxx", true}, {"b", false}, {"xxxxxxxxxx", true}}},
		"a mark and then long": {"\ufeff0123456789\n\ufeff0123456789", []line{{"0123456789", false}, {"\ufeff0123456", true}}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, readAll(strings.NewReader(test.in), 10)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// The lines are those of the whole text split at each newline.
func FuzzLines(f *testing.F) {
	f.Fuzz(func(t *testing.T, input []byte, limit uint8) {
		var want []line
		for i, text := range slices.Collect(bytes.Lines(input)) {
			if i == 0 {
				text = bytes.TrimPrefix(text, []byte("\ufeff"))
			}
			text = bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r"))
			want = append(want, line{Text: string(text[:min(len(text), int(limit))]), TooLong: len(text) > int(limit)})
		}
		if diff := cmp.Diff(want, readAll(bytes.NewReader(input), int(limit))); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
}

// line is what Next returned.
type line struct {
	Text    string
	TooLong bool
}

// readAll reads all lines of at most limit bytes.
func readAll(in io.Reader, limit int) []line {
	var all []line
	for l := lines.NewReader(in, limit); ; {
		text, tooLong, err := l.Next()
		if err != nil {
			return all
		}
		all = append(all, line{string(text), tooLong})
	}
}

package ctl_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/omsgateway/omsgateway/ctl"
)

func TestLines(t *testing.T) {
	long := strings.Repeat("x", 200_000) // more than any buffer
	tests := map[string]struct {
		in   string
		want []ctl.Line
	}{
		"nothing":              {"", nil},
		"one without an end":   {"a", []ctl.Line{{"a", false}}},
		"ends of both kinds":   {"a\nb\r\n\r\n\n\r", []ctl.Line{{"a", false}, {"b", false}, {"", false}, {"", false}, {"", false}}},
		"byte order marks":     {"\ufeffa\n\ufeffb", []ctl.Line{{"a", false}, {"\ufeffb", false}}},
		"only such a mark":     {"\ufeff", []ctl.Line{{"", false}}},
		"exactly as long":      {"0123456789\r\n0123456789", []ctl.Line{{"0123456789", false}, {"0123456789", false}}},
		"one byte longer":      {"0123456789a\nb", []ctl.Line{{"0123456789", true}, {"b", false}}},
		"much longer":          {long + "\nb\n" + long, []ctl.Line{{"xxxxxxxxxx", true}, {"b", false}, {"xxxxxxxxxx", true}}},
		"a mark and then long": {"\ufeff0123456789\n\ufeff0123456789", []ctl.Line{{"0123456789", false}, {"\ufeff0123456", true}}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, ctl.Lines(strings.NewReader(test.in), 10)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// The lines are those of the whole text split at each newline.
func FuzzLines(f *testing.F) {
	f.Fuzz(func(t *testing.T, input []byte, limit uint8) {
		var want []ctl.Line
		for i, line := range slices.Collect(bytes.Lines(input)) {
			if i == 0 {
				line = bytes.TrimPrefix(line, []byte("\ufeff"))
			}
			line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
			want = append(want, ctl.Line{Text: string(line[:min(len(line), int(limit))]), TooLong: len(line) > int(limit)})
		}
		if diff := cmp.Diff(want, ctl.Lines(bytes.NewReader(input), int(limit))); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
}

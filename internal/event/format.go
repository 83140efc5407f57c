package event

import (
	"slices"
	"strconv"
	"strings"

	"github.com/omsgateway/omsgateway/internal/printable"
)

// timeLayout is local time to the second.
const timeLayout = "2006-01-02 15:04:05"

// Bounds of an event's text and of each of its fields, in bytes.
const (
	maxText  = 4 << 10
	maxField = 1 << 10
)

// Format is the line of e, without the newline, in the layout of the original: local time, the number of the client connection
// in brackets (the original had a thread's number there; 0 if e is about no connection), the level as log4net spells it (ERROR,
// WARN, INFO, DEBUG), component, dash, text.
func Format(e Event) string { return string(appendLine(nil, &e)) }

func appendLine(b []byte, e *Event) []byte {
	b = e.Time.Local().AppendFormat(b, timeLayout)
	b = append(b, " ["...)
	b = strconv.AppendInt(b, e.Connection, 10)
	b = append(b, "] "...)
	b = append(b, levelWord(e.Level)...)
	b = append(b, ' ')
	b = append(b, e.Component...)
	b = append(b, " - "...)
	if e.Summary == nil {
		return append(b, printable.Escaped(e.Text)...)
	}
	start := len(b)
	b = e.Summary.append(b)
	if line := b[start:]; len(line) > maxText || needsEscapes(string(line)) {
		b = append(b[:start], bound(string(line), maxText)...)
	}
	return b
}

func levelWord(l Level) string {
	switch l {
	case Error:
		return "ERROR"
	case Warning:
		return "WARN"
	case Info:
		return "INFO"
	case Debug:
		return "DEBUG"
	}
	return strings.ToUpper(l.String())
}

// bound bounds what leaves the hub.
func (e *Event) bound() {
	e.Text = bound(e.Text, maxText)
	e.Fields = boundFields(e.Fields)
}

// bound is s escaped and of at most limit bytes.
func bound(s string, limit int) string {
	return printable.Cut(printable.Escaped(printable.Cut(s, limit)), limit)
}

// boundFields is fields, or a copy if a value must change: the caller may emit the same event again.
func boundFields(fields []Field) []Field {
	original := true
	for i, f := range fields {
		value := bound(f.Value, maxField)
		if value == f.Value {
			continue
		}
		if original {
			fields, original = slices.Clone(fields), false
		}
		fields[i].Value = value
	}
	return fields
}

// appendValue appends s as the value of key=value: quoted if it would not be read back as one, "-" if it is empty.
func appendValue(b []byte, s string) []byte {
	switch {
	case s == "":
		return append(b, '-')
	case !needsQuotes(s):
		return append(b, s...)
	case !needsEscapes(s):
		return append(append(append(b, '"'), s...), '"')
	}
	return strconv.AppendQuote(b, s)
}

func needsQuotes(s string) bool {
	for _, c := range []byte(s) {
		if c <= ' ' || c == '"' || c == '=' {
			return true
		}
	}
	return false
}

func needsEscapes(s string) bool {
	for _, c := range []byte(s) {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			return true
		}
	}
	return false
}

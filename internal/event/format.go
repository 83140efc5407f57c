package event

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
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
	return append(b, clean(e.Text)...)
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

// clean writes what is not printable in s, and what is not UTF-8, as an escape. Cleaning twice changes nothing.
func clean(s string) string {
	i := plainLength(s)
	if i == len(s) {
		return s
	}
	b := append(make([]byte, 0, len(s)+16), s[:i]...)
	for i < len(s) {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			b = fmt.Appendf(b, `\x%02x`, s[i])
		case unicode.IsPrint(r):
			b = append(b, s[i:i+size]...)
		default:
			quoted := strconv.QuoteRune(r)
			b = append(b, quoted[1:len(quoted)-1]...)
		}
		i += size
	}
	return string(b)
}

// plainLength is how many bytes at the beginning of s are printable ASCII.
func plainLength(s string) int {
	for i, c := range []byte(s) {
		if c < ' ' || c > '~' {
			return i
		}
	}
	return len(s)
}

// bound is s clean and of at most limit bytes.
func bound(s string, limit int) string { return cut(clean(cut(s, limit)), limit) }

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

// cut shortens s to at most limit bytes, "..." included, without splitting a character.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	end := limit - len("...")
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "..."
}

// appendValue appends s as the value of key=value: quoted if it would not be read back as one, "-" if it is empty.
func appendValue(b []byte, s string) []byte {
	switch {
	case s == "":
		return append(b, '-')
	case !needsQuotes(s):
		return append(b, s...)
	case plainLength(s) == len(s) && strings.IndexByte(s, '"') < 0 && strings.IndexByte(s, '\\') < 0: // nothing to escape
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

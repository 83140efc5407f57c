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
	if l == Warning {
		return "WARN"
	}
	return strings.ToUpper(l.String())
}

// clean writes what is not printable in s, and what is not UTF-8, as an escape. Cleaning twice changes nothing.
func clean(s string) string {
	i := 0
	for i < len(s) && s[i] >= ' ' && s[i] <= '~' {
		i++
	}
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

// logValue is s as the value of key=value: quoted if it would not be read back as one, "-" if it is empty.
func logValue(s string) string {
	switch {
	case s == "":
		return "-"
	case strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == '"' || r == '=' }):
		return strconv.Quote(s)
	}
	return s
}

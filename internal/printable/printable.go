// Package printable makes texts that come from elsewhere fit for a message, a log or a terminal: they can neither move the cursor,
// change colours, turn the direction of writing, nor begin a new line.
//
// A character is printable as package unicode says: letters, marks, numbers, punctuation, symbols, and the ASCII space. There are two
// forms. [Typed] is for what somebody wrote and reads again in a message about it; [Escaped] is for what is shown as a whole, and loses
// nothing.
package printable

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// dots stand for what was cut off.
const dots = "..."

// Typed returns s with a question mark for each character that is not printable, and for each byte that is not UTF-8. Of more than
// limit characters it is the first limit, then "...".
func Typed(s string, limit int) string {
	var b strings.Builder
	for rest, n := s, 0; rest != ""; n++ {
		if n == limit {
			b.WriteString(dots)
			break
		}
		r, size := utf8.DecodeRuneInString(rest)
		if !isPrintable(r, size) {
			r = '?'
		}
		b.WriteRune(r)
		rest = rest[size:]
	}
	return b.String()
}

// Escaped returns s with each character that is not printable as \n, \x1b, \u202e or the like (as in a string of Go), and each byte
// that is not UTF-8 as \xff. A backslash stays as it is, so that escaping twice changes nothing.
func Escaped(s string) string {
	i := 0
	for i < len(s) && ' ' <= s[i] && s[i] <= '~' {
		i++
	}
	if i == len(s) { // as nearly every text
		return s
	}
	b := append(make([]byte, 0, len(s)+16), s[:i]...)
	for i < len(s) {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case isPrintable(r, size):
			b = append(b, s[i:i+size]...)
		case r == utf8.RuneError:
			b = fmt.Appendf(b, `\x%02x`, s[i])
		default:
			quoted := strconv.QuoteRune(r)
			b = append(b, quoted[1:len(quoted)-1]...)
		}
		i += size
	}
	return string(b)
}

// isPrintable is about a character as utf8.DecodeRune returns it.
func isPrintable(r rune, size int) bool {
	return unicode.IsPrint(r) && (r != utf8.RuneError || size > 1)
}

// Cut returns s, or as much of its beginning as fits with "..." into limit bytes, without splitting a character. The limit is at
// least 3.
func Cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	end := limit - len(dots)
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + dots
}

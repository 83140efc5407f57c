package clientcert

import (
	"unicode"
	"unicode/utf8"
)

// appendFolded brings texts that differ only in case or blanks to one form: simple case folding (Unicode, section 5.18), no blank
// at either end, one space for each run of blanks inside.
func appendFolded(dst []byte, text string) []byte {
	start, gap := len(dst), false
	for _, r := range text {
		switch {
		case ' ' < r && r <= '~': // no blank, as is quickly seen
		case unicode.IsSpace(r):
			gap = true
			continue
		}
		if gap && len(dst) > start {
			dst = append(dst, ' ')
		}
		gap = false
		dst = utf8.AppendRune(dst, foldRune(r))
	}
	return dst
}

// foldRune is the same for all runes that differ in case alone.
func foldRune(r rune) rune {
	if r >= utf8.RuneSelf {
		r = leastRune(r)
	}
	if 'A' <= r && r <= 'Z' { // from outside ASCII, too: the Kelvin sign is a K
		r += 'a' - 'A'
	}
	return r
}

// leastRune is the first in Unicode's order of those that differ from r in case alone.
func leastRune(r rune) rune {
	least := r
	for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
		least = min(least, other)
	}
	return least
}

// appendEscaped doubles each backslash and writes each rune that cannot be printed as RFC 4514 does: a backslash and two
// hexadecimal digits for each byte of its UTF-8. The text is valid UTF-8.
func appendEscaped(dst []byte, text string) []byte {
	const digits = "0123456789ABCDEF"
	for i, r := range text {
		switch {
		case r == '\\':
			dst = append(dst, `\\`...)
		case ' ' <= r && r <= '~', unicode.IsPrint(r):
			dst = utf8.AppendRune(dst, r)
		default:
			for _, b := range []byte(text[i : i+utf8.RuneLen(r)]) {
				dst = append(dst, '\\', digits[b>>4], digits[b&15])
			}
		}
	}
	return dst
}

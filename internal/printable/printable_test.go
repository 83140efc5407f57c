package printable_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/omsgateway/omsgateway/internal/printable"
)

func TestTyped(t *testing.T) {
	for in, want := range map[string]string{
		"":                        "",
		"plain ~":                 "plain ~",
		"Ünï cødé":                "Ünï cødé",
		"a\nb\x00c\x1b[31m":       "a?b?c?[31m",
		"a\u00a0b\u200cc\u202ed":  "a?b?c?d",
		"b\xfccher\xe2\x82":       "b?cher??",
		"\uFFFD":                  "\uFFFD",
		`back\slash`:              `back\slash`,
		"0123456789":              "0123456789",
		"0123456789a":             "0123456789...",
		"012345678\xff\xff":       "012345678?...",
		strings.Repeat("ü", 11):   strings.Repeat("ü", 10) + "...",
		strings.Repeat("𝒳", 1000): strings.Repeat("𝒳", 10) + "...",
	} {
		if got := printable.Typed(in, 10); got != want {
			t.Errorf("Typed(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestEscaped(t *testing.T) {
	for in, want := range map[string]string{
		"":           "",
		"plain ~":    "plain ~",
		"Grüße 世界":   "Grüße 世界",
		`back\slash`: `back\slash`,
		"a\r\n2020-02-28 13:19:05 [0] INFO forged": `a\r\n2020-02-28 13:19:05 [0] INFO forged`,
		"\x1b[31mred\x00\x7f":                      `\x1b[31mred\x00\x7f`,
		"\u0085\u00a0\u2028\u202e\ufeff\U000E0001": `\u0085\u00a0\u2028\u202e\ufeff\U000e0001`,
		"\xff\xc3": `\xff\xc3`,
		"\uFFFD":   "\uFFFD",
	} {
		if got := printable.Escaped(in); got != want {
			t.Errorf("Escaped(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestCut(t *testing.T) {
	for in, want := range map[string]string{
		"":                           "",
		"0123456789":                 "0123456789",
		"0123456789a":                "0123456...",
		"012345ü89a":                 "012345...", // the ü would be split
		"01234ü789a":                 "01234ü...",
		"ü":                          "ü",
		"012345\xbf\xbf\xbf\xbf\xbf": "01234...",
	} {
		if got := printable.Cut(in, 10); got != want {
			t.Errorf("Cut(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzPrintable(f *testing.F) {
	f.Add("a\nb\x1b[31m\u202e\xff", 5)
	f.Fuzz(func(t *testing.T, s string, limit int) {
		limit = 3 + int(uint(limit)%100)
		typed, escaped, cut := printable.Typed(s, limit), printable.Escaped(s), printable.Cut(s, limit)
		for _, got := range []string{typed, escaped} {
			if !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("%q is made of %q", got, s)
			}
		}
		if n := utf8.RuneCountInString(typed); n > limit+3 || n != utf8.RuneCountInString(s) && utf8.RuneCountInString(s) <= limit {
			t.Errorf("Typed(%q, %d) = %q", s, limit, typed)
		}
		if again := printable.Typed(typed, limit+3); again != typed {
			t.Errorf("%q becomes %q", typed, again)
		}
		if again := printable.Escaped(escaped); again != escaped {
			t.Errorf("%q becomes %q", escaped, again)
		}
		if len(cut) > limit || !strings.HasPrefix(s, strings.TrimSuffix(cut, "...")) || utf8.ValidString(s) && !utf8.ValidString(cut) {
			t.Errorf("Cut(%q, %d) = %q", s, limit, cut)
		}
	})
}

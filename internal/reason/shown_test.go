package reason_test

import (
	"strings"
	"testing"

	"github.com/omsgateway/omsgateway/internal/reason"
)

func TestShown(t *testing.T) {
	for in, want := range map[string]string{
		"":                        "",
		"Ünï cødé":                "Ünï cødé",
		"a\nb\x00c\x1b[31m":       "a?b?c?[31m",
		"\xff":                    "\uFFFD",
		"0123456789":              "0123456789",
		"0123456789a":             "0123456789...",
		strings.Repeat("ü", 11):   strings.Repeat("ü", 10) + "...",
		strings.Repeat("𝒳", 1000): strings.Repeat("𝒳", 10),
	} {
		if got := reason.Shown(in, 10); got != want {
			t.Errorf("Shown(%q) = %q, want %q", in, got, want)
		}
	}
}

package hostname

import (
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/omsgateway/omsgateway/internal/printable"
	"github.com/omsgateway/omsgateway/internal/reason"
)

// refuse is a refusal of given; parts are names and values besides "host".
func refuse(r reason.Reason, given string, parts ...string) error {
	return reason.New(r, append(parts, "host", shown(given))...)
}

// about is err as a refusal of given, of which err saw only a part.
func about(given string, err error) error {
	inner, ok := errors.AsType[*reason.Error](err)
	if !ok {
		return err
	}
	parts := maps.Clone(inner.Parts)
	if parts != nil {
		parts["host"] = shown(given)
	}
	return &reason.Error{Reason: inner.Reason, Parts: parts, Err: inner.Err}
}

// maxShown is how many characters of what was given an error shows.
const maxShown = 256

// shown is s for an error: without the secrets that a URL may have (masked before the cut, which could take the @ away).
func shown(s string) string { return printable.Typed(mask(s), maxShown) }

// mask hides user name and password before an @, and the query, which may be a signature that grants access.
func mask(s string) string {
	if at := strings.LastIndexByte(s, '@'); at >= 0 {
		start := 0
		if scheme := strings.Index(s[:at], "://"); scheme >= 0 {
			start = scheme + len("://")
		}
		s = s[:start] + "***" + s[at:]
	}
	if before, query, found := strings.Cut(s, "?"); found && query != "" {
		s = before + "?***"
	}
	return s
}

// characterName is the first character of s as an error names it: itself, its code point if it cannot be seen, or \x and the
// octet if it is not UTF-8.
func characterName(s string) string {
	r, size := utf8.DecodeRuneInString(s)
	switch {
	case r == utf8.RuneError && size == 1:
		return fmt.Sprintf(`\x%02x`, s[0])
	case r == ' ' || !strconv.IsPrint(r):
		return fmt.Sprintf("U+%04X", r)
	default:
		return string(r)
	}
}

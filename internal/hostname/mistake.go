package hostname

import (
	"net/netip"
	"strings"
	"unicode"

	"github.com/omsgateway/omsgateway/internal/reason"
)

// maxPaste is how many octets of a pattern are looked at for what was meant.
const maxPaste = 4096

// mistake is a way in which people misspell a host, and what they probably meant.
type mistake struct {
	reason reason.Reason
	fix    func(s string) string // answers s itself if the mistake was not made
	meant  string                // shown if the mistake was made and its fix is no host either; "" shows what is wrong with that
}

// mistakes in the order in which they are looked for and taken back; one may hide another.
var mistakes = []mistake{
	{reason: reason.HostHasPunctuation, fix: trimPunctuation},
	{reason: reason.HostIsURL, fix: cutScheme},
	{reason: reason.HostHasPath, fix: cutPath},
	{reason: reason.HostHasUser, fix: cutUser},
	{reason: reason.HostHasBlank, fix: firstWord},
	{reason: reason.HostZone, fix: cutZone},
	{reason: reason.HostLeadingDot, fix: dotToWildcard},
	{reason: reason.HostWildcardPlace, fix: moveWildcard, meant: "*.example.com"},
	{reason: reason.HostAddressForm, fix: modernIPv4},
}

// explain finds out why text was refused with err, and what was probably meant.
func explain(text string, err error) error {
	if reason.Of(err) == reason.HostWildcardAll {
		return err
	}
	if len(text) > maxPaste {
		return refuse(reason.HostTooLong, text)
	}
	if placeholder := findPlaceholder(text); placeholder != "" {
		return refuse(reason.HostIsPlaceholder, text, "placeholder", shown(placeholder))
	}
	if _, rangeErr := netip.ParsePrefix(text); rangeErr == nil {
		return refuse(reason.HostIsRange, text)
	}
	if isUTF16(text) {
		return refuse(reason.HostIsUTF16, text)
	}
	if name, ok := hostsLine(text); ok {
		return refuse(reason.HostIsHostsLine, text, "meant", name)
	}
	var first *mistake
	fixed := text
	for i := range mistakes {
		m := &mistakes[i]
		next := m.fix(fixed)
		if next == fixed {
			continue
		}
		if first == nil {
			first = m
		}
		fixed = next
		var p Pattern
		if p, err = parsePattern(fixed); err == nil {
			return refuse(first.reason, text, "meant", p.String())
		}
	}
	if first != nil && first.meant != "" {
		return refuse(first.reason, text, "meant", first.meant)
	}
	if r := reason.Of(err); r == reason.HostEmpty && text != "" {
		return refuse(reason.HostInvalid, text)
	}
	return about(text, err)
}

// isUTF16 reports whether s looks like ASCII in UTF-16, whose every other octet is NUL.
func isUTF16(s string) bool {
	if len(s) < 3 {
		return false
	}
	first := s[0] == 0 // big-endian, or the end of the line before was cut through
	for i := range len(s) {
		if (s[i] == 0) != (first == (i%2 == 0)) {
			return false
		}
	}
	return true
}

// hostsLine is the first name in a line of a hosts file, which has an address before names, and perhaps a comment behind them.
func hostsLine(s string) (name string, ok bool) {
	s, _, _ = strings.Cut(s, "#")
	words := strings.Fields(s)
	if len(words) < 2 {
		return "", false
	}
	if _, err := netip.ParseAddr(words[0]); err != nil {
		return "", false
	}
	p, err := parsePattern(words[1])
	if err != nil || p.Host.IsAddr() {
		return "", false
	}
	return p.String(), true
}

// trimPunctuation drops what was pasted along with the host: quotation marks, straight or typographic, brackets, list separators.
func trimPunctuation(s string) string {
	return trim(strings.Trim(s, "\"'`´′″“”„‟‘’‚‛«»‹›<>(){},;"))
}

func cutScheme(s string) string {
	scheme, rest, found := strings.Cut(s, "://")
	if found && strings.Trim(strings.ToLower(scheme), "abcdefghijklmnopqrstuvwxyz0123456789+-.") == "" {
		return rest
	}
	return strings.TrimPrefix(s, "//")
}

func cutPath(s string) string {
	if i := strings.IndexAny(s, `/\?#`); i >= 0 {
		return s[:i]
	}
	return s
}

func cutUser(s string) string { return s[strings.LastIndexByte(s, '@')+1:] }

// firstWord is the first of several words that is a host, or the first if none is.
func firstWord(s string) string {
	words := strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) })
	if len(words) < 2 {
		return s
	}
	for i := range words {
		words[i] = strings.TrimRight(words[i], ",;:")
		if _, err := parsePattern(words[i]); err == nil {
			return words[i]
		}
	}
	return words[0]
}

func cutZone(s string) string {
	zone := strings.IndexByte(s, '%')
	if zone < 0 || strings.Count(s[:zone], ":") < 2 {
		return s
	}
	if end := strings.IndexByte(s[zone:], ']'); end >= 0 {
		return s[:zone] + s[zone+end:]
	}
	return s[:zone]
}

func dotToWildcard(s string) string {
	if domain := strings.TrimLeft(s, "."); domain != s && domain != "" {
		return "*." + domain
	}
	return s
}

// moveWildcard brings the last asterisk to the front: *example.com, a.*.example.com and a*b.example.com become *.example.com.
func moveWildcard(s string) string {
	last := strings.LastIndexByte(s, '*')
	if last < 0 || last == 0 && strings.HasPrefix(s, "*.") {
		return s
	}
	domain := s[last+1:]
	if last > 0 {
		_, domain, _ = strings.Cut(domain, ".")
	}
	return "*." + domain
}

func modernIPv4(s string) string {
	host, port, found := cutPort(s)
	name, err := toASCII(host)
	if err != nil {
		return s
	}
	addr, ok := legacyIPv4(strings.TrimSuffix(name, "."))
	switch {
	case !ok:
		return s
	case found:
		return addr.String() + ":" + port
	default:
		return addr.String()
	}
}

// findPlaceholder is the first part of s that stands for something else in documentation or a script: {URL}, ${NAME}, <id>,
// %NAME%.
func findPlaceholder(s string) string {
	for _, marks := range [...][2]string{{"${", "}"}, {"{", "}"}, {"<", ">"}, {"%", "%"}} {
		before, rest, found := strings.Cut(s, marks[0])
		if !found {
			continue
		}
		if name, _, closed := strings.Cut(rest, marks[1]); closed && isPlaceholderName(name) {
			return s[len(before) : len(before)+len(marks[0])+len(name)+len(marks[1])]
		}
	}
	return ""
}

// isPlaceholderName says no to a host or URL that merely stands in brackets.
func isPlaceholderName(s string) bool {
	return s != "" && !strings.ContainsAny(s, ".:/") && strings.ContainsFunc(s, unicode.IsLetter)
}

// trim drops white space around s, and with it what nobody sees: byte order mark, zero-width characters, marks of direction.
func trim(s string) string {
	return strings.TrimFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) })
}

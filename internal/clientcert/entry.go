package clientcert

import (
	"crypto/sha1" //nolint:gosec // only its size
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte"

	"github.com/omsgateway/omsgateway/internal/printable"
	"github.com/omsgateway/omsgateway/internal/reason"
)

// MaxEntry bounds an entry, in bytes. No Subject of a Certificate is longer: a byte of its DER prints as six at most.
const MaxEntry = 6 * maxSubject

// kind is what an entry is compared with.
type kind uint8

const (
	kindCommonName kind = iota
	kindSubject
	kindSHA256
	kindSHA1
	kinds
)

// Entry is one allowed client certificate. There are three forms:
//
//   - text without "=": any CN of the certificate. Case does not matter, nor do blanks at the ends and their number inside.
//   - a distinguished name, as RFC 4514 writes it (CN=a\, b,O=c) or as Windows does (CN="a, b", O=c), with the RDNs in the order
//     of the certificate or the reverse. Values compare like the text above. A backslash is an escape in the one form and a plain
//     character in the other: an entry that can be read both ways matches both.
//   - sha256: or sha1: and the certificate's hash in hexadecimal digits; colons, blanks and hyphens among them are ignored.
type Entry struct {
	kind kind
	text string
	keys []string // sorted
}

// ParseEntry reads an entry; blanks around it are ignored. The error carries a reason.
func ParseEntry(text string) (Entry, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return Entry{}, reason.New(reason.CertificateEmpty, "entry", text)
	}
	if len(text) > MaxEntry {
		return Entry{}, reason.New(reason.CertificateTooLong, "entry", shown(text),
			"length", strconv.Itoa(len(text)), "limit", strconv.Itoa(MaxEntry))
	}
	for i, r := range text {
		_, size := utf8.DecodeRuneInString(text[i:])
		if !unicode.IsPrint(r) || r == utf8.RuneError && size == 1 {
			return Entry{}, reason.New(reason.CertificateCharacter, "entry", shown(text), "character", characterName(text[i:i+size]))
		}
	}
	if name, digits, ok := strings.Cut(text, ":"); ok {
		switch strings.ToLower(name) {
		case "sha256":
			return parseThumbprint(kindSHA256, sha256.Size, text, digits)
		case "sha1":
			return parseThumbprint(kindSHA1, sha1.Size, text, digits)
		}
	}
	if !strings.Contains(text, "=") {
		return Entry{kind: kindCommonName, text: text, keys: []string{string(appendFolded(nil, text))}}, nil
	}
	return parseSubject(text)
}

// String is the entry as it was given, without blanks around it.
func (e Entry) String() string { return e.text }

// Key is the same for entries that match the same certificates, however they are spelled.
func (e Entry) Key() string {
	key := []byte{byte(e.kind)}
	for _, k := range e.keys {
		key = appendPrefixed(key, k)
	}
	return string(key)
}

func parseThumbprint(k kind, size int, text, digits string) (Entry, error) {
	hash, err := hex.DecodeString(strings.NewReplacer(":", "", " ", "", "-", "").Replace(digits))
	if err != nil || len(hash) != size {
		name, _, _ := strings.Cut(text, ":")
		return Entry{}, reason.New(reason.CertificateThumbprint, "entry", shown(text),
			"kind", strings.ToLower(name), "digits", strconv.Itoa(2*size))
	}
	return Entry{kind: k, text: text, keys: []string{string(hash)}}, nil
}

// parseSubject reads a distinguished name with either meaning of the backslash, and in either order of the RDNs.
func parseSubject(text string) (Entry, error) {
	e := Entry{kind: kindSubject, text: text}
	var first error
	for _, escapes := range []bool{true, false} {
		p := nameParser{text: text, rest: text, escapes: escapes}
		name, err := p.name()
		if err != nil {
			if first == nil {
				first = err
			}
			continue
		}
		e.keys = append(e.keys, string(appendKey(nil, name)))
		slices.Reverse(name) // which order the attributes of one RDN have makes no difference
		e.keys = append(e.keys, string(appendKey(nil, name)))
	}
	if len(e.keys) == 0 {
		return Entry{}, first
	}
	slices.Sort(e.keys)
	e.keys = slices.Compact(e.keys)
	return e, nil
}

// nameParser reads the text form of a distinguished name from left to right.
type nameParser struct {
	text    string // the whole entry
	rest    string // what is not read yet
	escapes bool   // whether a backslash is an escape
}

func (p *nameParser) name() ([]attribute, error) {
	var name []attribute
	for rdn := 0; ; {
		a, err := p.attribute()
		if err != nil {
			return nil, err
		}
		a.rdn = rdn
		name = append(name, a)
		p.blanks()
		if p.rest == "" {
			return name, nil
		}
		separator := p.rest[0]
		p.rest = p.rest[1:]
		switch separator {
		case ',', ';':
			rdn++
		case '+':
		default:
			return nil, p.fault("a quote ends within a value")
		}
	}
}

func (p *nameParser) attribute() (attribute, error) {
	name, rest, ok := strings.Cut(p.rest, "=")
	if !ok {
		return attribute{}, p.fault("after the last separator there is no attribute and =")
	}
	name = strings.TrimSpace(name)
	typ, ok := typeNamed(name)
	if !ok {
		return attribute{}, reason.New(reason.CertificateAttribute, "entry", shown(p.text), "attribute", shown(name))
	}
	p.rest = rest
	p.blanks()
	switch {
	case strings.HasPrefix(p.rest, `"`):
		p.rest = p.rest[1:]
		return p.quoted(typ)
	case strings.HasPrefix(p.rest, "#"):
		return p.hexadecimal(typ)
	}
	return p.plain(typ)
}

// quoted reads up to the closing quote; two quotes are one in the value.
func (p *nameParser) quoted(typ *attributeType) (attribute, error) {
	var value []byte
	for p.rest != "" {
		c := p.rest[0]
		p.rest = p.rest[1:]
		switch {
		case c == '"' && strings.HasPrefix(p.rest, `"`):
			p.rest = p.rest[1:]
			value = append(value, c)
		case c == '"':
			return p.decoded(typ, value)
		case c == '\\' && p.escapes:
			unescaped, err := p.escape()
			if err != nil {
				return attribute{}, err
			}
			value = append(value, unescaped)
		default:
			value = append(value, c)
		}
	}
	return attribute{}, p.fault("a closing quote is missing")
}

// plain reads up to a separator. Blanks at the end are dropped when values are compared.
func (p *nameParser) plain(typ *attributeType) (attribute, error) {
	var value []byte
	for p.rest != "" && !strings.ContainsRune(",;+", rune(p.rest[0])) {
		c := p.rest[0]
		p.rest = p.rest[1:]
		switch {
		case c == '"':
			return attribute{}, p.fault("a quote begins within a value")
		case c == '\\' && p.escapes:
			unescaped, err := p.escape()
			if err != nil {
				return attribute{}, err
			}
			value = append(value, unescaped)
		default:
			value = append(value, c)
		}
	}
	return p.decoded(typ, value)
}

// hexadecimal reads the DER of a value (RFC 4514, section 2.4).
func (p *nameParser) hexadecimal(typ *attributeType) (attribute, error) {
	end := strings.IndexAny(p.rest, ",;+")
	if end < 0 {
		end = len(p.rest)
	}
	raw, err := hex.DecodeString(strings.TrimSpace(p.rest[1:end]))
	p.rest = p.rest[end:]
	element := cryptobyte.String(raw)
	if err != nil || !element.ReadAnyASN1Element(new(cryptobyte.String), nil) || !element.Empty() {
		return attribute{}, p.fault("after # there is no DER value in hexadecimal digits")
	}
	return readValue(typ, raw), nil
}

// escape reads what follows a backslash: a character that means something, or the two digits of a byte.
func (p *nameParser) escape() (byte, error) {
	if p.rest != "" && strings.ContainsRune(` "#+,;<=>\`, rune(p.rest[0])) {
		c := p.rest[0]
		p.rest = p.rest[1:]
		return c, nil
	}
	if len(p.rest) >= 2 {
		if b, err := hex.DecodeString(p.rest[:2]); err == nil {
			p.rest = p.rest[2:]
			return b[0], nil
		}
	}
	return 0, p.fault("after a backslash there is neither a special character nor two hexadecimal digits")
}

func (p *nameParser) decoded(typ *attributeType, value []byte) (attribute, error) {
	if !utf8.Valid(value) {
		return attribute{}, p.fault("the bytes after backslashes are not UTF-8")
	}
	return attribute{typ: typ, text: string(value), decoded: true}, nil
}

func (p *nameParser) blanks() { p.rest = strings.TrimLeft(p.rest, " ") }

func (p *nameParser) fault(problem string) error {
	return reason.New(reason.CertificateSyntax, "entry", shown(p.text), "problem", problem)
}

// shown is text cut for an error, and spelled as an entry could be: what cannot be printed is escaped as in a distinguished name.
func shown(text string) string {
	const limit = 256 // bytes
	return string(appendEscaped(nil, strings.ToValidUTF8(printable.Cut(text, limit), "\uFFFD")))
}

// characterName names a rune that cannot be printed, or a byte that is no UTF-8.
func characterName(character string) string {
	if r, size := utf8.DecodeRuneInString(character); r != utf8.RuneError || size > 1 {
		return fmt.Sprintf("%U", r)
	}
	return fmt.Sprintf("byte 0x%02X", character[0])
}

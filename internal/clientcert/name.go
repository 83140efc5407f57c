package clientcert

import (
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// String types of X.680 that a value can have, beside those that cryptobyte names.
const (
	numericString   asn1.Tag = 18
	visibleString   asn1.Tag = 26
	universalString asn1.Tag = 28
	bmpString       asn1.Tag = 30
)

// attribute is one AttributeTypeAndValue (RFC 5280, section 4.1.2.4). Those of an RDN are neighbours in their name.
type attribute struct {
	rdn     int // the number of its RDN
	typ     *attributeType
	text    string // the value, if decoded
	decoded bool
	raw     []byte // the DER of the value, if it comes from DER
}

// readName appends the attributes of an RDNSequence to name, which is empty. Values that cannot be decoded are kept as DER; a
// sequence that is not well-formed or larger than maxSubject is not ok.
func readName(name []attribute, raw []byte) (_ []attribute, ok bool) {
	var sequence cryptobyte.String
	in := cryptobyte.String(raw)
	if len(raw) > maxSubject || !in.ReadASN1(&sequence, asn1.SEQUENCE) || !in.Empty() {
		return nil, false
	}
	for rdn := 0; !sequence.Empty(); rdn++ {
		var set cryptobyte.String
		if !sequence.ReadASN1(&set, asn1.SET) || set.Empty() {
			return nil, false
		}
		for !set.Empty() {
			var pair, oid, value cryptobyte.String
			if !set.ReadASN1(&pair, asn1.SEQUENCE) || !pair.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) ||
				!pair.ReadAnyASN1Element(&value, nil) || !pair.Empty() {
				return nil, false
			}
			typ, ok := typeOf(oid)
			if !ok {
				return nil, false
			}
			a := readValue(typ, value)
			a.rdn = rdn
			name = append(name, a)
		}
	}
	return name, true
}

// firstRDN parts name, which is not empty, after its first RDN.
func firstRDN(name []attribute) (rdn, rest []attribute) {
	n := 1
	for n < len(name) && name[n].rdn == name[0].rdn {
		n++
	}
	return name[:n], name[n:]
}

// lastRDN parts name, which is not empty, before its last RDN.
func lastRDN(name []attribute) (rest, rdn []attribute) {
	n := len(name) - 1
	for n > 0 && name[n-1].rdn == name[n].rdn {
		n--
	}
	return name[:n], name[n:]
}

// readValue decodes the DER element raw.
func readValue(typ *attributeType, raw []byte) attribute {
	var contents cryptobyte.String
	var tag asn1.Tag
	element := cryptobyte.String(raw)
	element.ReadAnyASN1(&contents, &tag)
	text, ok := decode(tag, contents)
	return attribute{typ: typ, text: text, decoded: ok, raw: raw}
}

// decode is the text of a string value. T61String is read as Latin-1, as everybody writes it.
func decode(tag asn1.Tag, contents []byte) (string, bool) {
	switch tag {
	case asn1.UTF8String:
		return string(contents), utf8.Valid(contents)
	case numericString, asn1.PrintableString, asn1.IA5String, visibleString:
		return string(contents), !slices.ContainsFunc(contents, func(b byte) bool { return b >= utf8.RuneSelf })
	case asn1.T61String:
		var b strings.Builder
		for _, c := range contents {
			b.WriteRune(rune(c))
		}
		return b.String(), true
	case bmpString:
		return decodeBMP(contents)
	case universalString:
		return decodeUniversal(contents)
	}
	return "", false
}

// decodeBMP reads UTF-16, which is what Windows writes into a BMPString; a surrogate alone is not ok.
func decodeBMP(contents []byte) (string, bool) {
	if len(contents)%2 != 0 {
		return "", false
	}
	var b strings.Builder
	for ; len(contents) > 0; contents = contents[2:] {
		r := rune(binary.BigEndian.Uint16(contents))
		if utf16.IsSurrogate(r) {
			if contents = contents[2:]; len(contents) == 0 {
				return "", false
			}
			if r = utf16.DecodeRune(r, rune(binary.BigEndian.Uint16(contents))); r == utf8.RuneError {
				return "", false
			}
		}
		b.WriteRune(r)
	}
	return b.String(), true
}

func decodeUniversal(contents []byte) (string, bool) {
	if len(contents)%4 != 0 {
		return "", false
	}
	var b strings.Builder
	for ; len(contents) > 0; contents = contents[4:] {
		v := binary.BigEndian.Uint32(contents)
		if v > utf8.MaxRune || !utf8.ValidRune(rune(v)) {
			return "", false
		}
		b.WriteRune(rune(v))
	}
	return b.String(), true
}

// appendKey encodes a name so that equal keys are equal names: RDNs in their order, the attributes of each as a set, values
// folded, or as DER where there is no text.
func appendKey(dst []byte, name []attribute) []byte {
	for len(name) > 0 {
		var rdn []attribute
		rdn, name = firstRDN(name)
		dst = binary.AppendUvarint(dst, uint64(len(rdn)))
		if len(rdn) == 1 {
			dst = appendAttributeKey(dst, rdn[0])
			continue
		}
		keys := make([]string, len(rdn))
		for i, a := range rdn {
			keys[i] = string(appendAttributeKey(nil, a))
		}
		slices.Sort(keys)
		for _, key := range keys {
			dst = append(dst, key...)
		}
	}
	return dst
}

func appendAttributeKey(dst []byte, a attribute) []byte {
	dst = appendPrefixed(dst, a.typ.oid)
	if !a.decoded {
		return appendPrefixed(append(dst, 'd'), a.raw)
	}
	var room [128]byte
	return appendPrefixed(append(dst, 't'), appendFolded(room[:0], a.text))
}

func appendPrefixed[T string | []byte](dst []byte, s T) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// appendName prints a name as X500DistinguishedName.Name of .NET does (CERT_X500_NAME_STR and CERT_NAME_STR_REVERSE_FLAG of
// CertNameToStr), with two differences: a backslash is doubled, and what is not printable is escaped as in RFC 4514.
func appendName(dst []byte, name []attribute) []byte {
	for len(name) > 0 {
		var rdn []attribute
		name, rdn = lastRDN(name)
		for i, a := range rdn {
			if i > 0 {
				dst = append(dst, " + "...)
			}
			dst = append(dst, a.typ.String()...)
			dst = append(dst, '=')
			if a.decoded {
				dst = appendQuoted(dst, a.text)
			} else {
				dst = hex.AppendEncode(append(dst, '#'), a.raw)
			}
		}
		if len(name) > 0 {
			dst = append(dst, ", "...)
		}
	}
	return dst
}

// appendQuoted prints a value, in quotes if it is empty, begins or ends with a blank or has a character that means something.
func appendQuoted(dst []byte, text string) []byte {
	if text != "" && text[0] != ' ' && text[len(text)-1] != ' ' && !strings.ContainsAny(text, `,;+="<>#`) {
		return appendEscaped(dst, text)
	}
	dst = append(dst, '"')
	dst = appendEscaped(dst, strings.ReplaceAll(text, `"`, `""`))
	return append(dst, '"')
}

package clientcert_test

import (
	"crypto/sha1"
	"crypto/sha256"
	"testing"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/omsgateway/omsgateway/internal/clientcert"
)

// String types by tag.
const (
	utf8String      = 12
	numericString   = 18
	printableString = 19
	teletexString   = 20
	ia5String       = 22
	visibleString   = 26
	universalString = 28
	bmpString       = 30
	octetString     = 4
)

// Contents octets of attribute types.
const (
	cn    = "\x55\x04\x03"
	ou    = "\x55\x04\x0b"
	o     = "\x55\x04\x0a"
	state = "\x55\x04\x08"
	email = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01"
	other = "\x2a\x03\x04" // 1.2.3.4
)

type attribute struct {
	oid   string
	tag   uint8
	value string
}

func text(oid, value string) []attribute { return []attribute{{oid, utf8String, value}} }

// name is the DER of an RDNSequence.
func name(t testing.TB, rdns ...[]attribute) []byte {
	t.Helper()
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		for _, rdn := range rdns {
			b.AddASN1(asn1.SET, func(b *cryptobyte.Builder) {
				for _, a := range rdn {
					b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
						b.AddASN1(asn1.OBJECT_IDENTIFIER, func(b *cryptobyte.Builder) { b.AddBytes([]byte(a.oid)) })
						b.AddASN1(asn1.Tag(a.tag), func(b *cryptobyte.Builder) { b.AddBytes([]byte(a.value)) })
					})
				}
			})
		}
	})
	return b.BytesOrPanic()
}

// certificate is a certificate with that subject which crypto/x509 would refuse: its serial number is negative, its dates and
// its key are nothing.
func certificate(subject []byte) []byte {
	var b cryptobyte.Builder
	empty := func(*cryptobyte.Builder) {}
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.Tag(0).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) { b.AddASN1Int64(2) })
			b.AddASN1Int64(-5)
			b.AddASN1(asn1.SEQUENCE, empty)
			b.AddBytes([]byte{0x30, 0})
			b.AddASN1(asn1.SEQUENCE, empty)
			b.AddBytes(subject)
		})
		b.AddASN1(asn1.SEQUENCE, empty)
		b.AddASN1BitString(nil)
	})
	return b.BytesOrPanic()
}

func parse(t testing.TB, rdns ...[]attribute) *clientcert.Certificate {
	t.Helper()
	der := certificate(name(t, rdns...))
	c := clientcert.Parse(der)
	if c.SHA256 != sha256.Sum256(der) || c.SHA1 != sha1.Sum(der) {
		t.Fatal("a thumbprint is not the hash of the certificate")
	}
	return c
}

func matches(t testing.TB, entry string, c *clientcert.Certificate) bool {
	t.Helper()
	list, err := clientcert.Compile([]string{entry})
	if err != nil {
		t.Fatalf("Compile(%q): %v", entry, err)
	}
	got, ok := list.Match(c)
	if want := map[bool]string{true: entry}[ok]; got != want {
		t.Fatalf("Match tells the entry %q, want %q", got, want)
	}
	return ok
}

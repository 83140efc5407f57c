// Package clientcert knows the client certificates that a TLS handshake shows, as far as the list of allowed client
// certificates is concerned: it reads the subject of one, prints it, and matches it against the entries of the list.
//
// It proves nothing: whether the client has the private key is the server's to check, and a self-signed certificate can carry
// any subject.
package clientcert

import (
	"crypto/sha1" //nolint:gosec // SHA-1 is how Windows names a certificate; SHA-256 stands beside it
	"crypto/sha256"
	"encoding/hex"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// maxSubject bounds the DER of a subject that is read, in bytes. Subjects of the field have some hundred.
const maxSubject = 4096

// Certificate is what is known of a client certificate. It is never changed once it is made.
type Certificate struct {
	// Subject is the distinguished name as Windows prints it, the last RDN first, for example "CN=a, O=b": what is not printable
	// is escaped as in RFC 4514, section 2.4. A certificate with no subject, or with one that cannot be read, prints as
	// sha256:thumbprint. In either form it is an entry that matches this certificate.
	Subject string
	// CommonNames are all CNs in the order of the certificate, decoded by string type; those that cannot be decoded are left out.
	CommonNames []string
	// RawSubject is the DER of the RDNSequence; empty if it cannot be read.
	RawSubject []byte
	// SHA256 and SHA1 are the hashes of the whole certificate.
	SHA256 [sha256.Size]byte
	SHA1   [sha1.Size]byte

	key string // of the subject; empty if there is none
}

// Parse reads the DER of a certificate (RFC 5280, section 4.1) as far as the subject. It accepts certificates that crypto/x509
// refuses, since agents in the field have such. One that it cannot read either has thumbprints and nothing else.
func Parse(der []byte) *Certificate {
	raw, _ := rawSubject(der)
	return Restore(raw, sha256.Sum256(der), sha1.Sum(der)) //nolint:gosec // see the import
}

// Restore makes a Certificate again from what was kept of it: RawSubject, SHA256 and SHA1. It keeps no reference to raw.
func Restore(raw []byte, strong [sha256.Size]byte, weak [sha1.Size]byte) *Certificate {
	c := &Certificate{SHA256: strong, SHA1: weak}
	// As much as subjects of the field need, so that of theirs nothing is allocated but what is kept.
	var (
		room         [8]attribute
		subject, key [256]byte
	)
	name, ok := readName(room[:0], raw)
	if !ok || len(name) == 0 {
		c.Subject = "sha256:" + hex.EncodeToString(strong[:])
		return c
	}
	c.RawSubject = append([]byte(nil), raw...)
	c.Subject = string(appendName(subject[:0], name))
	c.key = string(appendKey(key[:0], name))
	for _, a := range name {
		if a.typ.oid == commonName && a.decoded {
			c.CommonNames = append(c.CommonNames, a.text)
		}
	}
	return c
}

// rawSubject walks the certificate to the subject without judging the parts on the way.
func rawSubject(der []byte) ([]byte, bool) {
	var certificate, tbs, subject cryptobyte.String
	in := cryptobyte.String(der)
	version := asn1.Tag(0).ContextSpecific().Constructed()
	ok := in.ReadASN1(&certificate, asn1.SEQUENCE) && in.Empty() &&
		certificate.ReadASN1(&tbs, asn1.SEQUENCE) &&
		certificate.SkipASN1(asn1.SEQUENCE) && // signature algorithm
		certificate.SkipASN1(asn1.BIT_STRING) && // signature
		certificate.Empty() &&
		tbs.SkipOptionalASN1(version) &&
		tbs.SkipASN1(asn1.INTEGER) && // serial number
		tbs.SkipASN1(asn1.SEQUENCE) && // signature algorithm
		tbs.SkipASN1(asn1.SEQUENCE) && // issuer
		tbs.SkipASN1(asn1.SEQUENCE) && // validity
		tbs.ReadASN1Element(&subject, asn1.SEQUENCE)
	return subject, ok
}

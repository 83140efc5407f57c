package clientcert_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"math/big"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/omsgateway/omsgateway/internal/clientcert"
)

func TestParse(t *testing.T) {
	for title, c := range map[string]struct {
		rdns    [][]attribute
		subject string
		names   []string
	}{
		"an agent on Windows": {
			[][]attribute{text(cn, "6d9b-1"), text(ou, "Microsoft Monitoring Agent"), text(o, "Microsoft")},
			"O=Microsoft, OU=Microsoft Monitoring Agent, CN=6d9b-1", []string{"6d9b-1"},
		},
		"an agent on Linux has two CNs": {
			[][]attribute{text(cn, "workspace"), text(cn, "agent"), text(ou, "Linux Monitoring Agent"), text(o, "Microsoft")},
			"O=Microsoft, OU=Linux Monitoring Agent, CN=agent, CN=workspace", []string{"workspace", "agent"},
		},
		"an RDN with two values": {
			[][]attribute{{{cn, utf8String, "a"}, {ou, utf8String, "b"}}, text(o, "c")}, "O=c, CN=a + OU=b", []string{"a"},
		},
		"what needs quotes": {
			[][]attribute{text(cn, `a, "b"; c`), text(cn, ` a`), text(cn, `a `), text(cn, ``), text(cn, `#a`)},
			`CN="#a", CN="", CN="a ", CN=" a", CN="a, ""b""; c"`, []string{`a, "b"; c`, ` a`, `a `, ``, `#a`},
		},
		"a backslash": {[][]attribute{text(cn, `CORP\admin`)}, `CN=CORP\\admin`, []string{`CORP\admin`}},
		"control and invisible characters": {
			[][]attribute{text(cn, "a\nb\x00c\u2028d\u202ee")}, `CN=a\0Ab\00c\E2\80\A8d\E2\80\AEe`, []string{"a\nb\x00c\u2028d\u202ee"},
		},
		"string types": {
			[][]attribute{
				{{cn, printableString, "p*"}},
				{{cn, teletexString, "t\xe9"}},
				{{cn, ia5String, "i@"}},
				{{cn, visibleString, "v"}},
				{{cn, numericString, "1 2"}},
				{{cn, bmpString, "\x00b\x20\xac\xd8\x3d\xde\x00"}},
				{{cn, universalString, "\x00\x00\x00u\x00\x01\xf6\x00"}},
			},
			"CN=u😀, CN=b€😀, CN=1 2, CN=v, CN=i@, CN=té, CN=p*", []string{"p*", "té", "i@", "v", "1 2", "b€😀", "u😀"},
		},
		"what cannot be decoded": {
			[][]attribute{
				{{cn, utf8String, "\xff"}},
				{{cn, printableString, "\xe9"}},
				{{cn, bmpString, "odd"}},
				{{cn, bmpString, "\xd8\x00"}},
				{{cn, bmpString, "\xd8\x00\x00a"}},
				{{cn, bmpString, "\xdc\x00\xdc\x00"}},
				{{cn, universalString, "\x00\x00\xd8\x00"}},
				{{cn, universalString, "\xff\x00\x00\x00"}},
				{{cn, universalString, "abc"}},
				{{cn, octetString, "a"}},
			},
			"CN=#040161, CN=#1c03616263, CN=#1c04ff000000, CN=#1c040000d800, CN=#1e04dc00dc00, CN=#1e04d8000061, " +
				"CN=#1e02d800, CN=#1e036f6464, CN=#1301e9, CN=#0c01ff", nil,
		},
		"other attributes": {
			[][]attribute{
				text(state, "s"), {{email, ia5String, "e@x"}}, text(other, "n"),
				text("\x69\x83\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", "big"),
			},
			"OID.2.25.604462909807314587353087=big, OID.1.2.3.4=n, E=e@x, S=s", nil,
		},
	} {
		t.Run(title, func(t *testing.T) {
			got := parse(t, c.rdns...)
			if diff := cmp.Diff(c.subject, got.Subject); diff != "" {
				t.Errorf("Subject (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.names, got.CommonNames); diff != "" {
				t.Errorf("CommonNames (-want +got):\n%s", diff)
			}
			if !bytes.Equal(got.RawSubject, name(t, c.rdns...)) {
				t.Errorf("RawSubject is not the subject's DER")
			}
			if !matches(t, got.Subject, got) {
				t.Errorf("the printed subject is an entry that does not match")
			}
			again := clientcert.Restore(got.RawSubject, got.SHA256, got.SHA1)
			if diff := cmp.Diff(got, again, cmp.AllowUnexported(clientcert.Certificate{})); diff != "" {
				t.Errorf("restored (-parsed +restored):\n%s", diff)
			}
		})
	}
}

func TestUnreadableCertificateHasThumbprintsOnly(t *testing.T) {
	good := certificate(name(t, text(cn, "a")))
	long := name(t, text(cn, strings.Repeat("a", 4096)))
	for title, der := range map[string][]byte{
		"nothing":                {},
		"no DER":                 []byte("certificate"),
		"cut":                    good[:len(good)-1],
		"bytes after it":         append(bytes.Clone(good), 0),
		"no subject":             certificate(name(t)),
		"empty RDN":              certificate([]byte{0x30, 2, 0x31, 0}),
		"subject is no sequence": certificate([]byte{0x31, 0}),
		"attribute without type": certificate([]byte{0x30, 6, 0x31, 4, 0x30, 2, 0x05, 0}),
		"type is no OID":         certificate(name(t, text("\x80\x01", "a"))),
		"value with a rest":      certificate([]byte{0x30, 13, 0x31, 11, 0x30, 9, 6, 3, 0x55, 4, 3, 5, 0, 5, 0}),
		"subject too long":       certificate(long),
		"indefinite length":      append([]byte{0x30, 0x80}, good[2:]...),
	} {
		t.Run(title, func(t *testing.T) {
			c := clientcert.Parse(der)
			if want := "sha256:" + hex.EncodeToString(c.SHA256[:]); c.Subject != want || c.CommonNames != nil || c.RawSubject != nil {
				t.Errorf("got subject %q, CNs %q, DER %x", c.Subject, c.CommonNames, c.RawSubject)
			}
			if !matches(t, c.Subject, c) || !matches(t, "sha1:"+hex.EncodeToString(c.SHA1[:]), c) {
				t.Error("its thumbprint does not match")
			}
			if matches(t, "a", c) || matches(t, "CN=a", c) {
				t.Error("it matches a name")
			}
		})
	}
}

func TestParseReadsCertificatesOfTheStandardLibrary(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "agent", Organization: []string{"Microsoft"}, OrganizationalUnit: []string{"a, b"}},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	c := clientcert.Parse(der)
	if c.Subject != `CN=agent, OU="a, b", O=Microsoft` {
		t.Errorf("Subject is %q", c.Subject)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	if !matches(t, parsed.Subject.String(), c) { // RFC 2253
		t.Errorf("%s does not match", parsed.Subject)
	}
}

package clientcert_test

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/omsgateway/omsgateway/internal/clientcert"
	"github.com/omsgateway/omsgateway/internal/reason"
)

func TestMatch(t *testing.T) {
	linux := parse(t, text(cn, "Workspace  One"), text(cn, "agent"), text(ou, "Linux Monitoring Agent"), text(o, "Microsoft"))
	multi := parse(t, []attribute{{cn, utf8String, "a"}, {ou, printableString, "b"}, {cn, utf8String, "c"}}, text(o, "d"))
	special := parse(t, text(cn, `a, b`), text(o, `CORP\4all`))
	backslash := parse(t, text(cn, `CORP\user`))
	bmp := parse(t, []attribute{{cn, bmpString, "\x00A\x00\xc4\x21\x2a"}})
	zero := parse(t, text(cn, "agent\x00.evil"))
	mixed := parse(t, []attribute{{cn, utf8String, "\xff"}}, text(cn, "good"))
	blank := parse(t, text(cn, "  "), text(o, ""))
	unknown := parse(t, []attribute{{other, octetString, "a"}}, text(email, "e@x"))

	for _, c := range []struct {
		entry string
		cert  *clientcert.Certificate
		want  bool
	}{
		{"agent", linux, true},
		{" AGENT ", linux, true},
		{"workspace one", linux, true},
		{"workspace    one", linux, true},
		{"workspaceone", linux, false},
		{"agen", linux, false},
		{"agent.", linux, false},
		{"Microsoft", linux, false}, // an O, no CN
		{"CN=agent", linux, false},
		{"CN=Workspace One, CN=agent, OU=Linux Monitoring Agent, O=Microsoft", linux, true},
		{"O=Microsoft,OU=Linux Monitoring Agent,CN=agent,CN=Workspace One", linux, true},
		{"o = microsoft ; ou = linux  monitoring agent ; cn = AGENT ; commonName = workspace one", linux, true},
		{"2.5.4.10=Microsoft, oid.2.5.4.11=Linux Monitoring Agent, CN=agent, CN=Workspace One", linux, true},
		{`O="Microsoft", OU=Linux\20Monitoring Agent, CN=\61gent, CN=#0c0d576f726b7370616365204f6e65`, linux, true},
		{"O=Microsoft, OU=Linux Monitoring Agent, CN=Workspace One, CN=agent", linux, false}, // neither order
		{"CN=Workspace One, CN=agent, OU=Linux Monitoring Agent", linux, false},
		{"CN=agent+OU=b, O=d", multi, false},
		{"OU=b+CN=c+CN=a, O=d", multi, true},
		{"O=d, CN=a + CN=c + OU=b", multi, true},
		{"CN=a, CN=c, OU=b, O=d", multi, false},
		{"c", multi, true},
		{`CN=a\, b,O=CORP\5C4all`, special, true},
		{`CN="a, b", O=CORP\4all`, special, true},
		{`CN="a, b", O=CORPJll`, special, false},
		{`a, b`, special, true},
		{`CN=CORP\user`, backslash, true},
		{`CN=CORP\\user`, backslash, true},
		{`CN=CORP\5cuser`, backslash, true},
		{`CORP\user`, backslash, true},
		{`aäk`, bmp, true},
		{`CN=AÄK`, bmp, true},
		{`CN=#1e06004100c4212a`, bmp, true},
		{"agent", zero, false},
		{`CN=agent\00.evil`, zero, true},
		{`CN=agent`, zero, false},
		{"good", mixed, true},
		{"CN=good, CN=#0c01ff", mixed, true},
		{"CN=good, CN=#0c01fe", mixed, false},
		{"CN=good, CN=", mixed, false},
		{`CN="", O=`, blank, true},
		{"1.2.3.4=#040161, E=E@X", unknown, true},
		{"1.2.3.4=a, E=E@X", unknown, false},
	} {
		t.Run(c.entry, func(t *testing.T) {
			if got := matches(t, strings.TrimSpace(c.entry), c.cert); got != c.want {
				t.Errorf("%q against %s: %v, want %v", c.entry, c.cert.Subject, got, c.want)
			}
		})
	}
}

func TestMatchOfThumbprints(t *testing.T) {
	a, b := parse(t, text(cn, "a")), parse(t, text(cn, "b"))
	colons := func(hash []byte) string { return strings.TrimSpace(fmt.Sprintf("% X", hash)) }
	for _, entry := range []string{
		"sha256:" + hex.EncodeToString(a.SHA256[:]),
		"SHA256: " + colons(a.SHA256[:]),
		"sha1:" + strings.ReplaceAll(colons(a.SHA1[:]), " ", ":"),
		"Sha1:" + hex.EncodeToString(a.SHA1[:]),
	} {
		if !matches(t, entry, a) {
			t.Errorf("%s does not match its certificate", entry)
		}
		if matches(t, entry, b) {
			t.Errorf("%s matches another certificate", entry)
		}
	}
}

func TestEmptyListMatchesNothing(t *testing.T) {
	c := parse(t, text(cn, "a"))
	empty, err := clientcert.Compile(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range []*clientcert.List{nil, empty} {
		if entry, ok := list.Match(c); ok {
			t.Errorf("an empty list matches by %q", entry)
		}
	}
	if _, ok := empty.Match(nil); ok {
		t.Error("no certificate matches")
	}
}

func TestParseEntryRefuses(t *testing.T) {
	for _, c := range []struct {
		entry string
		want  reason.Reason
		part  string // of the text
	}{
		{"", reason.CertificateEmpty, "empty"},
		{" \t\n", reason.CertificateEmpty, "empty"},
		{strings.Repeat("a", clientcert.MaxEntry+1), reason.CertificateTooLong, "24577 bytes"},
		{"a\x00b", reason.CertificateCharacter, `"a\00b" has the character U+0000`},
		{"a\tb", reason.CertificateCharacter, "U+0009"},
		{"\u200esha1:00", reason.CertificateCharacter, "U+200E"},
		{"a\xffb", reason.CertificateCharacter, "byte 0xFF"},
		{"sha256:" + strings.Repeat("x", 250), reason.CertificateThumbprint, `"sha256:` + strings.Repeat("x", 246) + `..." is not`},
		{"sha256:" + strings.Repeat("x", 245) + "€€", reason.CertificateThumbprint,
			`"sha256:` + strings.Repeat("x", 245) + `..." is not`},
		{"sha256:", reason.CertificateThumbprint, "64 hexadecimal digits"},
		{"sha256:" + strings.Repeat("0", 40), reason.CertificateThumbprint, "64"},
		{"SHA1:" + strings.Repeat("0", 64), reason.CertificateThumbprint, "sha1: is followed by 40"},
		{"sha1:" + strings.Repeat("x", 40), reason.CertificateThumbprint, "40"},
		{"=a", reason.CertificateAttribute, `attribute ""`},
		{"XX=a", reason.CertificateAttribute, `attribute "XX"`},
		{"/C=US/CN=a", reason.CertificateAttribute, `attribute "/C"`},
		{"a==", reason.CertificateAttribute, `attribute "a"`},
		{"1.=a", reason.CertificateAttribute, `attribute "1."`},
		{"3.1=a", reason.CertificateAttribute, `attribute "3.1"`},
		{"CN=a,", reason.CertificateSyntax, "no attribute"},
		{"CN=a, b", reason.CertificateSyntax, "no attribute"},
		{`CN="a`, reason.CertificateSyntax, "closing quote"},
		{`CN="a"b`, reason.CertificateSyntax, "quote ends within"},
		{`CN=a"b"`, reason.CertificateSyntax, "quote begins within"},
		{"CN=#", reason.CertificateSyntax, "DER"},
		{"CN=#0c", reason.CertificateSyntax, "DER"},
		{"CN=#0c0161ff", reason.CertificateSyntax, "DER"},
		{"CN=#xyz", reason.CertificateSyntax, "DER"},
		{`CN="a\" b`, reason.CertificateSyntax, "closing quote"},
	} {
		t.Run(c.entry[:min(len(c.entry), 40)], func(t *testing.T) {
			_, err := clientcert.ParseEntry(c.entry)
			if got := reason.Of(err); got != c.want {
				t.Fatalf("reason %q, want %q (%v)", got, c.want, err)
			}
			if !strings.Contains(err.Error(), c.part) || strings.Contains(err.Error(), "{") {
				t.Errorf("text %q, want %q in it and no part open", err, c.part)
			}
			if _, err := clientcert.Compile([]string{"good", c.entry}); reason.Of(err) != c.want {
				t.Errorf("Compile: %v", err)
			}
		})
	}
}

func TestEntryKey(t *testing.T) {
	same := [][]string{
		{"agent one", " Agent  ONE "},
		{"CN=a, O=b", "o=B,cn=A", `O="b" ; CN="a"`, "2.5.4.3=a,2.5.4.10=#0c0162"},
		{"sha1:" + strings.Repeat("ab", 20), "SHA1:" + strings.Repeat("AB ", 20)},
		{"CN=a"},
		{"a"},
		{"CN=a + O=b", "O=b+CN=a"},
	}
	keys := map[string]int{}
	for i, entries := range same {
		for _, text := range entries {
			e, err := clientcert.ParseEntry(text)
			if err != nil {
				t.Fatal(err)
			}
			if e.String() != strings.TrimSpace(text) {
				t.Errorf("String is %q, want %q", e, text)
			}
			if j, ok := keys[e.Key()]; ok && j != i {
				t.Errorf("%q has the key of %q", text, same[j][0])
			}
			keys[e.Key()] = i
		}
	}
	if len(keys) != len(same) {
		t.Errorf("%d keys, want %d", len(keys), len(same))
	}
}

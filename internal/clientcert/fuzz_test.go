package clientcert_test

import (
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/omsgateway/omsgateway/internal/clientcert"
)

// FuzzSubject: whatever a subject is, it prints without anything that cannot be seen, and what is printed matches it.
func FuzzSubject(f *testing.F) {
	f.Add(name(f, text(cn, "workspace"), text(cn, "agent"), text(ou, "Linux Monitoring Agent"), text(o, "Microsoft")))
	f.Add(name(f, []attribute{{cn, teletexString, "a\x80\\"}, {other, octetString, "b"}}, text(o, ` "x", \n `)))
	f.Add(name(f, []attribute{{cn, bmpString, "\x20\x28\x00+"}}, text(email, "\xff")))
	f.Add([]byte{0x30, 0})
	f.Fuzz(func(t *testing.T, raw []byte) {
		c := clientcert.Parse(certificate(raw))
		for _, r := range c.Subject {
			if !unicode.IsPrint(r) {
				t.Fatalf("subject %q has the character %U", c.Subject, r)
			}
		}
		if !matches(t, c.Subject, c) {
			t.Fatalf("the printed subject %q does not match", c.Subject)
		}
	})
}

// FuzzEntry: an entry that is read is read again from its String, to the same key.
func FuzzEntry(f *testing.F) {
	for _, text := range []string{
		"agent", "CN=a, O=b", `CN="a, ""b"""`, `CN=a\, b\0a+OU=#0c0161;O=c`, `CN=CORP\4all`,
		"sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := clientcert.ParseEntry(text)
		if err != nil {
			return
		}
		again, err := clientcert.ParseEntry(e.String())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(e, again, cmp.AllowUnexported(clientcert.Entry{})); diff != "" {
			t.Fatalf("read again:\n%s", diff)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	der := certificate(name(b, text(cn, "11111111-2222-3333-4444-555555555555"), text(cn, "66666666-7777-8888-9999-aaaaaaaaaaaa"),
		text(ou, "Linux Monitoring Agent"), text(o, "Microsoft")))
	b.ReportAllocs()
	for b.Loop() {
		if c := clientcert.Parse(der); len(c.CommonNames) != 2 {
			b.Fatal(c)
		}
	}
}

func BenchmarkMatch(b *testing.B) {
	c := parse(b, text(cn, "11111111-2222-3333-4444-555555555555"), text(cn, "66666666-7777-8888-9999-aaaaaaaaaaaa"),
		text(ou, "Linux Monitoring Agent"), text(o, "Microsoft"))
	entries := []string{"sha256:" + thousand(64), "sha1:" + thousand(40), c.Subject}
	for i := range 1000 {
		entries = append(entries, "agent "+thousand(i))
	}
	list, err := clientcert.Compile(entries)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() { // the last way of matching: everything before it fails
		if _, ok := list.Match(c); !ok {
			b.Fatal("no match")
		}
	}
}

func thousand(n int) string {
	digits := make([]byte, n)
	for i := range digits {
		digits[i] = '1'
	}
	return string(digits)
}

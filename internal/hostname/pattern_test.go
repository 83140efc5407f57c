package hostname_test

import (
	"cmp"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/reason"
)

var (
	label63 = strings.Repeat("a", 63)
	name253 = strings.Repeat(label63+".", 3) + strings.Repeat("b", 61)
	// Below a domain of 251 octets there is room for one more label of one octet.
	domain251 = strings.Repeat(label63+".", 3) + strings.Repeat("b", 59)
)

// accepted are spellings and their canonical form.
var accepted = []struct{ name, in, want string }{
	{"name", "a.example.com", "a.example.com"},
	{"one label", "localhost", "localhost"},
	{"upper case", "A.Example.COM", "a.example.com"},
	{"final dot", "a.example.com.", "a.example.com"},
	{"final dot and port", "a.example.com.:8443", "a.example.com:8443"},
	{"port 443", "a.example.com:443", "a.example.com"},
	{"port 1", "a.example.com:1", "a.example.com:1"},
	{"port 65535", "a.example.com:65535", "a.example.com:65535"},
	{"white space around", " \t a.example.com:443 \r\n", "a.example.com"},
	{"no-break spaces around", "\u00a0a.example.com\u202f", "a.example.com"},
	{"byte order mark before", "\ufeffa.example.com", "a.example.com"},
	{"zero-width space after", "a.example.com\u200b", "a.example.com"},
	{"marks of direction around", "\u200ea.example.com\u200f", "a.example.com"},
	{"zero-width space inside", "a.exam\u200bple.com", "a.example.com"},
	{"soft hyphen inside", "a.exam\u00adple.com", "a.example.com"},
	{"underscore", "_dmarc.a_b.example.com", "_dmarc.a_b.example.com"},
	{"two hyphens", "r3---sn-5hne6n7s.example.com", "r3---sn-5hne6n7s.example.com"},
	{"hyphens in the third and fourth place", "ab--cd.example.com", "ab--cd.example.com"},
	{"digits in a label", "42.example.com", "42.example.com"},
	{"no number at the end", "1.2.3.4a", "1.2.3.4a"},
	{"no hexadecimal number at the end", "a.0xg", "a.0xg"},
	{"label of 63", label63 + ".example.com", label63 + ".example.com"},
	{"name of 253", name253, name253},
	{"name of 253 and a final dot", name253 + ".", name253},

	{"IDN", "bücher.example", "xn--bcher-kva.example"},
	{"IDN in upper case", "BÜCHER.Example", "xn--bcher-kva.example"},
	{"IDN not normalized", "bu\u0308cher.example", "xn--bcher-kva.example"},
	{"IDN non-transitional", "faß.example", "xn--fa-hia.example"},
	{"IDN from right to left", "אבג.example", "xn--4dbcd.example"},
	{"IDN of digits and letters", "例え2.example", "xn--2-87t231j.example"},
	{"IDN with a joiner where it belongs", "क्\u200dष.example", "xn--11b2ezcw70k.example"},
	{"IDN with middle dot", "paral·lel.example", "xn--parallel-koa.example"},
	{"A-label", "xn--bcher-kva.example", "xn--bcher-kva.example"},
	{"A-label in upper case", "XN--BCHER-KVA.example", "xn--bcher-kva.example"},
	{"A-label beside IDN", "xn--bcher-kva.bücher.example", "xn--bcher-kva.xn--bcher-kva.example"},
	{"ideographic dots", "a。example．com｡", "a.example.com"},
	{"full-width letters", "ｅｘａｍｐｌｅ.com", "example.com"},

	{"wildcard", "*.example.com", "*.example.com"},
	{"wildcard with port", "*.Example.com.:8443", "*.example.com:8443"},
	{"wildcard with IDN", "*.bücher.example", "*.xn--bcher-kva.example"},
	{"wildcard over 251", "*." + domain251, "*." + domain251},
	{"wildcard below a public suffix", "*.example.co.uk", "*.example.co.uk"},
	{"wildcard below an exception of the list", "*.city.kawasaki.jp", "*.city.kawasaki.jp"},
	{"wildcard over a private last label", "*.corp", "*.corp"},
	{"public suffix itself", "co.uk", "co.uk"},

	{"IPv4", "10.1.2.3", "10.1.2.3"},
	{"IPv4 with port", "10.1.2.3:8443", "10.1.2.3:8443"},
	{"IPv6", "::1", "::1"},
	{"IPv6 in brackets", "[::1]", "::1"},
	{"IPv6 with port", "[::1]:8443", "[::1]:8443"},
	{"IPv6 with port 443", "[2001:DB8::0:1]:443", "2001:db8::1"},
	{"IPv6 that ends in what looks like a port", "2001:db8::1:8443", "2001:db8::1:8443"},
	{"IPv4-mapped", "::ffff:1.2.3.4", "1.2.3.4"},
	{"IPv4-mapped with port", "[::ffff:102:304]:8443", "1.2.3.4:8443"},
}

func TestParsePatternAccepts(t *testing.T) {
	for _, test := range accepted {
		t.Run(test.name, func(t *testing.T) {
			p, err := hostname.ParsePattern(test.in)
			if err != nil {
				t.Fatalf("ParsePattern(%q): %v", test.in, err)
			}
			if got := p.String(); got != test.want {
				t.Errorf("ParsePattern(%q) = %q, want %q", test.in, got, test.want)
			}
			if again, err := hostname.ParsePattern(p.String()); err != nil || again != p {
				t.Errorf("ParsePattern(%q) = %v, %v, want the same pattern again", p.String(), again, err)
			}
		})
	}
}

// refused are spellings, why they are refused, and the text unless it is too long for the table.
var refused = []struct {
	name, in string
	reason   reason.Reason
	text     string
}{
	{"nothing", "", reason.HostEmpty, `the host is empty`},
	{"white space alone", " \t\u00a0\ufeff", reason.HostEmpty, `the host is empty`},
	{"port alone", ":443", reason.HostInvalid, `":443" is not a host name or an IP address`},
	{"dot alone", ".", reason.HostInvalid, `"." is not a host name or an IP address`},
	{"scheme alone", "https://", reason.HostInvalid, `"https://" is not a host name or an IP address`},
	{"name in brackets", "[example.com]", reason.HostInvalid, `"[example.com]" is not a host name or an IP address`},
	{"IPv4 in brackets", "[1.2.3.4]:80", reason.HostInvalid, `"[1.2.3.4]:80" is not a host name or an IP address`},
	{"bracket left open", "[::1", reason.HostInvalid, `"[::1" is not a host name or an IP address`},
	{"wildcard over IPv4", "*.1.2.3.4", reason.HostInvalid, `"*.1.2.3.4" is not a host name or an IP address`},
	{"wildcard over IPv6", "*.[::1]", reason.HostInvalid, `"*.[::1]" is not a host name or an IP address`},
	{"A-label of nothing", "example.com.xn--", reason.HostInvalid, `"example.com.xn--" is not a host name or an IP address`},
	{"A-label of nothing beside IDN", "bü.xn--", reason.HostInvalid, `"bü.xn--" is not a host name or an IP address`},
	{"A-label that is no Punycode", "xn--99999999.com", reason.HostInvalid, `"xn--99999999.com" is not a host name or an IP address`},
	{"A-label of ASCII", "xn--example-.com", reason.HostInvalid, `"xn--example-.com" is not a host name or an IP address`},
	{"mixed directions", "אa.example", reason.HostInvalid, `"אa.example" is not a host name or an IP address`},

	{"URL", "https://a.example.com", reason.HostIsURL, `"https://a.example.com" is a URL; give the host alone: a.example.com`},
	{"URL with port", "http://host:443/", reason.HostIsURL, `"http://host:443/" is a URL; give the host alone: host`},
	{"URL with another port", "HTTPS://host:8443/x", reason.HostIsURL, `"HTTPS://host:8443/x" is a URL; give the host alone: host:8443`},
	{"URL with everything", "https://user:secret@host/path?x=secret", reason.HostIsURL,
		`"https://***@host/path?***" is a URL; give the host alone: host`},
	{"URL without scheme", "//a.example.com/", reason.HostIsURL, `"//a.example.com/" is a URL; give the host alone: a.example.com`},
	{"URL of IPv6", "https://[::1]:8443/", reason.HostIsURL, `"https://[::1]:8443/" is a URL; give the host alone: [::1]:8443`},
	{"URL of a wildcard", "https://*.example.com", reason.HostIsURL,
		`"https://*.example.com" is a URL; give the host alone: *.example.com`},
	{"URL with another mistake", "https://.example.com/", reason.HostIsURL,
		`"https://.example.com/" is a URL; give the host alone: *.example.com`},
	{"URL of what is refused", "https://*.com/", reason.HostWildcardPublicSuffix,
		`"https://*.com/" would allow every name below the public suffix com; name a domain below it`},
	{"path", "a.example.com/", reason.HostHasPath, `"a.example.com/" has a path; give the host alone: a.example.com`},
	{"path with blanks", "a.example.com/x y", reason.HostHasPath, `"a.example.com/x y" has a path; give the host alone: a.example.com`},
	{"path of Windows", `a.example.com\x`, reason.HostHasPath, `"a.example.com\x" has a path; give the host alone: a.example.com`},
	{"query", "a.example.com?sig=secret", reason.HostHasPath,
		`"a.example.com?***" has a path; give the host alone: a.example.com`},
	{"fragment", "a.example.com#top", reason.HostHasPath, `"a.example.com#top" has a path; give the host alone: a.example.com`},
	{"user", "user:secret@a.example.com:8443", reason.HostHasUser,
		`"***@a.example.com:8443" has a user name before @; give the host alone: a.example.com:8443`},
	{"range", "10.0.0.0/8", reason.HostIsRange, `"10.0.0.0/8" is a range of addresses; give host names, or every address by itself`},
	{"range of IPv6", "2001:db8::/32", reason.HostIsRange,
		`"2001:db8::/32" is a range of addresses; give host names, or every address by itself`},

	{"hosts file", "0.0.0.0 A.example.com", reason.HostIsHostsLine,
		`"0.0.0.0 A.example.com" is a line of a hosts file; give the name without the address: a.example.com`},
	{"hosts file with more", "::1\ta.example.com b # local", reason.HostIsHostsLine,
		`"::1?a.example.com b # local" is a line of a hosts file; give the name without the address: a.example.com`},
	{"two addresses", "192.0.2.7 192.0.2.8", reason.HostHasBlank,
		`"192.0.2.7 192.0.2.8" has a blank or a control character inside; give one host at a time, for example 192.0.2.7`},
	{"UTF-16", "a\x00.\x00b\x00\r\x00", reason.HostIsUTF16,
		`"a?.?b???" is text in UTF-16; save the file that it comes from as UTF-8`},
	{"UTF-16 behind a line", "\x00a\x00.\x00b\x00\r\x00", reason.HostIsUTF16,
		`"?a?.?b???" is text in UTF-16; save the file that it comes from as UTF-8`},
	{"blank inside", "a.example.com b.example.com", reason.HostHasBlank,
		`"a.example.com b.example.com" has a blank or a control character inside; give one host at a time, for example a.example.com`},
	{"blank after a comma", "a.example.com, b.example.com", reason.HostHasBlank,
		`"a.example.com, b.example.com" has a blank or a control character inside; give one host at a time, for example a.example.com`},
	{"blank before the port", "host: 8443", reason.HostHasBlank,
		`"host: 8443" has a blank or a control character inside; give one host at a time, for example host`},
	{"bullet", "- a.example.com", reason.HostHasBlank,
		`"- a.example.com" has a blank or a control character inside; give one host at a time, for example a.example.com`},
	{"no-break space inside", "a.example.com\u00a0:443", reason.HostHasBlank,
		`"a.example.com?:443" has a blank or a control character inside; give one host at a time, for example a.example.com`},
	{"NUL", "a.example.com\x00.evil.example", reason.HostHasBlank,
		`"a.example.com?.evil.example" has a blank or a control character inside; give one host at a time, for example a.example.com`},
	{"lines", "a.example.com\nb.example.com", reason.HostHasBlank,
		`"a.example.com?b.example.com" has a blank or a control character inside; give one host at a time, for example a.example.com`},
	{"quotes", `"a.example.com"`, reason.HostHasPunctuation,
		`""a.example.com"" has a quotation mark or other punctuation around it; give the host alone: a.example.com`},
	{"typographic quotes", `“a.example.com”`, reason.HostHasPunctuation,
		`"“a.example.com”" has a quotation mark or other punctuation around it; give the host alone: a.example.com`},
	{"quotes and blanks", `‘ a.example.com:8443 ’,`, reason.HostHasPunctuation,
		`"‘ a.example.com:8443 ’," has a quotation mark or other punctuation around it; give the host alone: a.example.com:8443`},
	{"comma at the end", "a.example.com,", reason.HostHasPunctuation,
		`"a.example.com," has a quotation mark or other punctuation around it; give the host alone: a.example.com`},
	{"semicolon at the end", "*.example.com;", reason.HostHasPunctuation,
		`"*.example.com;" has a quotation mark or other punctuation around it; give the host alone: *.example.com`},
	{"link of Markdown", "<https://a.example.com/>", reason.HostHasPunctuation,
		`"<https://a.example.com/>" has a quotation mark or other punctuation around it; give the host alone: a.example.com`},

	{"placeholder", "{URL}", reason.HostIsPlaceholder, `"{URL}" still has the placeholder {URL}; put the real value in its place`},
	{"placeholder of documentation", "<id>", reason.HostIsPlaceholder,
		`"<id>" still has the placeholder <id>; put the real value in its place`},
	{"placeholder inside", "<Workspace ID>.ods.opinsights.azure.com", reason.HostIsPlaceholder,
		`"<Workspace ID>.ods.opinsights.azure.com" still has the placeholder <Workspace ID>; put the real value in its place`},
	{"placeholder in a URL", "https://<id>.example.com/", reason.HostIsPlaceholder,
		`"https://<id>.example.com/" still has the placeholder <id>; put the real value in its place`},
	{"variable of a shell", "${WORKSPACE}.example.com", reason.HostIsPlaceholder,
		`"${WORKSPACE}.example.com" still has the placeholder ${WORKSPACE}; put the real value in its place`},
	{"variable of Windows", "%COMPUTERNAME%:443", reason.HostIsPlaceholder,
		`"%COMPUTERNAME%:443" still has the placeholder %COMPUTERNAME%; put the real value in its place`},

	{"leading dot", ".example.com", reason.HostLeadingDot,
		`".example.com" begins with a dot; for every name below the domain write *.example.com`},
	{"leading dot and port", ".example.com:8443", reason.HostLeadingDot,
		`".example.com:8443" begins with a dot; for every name below the domain write *.example.com:8443`},
	{"two dots", "a..example.com", reason.HostEmptyLabel, `"a..example.com" has two dots in a row, or one at the beginning`},
	{"two final dots", "example.com..", reason.HostEmptyLabel, `"example.com.." has two dots in a row, or one at the beginning`},
	{"wildcard and two dots", "*..example.com", reason.HostEmptyLabel,
		`"*..example.com" has two dots in a row, or one at the beginning`},

	{"percent-encoding", "%61.example.com", reason.HostCharacter, hasCharacter("%61.example.com", "%")},
	{"comma inside", "a.example.com,b.example.com", reason.HostCharacter, hasCharacter("a.example.com,b.example.com", ",")},
	{"dollar", "$host.example.com", reason.HostCharacter, hasCharacter("$host.example.com", "$")},
	{"en dash", "my–host.example.com", reason.HostCharacter, hasCharacter("my–host.example.com", "–")},
	{"typographic quote inside", "my’host.example.com", reason.HostCharacter, hasCharacter("my’host.example.com", "’")},
	{"symbol", "i♥.example", reason.HostCharacter, hasCharacter("i♥.example", "♥")},
	{"symbol in an A-label", "xn--i-7iq.example", reason.HostCharacter, hasCharacter("xn--i-7iq.example", "❤")},
	{"joiner where it does not belong", "a\u200cb.example.com", reason.HostCharacter,
		hasCharacter("a?b.example.com", "U+200C")},
	{"no UTF-8", "b\xfccher.example", reason.HostCharacter, hasCharacter(`b?cher.example`, `\xfc`)},
	{"slash by mapping", "a℀.example.com", reason.HostCharacter, hasCharacter("a℀.example.com", "/")},
	{"asterisk by mapping", "＊.example.com", reason.HostCharacter, hasCharacter("＊.example.com", "*")},

	{"hyphen at the beginning", "-a.example.com", reason.HostHyphen, hasHyphen("-a.example.com")},
	{"hyphen before a dot", "a-.example.com", reason.HostHyphen, hasHyphen("a-.example.com")},
	{"hyphen at the end", "a.example.com-", reason.HostHyphen, hasHyphen("a.example.com-")},

	{"endless", strings.Repeat("a", 255) + "éé!", reason.HostTooLong, isTooLong(strings.Repeat("a", 255) + "é...")},
	{"label of 64", label63 + "a.example.com", reason.HostTooLong, isTooLong(label63 + "a.example.com")},
	{"last label of 64", "www.a" + label63, reason.HostTooLong, isTooLong("www.a" + label63)},
	{"name of 254", name253 + "b", reason.HostTooLong, isTooLong(name253 + "b")},
	{"wildcard of 254", "*.b" + domain251, reason.HostTooLong, isTooLong("*.b" + domain251)},
	{"A-label of 64", strings.Repeat("ü", 63) + ".example", reason.HostTooLong, isTooLong(strings.Repeat("ü", 63) + ".example")},
	{"much too long", strings.Repeat("a.", 1<<20), reason.HostTooLong, isTooLong(strings.Repeat("a.", 128) + "...")},
	{"much too long outside ASCII", strings.Repeat("ü.", 1<<20), reason.HostTooLong, ""},

	{"colon without port", "host:", reason.HostPort, hasPort("host:", "")},
	{"port 0", "host:0", reason.HostPort, hasPort("host:0", "0")},
	{"port 65536", "host:65536", reason.HostPort, hasPort("host:65536", "65536")},
	{"port of 64 bits", "host:18446744073709552059", reason.HostPort, hasPort("host:18446744073709552059", "18446744073709552059")},
	{"port with leading zero", "host:0443", reason.HostPort, hasPort("host:0443", "0443")},
	{"port with sign", "host:+443", reason.HostPort, hasPort("host:+443", "+443")},
	{"port of letters", "host:https", reason.HostPort, hasPort("host:https", "https")},
	{"port with Arabic digits", "host:٤٤٣", reason.HostPort, hasPort("host:٤٤٣", "٤٤٣")},
	{"port of a wildcard", "*.example.com:0", reason.HostPort, hasPort("*.example.com:0", "0")},
	{"port of IPv6", "[::1]:0", reason.HostPort, hasPort("[::1]:0", "0")},

	{"number too large", "256.1.1.1", reason.HostAddress, looksLikeAddress("256.1.1.1")},
	{"five numbers", "1.2.3.4.5", reason.HostAddress, looksLikeAddress("1.2.3.4.5")},
	{"name that ends in a number", "example.42", reason.HostAddress, looksLikeAddress("example.42")},
	{"name that ends in a hexadecimal number", "a.0x", reason.HostAddress, looksLikeAddress("a.0x")},
	{"number above 32 bits", "4294967296", reason.HostAddress, looksLikeAddress("4294967296")},
	{"digit 8 in an octal number", "1.2.3.08", reason.HostAddress, looksLikeAddress("1.2.3.08")},
	{"no hexadecimal digit", "::g", reason.HostAddress, looksLikeAddress("::g")},
	{"nine groups", "1:2:3:4:5:6:7:8:443", reason.HostAddress, looksLikeAddress("1:2:3:4:5:6:7:8:443")},
	{"two ports", "host:443:443", reason.HostAddress, looksLikeAddress("host:443:443")},
	{"zone of no address", "::g%eth0", reason.HostAddress, looksLikeAddress("::g%eth0")},
	{"two numbers", "127.1", reason.HostAddressForm, hasAddressForm("127.1", "127.0.0.1")},
	{"two numbers and a port", "127.1:8443", reason.HostAddressForm, hasAddressForm("127.1:8443", "127.0.0.1:8443")},
	{"three numbers", "1.2.3", reason.HostAddressForm, hasAddressForm("1.2.3", "1.2.0.3")},
	{"one number", "2130706433", reason.HostAddressForm, hasAddressForm("2130706433", "127.0.0.1")},
	{"hexadecimal", "0x7f.1", reason.HostAddressForm, hasAddressForm("0x7f.1", "127.0.0.1")},
	{"hexadecimal in upper case", "0X7F000001", reason.HostAddressForm, hasAddressForm("0X7F000001", "127.0.0.1")},
	{"octal", "0177.0.0.01", reason.HostAddressForm, hasAddressForm("0177.0.0.01", "127.0.0.1")},
	{"IPv4 with final dot", "127.0.0.1.", reason.HostAddressForm, hasAddressForm("127.0.0.1.", "127.0.0.1")},
	{"IPv4 with full-width digits", "１２７.0.0.1", reason.HostAddressForm, hasAddressForm("１２７.0.0.1", "127.0.0.1")},
	{"IPv4 with ideographic dots", "127。0。0。1:80", reason.HostAddressForm, hasAddressForm("127。0。0。1:80", "127.0.0.1:80")},
	{"zone", "fe80::1%eth0", reason.HostZone, `"fe80::1%eth0" has an IPv6 zone; give the address without it: fe80::1`},
	{"zone in brackets", "[fe80::1%25eth0]:8443", reason.HostZone,
		`"[fe80::1%25eth0]:8443" has an IPv6 zone; give the address without it: [fe80::1]:8443`},

	{"asterisk", "*", reason.HostWildcardAll, coversAll("*")},
	{"asterisk with port", "*:8443", reason.HostWildcardAll, coversAll("*:8443")},
	{"asterisk and dot", "*.", reason.HostWildcardAll, coversAll("*.")},
	{"two asterisks", "*.*", reason.HostWildcardAll, coversAll("*.*")},
	{"asterisk in a URL", "https://*/", reason.HostWildcardAll, coversAll("https://*/")},
	{"asterisk without dot", "*example.com", reason.HostWildcardPlace, hasWildcard("*example.com", "*.example.com")},
	{"asterisk in a label", "a*b.example.com:8443", reason.HostWildcardPlace, hasWildcard("a*b.example.com:8443", "*.example.com:8443")},
	{"asterisk after a label", "a.*.example.com", reason.HostWildcardPlace, hasWildcard("a.*.example.com", "*.example.com")},
	{"asterisk twice", "*.*.example.com", reason.HostWildcardPlace, hasWildcard("*.*.example.com", "*.example.com")},
	{"asterisk above a public suffix", "a.*.com", reason.HostWildcardPlace, hasWildcard("a.*.com", "*.example.com")},
	{"asterisk at the end", "example.*", reason.HostWildcardPlace, hasWildcard("example.*", "*.example.com")},
	{"public suffix", "*.com", reason.HostWildcardPublicSuffix, coversSuffix("*.com", "com")},
	{"public suffix of two labels", "*.co.uk", reason.HostWildcardPublicSuffix, coversSuffix("*.co.uk", "co.uk")},
	{"public suffix with port", "*.COM:8443", reason.HostWildcardPublicSuffix, coversSuffix("*.COM:8443", "com")},
	{"public suffix in IDN", "*.рф", reason.HostWildcardPublicSuffix, coversSuffix("*.рф", "xn--p1ai")},
	{"public suffix by a wildcard of the list", "*.kobe.jp", reason.HostWildcardPublicSuffix, coversSuffix("*.kobe.jp", "*.kobe.jp")},
	{"public suffix with leading dot", ".com", reason.HostWildcardPublicSuffix, coversSuffix(".com", "com")},
}

func hasCharacter(host, character string) string {
	return `"` + host + `" has the character "` + character + `"; a host name has letters, digits, hyphens, underscores and dots`
}

func hasHyphen(host string) string {
	return `"` + host + `" has a hyphen at the beginning or the end, or beside a dot; a host name has hyphens only between others`
}

func isTooLong(host string) string {
	return `"` + host + `" is too long: a host name has at most 253 octets, and at most 63 between two dots`
}

func hasPort(host, port string) string {
	return `"` + host + `" has "` + port + `" in the place of a port, which is a number from 1 to 65535`
}

func looksLikeAddress(host string) string {
	return `"` + host + `" looks like an IP address and is none: IPv4 has four numbers from 0 to 255, IPv6 up to eight groups`
}

func hasAddressForm(host, meant string) string {
	return `"` + host + `" is an unusual spelling of an IP address; write ` + meant
}

func coversAll(host string) string {
	return `"` + host + `" would allow every host; name a domain, for example *.example.com`
}

func hasWildcard(host, meant string) string {
	return `"` + host + `" has a * in the wrong place; it stands alone before the first dot, as in ` + meant
}

func coversSuffix(host, suffix string) string {
	return `"` + host + `" would allow every name below the public suffix ` + suffix + `; name a domain below it`
}

func TestParsePatternRefuses(t *testing.T) {
	for _, test := range refused {
		t.Run(test.name, func(t *testing.T) {
			p, err := hostname.ParsePattern(test.in)
			if err == nil {
				t.Fatalf("ParsePattern(%.100q) = %q, want an error", test.in, p)
			}
			if got := reason.Of(err); got != test.reason {
				t.Errorf("ParsePattern(%.100q): reason %s, want %s (%v)", test.in, got, test.reason, err)
			}
			if diff := gocmp.Diff(test.text, err.Error()); test.text != "" && diff != "" {
				t.Errorf("ParsePattern(%.100q): text (-want +got):\n%s", test.in, diff)
			}
			checkRefusal(t, test.in, err)
		})
	}
}

// TestEveryRefusalHasACase finds a reason for which nobody thought of a spelling.
func TestEveryRefusalHasACase(t *testing.T) {
	elsewhere := []reason.Reason{ // for hosts that are patterns, and for entries
		reason.HostNotAllowed, reason.HostIsWildcard, reason.HostExpired,
		reason.HostWildcardShared, reason.HostSpecialAddress, reason.HostWithoutDot, reason.HostLocal,
	}
	tested := make(map[reason.Reason]bool)
	for _, test := range refused {
		tested[test.reason] = true
	}
	for _, r := range reason.All() {
		if strings.HasPrefix(string(r), "HOST_") && !slices.Contains(elsewhere, r) && !tested[r] {
			t.Errorf("no case is refused with %s", r)
		}
	}
}

var unfilled = regexp.MustCompile(`\{(host|meant|suffix|port|character)\}`)

// checkRefusal checks what every refusal of in must keep.
func checkRefusal(t *testing.T, in string, err error) {
	t.Helper()
	refusal, ok := errors.AsType[*reason.Error](err)
	if !ok || !strings.HasPrefix(string(refusal.Reason), "HOST_") {
		t.Fatalf("ParsePattern(%q): %T with reason %s, want a *reason.Error with a HOST_ reason", in, err, reason.Of(err))
	}
	if text := err.Error(); len(text) > 4096 {
		t.Errorf("ParsePattern: an error of %d octets", len(text))
	}
	if refusal.Reason != reason.HostIsPlaceholder && !strings.Contains(in, "{") && unfilled.MatchString(err.Error()) {
		t.Errorf("ParsePattern(%q): the text lacks a part: %v", in, err)
	}
	if meant, ok := refusal.Parts["meant"]; ok {
		if p, err := hostname.ParsePattern(meant); err != nil || p.String() != meant {
			t.Errorf("ParsePattern(%q) says that %q was meant, which gives %q, %v", in, meant, p, err)
		}
	}
}

func TestCovers(t *testing.T) {
	tests := []struct {
		pattern, target string
		want            bool
	}{
		{"a.example.com", "a.example.com:443", true},
		{"a.example.com", "A.Example.com.:443", true},
		{"a.example.com", "a.example.com:8443", false},
		{"a.example.com:8443", "a.example.com:8443", true},
		{"a.example.com:8443", "a.example.com:443", false},
		{"a.example.com", "b.a.example.com:443", false},
		{"a.example.com", "example.com:443", false},
		{"*.example.com", "a.example.com:443", true},
		{"*.example.com", "a.b.c.example.com:443", true},
		{"*.example.com", "example.com:443", false},
		{"*.example.com", "badexample.com:443", false},
		{"*.example.com", "example.com.evil.test:443", false},
		{"*.example.com", "a.example.com:8443", false},
		{"*.example.com:8443", "a.example.com:8443", true},
		{"*.bücher.example", "a.xn--bcher-kva.example:443", true},
		{"10.1.2.3", "10.1.2.3:443", true},
		{"10.1.2.3", "[::ffff:10.1.2.3]:443", true},
		{"::1", "[0:0::1]:443", true},
		{"::1", "127.0.0.1:443", false},
	}
	for _, test := range tests {
		p, err := hostname.ParsePattern(test.pattern)
		if err != nil {
			t.Fatal(err)
		}
		target, err := hostname.ParseTarget(test.target)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Covers(target); got != test.want {
			t.Errorf("%s covers %s: %v, want %v", test.pattern, test.target, got, test.want)
		}
	}
}

func TestWarning(t *testing.T) {
	tests := []struct{ pattern, suffix string }{
		{"*.blob.core.windows.net", "blob.core.windows.net"},
		{"*.blob.core.windows.net:8443", "blob.core.windows.net"},
		{"*.azurewebsites.net", "azurewebsites.net"},
		{"*.github.io", "github.io"},
		{"*.account.blob.core.windows.net", ""},
		{"account.blob.core.windows.net", ""},
		{"blob.core.windows.net", ""},
		{"*.ods.opinsights.azure.com", ""},
		{"*.example.com", ""},
		{"*.corp", ""},
		{"10.1.2.3", ""},
	}
	for _, test := range tests {
		p, err := hostname.ParsePattern(test.pattern)
		if err != nil {
			t.Fatal(err)
		}
		warning := p.Warning()
		if warning == nil {
			if test.suffix != "" {
				t.Errorf("%s: no warning", test.pattern)
			}
			continue
		}
		want := reason.New(reason.HostWildcardShared, "host", test.pattern, "suffix", test.suffix)
		if diff := gocmp.Diff(want, warning); diff != "" {
			t.Errorf("%s: warning (-want +got):\n%s", test.pattern, diff)
		}
	}
}

func TestCompare(t *testing.T) {
	want := []string{
		"com",
		"example.com:80",
		"example.com",
		"example.com:8443",
		"*.example.com:80",
		"*.example.com",
		"a.example.com",
		"*.a.example.com",
		"b.a.example.com",
		"a-b.example.com",
		"b.example.com",
		"example-a.com",
		"a.example",
		"localhost",
		"10.0.0.9",
		"10.0.0.10:80",
		"10.0.0.10",
		"::1",
		"[::1]:8443",
	}
	patterns := make([]hostname.Pattern, len(want))
	for i, s := range want {
		var err error
		if patterns[i], err = hostname.ParsePattern(s); err != nil {
			t.Fatal(err)
		}
	}
	for i, p := range patterns {
		for j, q := range patterns {
			if got := p.Compare(q); got != cmp.Compare(i, j) {
				t.Errorf("%s compared with %s: %d, want %d", p, q, got, cmp.Compare(i, j))
			}
		}
	}
}

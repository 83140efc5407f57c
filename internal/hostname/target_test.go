package hostname_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/reason"
)

func TestParseTargetAccepts(t *testing.T) {
	tests := []struct {
		in, want, name string
		addr           netip.Addr
		port           uint16
	}{
		{in: "a.example.com:443", want: "a.example.com:443", name: "a.example.com", port: 443},
		{in: "A.Example.Com.:8443", want: "a.example.com:8443", name: "a.example.com", port: 8443},
		{in: "localhost:1", want: "localhost:1", name: "localhost", port: 1},
		{in: "a_b.example.com:65535", want: "a_b.example.com:65535", name: "a_b.example.com", port: 65535},
		{in: "bücher.example:443", want: "xn--bcher-kva.example:443", name: "xn--bcher-kva.example", port: 443},
		{in: "10.1.2.3:443", want: "10.1.2.3:443", name: "10.1.2.3", addr: netip.MustParseAddr("10.1.2.3"), port: 443},
		{in: "[2001:DB8::0:1]:443", want: "[2001:db8::1]:443", name: "2001:db8::1", addr: netip.MustParseAddr("2001:db8::1"), port: 443},
		{in: "[::ffff:10.1.2.3]:443", want: "10.1.2.3:443", name: "10.1.2.3", addr: netip.MustParseAddr("10.1.2.3"), port: 443},
	}
	for _, test := range tests {
		target, err := hostname.ParseTarget(test.in)
		if err != nil {
			t.Errorf("ParseTarget(%q): %v", test.in, err)
			continue
		}
		if got := target.String(); got != test.want {
			t.Errorf("ParseTarget(%q) = %q, want %q", test.in, got, test.want)
		}
		h := target.Host
		if h.Name() != test.name || h.Addr() != test.addr || h.IsAddr() != test.addr.IsValid() || target.Port != test.port {
			t.Errorf("ParseTarget(%q): name %q, address %v (%v), port %d", test.in, h.Name(), h.Addr(), h.IsAddr(), target.Port)
		}
	}
}

func TestParseTargetRefuses(t *testing.T) {
	tests := []struct {
		in    string
		cause reason.Reason // "" if it is not the host that is wrong
	}{
		{"", ""},
		{":", ""},
		{"host", ""},
		{"host:", ""},
		{"host:0", ""},
		{"host:65536", ""},
		{"host:99999", ""},
		{"host:100000", ""},
		{"host:18446744073709552059", ""},
		{"host:0443", ""},
		{"host:+443", ""},
		{"host:-1", ""},
		{"host:443 ", ""},
		{"host: 443", ""},
		{"host:443/", ""},
		{"host:443\x00", ""},
		{"host:0x1bb", ""},
		{"host:٤٤٣", ""},
		{"::1", ""},
		{"::1:443", ""},
		{"[::1]", ""},
		{"[::1]443", ""},
		{"user:secret@host", ""},
		{":443", reason.HostEmpty},
		{" host:443", reason.HostCharacter},
		{"host :443", reason.HostCharacter},
		{"\u00a0host:443", reason.HostCharacter},
		{"ho\tst:443", reason.HostCharacter},
		{"ho\x00st:443", reason.HostCharacter},
		{"host/path:443", reason.HostCharacter},
		{"user@host:443", reason.HostCharacter},
		{"*.example.com:443", reason.HostCharacter},
		{"a%2eexample.com:443", reason.HostCharacter},
		{"b\xfccher.example:443", reason.HostCharacter},
		{"[::1:443", reason.HostInvalid},
		{"[]:443", reason.HostInvalid},
		{"[host]:443", reason.HostInvalid},
		{"[1.2.3.4]:443", reason.HostInvalid},
		{"[v1.fe80::a]:443", reason.HostAddress},
		{"[::1]x]:443", reason.HostAddress},
		{"[[::1]]:443", reason.HostAddress},
		{"[fe80::1%eth0]:443", reason.HostZone},
		{"[fe80::1%25eth0]:443", reason.HostZone},
		{"[::ffff:1.2.3.4%1]:443", reason.HostZone},
		{".example.com:443", reason.HostEmptyLabel},
		{"a..example.com:443", reason.HostEmptyLabel},
		{"example.com..:443", reason.HostEmptyLabel},
		{".:443", reason.HostInvalid},
		{"-a.example.com:443", reason.HostHyphen},
		{label63 + "a:443", reason.HostTooLong},
		{name253 + "b:443", reason.HostTooLong},
		{strings.Repeat("a", 16<<10) + ":443", reason.HostTooLong},
		{"127.1:443", reason.HostAddressForm},
		{"2130706433:443", reason.HostAddressForm},
		{"0x7f.1:443", reason.HostAddressForm},
		{"127.0.0.1.:443", reason.HostAddressForm},
		{"010.1.2.3:443", reason.HostAddressForm},
		{"１２７.0.0.1:443", reason.HostAddressForm},
		{"1.2.3.4.5:443", reason.HostAddress},
		{"256.0.0.1:443", reason.HostAddress},
	}
	for _, test := range tests {
		target, err := hostname.ParseTarget(test.in)
		if got := reason.Of(err); got != reason.AuthorityInvalid {
			t.Errorf("ParseTarget(%.100q) = %v, %v, want %s", test.in, target, err, reason.AuthorityInvalid)
			continue
		}
		cause := errors.Unwrap(err)
		if got := reason.Of(cause); got != test.cause {
			t.Errorf("ParseTarget(%.100q): cause %q (%v), want %q", test.in, got, cause, test.cause)
		}
		if text := err.Error(); strings.Contains(text, "secret") || strings.ContainsAny(text, "\x00\t") || len(text) > 2048 {
			t.Errorf("ParseTarget(%.100q): an error that may not be shown: %q", test.in, text)
		}
	}
}

func TestParseTargetDoesNotAllocate(t *testing.T) {
	for _, authority := range []string{
		"a.ods.opinsights.azure.com:443", "a.example.com.:8443", "10.1.2.3:443", "[2001:db8::1]:443", name253 + ":443",
	} {
		allocs := testing.AllocsPerRun(100, func() {
			if _, err := hostname.ParseTarget(authority); err != nil {
				t.Fatal(err)
			}
		})
		if allocs != 0 {
			t.Errorf("ParseTarget(%q) allocates %v times", authority, allocs)
		}
	}
}

func BenchmarkParseTarget(b *testing.B) {
	for name, authority := range map[string]string{
		"name": "01234567-89ab-cdef-0123-456789abcdef.ods.opinsights.azure.com:443",
		"IPv6": "[2001:db8::1]:443",
		"IDN":  "bücher.example:443",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := hostname.ParseTarget(authority); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

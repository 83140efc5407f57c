package hostname_test

import (
	"net/netip"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/reason"
)

func FuzzParsePattern(f *testing.F) {
	f.Fuzz(func(t *testing.T, s string) {
		p, err := hostname.ParsePattern(s)
		if err != nil {
			checkRefusal(t, s, err)
			checkText(t, err)
			return
		}
		checkHost(t, p.Host)
		canonical := p.String()
		if again, err := hostname.ParsePattern(canonical); err != nil || again != p {
			t.Errorf("ParsePattern(%q) is %+v, but its canonical form %q gives %+v, %v", s, p, canonical, again, err)
		}
		if p.Compare(p) != 0 {
			t.Errorf("%s is not equal to itself", p)
		}
		checkCovers(t, p)
	})
}

func FuzzParseTarget(f *testing.F) {
	f.Fuzz(func(t *testing.T, authority string) {
		target, err := hostname.ParseTarget(authority)
		standard, standardErr := netip.ParseAddrPort(authority)
		if err != nil {
			if reason.Of(err) != reason.AuthorityInvalid {
				t.Errorf("ParseTarget(%q): reason %s", authority, reason.Of(err))
			}
			checkText(t, err)
			// What net/netip accepts is refused for a zone and for port 0 only.
			if standardErr == nil && standard.Addr().Zone() == "" && standard.String() == authority && standard.Port() != 0 {
				t.Errorf("ParseTarget(%q): %v", authority, err)
			}
			return
		}
		checkHost(t, target.Host)
		if standardErr == nil && (standard.Addr().Unmap() != target.Host.Addr() || standard.Port() != target.Port) {
			t.Errorf("ParseTarget(%q) is %s, but net/netip reads %s", authority, target, standard)
		}
		if again, err := hostname.ParseTarget(target.String()); err != nil || again != target {
			t.Errorf("ParseTarget(%q) is %s, which gives %s, %v", authority, target, again, err)
		}
		// An administrator who copies what the client sent allows just that.
		if p, err := hostname.ParsePattern(authority); err != nil || p.Wildcard || p.Host != target.Host || p.Port != target.Port {
			t.Errorf("ParseTarget(%q) is %s, but as a pattern it is %+v, %v", authority, target, p, err)
		}
	})
}

// checkCovers checks that a pattern covers the target that is spelled the same, and no other nearby.
func checkCovers(t *testing.T, p hostname.Pattern) {
	t.Helper()
	same := hostname.Target{Host: p.Host, Port: p.Port}
	spelled, err := hostname.ParseTarget(same.String())
	if err != nil || spelled != same {
		t.Fatalf("the target %s of pattern %s is read as %s, %v", same, p, spelled, err)
	}
	if p.Covers(same) == p.Wildcard {
		t.Errorf("%s covers %s: %v", p, same, !p.Wildcard)
	}
	if p.Covers(hostname.Target{Host: p.Host, Port: p.Port + 1}) {
		t.Errorf("%s covers another port", p)
	}
	below, err := hostname.ParseHost("a." + p.Host.Name())
	if err != nil {
		return // an address, or as long as can be
	}
	if p.Covers(hostname.Target{Host: below, Port: p.Port}) != p.Wildcard {
		t.Errorf("%s covers %s: %v", p, below.Name(), !p.Wildcard)
	}
}

// checkHost checks the form that a Host has by contract.
func checkHost(t *testing.T, h hostname.Host) {
	t.Helper()
	name := h.Name()
	if again, err := hostname.ParseHost(name); err != nil || again != h {
		t.Errorf("host %q gives %q, %v", name, again.Name(), err)
	}
	if addr, err := netip.ParseAddr(name); (err == nil) != h.IsAddr() || addr != h.Addr() || addr.Zone() != "" || addr.Is4In6() {
		t.Errorf("host %q has the address %v", name, h.Addr())
	}
	if h.IsAddr() {
		return
	}
	if len(name) > 253 || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != "" {
		t.Errorf("host %q has %d octets, or a character that it may not have", name, len(name))
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-") {
			t.Errorf("host %q has the label %q", name, label)
		}
	}
}

// checkText checks that an error can be logged and answered as it is.
func checkText(t *testing.T, err error) {
	t.Helper()
	text := err.Error()
	if len(text) > 4096 || !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
		t.Errorf("an error that cannot be shown: %q", text)
	}
}

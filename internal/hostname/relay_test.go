package hostname_test

import (
	"strings"
	"testing"

	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/reason"
)

func TestParseRelayAddress(t *testing.T) {
	for given, want := range map[string]string{
		"http://proxy.example.com:3128":   "http://proxy.example.com:3128",
		" HTTP://Proxy.Example.COM.:3128": "http://proxy.example.com:3128",
		"proxy.example.com:3128":          "http://proxy.example.com:3128",
		"proxy":                           "http://proxy:80",
		"http://proxy/":                   "http://proxy:80",
		"https://proxy":                   "https://proxy:443",
		"https://proxy:80/":               "https://proxy:80",
		"192.0.2.7":                       "http://192.0.2.7:80",
		"127.0.0.1:3128":                  "http://127.0.0.1:3128",
		"[::1]":                           "http://[::1]:80",
		"https://[2001:DB8::7]:3129":      "https://[2001:db8::7]:3129",
		"[::ffff:192.0.2.7]":              "http://192.0.2.7:80",
		"bücher.example":                  "http://xn--bcher-kva.example:80",
	} {
		address, err := hostname.ParseRelayAddress(given)
		if err != nil || address.String() != want {
			t.Errorf("%q gives %q, %v, want %q", given, address, err, want)
			continue
		}
		if again, err := hostname.ParseRelayAddress(address.String()); err != nil || again != address {
			t.Errorf("%q is read back as %q, %v", address, again, err)
		}
	}
	for given, want := range map[string]reason.Reason{
		"":                                 reason.RelayAddressEmpty,
		" \t":                              reason.RelayAddressEmpty,
		"http://svc:hunter2@proxy:3128":    reason.RelayAddressHasUser,
		"hunter2@proxy":                    reason.RelayAddressHasUser,
		"http://proxy:3128/?p=hunter2@":    reason.RelayAddressHasUser,
		"svc:hunter2":                      reason.RelayAddressInvalid,
		"http://svc:hunter2%40proxy":       reason.RelayAddressInvalid,
		"proxy:3128/hunter2":               reason.RelayAddressInvalid,
		"proxy:3128?hunter2":               reason.RelayAddressInvalid,
		"http://":                          reason.RelayAddressInvalid,
		"http:///":                         reason.RelayAddressInvalid,
		"proxy//":                          reason.RelayAddressInvalid,
		":3128":                            reason.RelayAddressInvalid,
		"proxy:":                           reason.RelayAddressInvalid,
		"proxy:0":                          reason.RelayAddressInvalid,
		"proxy:65536":                      reason.RelayAddressInvalid,
		"proxy:03128":                      reason.RelayAddressInvalid,
		"socks5://proxy:1080":              reason.RelayAddressInvalid,
		"hunter2://proxy:1080":             reason.RelayAddressInvalid,
		"[::1":                             reason.RelayAddressInvalid,
		"http://fd00::10:8080":             reason.RelayAddressAmbiguous,
		"fd00::10:8080/":                   reason.RelayAddressAmbiguous,
		"::1":                              reason.RelayAddressInvalid,
		"::ffff:192.0.2.7":                 reason.RelayAddressInvalid,
		"1:2:3:4:5:6:7:8":                  reason.RelayAddressInvalid,
		"1:2:3:4:5:6:7:8:3128":             reason.RelayAddressInvalid,
		"a:hunter2:3128":                   reason.RelayAddressInvalid,
		"fe80::1%eth0":                     reason.RelayAddressInvalid,
		"*.example.com":                    reason.RelayAddressInvalid,
		"hunter2 proxy":                    reason.RelayAddressInvalid,
		"proxy hunter2:3128":               reason.RelayAddressInvalid,
		"proxy\r\nhunter2":                 reason.RelayAddressInvalid,
		"127.1:3128":                       reason.RelayAddressInvalid,
		strings.Repeat("hunter2.", 50_000): reason.RelayAddressInvalid,
	} {
		address, err := hostname.ParseRelayAddress(given)
		if reason.Of(err) != want || address != (hostname.RelayAddress{}) {
			t.Errorf("%.80q gives %v, %v, want %s", given, address, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%.80q is repeated: %v", given, err)
		}
	}
	if got := (hostname.RelayAddress{}).String(); got != "" {
		t.Errorf("none is %q", got)
	}
}

func TestARelayAddressWithoutBrackets(t *testing.T) {
	for given, want := range map[string][]string{
		"http://fd00::10:8080":  {"http://[fd00::10]:8080 if 8080 is the port", "http://[fd00::10:8080]:80 if it is"},
		"https://fd00::10:8080": {"https://[fd00::10]:8080 if 8080 is the port", "https://[fd00::10:8080]:443 if it is"},
		"fd00::10:abcd":         {"here http://[fd00::10:abcd]:80;"},
		"fd00:::3128":           {"here http://[fd00::]:3128;"},
	} {
		_, err := hostname.ParseRelayAddress(given)
		for _, part := range want {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%q: %v, want %q in it", given, err, part)
			}
		}
	}
	stored, err := hostname.ParseStoredRelayAddress("http://fd00::10:8080")
	if err != nil || stored.String() != "http://[fd00::10:8080]:80" {
		t.Errorf("stored: %v, %v", stored, err)
	}
}

func FuzzParseRelayAddress(f *testing.F) {
	f.Add("http://proxy.example.com:3128/")
	f.Add("https://[2001:db8::7]")
	f.Add("svc:hunter2@proxy")
	f.Fuzz(func(t *testing.T, given string) {
		address, err := hostname.ParseRelayAddress(given)
		if err != nil {
			if reason.Of(err) == "" {
				t.Fatalf("error without a reason: %v", err)
			}
			return
		}
		if again, err := hostname.ParseRelayAddress(address.String()); err != nil || again != address {
			t.Fatalf("%q is read back as %q, %v", address, again, err)
		}
	})
}

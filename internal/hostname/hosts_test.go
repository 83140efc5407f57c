package hostname_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/reason"
)

func TestParseHosts(t *testing.T) {
	var many []string
	for i := range hostname.MaxHosts {
		many = append(many, fmt.Sprintf("h%03d.example.com", i))
	}
	for given, want := range map[string]string{
		"":                                    "",
		" \t ":                                "",
		"a.example.com":                       "a.example.com",
		" *.B.corp. ,a ":                      "a,*.b.corp",
		"b,a,B:443":                           "a,b",
		"2001:DB8::7,[2001:db8::8],192.0.2.7": "192.0.2.7,2001:db8::7,2001:db8::8",
		strings.Join(many, ", "):              strings.Join(many, ","),
	} {
		patterns, err := hostname.ParseHosts(given)
		if got := hostname.FormatHosts(patterns); err != nil || got != want {
			t.Errorf("%.80q gives %.80q, %v", given, got, err)
		}
	}
	for given, want := range map[string]reason.Reason{
		",":                               reason.HostEmpty,
		"a,,b":                            reason.HostEmpty,
		"a,b:8443":                        reason.ListHasPort,
		"[::1]:8080":                      reason.ListHasPort,
		"*":                               reason.HostWildcardAll,
		"a b":                             reason.HostHasBlank,
		".example.com":                    reason.HostLeadingDot,
		"10.0.0.0/8":                      reason.HostIsRange,
		strings.Join(many, ",") + ",a":    reason.ListTooLong,
		strings.Repeat(",", 1_000_000):    reason.ListTooLong,
		"http://svc:hunter2@intranet/a/b": reason.HostIsURL,
	} {
		patterns, err := hostname.ParseHosts(given)
		if reason.Of(err) != want || patterns != nil {
			t.Errorf("%.80q gives %v, %v, want %s", given, patterns, err, want)
		}
	}
}

package policy_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/omsgateway/omsgateway/internal/policy"
	"github.com/omsgateway/omsgateway/internal/reason"
)

func TestWarning(t *testing.T) {
	special := func(host, kind string) *reason.Error {
		return reason.New(reason.HostSpecialAddress, "host", host, "kind", kind)
	}
	for host, want := range map[string]*reason.Error{
		"a.example.com":           nil,
		"*.example.com":           nil,
		"*.corp":                  nil,
		"10.1.2.3":                nil,
		"2001:db8::1":             nil,
		"local.example.com":       nil,
		"notlocal":                reason.New(reason.HostWithoutDot, "host", "notlocal"),
		"*.blob.core.windows.net": reason.New(reason.HostWildcardShared, "host", "*.blob.core.windows.net", "suffix", "blob.core.windows.net"),
		"169.254.169.254":         special("169.254.169.254", "a link-local address"),
		"169.254.169.254:80":      special("169.254.169.254:80", "a link-local address"),
		"0.0.0.0":                 special("0.0.0.0", "the unspecified address"),
		"127.0.0.1:8443":          special("127.0.0.1:8443", "a loopback address"),
		"::1":                     special("::1", "a loopback address"),
		"168.63.129.16":           special("168.63.129.16", "the address of the Azure platform"),
		"64:ff9b::a9fe:a9fe":      special("64:ff9b::a9fe:a9fe", "an IPv6 form of 169.254.169.254, a link-local address"),
		"localhost:8443":          special("localhost:8443", "the name of loopback addresses"),
		"server":                  reason.New(reason.HostWithoutDot, "host", "server"),
		"server:8443":             reason.New(reason.HostWithoutDot, "host", "server:8443"),
		"local":                   reason.New(reason.HostWithoutDot, "host", "local"),
		"*.local":                 reason.New(reason.HostLocal, "host", "*.local"),
		"printer.local":           reason.New(reason.HostLocal, "host", "printer.local"),
		"*.corp.local:8443":       reason.New(reason.HostLocal, "host", "*.corp.local:8443"),
	} {
		if diff := cmp.Diff(want, policy.Warning(pattern(t, host))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", host, diff)
		}
	}
}

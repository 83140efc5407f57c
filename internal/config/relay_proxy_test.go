package config_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/omsgateway/omsgateway/internal/config"
	"github.com/omsgateway/omsgateway/internal/reason"
)

func TestSameRelayProxy(t *testing.T) {
	p := relayProxy(t, "proxy", "svc", "x")
	if again := relayProxy(t, "http://proxy:80", "svc", "x"); !p.Same(again) || p == again {
		t.Error("a password that is sealed again is another one")
	}
	for _, q := range []config.RelayProxy{
		{}, relayProxy(t, "proxy", "", ""), relayProxy(t, "proxy", "svc", ""), relayProxy(t, "proxy", "svc", "y"),
		relayProxy(t, "proxy", "Svc", "x"), relayProxy(t, "proxy:81", "svc", "x"), relayProxy(t, "https://proxy:80", "svc", "x"),
	} {
		if p.Same(q) || q.Same(p) {
			t.Errorf("%v is the same as %v", p, q)
		}
	}
}

func TestNewRelayProxy(t *testing.T) {
	long := strings.Repeat("p", 1024)
	for _, c := range []struct{ address, username, password, want string }{
		{"proxy", "", "", "http://proxy:80"},
		{" HTTPS://Proxy.example.com/ ", "svc", "", "https://proxy.example.com:443"},
		{"proxy:3128", "jürgen", ` p%41:ss "wörd" `, "http://proxy:3128"},
		{"proxy:3128", `DOMAIN\svc`, long, "http://proxy:3128"},
		{"proxy:3128", strings.Repeat("u", 256), "plain:a:b", "http://proxy:3128"},
	} {
		p, err := config.NewRelayProxy(c.address, c.username, c.password)
		if err != nil {
			t.Errorf("%+v: %v", c, err)
			continue
		}
		password, err := p.Password.Open()
		if p.Address.String() != c.want || p.Username != c.username || password != c.password || err != nil || !p.IsSet() {
			t.Errorf("%+v gives %v, %q, %q, %v", c, p.Address, p.Username, password, err)
		}
		for _, shown := range []string{fmt.Sprint(p), fmt.Sprintf("%+v", p), fmt.Sprintf("%#v", p), fmt.Sprintf("%q", p)} {
			if c.password != "" && strings.Contains(shown, c.password) {
				t.Errorf("the password is shown: %s", shown)
			}
		}
	}
	for name, c := range map[string]struct {
		address, username, password string
		why                         reason.Reason
		text                        string
	}{
		"no address":             {"", "", "", reason.RelayAddressEmpty, "clear"},
		"IPv6 without brackets":  {"http://fd00::10:8080", "", "", reason.RelayAddressAmbiguous, "http://[fd00::10]:8080"},
		"user in the address":    {"http://svc:hunter2@proxy", "", "", reason.RelayAddressHasUser, "--password-stdin"},
		"password without user":  {"proxy", "", "hunter2", reason.RelayUsernameMissing, ""},
		"colon in the user":      {"proxy", "svc:hunter2", "", reason.RelayUsernameInvalid, "colon"},
		"line break in the user": {"proxy", "hunter2\r\nX", "", reason.RelayUsernameInvalid, "control character"},
		"long user":              {"proxy", strings.Repeat("u", 257), "", reason.RelayUsernameInvalid, "256"},
		"line break in password": {"proxy", "svc", "hunter2\n", reason.RelayPasswordInvalid, "control character"},
		"long password":          {"proxy", "svc", "hunter2" + long, reason.RelayPasswordInvalid, "1024"},
		"password not UTF-8":     {"proxy", "svc", "hunter2\xff", reason.RelayPasswordInvalid, "UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := config.NewRelayProxy(c.address, c.username, c.password)
			wantError(t, err, c.why, c.text)
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error repeats what was given: %v", err)
			}
		})
	}
}

package config_test

import (
	"crypto/tls"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/omsgateway/omsgateway/internal/config"
	"github.com/omsgateway/omsgateway/internal/reason"
)

func TestTable(t *testing.T) {
	defaults := config.DefaultSettings()
	want := config.Settings{
		ListenPort: 8080, LogLevel: config.LogInfo, DrainTimeout: 5 * time.Second, IdleTimeout: 30 * time.Minute,
		StallTimeout:   2 * time.Minute,
		MaxConnections: 20000, MaxRequestHeads: 2048,
		MinimumTLSVersion: tls.VersionTLS10, MaximumTLSVersion: tls.VersionTLS13, ClientCertificatePolicy: config.Automatic,
		LearnHosts: true,
	}
	if diff := cmp.Diff(want, defaults); diff != "" {
		t.Errorf("defaults (-want +got):\n%s", diff)
	}
	seen := map[string]bool{}
	for _, row := range config.Table() {
		if lower := strings.ToLower(row.Key); seen[lower] {
			t.Errorf("%s is there twice", row.Key)
		} else {
			seen[lower] = true
		}
		if got := defaults.Get(row.Key); got != row.Default {
			t.Errorf("%s is %q by default, and the table says %q", row.Key, got, row.Default)
		}
		if !strings.HasSuffix(row.Help, ".") || len(row.Help) < 20 {
			t.Errorf("%s has the help %q", row.Key, row.Help)
		}
		if isChoice, isNumber := len(row.Choices) > 0, row.Max > row.Min; isChoice != (row.Type == config.Choice) ||
			isNumber != (row.Type == config.Number) {
			t.Errorf("%s does not have what belongs to its type: %+v", row.Key, row)
		}
		for _, key := range []string{strings.ToUpper(row.Key), strings.ToLower(row.Key), " " + row.Key + "\t"} {
			if got, err := config.Lookup(key); err != nil || got.Key != row.Key {
				t.Errorf("Lookup(%q) = %q, %v", key, got.Key, err)
			}
		}
	}
}

func TestTableIsACopy(t *testing.T) {
	config.Table()[0].Key = "changed"
	if got := config.Table()[0].Key; got != "ListenPort" {
		t.Errorf("the first row is now %q", got)
	}
}

// Every setting has a place of its own: setting one changes no other.
func TestEverySettingIsStored(t *testing.T) {
	for _, row := range config.Table() {
		value := map[config.Type]string{config.Number: "77", config.Address: "192.0.2.1", config.Hosts: "*.example.com"}[row.Type]
		if row.Type == config.Choice {
			value = row.Choices[slices.IndexFunc(row.Choices, func(choice string) bool { return choice != row.Default })]
		}
		s := config.DefaultSettings()
		if err := s.Set(row.Key, value); err != nil {
			t.Fatal(err)
		}
		for _, other := range config.Table() {
			want := other.Default
			if other.Key == row.Key {
				want = value
			}
			if got := s.Get(other.Key); got != want {
				t.Errorf("after %s = %q, %s is %q, want %q", row.Key, value, other.Key, got, want)
			}
		}
		wantRoundTrip(t, config.Config{Settings: s})
		if err := s.Set(row.Key, ""); err != nil || !s.Equal(config.DefaultSettings()) {
			t.Errorf("%s = \"\" does not set the default: %q, %v", row.Key, s.Get(row.Key), err)
		}
	}
}

func TestSet(t *testing.T) {
	for _, test := range []struct{ key, value, want string }{
		{"listenport", "1", "1"},
		{"LISTENPORT", " 65535 ", "65535"},
		{"ListenPort", "0443", "443"},
		{"DrainSeconds", "-0", "0"},
		{"LogLevel", "wARNING", "Warning"},
		{"AllowLoopbackTargets", "on", "On"},
		{"minimumTLSversion", " 1.2 ", "1.2"},
		{"ClientCertificatePolicy", "ifshown", "IfShown"},
		{"ListenAddress", "0:0::1", "::1"},
		{"ListenAddress", "::ffff:192.0.2.1", "192.0.2.1"},
		{"ListenAddress", "0.0.0.0", "0.0.0.0"},
		{"ListenAddress", " ", ""},
		{"RelayProxyBypass", "b.example.com, *.Example.com.,B.example.com:443", "*.example.com,b.example.com"},
		{"RelayProxyBypass", " ", ""},
	} {
		s := config.DefaultSettings()
		if err := s.Set(test.key, test.value); err != nil || s.Get(test.key) != test.want {
			t.Errorf("Set(%q, %q) makes it %q, %v; want %q", test.key, test.value, s.Get(test.key), err, test.want)
		}
	}
}

func TestSetRefuses(t *testing.T) {
	for _, test := range []struct {
		key, value string
		why        reason.Reason
		text       string
	}{
		{"ListenPort", "0", reason.SettingOutOfRange, "setting ListenPort cannot be 0: it is a whole number from 1 to 65535"},
		{"ListenPort", "65536", reason.SettingOutOfRange, ""},
		{"ListenPort", "-1", reason.SettingOutOfRange, ""},
		{"ListenPort", "4294975376", reason.SettingOutOfRange, ""},
		{"ListenPort", strings.Repeat("9", 1000), reason.SettingOutOfRange, strings.Repeat("9", 80) + "...:"},
		{"listenPort", "http", reason.SettingNotANumber, `setting ListenPort cannot be "http": it is a whole number from 1 to 65535`},
		{"ListenPort", "8080.5", reason.SettingNotANumber, ""},
		{"ListenPort", "+8080", reason.SettingNotANumber, ""},
		{"ListenPort", "0x50", reason.SettingNotANumber, ""},
		{"ListenPort", "8_080", reason.SettingNotANumber, ""},
		{"ListenPort", "-", reason.SettingNotANumber, ""},
		{"ListenPort", "８０８０", reason.SettingNotANumber, ""},
		{"ListenPort", "80\x1b[2J80", reason.SettingNotANumber, `"80?[2J80"`},
		{"LogLevel", "Trace", reason.SettingNotAChoice, `setting LogLevel cannot be "Trace": it is one of Error, Warning, Info, Debug`},
		{"AllowLoopbackTargets", "true", reason.SettingNotAChoice, "On, Off"},
		{"MinimumTlsVersion", "TLS 1.2", reason.SettingNotAChoice, "1.0, 1.1, 1.2, 1.3"},
		{"MaximumTlsVersion", "1.4", reason.SettingNotAChoice, ""},
		{"ClientCertificatePolicy", "Default", reason.SettingNotAChoice, "Automatic, AutomaticWithLearned, Off, IfShown, Required"},
		{"ListenAddress", "localhost", reason.SettingNotAnAddr, `"localhost"`},
		{"ListenAddress", "127.0.0.1:8080", reason.SettingNotAnAddr, ""},
		{"ListenAddress", "[::1]", reason.SettingNotAnAddr, ""},
		{"ListenAddress", "fe80::1%eth0", reason.SettingNotAnAddr, ""},
		{"ListenAddress", "224.0.0.1", reason.SettingNotAnAddr, ""},
		{"RelayProxyBypass", "a.example.com,", reason.SettingNotHosts, "setting RelayProxyBypass is a list"},
		{"RelayProxyBypass", "http://a.example.com/", reason.SettingNotHosts, "a.example.com"},
		{"ListenPrt", "1", reason.SettingUnknown,
			`there is no setting "ListenPrt" (did you mean ListenPort?); omsgwctl setting list shows all`},
		{"listen-port", "1", reason.SettingUnknown, "(did you mean ListenPort?)"},
		{"Fleet", "1", reason.SettingUnknown, `there is no setting "Fleet"; omsgwctl`},
		{"", "1", reason.SettingUnknown, `there is no setting ""; omsgwctl`},
		{strings.Repeat("x", 1<<20), "1", reason.SettingUnknown, `"` + strings.Repeat("x", 80) + `..."`},
	} {
		s := config.DefaultSettings()
		wantError(t, s.Set(test.key, test.value), test.why, test.text)
		if !s.Equal(config.DefaultSettings()) {
			t.Errorf("Set(%.20q, %.20q) failed and changed the settings", test.key, test.value)
		}
	}
}

// What Set accepts one by one may not go together; Conflict finds it, and so do Validate and Decode.
func TestConflict(t *testing.T) {
	for _, minimum := range []string{"1.0", "1.1", "1.2", "1.3"} {
		for _, maximum := range []string{"1.0", "1.1", "1.2", "1.3"} {
			c := config.Default()
			if err := errors.Join(c.Settings.Set("MinimumTlsVersion", minimum), c.Settings.Set("MaximumTlsVersion", maximum)); err != nil {
				t.Fatal(err)
			}
			_, decoded := config.Decode("config.json", c.Encode())
			if minimum <= maximum {
				if err := errors.Join(c.Settings.Conflict(), c.Validate(), decoded); err != nil {
					t.Errorf("%s to %s: %v", minimum, maximum, err)
				}
				continue
			}
			text := "MinimumTlsVersion would be " + minimum + " and MaximumTlsVersion " + maximum
			wantError(t, c.Settings.Conflict(), reason.SettingConflict, text)
			wantError(t, c.Validate(), reason.SettingConflict, text)
			wantError(t, decoded, reason.ConfigField, "settings is wrong: "+text)
		}
	}
}

package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/omsgateway/omsgateway/internal/config"
	"github.com/omsgateway/omsgateway/internal/reason"
)

func TestDocument(t *testing.T) {
	c := decoded(t, `{"version": 4,
		"settings": {"ListenPort": 8080, "LogLevel": "Debug", "MinimumTlsVersion": "1.2", "LearnHosts": "Off", "RelayProxyBypass": ""},
		"relayProxy": {"address": "http://proxy.example.com:3128", "username": "0123"},
		"allowedHosts": [
			{"host": "*.b.example.com", "addedAt": "2026-03-31T08:15:00Z", "addedBy": "alice"},
			{"host": "a.example.com:8443", "clientCertificatePolicy": "Off", "note": "yes", "expires": "2027-03-31T00:00:00Z"}],
		"allowedClientCertificates": [{"subject": "CN=x, O=\"y: z\"", "addedBy": "bob"}]}`)
	want := `version: 4
settings:
  ListenPort: 8080
  LogLevel: Debug
  MinimumTlsVersion: "1.2"
  RelayProxyBypass: ""
  LearnHosts: "Off"
relayProxy:
  address: http://proxy.example.com:3128
  username: "0123"
allowedHosts:
  - host: a.example.com:8443
    clientCertificatePolicy: "Off"
    note: "yes"
    expires: "2027-03-31T00:00:00Z"
  - host: '*.b.example.com'
allowedClientCertificates:
  - subject: 'CN=x, O="y: z"'
`
	got := string(c.Document(config.YAML))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, format := range []config.Format{config.JSON, config.YAML} {
		again, err := config.DecodeDocument("x", c.Document(format))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(c.Document(format)), string(again.Document(format))); diff != "" {
			t.Errorf("%s decoded and encoded (-want +got):\n%s", format, diff)
		}
		if !again.Settings.IsSet("ListenPort") || !again.Settings.IsSet("RelayProxyBypass") || again.Settings.IsSet("DrainSeconds") {
			t.Errorf("%s does not have which settings were set", format)
		}
	}
}

func TestDecodeDocumentWrittenByHand(t *testing.T) {
	_, err := config.DecodeDocument("x", []byte(`
# What the tills need.
version: 4
settings:
    loglevel_is_not_here: &no
`))
	wantError(t, err, reason.ConfigSyntax, "x is not valid YAML at line 5, column 27: there is an anchor or an alias; write the value itself")
	got, err := config.DecodeDocument("x", []byte(`---
version: 4
settings: {LogLevel: debug, MinimumTlsVersion: 1.2, ListenAddress: 10.0.0.1, LearnHosts: Off}
allowedHosts:
- host: "*.example.com"
- {host: B.example.com}
...
`))
	if err != nil {
		t.Fatal(err)
	}
	want := decoded(t, `{"version": 4,
		"settings": {"LogLevel": "Debug", "MinimumTlsVersion": "1.2", "ListenAddress": "10.0.0.1", "LearnHosts": "Off"},
		"allowedHosts": [{"host": "*.example.com"}, {"host": "b.example.com"}]}`)
	if diff := cmp.Diff(string(want.Encode()), string(got.Encode())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWrongDocuments(t *testing.T) {
	for _, test := range []struct {
		name, text string
		why        reason.Reason
		problem    string
	}{
		{"empty", "", reason.ConfigSyntax, "x is not valid JSON or YAML at line 1, column 1: it is empty"},
		{"comment", "# no more\n", reason.ConfigSyntax, "x is not valid YAML at line 1: it is empty"},
		{"no version", "settings: {}\n", reason.ConfigVersion, `x has no usable "version"`},
		{"newer", "version: 99\n", reason.ConfigTooNew, "x has version 99"},
		{"a list", "- version: 4\n", reason.ConfigField, "x, line 1, column 1: the whole file is wrong: it must be an object"},
		{"BOM", "\xef\xbb\xbfversion: 4\n", reason.ConfigSyntax, "x is not valid JSON or YAML at line 1, column 1: the file begins with a byte order mark; save it as UTF-8 without BOM"},
		{"UTF-16", "\xff\xfev\x00", reason.ConfigSyntax, "the file is UTF-16"},
		{"tab", "version: 4\nsettings:\n\tListenPort: 80\n", reason.ConfigSyntax, "x is not valid YAML at line 3, column 1: a tab indents the line"},
		{"tab behind blanks", "version: 4\nsettings:\n  \tListenPort: 80\n", reason.ConfigSyntax, "x is not valid YAML at line 3, column 3: a tab indents the line"},
		{"control character", "version: 4\n# \x1b[2J\n", reason.ConfigSyntax, "x is not valid YAML at line 2, column 3: there is a control character"},
		{"not UTF-8", "version: 4\n# \xff\n", reason.ConfigSyntax, "x is not valid YAML at line 2, column 3: there is a control character, or what is not UTF-8"},
		{"two documents", "version: 4\n---\nversion: 4\n", reason.ConfigSyntax, "a second document follows"},
		{"alias", "version: *x\n", reason.ConfigSyntax, "there is an alias; write the value itself"},
		{"anchor", "version: &x 4\n", reason.ConfigSyntax, "x is not valid YAML at line 1, column 10: there is an anchor"},
		{"merge key", "version: 4\nsettings:\n  <<: {ListenPort: 80}\n", reason.ConfigSyntax, "line 3, column 3: there is a merge key"},
		{"tag", "version: !!int 4\n", reason.ConfigSyntax, "there is a tag"},
		{"key", "version: 4\n? [a]\n: b\n", reason.ConfigSyntax, "line 2, column 3: a key is a plain text"},
		{"deep", "version: 4\nx: " + strings.Repeat("[", 50) + strings.Repeat("]", 50), reason.ConfigSyntax, "nested more than 16 deep"},
		{"duplicate", "version: 4\nsettings:\n  ListenPort: 80\n  ListenPort: 81\n", reason.ConfigDuplicate, "x, line 4, column 3: settings.ListenPort is there twice"},
		{"duplicate host", "version: 4\nallowedHosts:\n  - host: a.example.com\n  - host: A.example.com.\n", reason.ConfigDuplicate, "x, line 4, column 11: the host a.example.com is there twice"},
		{"unknown field", "version: 4\nsettings:\n    ListenPort: 80\n    Port: 81\n", reason.ConfigField, "x, line 4, column 5: settings.Port is wrong"},
		{"unknown member", "version: 4\nhosts: []\n", reason.ConfigField, "x, line 2, column 1: hosts is wrong: there is no such field here, only version, settings"},
		{"value", "version: 4\nsettings:\n    ListenPort: 0x50\n", reason.ConfigField, "x, line 3, column 17: settings.ListenPort is wrong: it must be a number"},
		{"yes and no", "version: 4\nsettings:\n    LearnHosts: false\n", reason.ConfigField, "x, line 3, column 17: settings.LearnHosts is wrong: it must be a text in quotation marks"},
		{"nothing", "version: 4\nsettings:\n", reason.ConfigField, "x, line 2, column 10: settings is wrong: it must be an object"},
		{"password", "version: 4\nrelayProxy: {address: 'http://p:3128', username: u, password: hunter2}\n", reason.ConfigField, "a password does not belong here"},
		{"who added it", "version: 4\nallowedHosts: [{host: a.example.com, addedBy: bob}]\n", reason.ConfigField, "there is no such field here, only host, clientCertificatePolicy, owner, ticket, note, expires"},
		{"JSON", "{\"version\": 4,\n  \"settings\": {\"Port\": 80}}", reason.ConfigField, "x, line 2, column 16: settings.Port is wrong"},
		{"JSON that ends", "{\"version\": 4", reason.ConfigSyntax, "x is not valid JSON at line 1, column 14: the file ends too early"},
		{"too many nodes", "version: 4\nx: [" + strings.Repeat("1,", 1_000_000) + "1]", reason.ConfigSyntax, "write it as JSON"},
		{"too many keys", "version: 4\nx: [" + strings.Repeat(`{"a":1}`, 1_000_000) + "]", reason.ConfigSyntax, "write it as JSON"},
		{"too many elements", "version: 4\nx:\n" + strings.Repeat("-\u0085", 1_000_001), reason.ConfigSyntax, "write it as JSON"},
		{"too large", "version: 4\n#" + strings.Repeat("x", config.MaxFileSize), reason.ConfigTooLarge, "x is larger than"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, err := config.DecodeDocument("x", []byte(test.text))
			wantError(t, err, test.why, test.problem)
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error has a password: %v", err)
			}
			if !c.Equal(config.Config{}) {
				t.Error("something comes with the error")
			}
		})
	}
}

func TestApply(t *testing.T) {
	now := decoded(t, `{"version": 4, "settings": {"ListenPort": 81, "DrainSeconds": 7},
		"relayProxy": {"address": "http://proxy.example.com:3128"},
		"allowedHosts": [
			{"host": "a.example.com", "addedAt": "2026-03-31T08:15:00Z", "addedBy": "alice"},
			{"host": "b.example.com", "clientCertificatePolicy": "Off", "addedBy": "alice"}],
		"allowedClientCertificates": [{"subject": "CN=a", "addedBy": "alice"}, {"subject": "CN=b"}]}`)
	document, err := config.DecodeDocument("x", []byte(`{"version": 4, "settings": {"ListenPort": 8080},
		"allowedHosts": [{"host": "a.example.com", "clientCertificatePolicy": "Required", "owner": "carol"}, {"host": "c.example.com"}],
		"allowedClientCertificates": [{"subject": "cn = a"}, {"subject": "CN=c"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	const withA = `{"host": "a.example.com", "clientCertificatePolicy": "Required", "owner": "carol",
		"addedAt": "2026-03-31T08:15:00Z", "addedBy": "alice"}`
	const withC = `{"host": "c.example.com", "addedAt": "2026-12-01T00:00:00Z", "addedBy": "bob"}`
	const subjects = `{"subject": "CN=a", "addedBy": "alice"}, {"subject": "CN=c", "addedAt": "2026-12-01T00:00:00Z", "addedBy": "bob"}`
	for _, test := range []struct {
		prune bool
		want  string
	}{
		{false, `{"version": 4, "settings": {"ListenPort": 8080, "DrainSeconds": 7},
			"relayProxy": {"address": "http://proxy.example.com:3128"},
			"allowedHosts": [` + withA + `, {"host": "b.example.com", "clientCertificatePolicy": "Off", "addedBy": "alice"}, ` + withC + `],
			"allowedClientCertificates": [` + subjects + `, {"subject": "CN=b"}]}`},
		{true, `{"version": 4, "settings": {"ListenPort": 8080}, "relayProxy": {"address": "http://proxy.example.com:3128"},
			"allowedHosts": [` + withA + `, ` + withC + `], "allowedClientCertificates": [` + subjects + `]}`},
	} {
		got := now.Clone()
		for range 2 { // the second time nothing changes
			got.Apply(document, test.prune, time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC), "bob")
			if diff := cmp.Diff(string(decoded(t, test.want).Encode()), string(got.Encode())); diff != "" {
				t.Errorf("prune %v (-want +got):\n%s", test.prune, diff)
			}
			if err := got.Validate(); err != nil {
				t.Error(err)
			}
		}
	}
}

// A document of the largest configuration is made and read.
func TestLargeDocument(t *testing.T) {
	c := config.Default()
	for i := range config.MaxHosts {
		c.AllowedHosts = append(c.AllowedHosts, config.AllowedHost{
			Pattern: pattern(t, fmt.Sprintf("host-%06d.some-factory.example.com", i)), ClientCertificatePolicy: config.Required,
		})
	}
	for _, format := range []config.Format{config.JSON, config.YAML} {
		again, err := config.DecodeDocument("x", c.Document(format))
		if err != nil || !again.Equal(c) {
			t.Errorf("%s: %d hosts, %v", format, len(again.AllowedHosts), err)
		}
	}
}

// Whatever a document has in it, what is taken of it is valid, and is the same when it is written and read again.
func FuzzDecodeDocument(f *testing.F) {
	for _, seed := range []string{
		"version: 4\nsettings: {ListenPort: 80, LearnHosts: Off}\nallowedHosts:\n- host: '*.example.com'\n",
		`{"version": 3, "allowedClientCertificates": [{"subject": "CN=a"}]}`, "version: &x 4\n", "a: *a", "? [a]\n: b", "<<: {a: b}",
		"version: 4\nrelayProxy: {address: 'http://p:1', username: \"\\x41\"}", "--- |\n  x\n", "!!binary x", "[[[[", "\"\\ud800\": 1",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := config.DecodeDocument("x", data)
		if err != nil {
			if reason.Of(err) == "" {
				t.Errorf("an error without a reason: %v", err)
			}
			return
		}
		if err := c.Validate(); err != nil {
			t.Errorf("it is not valid: %v", err)
		}
		for _, format := range []config.Format{config.JSON, config.YAML} {
			text := c.Document(format)
			again, err := config.DecodeDocument("x", text)
			if err != nil || !bytes.Equal(again.Document(format), text) {
				t.Errorf("%s: %v\n%s", format, err, text)
			}
		}
		if !json.Valid(c.Document(config.JSON)) {
			t.Error("it is no JSON")
		}
	})
}

func decoded(t *testing.T, file string) config.Config {
	t.Helper()
	c, err := config.Decode("config.json", []byte(file))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

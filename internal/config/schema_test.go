package config_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/omsgateway/omsgateway/internal/config"
)

var schemaPath = filepath.Join("..", "..", "docs", "configuration.schema.json")

// TestSchemaPage holds docs/configuration.schema.json to the table of settings. With OMSGATEWAY_WRITE_DOCS set it writes the file instead,
// as make generate does.
func TestSchemaPage(t *testing.T) {
	want, err := json.MarshalIndent(schema(), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	if os.Getenv("OMSGATEWAY_WRITE_DOCS") != "" {
		if err := os.WriteFile(schemaPath, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(schemaPath)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), strings.ReplaceAll(string(got), "\r\n", "\n")); diff != "" {
		t.Errorf("docs/configuration.schema.json is not what the table says; run make generate (-want +got):\n%s", diff)
	}
}

// What the schema takes the gateway takes, and the gateway writes nothing else. Of some texts, such as hosts, the gateway knows more.
func TestSchema(t *testing.T) {
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	compiled, err := compiler.Compile(schemaPath)
	if err != nil {
		t.Fatal(err)
	}
	everything := config.Default()
	for _, row := range config.Table() {
		value := row.Default
		if row.Type == config.Hosts {
			value = "a.example.com,*.b.example.com"
		}
		if value == "" {
			value = "10.0.0.1"
		}
		if err := everything.Settings.Set(row.Key, value); err != nil {
			t.Fatal(err)
		}
	}
	everything.RelayProxy, err = config.NewRelayProxy("http://proxy.example.com:3128", "user", "hunter2")
	if err != nil {
		t.Fatal(err)
	}
	everything.AddHosts(config.AllowedHost{Pattern: pattern(t, "*.example.com"), ClientCertificatePolicy: config.Required})
	for name, test := range map[string]struct {
		document string
		takes    bool
	}{
		"nothing":            {`{"version": 4}`, true},
		"default":            {string(config.Default().Document(config.JSON)), true},
		"everything":         {string(everything.Document(config.JSON)), true},
		"older":              {`{"version": 1, "settings": {}}`, true},
		"no version":         {`{}`, false},
		"version as text":    {`{"version": "4"}`, false},
		"newer":              {`{"version": 5}`, false},
		"unknown member":     {`{"version": 4, "hosts": []}`, false},
		"unknown setting":    {`{"version": 4, "settings": {"Port": 80}}`, false},
		"setting as text":    {`{"version": 4, "settings": {"ListenPort": "80"}}`, false},
		"setting too large":  {`{"version": 4, "settings": {"ListenPort": 65536}}`, false},
		"setting not whole":  {`{"version": 4, "settings": {"ListenPort": 80.5}}`, false},
		"no choice":          {`{"version": 4, "settings": {"LogLevel": "Loud"}}`, false},
		"password":           {`{"version": 4, "relayProxy": {"address": "http://p:1", "username": "u", "password": "x"}}`, false},
		"relay without all":  {`{"version": 4, "relayProxy": {}}`, false},
		"host without host":  {`{"version": 4, "allowedHosts": [{}]}`, false},
		"host with policy":   {`{"version": 4, "allowedHosts": [{"host": "a.example.com", "clientCertificatePolicy": "IfShown"}]}`, true},
		"account":            {`{"version": 4, "allowedHosts": [{"host": "a.example.com", "owner": "bob", "expires": "2027-03-31T00:00:00Z"}]}`, true},
		"expires some day":   {`{"version": 4, "allowedHosts": [{"host": "a.example.com", "expires": "some day"}]}`, false},
		"policy of setting":  {`{"version": 4, "allowedHosts": [{"host": "a.example.com", "clientCertificatePolicy": "Automatic"}]}`, false},
		"who added it":       {`{"version": 4, "allowedHosts": [{"host": "a.example.com", "addedBy": "bob"}]}`, false},
		"certificate":        {`{"version": 4, "allowedClientCertificates": [{"subject": "CN=a"}]}`, true},
		"no subject":         {`{"version": 4, "allowedClientCertificates": [{"name": "CN=a"}]}`, false},
		"hosts are no array": {`{"version": 4, "allowedHosts": {}}`, false},
	} {
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader([]byte(test.document)))
		if err != nil {
			t.Fatal(err)
		}
		if err := compiled.Validate(value); (err == nil) != test.takes {
			t.Errorf("%s: the schema says %v", name, err)
		}
		if _, err := config.DecodeDocument("x", []byte(test.document)); (err == nil) != test.takes {
			t.Errorf("%s: the gateway says %v", name, err)
		}
	}
}

type object = map[string]any

// schema is a JSON Schema (https://json-schema.org/draft/2020-12) of documents.
func schema() object {
	settings := object{}
	for _, row := range config.Table() {
		property := object{"description": row.Help}
		switch row.Type {
		case config.Number:
			property["type"], property["minimum"], property["maximum"] = "integer", row.Min, row.Max
		case config.Choice:
			property["enum"] = row.Choices
		case config.Address, config.Hosts:
			property["type"] = "string"
		}
		settings[row.Key] = property
	}
	closed := func(description string, required []string, properties object) object {
		return object{
			"type": "object", "description": description, "required": required, "properties": properties, "additionalProperties": false,
		}
	}
	text := func(description string) object {
		return object{"type": "string", "minLength": 1, "description": description}
	}
	whole := closed("The configuration of an OMS gateway, as omsgwctl config export writes it and omsgwctl config apply takes it.",
		[]string{"version"}, object{
			"version": object{
				"type": "integer", "minimum": 1, "maximum": config.Version,
				"description": "What may stand in the file; omsgwctl config export writes the newest that the gateway understands.",
			},
			"settings": closed("Settings that were set. What is left out has its default.", []string{}, settings),
			"relayProxy": closed("The proxy through which the gateway connects. Its password is not in the file.", []string{"address"}, object{
				"address":  text("Its address, for example http://proxy.example.com:3128."),
				"username": text("The user by which the gateway says who it is."),
			}),
			"allowedHosts": object{
				"type": "array", "maxItems": config.MaxHosts, "description": "The hosts that clients may reach.",
				"items": closed("A host.", []string{"host"}, object{
					"host": text("A name, or *.domain for every name below a domain; with a port behind a colon, else port 443."),
					"clientCertificatePolicy": object{
						"enum":        []string{config.Off, config.IfShown, config.Required},
						"description": "What is asked of a client's certificate, where it is not what the setting ClientCertificatePolicy says.",
					},
					"owner":  text("Who answers for the entry; one line."),
					"ticket": text("Where it was asked for; one line."),
					"note":   text("Why it is there; one line."),
					"expires": object{
						"type": "string", "format": "date-time",
						"description": "When the entry ends (RFC 3339), for example 2027-03-31T00:00:00Z: from then on it allows nothing.",
					},
				}),
			},
			"allowedClientCertificates": object{
				"type": "array", "maxItems": config.MaxClientCertificates, "description": "The client certificates that are allowed.",
				"items": closed("A client certificate.", []string{"subject"}, object{
					"subject": text("Its subject, for example CN=till, O=Contoso."),
				}),
			},
		})
	whole["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	whole["title"] = "Configuration of an OMS gateway"
	return whole
}

package config

import (
	"bytes"
	"slices"
	"time"

	"github.com/omsgateway/omsgateway/internal/hostname"
)

// Format is how a document is written.
type Format string

// The formats.
const (
	JSON Format = "JSON"
	YAML Format = "YAML"
)

// Document makes a document of c: what somebody keeps outside of the gateway, under version control for example, and applies again. It is
// the file that Encode makes without a password, and without who added entries and when; the same bytes for the same configuration.
func (c Config) Document(format Format) []byte {
	text := c.encode(true)
	if format == YAML {
		return toYAML(text)
	}
	return text
}

// DecodeDocument reads a document of any version up to Version; name is what errors call it. A document that begins with { is JSON, any
// other one YAML, without anchors, aliases, tags and merge keys. It is strict as Decode is; the errors are those of Decode, and tell line
// and column.
func DecodeDocument(name string, data []byte) (Config, error) {
	if err := checkSize(name, data); err != nil {
		return Config{}, err
	}
	r, err := documentReader(name, data)
	if err != nil {
		return Config{}, err
	}
	version, err := r.fileVersion()
	if err != nil {
		return Config{}, err
	}
	again := newReader(name, r.data)
	again.origins, again.document, again.version = r.origins, true, version
	return again.file()
}

// isJSON reports whether a document is JSON rather than YAML.
func isJSON(document []byte) bool {
	return bytes.HasPrefix(bytes.TrimLeft(document, blanks), []byte("{"))
}

// documentReader returns a reader of a document of either format.
func documentReader(name string, data []byte) (*reader, error) {
	r := newReader(name, data)
	r.document = true
	if isJSON(data) || r.checkStart() != nil {
		return r, nil //nolint:nilerr // the reader finds it again, and says where
	}
	text, origins, err := fromYAML(name, data)
	if err != nil {
		return nil, err
	}
	r = newReader(name, text)
	r.document, r.origins = true, origins
	return r, nil
}

// Apply puts into c what a document has: its settings, hosts and client certificates. A host is then as the document says in all, but one
// that was there keeps who added it and when; a new one was added at this time by this caller. With prune, what the document leaves out
// goes. The relay proxy stays as it is, since the document has no password of it.
func (c *Config) Apply(document Config, prune bool, at time.Time, by string) {
	for _, row := range table {
		if prune || document.Settings.IsSet(row.Key) {
			_ = c.Settings.SetAs(document.Settings, row.Key) // it was read from a document, so that it is valid
		}
	}
	c.applyHosts(document.AllowedHosts, prune, at, by)
	c.applyCertificates(document.AllowedClientCertificates, prune, at, by)
}

func (c *Config) applyHosts(wanted []AllowedHost, prune bool, at time.Time, by string) {
	present := make(map[hostname.Pattern]AllowedHost, len(c.AllowedHosts))
	for _, h := range c.AllowedHosts {
		present[h.Pattern] = h
	}
	if prune {
		c.AllowedHosts = nil
	}
	changed := make(map[hostname.Pattern]bool, len(wanted))
	var hosts []AllowedHost
	for _, h := range wanted {
		was, ok := present[h.Pattern]
		if !ok {
			was = AllowedHost{Pattern: h.Pattern, AddedAt: at, AddedBy: by}
		}
		was.ClientCertificatePolicy, was.Account = h.ClientCertificatePolicy, h.Account
		changed[h.Pattern] = true
		hosts = append(hosts, was)
	}
	c.AllowedHosts = slices.DeleteFunc(c.AllowedHosts, func(h AllowedHost) bool { return changed[h.Pattern] })
	c.AddHosts(hosts...)
}

func (c *Config) applyCertificates(wanted []AllowedClientCertificate, prune bool, at time.Time, by string) {
	list := slices.Clone(wanted)
	for i := range list {
		list[i].AddedAt, list[i].AddedBy = at, by
	}
	if prune {
		stay := keys(list, keyOf)
		c.AllowedClientCertificates = slices.DeleteFunc(c.AllowedClientCertificates, func(a AllowedClientCertificate) bool {
			return !stay[keyOf(a)]
		})
	}
	c.AddClientCertificates(list...)
}

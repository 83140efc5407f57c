package config

import (
	"bytes"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Encode makes a file of c: indented JSON in UTF-8 with a final newline, the same bytes for the same configuration. Settings
// that were not set are left out.
func (c Config) Encode() []byte { return c.encode(false) }

// encode makes a file or, without what does not belong there, a document.
func (c Config) encode(document bool) []byte {
	var out bytes.Buffer
	w := writer{jsontext.NewEncoder(&out, jsontext.WithIndent("  "), jsontext.AllowInvalidUTF8(true)), document}
	w.object(func() {
		w.tokens(jsontext.String("version"), jsontext.Int(Version), jsontext.String("settings"))
		w.object(func() { w.settings(c.Settings) })
		if c.RelayProxy.IsSet() {
			w.tokens(jsontext.String("relayProxy"))
			w.object(func() { w.relayProxy(c.RelayProxy) })
		}
		w.tokens(jsontext.String("allowedHosts"), jsontext.BeginArray)
		for _, h := range c.AllowedHosts {
			w.object(func() {
				w.text("host", h.Pattern.String())
				if h.ClientCertificatePolicy != "" {
					w.text("clientCertificatePolicy", string(h.ClientCertificatePolicy))
				}
				w.account(h.Account)
				w.added(h.AddedAt, h.AddedBy)
			})
		}
		w.tokens(jsontext.EndArray, jsontext.String("allowedClientCertificates"), jsontext.BeginArray)
		for _, a := range c.AllowedClientCertificates {
			w.object(func() {
				w.text("subject", a.Entry.String())
				w.added(a.AddedAt, a.AddedBy)
			})
		}
		w.tokens(jsontext.EndArray)
	})
	return out.Bytes()
}

type writer struct {
	*jsontext.Encoder
	document bool
}

func (w writer) settings(s Settings) {
	for _, row := range table {
		if !row.isSet(&s) {
			continue
		}
		value := row.field.get(row, &s)
		w.tokens(jsontext.String(row.Key))
		if n, err := strconv.ParseInt(value, 10, 64); err == nil && row.Type == Number {
			w.tokens(jsontext.Int(n))
		} else {
			w.tokens(jsontext.String(value))
		}
	}
}

func (w writer) relayProxy(p RelayProxy) {
	w.text("address", p.Address.String())
	if p.Username != "" {
		w.text("username", p.Username)
	}
	if sealed := p.Password.Text(); sealed != "" && !w.document {
		w.text("password", sealed)
	}
}

func (w writer) added(at time.Time, by string) {
	if w.document {
		return
	}
	if !at.IsZero() {
		w.text("addedAt", at.Format(time.RFC3339))
	}
	if by != "" {
		w.text("addedBy", by)
	}
}

func (w writer) text(name, value string) { w.tokens(jsontext.String(name), jsontext.String(value)) }

func (w writer) object(members func()) {
	w.tokens(jsontext.BeginObject)
	members()
	w.tokens(jsontext.EndObject)
}

func (w writer) tokens(tokens ...jsontext.Token) {
	for _, t := range tokens {
		if err := w.WriteToken(t); err != nil {
			panic(err) // the memory takes everything, so the order of the tokens is wrong
		}
	}
}

package discovery

import (
	"context"
	"time"
)

// The parsers, for the fuzzer.
var (
	ParseChunk       = parseChunk
	ParseOnboarding  = parseOnboarding
	ParseCertificate = parseCertificate
	CloudOf          = cloudOf
)

// Connector is a key of the Microsoft Monitoring Agent.
type Connector struct{ Name, URL, Thumbprint string }

// ReadConnectors makes the Reading of a registry that has these keys.
func ReadConnectors(place string, list ...Connector) *Reading {
	return ReadConnectorsOf("", place, list...)
}

// ReadConnectorsOf does so for an agent of a version.
func ReadConnectorsOf(version, place string, list ...Connector) *Reading {
	r := NewReader(nil, time.Now)
	s := &search{reader: r, now: r.now(), watch: func(string, string) {}, kept: map[string]kept{}}
	var keys []connector
	for _, c := range list {
		keys = append(keys, connector{c.Name, c.URL, c.Thumbprint})
	}
	s.learnConnectors(MicrosoftMonitoringAgent, place, version, keys)
	r.kept = s.kept
	return r.merge(s)
}

// Hosts are the names of a finding.
func (f *finding) Hosts() []string {
	var names []string
	for _, h := range f.hosts {
		names = append(names, h.host.Name())
	}
	return names
}

// Certificates are the entries of a finding.
func (f *finding) Certificates() []string {
	var entries []string
	for _, c := range f.certificates {
		entries = append(entries, c.entry.String())
	}
	return entries
}

// Ignored is how many errors a finding holds.
func (f *finding) Ignored() []error { return f.ignored }

// WatchEvery is Watch with another time between readings.
func WatchEvery(ctx context.Context, o Options, every time.Duration) *Watcher {
	return watchEvery(ctx, o, every)
}

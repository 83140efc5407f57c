package settings

import (
	"crypto/tls"
	"time"

	"omsgateway/internal/config"
	"omsgateway/internal/handshake"
	"omsgateway/internal/policy"
)

// Limits that are not settings.
const (
	headTimeout = 10 * time.Second
	dialTimeout = 10 * time.Second
)

// PolicyInput is what the policy is compiled from when s is in force for the lists of c and for what was learned. What is
// configured comes first, so that it decides. What was learned is left out while LearnHosts is off.
func PolicyInput(s config.Settings, c config.Config, l Learned) policy.Input {
	if !s.LearnHosts {
		l = Learned{}
	}
	entries := make([]policy.Entry, 0, len(c.AllowedHosts)+len(l.Entries))
	for _, h := range c.AllowedHosts {
		entries = append(entries, policy.Entry{
			Pattern:           h.Pattern,
			Source:            policy.Source{Kind: policy.Local, Since: h.AddedAt},
			ClientCertificate: requirements[h.ClientCertificatePolicy],
		})
	}
	entries = append(entries, l.Entries...)
	certificates := make([]string, 0, len(c.AllowedClientCertificates)+len(l.ClientCertificates))
	for _, a := range c.AllowedClientCertificates {
		certificates = append(certificates, a.Entry.String())
	}
	for _, e := range l.ClientCertificates {
		certificates = append(certificates, e.String())
	}
	return policy.Input{
		Entries: entries,
		Limits: policy.Limits{
			MaxConnections:          s.MaxConnections,
			MaxRequestHeads:         s.MaxRequestHeads,
			MaxConnectionsPerClient: s.MaxConnectionsPerClient,
			MaxHandshakes:           handshake.MaxTunnels,
			HeadTimeout:             headTimeout,
			DialTimeout:             dialTimeout,
			HandshakeTimeout:        handshake.TimeLimit,
			IdleTimeout:             time.Duration(s.IdleTimeoutSeconds) * time.Second,
			DrainTimeout:            time.Duration(s.DrainSeconds) * time.Second,
		},
		AllowLoopback:     s.AllowLoopbackTargets,
		ListenPort:        uint16(s.ListenPort),
		MinVersion:        versions[s.MinimumTLSVersion],
		MaxVersion:        versions[s.MaximumTLSVersion],
		RequireServerName: s.RequireServerName,
		ClientCertificate: requirement(s.ClientCertificatePolicy, len(c.AllowedClientCertificates)),
		Certificates:      certificates,
	}
}

// requirement is what policy, a value of the setting, means with so many configured client certificates. Learned ones do not count:
// what an agent's configuration says must not begin to refuse clients.
func requirement(policy string, certificates int) handshake.Requirement {
	if own := requirements[policy]; own != nil {
		return *own
	}
	if certificates > 0 {
		return handshake.IfShown
	}
	return handshake.Off
}

// requirements has the policies that say the same whatever the list holds.
var requirements = map[string]*handshake.Requirement{
	config.Off:      new(handshake.Off),
	config.IfShown:  new(handshake.IfShown),
	config.Required: new(handshake.Required),
}

var versions = map[string]uint16{
	"1.0": tls.VersionTLS10,
	"1.1": tls.VersionTLS11,
	"1.2": tls.VersionTLS12,
	"1.3": tls.VersionTLS13,
}

package settings

import (
	"time"

	"github.com/omsgateway/omsgateway/internal/config"
	"github.com/omsgateway/omsgateway/internal/handshake"
	"github.com/omsgateway/omsgateway/internal/policy"
	"github.com/omsgateway/omsgateway/internal/reason"
)

// Limits that are not settings.
const (
	headTimeout = 10 * time.Second
	dialTimeout = 10 * time.Second

	// Longer than the time that a relay proxy takes to find that a target does not answer, which a gateway does after dialTimeout.
	relayTimeout = 30 * time.Second
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
			Source:            policy.Source{Kind: policy.Local, Since: h.AddedAt, Loosens: true},
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
			RelayTimeout:            relayTimeout,
			HandshakeTimeout:        handshake.TimeLimit,
			IdleTimeout:             s.IdleTimeout,
			DrainTimeout:            s.DrainTimeout,
		},
		AllowLoopback:     s.AllowLoopbackTargets,
		ListenPort:        s.ListenPort,
		ListenAddress:     s.ListenAddress,
		Relay:             relay(s, c.RelayProxy),
		RelayBypass:       s.RelayProxyBypass,
		MinVersion:        s.MinimumTLSVersion,
		MaxVersion:        s.MaximumTLSVersion,
		RequireServerName: s.RequireServerName,
		ClientCertificate: requirement(s.ClientCertificatePolicy, len(c.AllowedClientCertificates)),
		Certificates:      certificates,
	}
}

// relay is the relay proxy as the policy has it. One whose password does not open is kept, so that nothing goes another way than the
// administrator has set, and says so for each connection.
func relay(s config.Settings, p config.RelayProxy) *policy.Relay {
	if !p.IsSet() {
		return nil
	}
	r := &policy.Relay{Address: p.Address, Username: p.Username, ResolveLocally: s.RelayProxyResolveLocally}
	password, err := p.Password.Open()
	if err != nil {
		r.Unusable = reason.Wrap(err, reason.RelayPasswordLost, "relay", p.Address.String())
	}
	r.Password = password
	return r
}

// requirement is what policy, a value of the setting, means with so many configured client certificates. Learned ones do not count:
// what an agent's configuration says must not begin to refuse clients.
func requirement(policy config.CertificatePolicy, certificates int) handshake.Requirement {
	if own := requirements[policy]; own != nil {
		return *own
	}
	if certificates > 0 {
		return handshake.IfShown
	}
	return handshake.Off
}

// requirements has the policies that say the same whatever the list holds.
var requirements = map[config.CertificatePolicy]*handshake.Requirement{
	config.Off:      new(handshake.Off),
	config.IfShown:  new(handshake.IfShown),
	config.Required: new(handshake.Required),
}

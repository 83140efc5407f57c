package settings

import (
	"slices"
	"time"

	"github.com/omsgateway/omsgateway/internal/config"
	"github.com/omsgateway/omsgateway/internal/handshake"
	"github.com/omsgateway/omsgateway/internal/policy"
	"github.com/omsgateway/omsgateway/internal/reason"
)

// Limits that are not settings.
const (
	headTimeout  = 10 * time.Second
	helloTimeout = 10 * time.Second
	dialTimeout  = 10 * time.Second

	// Longer than the time that a relay proxy takes to find that a target does not answer, which a gateway does after dialTimeout.
	relayTimeout = 30 * time.Second
)

// policyInput is what the policy is compiled from when s is in force, at date, for the lists of c and for what the other sources bring.
func policyInput(s config.Settings, c config.Config, slots Slots, date time.Time) policy.Input {
	var entries []policy.Entry
	var certificates []string
	judging := 0
	for _, row := range table() {
		slot := slots[row.kind]
		if row.kind == policy.Local {
			slot = local(c, date)
		} else if row.on != nil && !row.on(s) {
			continue
		}
		entries = slices.Grow(entries, len(slot.Entries))
		for _, e := range slot.Entries {
			e.Source.Kind, e.Source.Loosens = row.kind, row.loosens
			entries = append(entries, e)
		}
		for _, e := range slot.ClientCertificates {
			certificates = append(certificates, e.String())
		}
		if row.judges || s.ClientCertificatePolicy == config.AutomaticWithLearned {
			judging += len(slot.ClientCertificates)
		}
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
			HelloTimeout:            helloTimeout,
			HandshakeTimeout:        handshake.TimeLimit,
			CloseTimeout:            handshake.CloseLimit,
			IdleTimeout:             s.IdleTimeout,
			StallTimeout:            s.StallTimeout,
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
		ClientCertificate: requirement(s.ClientCertificatePolicy, judging),
		Certificates:      certificates,
	}
}

// local is the file as a source. A host that has expired is not there, so that it denies nothing which another entry allows.
func local(c config.Config, date time.Time) Slot {
	slot := Slot{Entries: make([]policy.Entry, 0, len(c.AllowedHosts))}
	for _, h := range c.AllowedHosts {
		if h.Account.HasExpired(date) {
			continue
		}
		slot.Entries = append(slot.Entries, policy.Entry{
			Pattern:           h.Pattern,
			Source:            policy.Source{Since: h.AddedAt},
			ClientCertificate: requirements[h.ClientCertificatePolicy],
		})
	}
	for _, a := range c.AllowedClientCertificates {
		slot.ClientCertificates = append(slot.ClientCertificates, a.Entry)
	}
	return slot
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

// requirement is what policy, a value of the setting, means with so many client certificates that count for it. Learned ones do not,
// unless somebody wants it so: what an agent's configuration says must not begin to refuse clients.
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

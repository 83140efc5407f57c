package settings

import (
	"time"

	"omsgateway/internal/config"
	"omsgateway/internal/policy"
)

// Limits that are not settings.
const (
	headTimeout = 10 * time.Second
	dialTimeout = 10 * time.Second
)

// PolicyInput is what the policy is compiled from when s is in force and hosts are allowed.
func PolicyInput(s config.Settings, hosts []config.AllowedHost) policy.Input {
	entries := make([]policy.Entry, len(hosts))
	for i, h := range hosts {
		entries[i] = policy.Entry{Pattern: h.Pattern, Source: policy.Source{Kind: policy.Local}}
	}
	return policy.Input{
		Entries: entries,
		Limits: policy.Limits{
			MaxConnections:          s.MaxConnections,
			MaxRequestHeads:         s.MaxRequestHeads,
			MaxConnectionsPerClient: s.MaxConnectionsPerClient,
			HeadTimeout:             headTimeout,
			DialTimeout:             dialTimeout,
			IdleTimeout:             time.Duration(s.IdleTimeoutSeconds) * time.Second,
			DrainTimeout:            time.Duration(s.DrainSeconds) * time.Second,
		},
		AllowLoopback: s.AllowLoopbackTargets,
		ListenPort:    uint16(s.ListenPort),
	}
}

// Package firewall is the gateway's own rules in the firewall of Windows: each lets clients in at one TCP port, to one program and one
// service. Other systems have no such rules, and there nothing is ever wrong.
package firewall

import (
	"strconv"

	"github.com/omsgateway/omsgateway/internal/reason"
)

// Clients is the name of the rule for the port at which clients connect.
const Clients = "OMS Gateway"

// Check returns FIREWALL_RULE_DIFFERS if there are rules with this name that count, and none of them lets clients in at the TCP port. It
// returns nil where there is no such rule: somebody else's may do as well, or the firewall is off. Everybody may ask.
func Check(name string, port uint16) error {
	found, lets := false, false
	for _, r := range rules() {
		if r.name == name && r.active && r.inbound {
			found = true
			lets = lets || r.allows(port)
		}
	}
	if !found || lets {
		return nil
	}
	return reason.New(reason.FirewallRuleDiffers, "rule", name, "port", strconv.Itoa(int(port)))
}

// Each operating system has its own
//
//	rules() []rule    // of the computer, those that this program can read; none if there is no firewall

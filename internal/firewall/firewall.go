// Package firewall is the gateway's own rules in the firewall of Windows: each lets clients in at one TCP port, to one program and one
// service. Other systems have no such rules, and there nothing is ever wrong.
package firewall

import (
	"strconv"

	"github.com/omsgateway/omsgateway/internal/reason"
)

// Clients is the name of the rule for the port at which clients connect.
const Clients = "OMS Gateway"

// Check says what is wrong with the rules of this name that count: FIREWALL_RULE_DIFFERS if none lets clients in at the TCP port,
// FIREWALL_RULE_WIDE if one that was made on this computer lets them in at others as well. Both name the remedy, a command. Where there
// is no such rule nothing is wrong: somebody else's may do as well, or the firewall is off. Everybody may ask.
func Check(name string, port uint16, remedy string) error {
	why := judge(rules(), name, port)
	if why == "" {
		return nil
	}
	return reason.New(why, "rule", name, "port", strconv.Itoa(int(port)), "command", remedy)
}

// judge is "" if nothing is wrong.
func judge(all []rule, name string, port uint16) reason.Reason {
	found, lets, wide := false, false, false
	for _, r := range all {
		if r.name == name && r.active && r.inbound {
			found = true
			lets = lets || r.allows(port)
			wide = wide || r.local && r.allowsMore(port)
		}
	}
	switch {
	case found && !lets:
		return reason.FirewallRuleDiffers
	case wide:
		return reason.FirewallRuleWide
	}
	return ""
}

// Each operating system has its own
//
//	rules() []rule    // of the computer, those that this program can read; none if there is no firewall

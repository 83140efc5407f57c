package gateway

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/omsgateway/omsgateway/internal/config"
	"github.com/omsgateway/omsgateway/internal/firewall"
	"github.com/omsgateway/omsgateway/internal/osdefaults"
)

// firewallFor returns what says what is wrong with the firewall's rule for clients under some settings. The rule is for the service:
// with another state folder nothing is ever wrong.
func firewallFor(stateDir string) func(config.Settings) error {
	if !strings.EqualFold(filepath.Clean(stateDir), osdefaults.StateDir()) {
		return func(config.Settings) error { return nil }
	}
	return func(s config.Settings) error {
		if s.ListenAddress.IsLoopback() {
			return nil // nobody comes from elsewhere
		}
		return firewall.Check(firewall.Clients, s.ListenPort, firewallCommand())
	}
}

// firewallCommand is what sets the rule, to be pasted into PowerShell.
func firewallCommand() string {
	program, err := os.Executable()
	if err != nil {
		program = "omsgateway"
	}
	return `& "` + program + `" service firewall`
}

package gateway

import (
	"net/netip"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/windows/registry"

	"github.com/omsgateway/omsgateway/internal/config"
	"github.com/omsgateway/omsgateway/internal/firewall"
	"github.com/omsgateway/omsgateway/internal/osdefaults"
	"github.com/omsgateway/omsgateway/internal/reason"
)

// A gateway warns of the service's rule only if it has the service's folder and can be reached from elsewhere. The rule is written where
// Windows keeps them, and not put in force.
func TestFirewallFor(t *testing.T) {
	const rules = `SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy\FirewallRules`
	key, _, err := registry.CreateKey(registry.LOCAL_MACHINE, rules, registry.SET_VALUE)
	if err != nil {
		t.Skipf("this account may not write there: %v", err)
	}
	defer key.Close()
	const value = "omsgateway-test-gateway"
	if err := key.SetStringValue(value, "v2.31|Action=Allow|Active=TRUE|Dir=In|Protocol=6|Name="+firewall.Clients+"|"); err != nil {
		t.Fatal(err)
	}
	defer key.DeleteValue(value)

	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		folder, address string
		want            reason.Reason
	}{
		"the service":             {folder: osdefaults.StateDir(), want: reason.FirewallRuleWide},
		"in another spelling":     {folder: strings.ToUpper(osdefaults.StateDir()) + `\`, want: reason.FirewallRuleWide},
		"at one address":          {folder: osdefaults.StateDir(), address: "192.0.2.1", want: reason.FirewallRuleWide},
		"on loopback":             {folder: osdefaults.StateDir(), address: "127.0.0.1"},
		"on loopback of IPv6":     {folder: osdefaults.StateDir(), address: "::1"},
		"a gateway of another":    {folder: t.TempDir()},
		"another, at one address": {folder: t.TempDir(), address: "192.0.2.1"},
	} {
		s := config.Default().Settings
		if test.address != "" {
			s.ListenAddress = netip.MustParseAddr(test.address)
		}
		err := firewallFor(test.folder)(s)
		if reason.Of(err) != test.want {
			t.Errorf("%s: %v", name, err)
		}
		if command := `& "` + program + `" service firewall`; err != nil && !strings.HasSuffix(err.Error(), command) {
			t.Errorf("%s: %v; it does not end with %s", name, err, command)
		}
	}
}

package firewall

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/windows/registry"

	"github.com/omsgateway/omsgateway/internal/reason"
)

// The rules are read from where Windows keeps them. A rule with a name of its own is written there as text, and not put in force.
func TestCheck(t *testing.T) {
	key, _, err := registry.CreateKey(registry.LOCAL_MACHINE, localKey, registry.SET_VALUE|registry.WOW64_64KEY)
	if err != nil {
		t.Skipf("this account may not write there: %v", err)
	}
	defer key.Close()
	name := fmt.Sprintf("OMS Gateway test %d", os.Getpid())
	if err := Check(name, 8080, "COMMAND"); err != nil {
		t.Errorf("without a rule: %v", err)
	}
	if err := key.SetStringValue(name, "v2.31|Action=Allow|Active=TRUE|Dir=In|Protocol=6|LPort=8080|Name="+name+"|"); err != nil {
		t.Fatal(err)
	}
	defer key.DeleteValue(name)
	if err := Check(name, 8080, "COMMAND"); err != nil {
		t.Errorf("with a rule that fits: %v", err)
	}
	if err := Check(name, 8081, "COMMAND"); reason.Of(err) != reason.FirewallRuleDiffers {
		t.Errorf("with a rule for another port: %v", err)
	}
	if !isThere(name) {
		t.Error("the rule is not found")
	}
	if err := key.SetStringValue(name, "v2.31|Action=Allow|Active=TRUE|Dir=In|Protocol=6|Name="+name+"|"); err != nil {
		t.Fatal(err)
	}
	if err := Check(name, 8080, "COMMAND"); reason.Of(err) != reason.FirewallRuleWide {
		t.Errorf("with a rule for every port: %v", err)
	}
}

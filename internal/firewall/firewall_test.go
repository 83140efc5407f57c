package firewall

import (
	"strings"
	"testing"

	"github.com/omsgateway/omsgateway/internal/reason"
)

func TestJudge(t *testing.T) {
	const (
		app    = `App=C:\Program Files\OMS Gateway\omsgateway.exe|`
		ours   = `v2.31|Action=Allow|Active=TRUE|Dir=In|Protocol=6|LPort=8080|` + app + `Svc=OMSGatewayService|Name=OMS Gateway|`
		former = `v2.26|Action=Allow|Active=TRUE|Dir=In|Protocol=6|` + app + `Name=OMS Gateway|` // of version 1
	)
	with := func(rule, old, new string) string {
		if !strings.Contains(rule, old) {
			t.Fatalf("%s has no %s", rule, old)
		}
		return strings.Replace(rule, old, new, 1)
	}
	for name, test := range map[string]struct {
		local, policy []string
		want          reason.Reason
	}{
		"no rule":            {},
		"ours":               {local: []string{ours}},
		"narrowed further":   {local: []string{with(ours, "LPort=8080|", "Profile=Domain|LPort=8080|RA4=10.0.0.0/255.0.0.0|")}},
		"a range of one":     {local: []string{with(ours, "LPort=8080", "LPort2_10=8080-8080")}},
		"another name":       {local: []string{with(former, "Name=OMS Gateway", "Name=OMS Gateway 2")}},
		"outbound":           {local: []string{with(former, "Dir=In", "Dir=Out")}},
		"switched off":       {local: []string{with(former, "TRUE", "FALSE")}},
		"another port":       {local: []string{with(ours, "8080", "8081")}, want: reason.FirewallRuleDiffers},
		"blocks":             {local: []string{with(ours, "Allow", "Block")}, want: reason.FirewallRuleDiffers},
		"UDP":                {local: []string{with(former, "Protocol=6", "Protocol=17")}, want: reason.FirewallRuleDiffers},
		"other ports":        {local: []string{with(ours, "LPort=8080", "LPort=80|LPort2_10=8081-8090")}, want: reason.FirewallRuleDiffers},
		"every port":         {local: []string{former}, want: reason.FirewallRuleWide},
		"every protocol":     {local: []string{with(former, "Protocol=6|", "")}, want: reason.FirewallRuleWide},
		"two ports":          {local: []string{with(ours, "LPort=8080", "LPort=8080|LPort=8081")}, want: reason.FirewallRuleWide},
		"a range":            {local: []string{with(ours, "LPort=8080", "LPort2_10=8000-8100")}, want: reason.FirewallRuleWide},
		"a keyword as well":  {local: []string{with(ours, "LPort=8080", "LPort=8080|LPort=RPC")}, want: reason.FirewallRuleWide},
		"one of two is wide": {local: []string{ours, former}, want: reason.FirewallRuleWide},
		"one of two is off":  {local: []string{ours, with(former, "TRUE", "FALSE")}},
		// The command does not change rules of a domain, which may be as wide as the domain likes.
		"a policy's is wide":       {policy: []string{former}},
		"a policy's lets in":       {local: []string{with(ours, "8080", "8081")}, policy: []string{former}, want: reason.FirewallRuleWide},
		"a policy's has no effect": {policy: []string{with(ours, "8080", "8081")}, want: reason.FirewallRuleDiffers},
	} {
		t.Run(name, func(t *testing.T) {
			var all []rule
			for _, text := range append(test.local, test.policy...) {
				r, ok := parseRule(text)
				if !ok {
					t.Fatalf("%s is no rule", text)
				}
				r.local = len(all) < len(test.local)
				all = append(all, r)
			}
			if got := judge(all, Clients, 8080); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

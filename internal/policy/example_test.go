package policy_test

import (
	"fmt"

	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/policy"
)

// A policy is compiled once and then asked for each request. The decision says which entry allowed it, or why it is refused.
func Example() {
	pattern, err := hostname.ParsePattern("*.ods.opinsights.azure.com")
	if err != nil {
		fmt.Println(err)
		return
	}
	p, err := policy.Compile(policy.Input{Entries: []policy.Entry{{Pattern: pattern, Source: policy.Source{Kind: policy.Local}}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, authority := range []string{"w1.ods.opinsights.azure.com:443", "w1.ods.opinsights.azure.com:22", "example.com:443"} {
		target, err := hostname.ParseTarget(authority)
		if err != nil {
			fmt.Println(err)
			return
		}
		d := p.Decide(policy.Request{Method: "CONNECT", Target: target})
		if d.Allowed {
			fmt.Println(target, "is allowed by", d.Entry.Pattern)
		} else {
			fmt.Println(target, "is refused:", d.Reason)
		}
	}
	// Output:
	// w1.ods.opinsights.azure.com:443 is allowed by *.ods.opinsights.azure.com
	// w1.ods.opinsights.azure.com:22 is refused: PORT_NOT_ALLOWED
	// example.com:443 is refused: HOST_NOT_ALLOWED
}

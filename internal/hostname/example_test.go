package hostname_test

import (
	"fmt"

	"github.com/omsgateway/omsgateway/internal/hostname"
)

// A rule and a request are brought into one form, so that they can be compared.
func Example() {
	rule, err := hostname.ParsePattern("*.Bücher.example")
	if err != nil {
		fmt.Println(err)
		return
	}
	target, err := hostname.ParseTarget("shop.xn--bcher-kva.example:443")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(rule, "covers", target, rule.Covers(target))

	_, err = hostname.ParsePattern("https://shop.example.com/")
	fmt.Println(err)
	// Output:
	// *.xn--bcher-kva.example covers shop.xn--bcher-kva.example:443 true
	// "https://shop.example.com/" is a URL; give the host alone: shop.example.com
}

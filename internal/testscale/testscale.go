// Package testscale says how much load a test makes: as much as its subject asks for where everything is required of the tests, as in
// .ci/run, and elsewhere so much less that they are done while somebody waits.
package testscale

import "os"

// Full reports whether the variable OMSGATEWAY_TEST_REQUIRE is "all".
func Full() bool { return os.Getenv("OMSGATEWAY_TEST_REQUIRE") == "all" }

// Of returns full if Full reports so, else quick.
func Of(full, quick int) int {
	if Full() {
		return full
	}
	return quick
}

package splice_test

import (
	"fmt"
	"os"
)

// isChild runs what a test or benchmark started this test binary again for, if it did.
func isChild() bool {
	kind := os.Getenv(relayEnv)
	if kind == "" {
		return false
	}
	if err := runRelay(kind, os.Getenv(relayTarget), os.Getenv(relayUser)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return true
}

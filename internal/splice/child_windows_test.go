package splice_test

// isChild: no test starts this test binary again.
func isChild() bool { return false }

func wantFallback() bool { return false }

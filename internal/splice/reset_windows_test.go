package splice_test

import (
	"errors"
	"syscall"
)

// isReset does not ask for ECONNRESET, which is an invention of Go's here and is never returned.
func isReset(err error) bool {
	return errors.Is(err, syscall.WSAECONNRESET) || errors.Is(err, syscall.WSAECONNABORTED)
}

package upstream

import (
	"errors"
	"syscall"
)

// exhausted reports whether err says that this computer, or this process, has no more of what a connection needs.
func exhausted(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ENOBUFS) ||
		errors.Is(err, syscall.ENOMEM)
}

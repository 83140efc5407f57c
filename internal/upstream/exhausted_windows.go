package upstream

import (
	"errors"

	"golang.org/x/sys/windows"
)

// WSAENOBUFS is also what Windows says when no local port is left (Microsoft: Windows Sockets Error Codes). The names of Unix, such as
// syscall.ENOBUFS, are inventions of Go's here, which no call returns.
func exhausted(err error) bool {
	return errors.Is(err, windows.WSAEMFILE) || errors.Is(err, windows.WSAENOBUFS) ||
		errors.Is(err, windows.ERROR_NO_SYSTEM_RESOURCES) || errors.Is(err, windows.ERROR_NOT_ENOUGH_MEMORY)
}

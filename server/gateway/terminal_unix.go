//go:build unix

package gateway

import (
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// onTerminal reports whether this process runs on a terminal, whose end is its end. What nohup starts does not.
func onTerminal() bool {
	if signal.Ignored(syscall.SIGHUP) {
		return false
	}
	for _, f := range []*os.File{os.Stdin, os.Stderr} {
		if _, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS); err == nil {
			return true
		}
	}
	return false
}

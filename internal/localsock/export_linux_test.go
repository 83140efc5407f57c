package localsock

import (
	"io/fs"
	"net"
)

// LookAfter looks after the socket of a listener now.
func LookAfter(l net.Listener) { l.(*socketListener).restore() }

// Chmod is what the socket at path gets its mode by.
func Chmod(path string) error {
	_, err := chmod(path, fs.ModeSocket, 0o666)
	return err
}

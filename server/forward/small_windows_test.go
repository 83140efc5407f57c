package forward_test

import (
	"net"
	"testing"
)

// small gives what l accepts little room in the system.
func small(_ *testing.T, l net.Listener) net.Listener { return smallListener{l} }

type smallListener struct{ net.Listener }

func (l smallListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil {
		_ = conn.(*net.TCPConn).SetWriteBuffer(smallBuffer)
	}
	return conn, err
}

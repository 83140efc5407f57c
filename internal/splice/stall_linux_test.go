package splice_test

import (
	"io"
	"net"
	"testing"

	"github.com/omsgateway/omsgateway/internal/splice"
)

// TestOutstanding has a receiver take little of much that waits, which leaves the sender's buffer full, and no write possible.
func TestOutstanding(t *testing.T) {
	held, peer := connect(t)
	defer held.Close()
	if waits, _ := outstanding(t, held); waits {
		t.Error("bytes wait before there are any")
	}
	const all = 32 << 20
	wrote := make(chan error, 1)
	go func() {
		_, err := io.CopyN(struct{ io.Writer }{held}, zeros{}, all)
		wrote <- err
	}()
	var taken uint64
	for full := 0; full < 1000; full++ { // until its own buffer is full, so that it has taken what it may
		waits, now := outstanding(t, held)
		if !waits || now != taken {
			full, taken = 0, now
		}
	}
	before := taken
	for read := 0; taken == before; { // ends when the system tells that it takes more
		n, err := peer.Read(make([]byte, 4<<10))
		if err != nil {
			t.Fatal(err)
		}
		if read += n; read == all {
			t.Fatal("everything was taken, and nothing is told")
		}
		_, taken = outstanding(t, held)
	}
	go func() { _, _ = io.Copy(io.Discard, peer) }()
	if err := <-wrote; err != nil {
		t.Fatal(err)
	}
	for waits := true; waits; { // ends when all is taken
		waits, taken = outstanding(t, held)
	}
	if taken < all {
		t.Errorf("%d bytes are taken of %d", taken, all)
	}
}

func outstanding(t *testing.T, c *net.TCPConn) (waits bool, taken uint64) {
	t.Helper()
	raw, err := c.SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) { waits, taken = splice.Outstanding(int(fd)) })
	}
	if err != nil {
		t.Fatal(err)
	}
	return waits, taken
}

package splice

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// pipeSize is how much goes through a pipe at a time. Each portion costs the receiver a wake-up, so it pays to make them
// large; 1 MiB is what an unprivileged process may ask for (fs.pipe-max-size).
const pipeSize = 1 << 20

// pipe carries bytes from one socket to another within the kernel. A loop has one, which is empty between two uses.
type pipe struct {
	r, w   int
	opened bool
}

// open makes sure that there is a pipe, and returns false if there can be none, for want of descriptors mostly.
func (p *pipe) open() bool {
	if p.opened {
		return true
	}
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return false
	}
	p.r, p.w, p.opened = fds[0], fds[1], true
	_, _ = unix.FcntlInt(uintptr(p.w), unix.F_SETPIPE_SZ, pipeSize) // refused: a smaller pipe serves too
	return true
}

// discard closes the pipe with whatever is in it.
func (p *pipe) discard() {
	if p.opened {
		_ = unix.Close(p.r)
		_ = unix.Close(p.w)
		p.opened = false
	}
}

// take reads the n bytes that are in the pipe. If it fails, the pipe is gone.
func (p *pipe) take(n int) ([]byte, error) {
	b := make([]byte, n)
	for got := 0; got < n; {
		m, err := read(p.r, b[got:])
		if m == 0 {
			p.discard()
			return nil, fmt.Errorf("emptying a pipe: %w", err)
		}
		got += m
	}
	return b, nil
}

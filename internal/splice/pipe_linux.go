package splice

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// chunk is how much is read at a time: what a pipe holds by default, and so all that a stalled direction can hold back.
const chunk = 64 << 10

// All loops together keep at most maxPipes, of 16 pages each: a quarter of what one user may have without privilege
// (fs.pipe-user-pages-soft, 16,384 pages). Each loop may have minPipes.
const (
	maxPipes = 256
	minPipes = 8
)

// pipe carries bytes from one socket to another within the kernel.
type pipe struct {
	r, w  int
	n     int   // bytes in it
	owner *flow // whose bytes they are

	stalled    bool // is in the list of stalled pipes
	prev, next *pipe
}

// pipes are the pipes of one loop. Those whose receiver takes no more stand in a list, the longest stalled first: when the
// limit is reached, that one is emptied into memory and serves another direction.
type pipes struct {
	limit       int
	open        int
	free        []*pipe
	first, last *pipe
}

// get lends an empty pipe, or nil if there is none to be had.
func (ps *pipes) get() *pipe {
	if n := len(ps.free); n > 0 {
		p := ps.free[n-1]
		ps.free = ps.free[:n-1]
		return p
	}
	if ps.open < ps.limit {
		var fds [2]int
		if err := unix.Pipe2(fds[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err == nil {
			ps.open++
			return &pipe{r: fds[0], w: fds[1]}
		}
	}
	if ps.first == nil || !ps.empty(ps.first) {
		return nil
	}
	return ps.get()
}

// put takes back an empty pipe.
func (ps *pipes) put(p *pipe) {
	ps.unlist(p)
	p.owner = nil
	ps.free = append(ps.free, p)
}

// discard closes a pipe with bytes in it that nobody wants.
func (ps *pipes) discard(p *pipe) {
	ps.unlist(p)
	ps.open--
	_ = unix.Close(p.r)
	_ = unix.Close(p.w)
}

// stall notes that a pipe's bytes wait for their receiver.
func (ps *pipes) stall(p *pipe) {
	if p.stalled {
		return
	}
	p.stalled, p.prev, p.next = true, ps.last, nil
	if ps.last != nil {
		ps.last.next = p
	} else {
		ps.first = p
	}
	ps.last = p
}

func (ps *pipes) unlist(p *pipe) {
	if !p.stalled {
		return
	}
	if p.prev != nil {
		p.prev.next = p.next
	} else {
		ps.first = p.next
	}
	if p.next != nil {
		p.next.prev = p.prev
	} else {
		ps.last = p.prev
	}
	p.stalled, p.prev, p.next = false, nil, nil
}

// empty moves a pipe's bytes to its owner's memory and takes the pipe back.
func (ps *pipes) empty(p *pipe) bool {
	memory := make([]byte, p.n)
	for read := 0; read < len(memory); {
		n, err := ignoringEINTR(func() (int, error) { return unix.Read(p.r, memory[read:]) })
		if n <= 0 {
			panic(err)
		}
		read += n
	}
	p.n = 0
	p.owner.memory, p.owner.pipe = memory, nil
	ps.put(p)
	return true
}

func (ps *pipes) close() {
	for _, p := range ps.free {
		_ = unix.Close(p.r)
		_ = unix.Close(p.w)
	}
}

// splice moves up to n bytes without waiting. One of the descriptors is a pipe.
func splice(from, to, n int) (int, error) {
	moved, err := ignoringEINTR(func() (int, error) {
		moved, err := unix.Splice(from, nil, to, nil, n, unix.SPLICE_F_MOVE|unix.SPLICE_F_NONBLOCK)
		return int(moved), err
	})
	return moved, os.NewSyscallError("splice", err)
}

// cannotSplice tells whether err says that the system or these sockets have no splice.
func cannotSplice(err error) bool {
	return errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EINVAL)
}

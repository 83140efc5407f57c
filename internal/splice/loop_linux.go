package splice

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	// turnBytes is how much one direction moves before the others have their turn.
	turnBytes = 1 << 20

	// smallRead is how much is copied at a time.
	smallRead = 32 << 10

	// bulkReads is how many reads in a row must find less than smallRead before a direction is taken for one that carries
	// little: the rest of a large upload is small.
	bulkReads = 4
)

// ticket names a socket in an epoll event. The generation tells an event of a former pair in the same slot from one of
// today's, so that an old event finds nothing.
type ticket struct {
	slot       int32
	generation uint32
}

func (t ticket) event(s Side, events uint32) *unix.EpollEvent {
	return &unix.EpollEvent{Events: events, Fd: t.slot<<1 | int32(s), Pad: int32(t.generation)}
}

const (
	onRead  = unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLET
	onWrite = unix.EPOLLOUT
	wakeFd  = -1 // what an event of the loop's own eventfd has in place of slot and side; below are the listeners
)

// loop is one epoll instance and the goroutine that serves it.
type loop struct {
	register *register
	memory   *memory
	epoll    *os.File
	raw      syscall.RawConn
	fd       int // of epoll
	event    int // eventfd; edge-triggered, so that it is written and never read
	ended    chan struct{}

	mu      sync.Mutex
	slots   []slot
	vacant  []int32
	stopped []*spliced      // to be ended
	looks   []*spliced      // whose receivers are to be looked at
	rounds  []chan struct{} // to be closed when the loop comes round
	quit    bool

	acceptors    map[int32]*acceptor
	lastAcceptor int32
	shut         bool // there are no acceptors any more

	pairs atomic.Int32 // that are attached

	// Of the loop's goroutine alone.
	now     int64
	events  [128]unix.EpollEvent
	edges   [128]edge
	queue   []turn      // directions whose next turn is due
	served  []turn      // the queue before, for its room
	arrived []*acceptor // at which connections may wait
	pipe    pipe
	scratch []byte
}

type slot struct {
	pair       *spliced // nil if vacant
	generation uint32
}

// edge is an event whose pair is known.
type edge struct {
	pair   *spliced
	side   Side
	events uint32
}

// turn is a direction that had more to move than it may at a time.
type turn struct {
	pair *spliced
	from Side
}

func newLoop(r *register, m *memory) (*loop, error) {
	l := &loop{
		register: r, memory: m, event: -1, ended: make(chan struct{}),
		scratch: make([]byte, smallRead), acceptors: make(map[int32]*acceptor),
	}
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	// Only a descriptor in non-blocking mode is taken into the runtime's poller.
	err = os.NewSyscallError("fcntl", unix.SetNonblock(fd, true))
	l.fd, l.epoll = fd, os.NewFile(uintptr(fd), "epoll")
	if err == nil {
		l.raw, err = l.epoll.SyscallConn()
	}
	if err == nil {
		l.event, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
		err = os.NewSyscallError("eventfd", err)
	}
	if err == nil {
		wake := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET, Fd: wakeFd}
		err = watchSocket(l.fd, unix.EPOLL_CTL_ADD, l.event, &wake)
	}
	if err != nil {
		l.free()
		return nil, err
	}
	return l, nil
}

// add attaches a pair, or ends it.
func (l *loop) add(p *spliced) {
	if !l.attach(p) {
		p.leave(unsettled{})
	}
}

// attach returns false for a pair whose ending is known. The lock is held until both sockets are watched: the loop finds the pair of
// an event under it, and so does not serve one that is half there.
func (l *loop) attach(p *spliced) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p.ending.Load() != nil {
		return false
	}
	if n := len(l.vacant); n > 0 {
		p.ticket.slot, l.vacant = l.vacant[n-1], l.vacant[:n-1]
	} else {
		p.ticket.slot = int32(len(l.slots))
		l.slots = append(l.slots, slot{})
	}
	p.ticket.generation = l.slots[p.ticket.slot].generation
	l.slots[p.ticket.slot].pair = p
	p.attached = true
	l.pairs.Add(1)
	for _, s := range []Side{Client, Target} {
		events := uint32(onRead)
		if len(p.flows[s.other()].memory) > 0 || s == Target && p.plan != nil {
			events |= onWrite // the first event comes at once and writes the head, or when the target is connected
			p.watched[s] = true
		}
		if err := watchSocket(l.fd, unix.EPOLL_CTL_ADD, p.fds[s], p.ticket.event(s, events)); err != nil {
			p.ending.CompareAndSwap(nil, &ending{EndError, err})
			l.detach(p)
			return false
		}
	}
	return true
}

// detach gives the pair's slot back; the lock is held.
func (l *loop) detach(p *spliced) {
	p.attached = false
	l.pairs.Add(-1)
	if p.staysOpen() { // else the close makes epoll forget them
		for _, fd := range p.fds {
			_ = watchSocket(l.fd, unix.EPOLL_CTL_DEL, fd, nil)
		}
	}
	s := &l.slots[p.ticket.slot]
	s.pair = nil
	s.generation++
	l.vacant = append(l.vacant, p.ticket.slot)
}

// wake makes the loop look at what the lock guards; the lock is held, since the eventfd is gone when the loop has quit.
func (l *loop) wake() {
	one := [8]byte{1} // in the byte order of either kind of machine not 0
	_, _ = unix.Write(l.event, one[:])
}

// goRound waits until the loop has come round, or is at its end.
func (l *loop) goRound() {
	round := make(chan struct{})
	l.mu.Lock()
	if l.quit {
		l.mu.Unlock()
		return
	}
	l.rounds = append(l.rounds, round)
	l.wake()
	l.mu.Unlock()
	<-round
}

// close ends the loop, which has no pair any more, and waits for its goroutine.
func (l *loop) close() {
	l.mu.Lock()
	l.quit = true
	l.wake()
	l.mu.Unlock()
	<-l.ended
}

func (l *loop) free() {
	l.pipe.discard()
	if l.event >= 0 {
		_ = unix.Close(l.event)
	}
	_ = l.epoll.Close()
}

func (l *loop) run() {
	defer close(l.ended)
	defer l.free()
	// The function runs again whenever the epoll instance has become ready since it began to run.
	if err := l.raw.Read(func(uintptr) bool { return l.serve() }); err != nil {
		panic(fmt.Sprintf("splice: waiting for epoll: %v", err)) // nobody else closes it
	}
}

// serve does what there is to do. It returns true when the loop is to quit, false when it is to wait: fewer events than
// there was room for are all there were, and the edge of a later one wakes the loop again.
//
// The first round is made without the scheduler's knowledge (see call_linux.go), any further one begins with an ordinary
// call: a loop that is so busy that it does not get to wait must have the monitor thread run, which gives others their turn.
func (l *loop) serve() (quit bool) {
	for poll := pollNow; ; poll = pollBusy {
		n, err := poll(l.fd, l.events[:])
		if err != nil {
			panic(fmt.Sprintf("splice: epoll_wait: %v", err)) // only wrong arguments make it fail
		}
		l.now = l.register.now()
		edges, stopped, looks, quit := l.resolve(l.events[:n])
		if quit {
			return true
		}
		for _, p := range stopped {
			if !p.over {
				l.end(p, unsettled{})
			}
		}
		for _, p := range looks {
			if !p.over {
				l.look(p)
			}
		}
		for i := range edges {
			l.handle(&edges[i])
			edges[i] = edge{}
		}
		l.queue, l.served = l.served[:0], l.queue
		for i, t := range l.served {
			l.served[i] = turn{}
			t.pair.flows[t.from].queued = false
			l.move(t.pair, t.from)
		}
		l.arrived = slices.DeleteFunc(l.arrived, (*acceptor).drained)
		if n < len(l.events) && len(l.queue) == 0 && len(l.arrived) == 0 {
			return false
		}
	}
}

// resolve finds the pairs of events, leaving out those that are gone, and takes what else the lock guards.
func (l *loop) resolve(events []unix.EpollEvent) (edges []edge, stopped, looks []*spliced, quit bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	edges = l.edges[:0]
	for _, e := range events {
		if e.Fd < 0 {
			if a := l.acceptors[wakeFd-e.Fd]; a != nil && !slices.Contains(l.arrived, a) {
				l.arrived = append(l.arrived, a)
			}
			continue
		}
		s := l.slots[e.Fd>>1]
		if s.pair != nil && s.generation == uint32(e.Pad) {
			edges = append(edges, edge{s.pair, Side(e.Fd & 1), e.Events})
		}
	}
	stopped, looks, l.stopped, l.looks = l.stopped, l.looks, nil, nil
	for _, round := range l.rounds {
		close(round)
	}
	l.rounds = nil
	return edges, stopped, looks, l.quit
}

// handle notes what an event says about one socket and moves what can be moved. An error counts as readable and writable,
// so that bytes that came before it still pass; then it ends the pair even if nothing is left to read or write.
func (l *loop) handle(e *edge) {
	p, s := e.pair, e.side
	if p.over {
		return // since this round began
	}
	if e.events&(unix.EPOLLIN|unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		p.flows[s].readable = true
	}
	if e.events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		p.flows[s].closing = true
	}
	if e.events&(unix.EPOLLOUT|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		p.flows[s.other()].blocked = false
	}
	if p.plan != nil && !l.opened(p, e) {
		return
	}
	l.move(p, s)
	l.move(p, s.other())
	if e.events&unix.EPOLLERR == 0 || p.over {
		return
	}
	if p.inspection != nil { // there may be bytes to judge before the error, but nobody to take them now
		l.end(p, unsettled{})
	} else if err := socketError(p.fds[s]); err != nil {
		l.fail(p, s, "watching", err)
	}
}

// move gives a direction its turn: it moves bytes until there are none, the receiver takes no more, or it is the turn of
// others.
func (l *loop) move(p *spliced, from Side) {
	f := &p.flows[from]
	for left := turnBytes; !p.over && !f.blocked && !f.finished; {
		switch {
		case len(f.memory) > 0:
			l.flush(p, from)
		case f.ended:
			l.finish(p, from)
		case !f.readable:
			return
		case left <= 0:
			if !f.queued {
				f.queued = true
				l.queue = append(l.queue, turn{p, from})
			}
			return
		default:
			left -= l.fill(p, from)
		}
	}
}

// fill reads from a direction that holds nothing, writes what was read as far as the receiver takes it, and returns how much
// that was. Much goes through the pipe, as much as the receiver has room for. Little is cheaper copied: a read that does not
// fill its buffer need not be repeated to know that there is no more.
func (l *loop) fill(p *spliced, from Side) int {
	f := &p.flows[from]
	if f.bulk > 0 && !p.copying && p.inspection == nil {
		if most := l.mayCarry(p, from); most > smallRead && l.pipe.open() && l.memory.reserve(most) {
			n, err := l.carry(p, from, most)
			if err == nil {
				return n
			}
			l.fallBack(p, err)
		}
	}
	n, err := read(p.fds[from], l.scratch)
	if n == 0 {
		l.drained(p, from, err)
		return 0
	}
	if n < len(l.scratch) && !f.closing {
		f.readable = false
	}
	l.found(p, from, n)
	if p.inspection != nil {
		if rest, ok := p.inspect(from, l.scratch[:n]); !ok {
			l.end(p, rest)
			return n
		}
	}
	f.memory = l.scratch[:n]
	l.flush(p, from)
	if !p.over {
		f.memory = bytes.Clone(f.memory) // the rest; mostly none
		l.count(f)
	}
	return n
}

// mayCarry returns how much a direction that holds nothing may move through the pipe: no more than its receiver is likely to take.
func (l *loop) mayCarry(p *spliced, from Side) int {
	f, other := &p.flows[from], &p.flows[from.other()]
	most := min(f.portion, maxPortion-other.held)
	if most > smallRead {
		most = min(most, sendRoom(p.fds[from.other()]))
	}
	return most
}

// carry moves up to most bytes through the pipe, for which memory is reserved, and returns how many it has read. An error is why
// nothing can be moved this way.
func (l *loop) carry(p *spliced, from Side, most int) (int, error) {
	f := &p.flows[from]
	f.held = most // until it is known what stays
	n, err := splice(p.fds[from], l.pipe.w, most)
	switch {
	case n > 0:
		err = nil
		l.found(p, from, n)
		l.empty(p, from, n)
		f.portion = nextPortion(f.portion, n, len(f.memory) == 0)
	case !cannotSplice(err):
		l.drained(p, from, err)
		err = nil
	}
	if !p.over {
		l.count(f)
	}
	return n, err
}

// nextPortion returns how much a direction may move through the pipe at a time when it has moved n bytes, of which all were taken or
// not: as much as a tunnel may hold once the first one was full and taken, little again when it was too much.
func nextPortion(portion, n int, taken bool) int {
	switch {
	case !taken:
		return firstPortion
	case n >= portion:
		return maxPortion
	}
	return portion
}

// count counts what a direction holds when that has changed.
func (l *loop) count(f *flow) {
	l.memory.add(len(f.memory) - f.held)
	f.held = len(f.memory)
}

// found notes that a read found n bytes, which decides about the next reads.
func (l *loop) found(p *spliced, from Side, n int) {
	p.active.Store(l.now)
	f := &p.flows[from]
	if n >= smallRead {
		f.bulk = bulkReads
		f.portion = max(f.portion, firstPortion)
	} else if f.bulk > 0 {
		f.bulk--
	}
}

// drained notes why a read found nothing: not now, never again, or an error.
func (l *loop) drained(p *spliced, from Side, err error) {
	f := &p.flows[from]
	switch {
	case err == nil:
		f.ended = true
	case errors.Is(err, unix.EAGAIN):
		f.readable = false
	default:
		l.fail(p, from, "reading from", err)
	}
}

// empty writes the n bytes in the pipe, or moves the rest to memory if the receiver takes no more: the pipe serves others.
func (l *loop) empty(p *spliced, from Side, n int) {
	to := from.other()
	for n > 0 {
		written, err := splice(l.pipe.r, p.fds[to], n)
		if written > 0 {
			n -= written
			l.wrote(p, from, written)
			continue
		}
		full := errors.Is(err, unix.EAGAIN)
		if !full && !cannotSplice(err) {
			l.pipe.discard()
			l.fail(p, to, "writing to", err)
			return
		}
		rest, takeErr := l.pipe.take(n)
		if takeErr != nil {
			l.fail(p, from, "reading from", takeErr)
			return
		}
		p.flows[from].memory = rest
		if full {
			l.block(p, from)
		} else {
			l.fallBack(p, err)
		}
		return
	}
}

// flush writes what the direction holds in memory, as far as the receiver takes it.
func (l *loop) flush(p *spliced, from Side) {
	f, to := &p.flows[from], from.other()
	// What is left of a sender that has finished travels with the end of the stream, in one packet.
	n, err := write(p.fds[to], f.memory, f.closing && p.inspection == nil)
	switch {
	case n > 0:
		l.wrote(p, from, n)
		if f.memory = f.memory[n:]; len(f.memory) == 0 {
			f.memory = nil
			l.count(f)
		}
	case errors.Is(err, unix.EAGAIN):
		l.block(p, from)
	case p.inspection != nil:
		l.end(p, unsettled{})
	default:
		l.fail(p, to, "writing to", err)
	}
}

func (l *loop) wrote(p *spliced, from Side, n int) {
	p.moved[from].Add(int64(n))
	p.active.Store(l.now)
}

// block makes a direction wait until its receiver has room. From the first time on the receiver is watched for that; the
// kernel tells at once if room has come meanwhile.
func (l *loop) block(p *spliced, from Side) {
	to := from.other()
	p.flows[from].blocked = true
	if p.watched[to] {
		return
	}
	p.watched[to] = true
	if err := watchSocket(l.fd, unix.EPOLL_CTL_MOD, p.fds[to], p.ticket.event(to, onRead|onWrite)); err != nil {
		l.fail(p, to, "watching", err)
	}
}

// finish passes the end of a stream on, unless that is for others to judge.
func (l *loop) finish(p *spliced, from Side) {
	if p.inspection != nil {
		l.end(p, unsettled{})
		return
	}
	to := from.other()
	p.flows[from].finished = true
	if p.flows[to].finished { // both ends were read, so that the close says what is left to say
		l.endFor(p, EndFinished, nil)
	} else if err := shutdown(p.fds[to]); err != nil {
		l.fail(p, to, "finishing", err)
	}
}

func (l *loop) fail(p *spliced, s Side, doing string, err error) {
	end, err := s.failure(doing, err)
	l.endFor(p, end, err)
}

// endFor ends a pair for this cause, unless there was one before.
func (l *loop) endFor(p *spliced, end End, err error) {
	p.ending.CompareAndSwap(nil, &ending{end, err})
	l.end(p, unsettled{})
}

// end has done with a pair: it is closed if its ending is known, or handed on.
func (l *loop) end(p *spliced, rest unsettled) {
	p.over = true
	for i := range p.flows {
		l.memory.add(-p.flows[i].held)
		p.flows[i].held = 0
	}
	l.mu.Lock()
	l.detach(p)
	l.mu.Unlock()
	p.leave(rest)
}

// fallBack gives up splice for a pair.
func (l *loop) fallBack(p *spliced, cause error) {
	p.copying = true
	if p.owner != nil {
		p.owner.Fallback(cause)
	}
}

// look looks at the receivers of a pair, and ends it if one has stalled.
func (l *loop) look(p *spliced) {
	rests := true
	for _, s := range []Side{Client, Target} {
		waits, taken := outstanding(p.fds[s])
		if p.receivers[s].look(l.now, waits, taken) >= p.stall {
			l.endFor(p, EndStalled, &Stalled{Receiver: s, Limit: p.stall})
			return
		}
		rests = rests && !waits
	}
	if rests {
		p.resting.Store(p.active.Load())
	}
}

// opened follows an event of a pair whose target is not connected yet, and reports whether it is now.
func (l *loop) opened(p *spliced, e *edge) bool {
	const failed = unix.EPOLLHUP | unix.EPOLLERR
	switch {
	case e.events&failed != 0 && e.side == Target:
		l.endFor(p, EndError, notConnected(cmp.Or(socketError(p.fds[Target]), io.EOF)))
		return false
	case e.events&failed != 0:
		l.fail(p, Client, "watching", cmp.Or(socketError(p.fds[Client]), io.EOF))
		return false
	case e.side == Client || e.events&unix.EPOLLOUT == 0:
		return false
	}
	if connectedToItself(p.fds[Target], p.plan.Target) {
		l.endFor(p, EndError, notConnected(errItself))
		return false
	}
	l.register.connected(&p.Pair)
	if p.ending.Load() != nil {
		return false // it was stopped before, and is about to be ended
	}
	o, err := p.plan.Open(p, &p.Pair)
	if err != nil {
		l.endFor(p, EndError, err)
		return false
	}
	p.plan = nil
	l.register.opened(&p.Pair, &o)
	rest, ok := p.join(&o)
	if !ok {
		l.end(p, rest)
	}
	return ok
}

// errItself is why a target is not connected whose socket leads back to itself.
var errItself = errors.New("nobody listens there but the connection itself")

// shutDoors ends every Accept of this loop, now and in future.
func (l *loop) shutDoors() {
	l.mu.Lock()
	l.shut = true
	all := l.acceptors
	l.acceptors = nil
	l.mu.Unlock()
	for _, a := range all {
		a.mu.Lock()
		a.fail(net.ErrClosed)
		a.mu.Unlock()
	}
}

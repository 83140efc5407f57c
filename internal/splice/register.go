package splice

import (
	"net"
	"sync"
	"time"
)

// register is what all engines share: the clock, the pairs that are open, and one timer wheel for their idle limits.
//
// The wheel is lazy. Traffic only notes the time in Pair.active; when the hand comes to a pair, the pair is either overdue,
// or is moved on to where its limit lies by now. A limit beyond the wheel is looked at once a turn.
type register struct {
	start time.Time // Pair.active counts from here; monotonic

	mu      sync.Mutex
	changed sync.Cond // open fell to 0
	closed  bool
	cause   error // for which connections are abandoned whose target is not connected; nil until then
	open    int   // pairs entered and not left, and goroutines of run

	slots   [wheelSlots + 1]*Pair // the last one holds pairs that wait for nothing
	limited int                   // pairs in the other slots
	hand    int64                 // the tick that was looked at last
	timer   *time.Timer           // nil while no pair has a limit
}

const (
	wheelTick  = 500 * time.Millisecond
	wheelSlots = 256 // of one tick each
	unlimited  = wheelSlots
)

func newRegister() *register {
	r := &register{start: time.Now()}
	r.changed.L = &r.mu
	return r
}

// now is the time on the register's clock.
func (r *register) now() int64 { return int64(time.Since(r.start)) }

// enter notes a pair that is about to run, and stops it if it comes too late; it counts all the same, and must leave. The limit is that
// of what comes before the pair is opaque, 0 for none.
func (r *register) enter(p *Pair, by carrier, limit time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open++
	p.register, p.carrier = r, by
	p.active.Store(r.now())
	switch {
	case r.closed:
		p.stop(EndClosed, net.ErrClosed)
	case p.opening && r.cause != nil:
		p.stop(EndClosed, r.cause)
	}
	r.begin(p, limit)
}

// restart is begin for a pair that is kept already; the lock is held.
func (r *register) restart(p *Pair, limit time.Duration) {
	r.take(p)
	r.begin(p, limit)
}

// begin keeps a pair, and sets its clock going; the lock is held.
func (r *register) begin(p *Pair, limit time.Duration) {
	now := r.now()
	p.looked = now
	p.until.Store(0)
	if limit > 0 {
		p.until.Store(now + int64(limit))
	}
	if r.closed {
		r.put(p, unlimited)
		return
	}
	if r.timer == nil {
		r.hand = now / int64(wheelTick)
	}
	if r.schedule(p) && r.timer == nil {
		r.timer = time.AfterFunc(wheelTick, r.tick)
	}
}

// stop has a pair end, unless it is ending already.
func (r *register) stop(p *Pair, end End, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p.stop(end, err)
}

// limit gives a pair so long from now.
func (r *register) limit(p *Pair, limit time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.restart(p, limit)
}

// inspected notes that the inspection of a pair is over.
func (r *register) inspected(p *Pair) {
	limit := p.until.Swap(0)
	if p.idle <= 0 || p.expires() >= limit {
		return // the hand will see it
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if p.slot != unlimited {
		r.take(p)
		r.schedule(p)
	}
}

// leave forgets a pair whose owner has been told.
func (r *register) leave(p *Pair) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.take(p)
	r.less()
}

// less counts one less of what close waits for; the lock is held.
func (r *register) less() {
	r.open--
	if r.open == 0 {
		r.changed.Broadcast()
	}
}

// close stops every pair, now and in future, and waits until the last has left.
func (r *register) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	if r.timer != nil {
		r.timer.Stop()
		r.timer = nil
	}
	for _, p := range r.slots {
		for ; p != nil; p = p.next {
			p.stop(EndClosed, net.ErrClosed)
		}
	}
	for r.open > 0 {
		r.changed.Wait()
	}
}

func (r *register) isClosed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closed
}

// tick moves the hand to the present and ends the pairs that are overdue.
func (r *register) tick() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.timer == nil {
		return // closed meanwhile
	}
	now := r.now()
	present := now / int64(wheelTick)
	r.hand = max(r.hand, present-wheelSlots) // after a suspended machine wakes, one turn sees all
	for r.hand < present {
		r.hand++
		for p := r.slots[r.hand%wheelSlots]; p != nil; {
			next := p.next
			r.take(p)
			r.visit(p, now)
			p = next
		}
	}
	if r.limited == 0 {
		r.timer = nil
		return
	}
	r.timer.Reset(wheelTick)
}

// visit does what is due for a pair that the hand has come to.
func (r *register) visit(p *Pair, now int64) {
	if expires := p.expires(); expires > 0 && expires <= now {
		r.put(p, unlimited)
		p.stop(EndIdle, nil)
		return
	}
	if looking := p.looking(); looking > 0 && looking <= now {
		p.looked = now
		if p.until.Load() == 0 { // else another limit is enough
			p.carrier.look()
		}
	}
	r.schedule(p)
}

// schedule puts a pair where the hand will come by when something is due for it, or as far ahead as the wheel goes, and reports whether
// the hand has to come at all.
func (r *register) schedule(p *Pair) bool {
	due, looking := p.expires(), p.looking()
	if due == 0 || looking > 0 && looking < due {
		due = looking
	}
	if due == 0 {
		r.put(p, unlimited)
		return false
	}
	tick := due / int64(wheelTick)
	tick = min(max(tick, r.hand)+1, r.hand+wheelSlots-1)
	r.put(p, int(tick%wheelSlots))
	return true
}

func (r *register) put(p *Pair, slot int) {
	if slot != unlimited {
		r.limited++
	}
	p.slot, p.prev, p.next = slot, nil, r.slots[slot]
	if p.next != nil {
		p.next.prev = p
	}
	r.slots[slot] = p
}

func (r *register) take(p *Pair) {
	if p.slot != unlimited {
		r.limited--
	}
	if p.prev != nil {
		p.prev.next = p.next
	} else {
		r.slots[p.slot] = p.next
	}
	if p.next != nil {
		p.next.prev = p.prev
	}
}

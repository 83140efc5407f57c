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
	open    int   // pairs entered and not left

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

// enter notes a pair that is about to run. An error is why the pair has to be stopped at once; it counts all the same, and must
// leave. The limit is that of what comes before the pair is opaque, 0 for none.
func (r *register) enter(p *Pair, limit time.Duration) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open++
	p.register = r
	p.active.Store(r.now())
	if r.closed {
		r.put(p, unlimited)
		return net.ErrClosed
	}
	r.begin(p, limit)
	if p.opening {
		return r.cause
	}
	return nil
}

// begin sets the clock of a pair going; the lock is held.
func (r *register) begin(p *Pair, limit time.Duration) {
	now := r.now()
	p.active.Store(now)
	p.until.Store(0)
	if limit > 0 {
		p.until.Store(now + int64(limit))
	}
	if p.due() == 0 {
		r.put(p, unlimited)
		return
	}
	if r.timer == nil {
		r.hand = now / int64(wheelTick)
		r.timer = time.AfterFunc(wheelTick, r.tick)
	}
	r.schedule(p)
}

// run has a goroutine do something that close waits for, and answers a pair that stands for it.
func (r *register) run(do func()) *Pair {
	p := &nothing{}
	p.stopper = p
	_ = r.enter(&p.Pair, 0)
	go func() {
		do()
		r.leave(&p.Pair)
	}()
	return &p.Pair
}

// nothing stands for a pair whose connections are others'.
type nothing struct{ Pair }

// stop has nothing to stop: whoever has the connections has to.
func (n *nothing) stop(End, error) {}

// leave forgets a pair whose Done has returned.
func (r *register) leave(p *Pair) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.take(p)
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
			p.stopper.stop(EndClosed, net.ErrClosed)
		}
	}
	for r.open > 0 {
		r.changed.Wait()
	}
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
			switch due := p.due(); {
			case due > now:
				r.schedule(p)
			case due > 0:
				r.put(p, unlimited)
				p.stopper.stop(EndIdle, nil)
			default:
				r.put(p, unlimited) // its inspection is over, and it may be idle
			}
			p = next
		}
	}
	if r.limited == 0 {
		r.timer = nil
		return
	}
	r.timer.Reset(wheelTick)
}

// due is when the pair is to be stopped, by what is known now; 0 is never.
func (p *Pair) due() int64 {
	until := p.until.Load()
	if until == 0 && p.idle > 0 {
		return p.active.Load() + int64(p.idle)
	}
	return until
}

// schedule puts a pair where the hand will come by when its limit has passed, or as far ahead as the wheel goes.
func (r *register) schedule(p *Pair) {
	due := p.due() / int64(wheelTick)
	due = min(max(due, r.hand)+1, r.hand+wheelSlots-1)
	r.put(p, int(due%wheelSlots))
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

package splice

// run has a goroutine do something that close waits for.
func (r *register) run(do func()) {
	r.mu.Lock()
	r.open++
	r.mu.Unlock()
	go func() {
		do()
		r.mu.Lock()
		defer r.mu.Unlock()
		r.less()
	}()
}

// handOver notes that a pair is moved by another carrier from here on, which has to look whether it is ending.
func (r *register) handOver(p *Pair, to carrier) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p.carrier = to
}

// connected notes that the target of a pair is connected: from here on it is not abandoned, nor late.
func (r *register) connected(p *Pair) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p.opening = false
	p.until.Store(0)
}

// opened notes with what the two connections of a pair are joined.
func (r *register) opened(p *Pair, o *Options) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p.idle, p.stall = o.Idle, o.Stall
	p.active.Store(r.now())
	r.restart(p, o.InspectionLimit)
}

// abandon stops every pair whose target is not connected yet, now and in future.
func (r *register) abandon(cause error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cause = cause
	for _, p := range r.slots {
		for ; p != nil; p = p.next {
			if p.opening {
				p.stop(EndClosed, cause)
			}
		}
	}
}

//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// figures are what one run of an experiment has measured, by name. All that is measured in time is in seconds.
type figures map[string]float64

// Names of figures. Those of CPU and memory are of the proxy alone.
const (
	cpuEach     = "cpu"         // CPU seconds for each tunnel, GB (10^9 bytes) or upload
	rate        = "rate"        // tunnels, GB or uploads a second, which the load generator bounds as much as the proxy
	memoryEach  = "memory"      // bytes of the process for each idle tunnel
	kernelEach  = "kernel"      // bytes of the kernel for each idle tunnel, both ends of the load generator among them
	filesEach   = "descriptors" // for each idle tunnel
	held        = "held"        // tunnels or agents that there were
	left        = "left"        // descriptors that are open after all tunnels were closed
	failures    = "errors"      // uploads that failed
	core        = "core"        // share of one core
	slowest1    = "p99"         // 99 of 100 uploads were faster
	toFirstByte = "first byte"  // median time from the dial to the first byte of the origin's answer
)

// trial is one run of an experiment over one way.
type trial struct {
	*client
	scale scale
	proxy *process // nil: directly
}

// experiment puts a load on a way.
type experiment struct {
	name    string
	oneCore bool // all processes share one processor
	ways    []string
	rounds  func(scale) int
	run     func(context.Context, *trial) (figures, error)
}

// usage measures the proxy; it is zero for the direct way.
func (t *trial) usage() (usage, error) {
	if t.proxy == nil {
		return usage{}, nil
	}
	return measure(t.proxy.cmd.Process.Pid)
}

// metered does work that has so many parts, and returns what CPU time the proxy has spent on it.
func (t *trial) metered(parts float64, work func() error) (figures, error) {
	before, err := t.usage()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	if err := work(); err != nil {
		return nil, err
	}
	took := time.Since(began).Seconds()
	after, err := t.usage()
	f := figures{rate: parts / took}
	if t.proxy != nil {
		cpu := (after.cpu - before.cpu).Seconds()
		f[cpuEach], f[core] = cpu/parts, cpu/took
	}
	return f, err
}

// each calls do for 0 to n-1, so many at a time, and returns the first error, after which it begins no more.
func each(n, atATime int, do func(i int) error) error {
	var next atomic.Int64
	var failed atomic.Pointer[error]
	var workers sync.WaitGroup
	for range min(n, atATime) {
		workers.Go(func() {
			for failed.Load() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if err := do(i); err != nil {
					failed.CompareAndSwap(nil, &err)
				}
			}
		})
	}
	workers.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}

// openers is how many sessions are opened at a time where their number is not what is measured.
const openers = 32

// openAll opens sessions beneath TLS, which a tunnel carries as it carries TLS, at much less cost for the load generator.
func (t *trial) openAll(ctx context.Context, n int) ([]*session, error) {
	all := make([]*session, n)
	err := each(n, openers, func(i int) (err error) {
		if all[i], err = t.open(ctx, i); err != nil {
			return fmt.Errorf("opening session %d: %w", i, err)
		}
		return all[i].leaveTLS()
	})
	if err != nil {
		closeAll(all)
		return nil, err
	}
	return all, nil
}

func closeAll(sessions []*session) {
	for _, s := range sessions {
		if s != nil {
			s.close()
		}
	}
}

// Sizes of exchanges in bytes.
const (
	smallBytes  = 512
	uploadBytes = 200 << 10 // of an agent
)

// runShort measures short tunnels: each is opened for one small request.
func runShort(ctx context.Context, t *trial) (figures, error) {
	const atATime = 16
	one := func(i int) error {
		s, err := t.open(ctx, i%t.scale.clients)
		if err != nil {
			return err
		}
		defer s.close()
		return s.upload(int64(i)*smallBytes, smallBytes)
	}
	if err := each(t.scale.shortTunnels/10, atATime, one); err != nil {
		return nil, err
	}
	return t.metered(float64(t.scale.shortTunnels), func() error { return each(t.scale.shortTunnels, atATime, one) })
}

// runBulk measures bytes that are moved over some tunnels, half of them in each direction, while others are idle, which were opened
// before.
func runBulk(busy, idle int) func(context.Context, *trial) (figures, error) {
	return func(ctx context.Context, t *trial) (figures, error) {
		sessions, err := t.openAll(ctx, idle+busy)
		if err != nil {
			return nil, err
		}
		defer closeAll(sessions)
		// An idle tunnel is one that has moved something before.
		if err := each(len(sessions), openers, func(i int) error { return sessions[i].upload(int64(i), smallBytes) }); err != nil {
			return nil, err
		}
		sessions = sessions[idle:]
		share := t.scale.bulkBytes / int64(busy)
		return t.metered(float64(share*int64(busy))/1e9, func() error {
			return each(busy, busy, func(i int) error {
				if i%2 == 0 {
					return sessions[i].upload(int64(i)*recordBytes, share)
				}
				return sessions[i].download(int64(i)*recordBytes, share)
			})
		})
	}
}

// runIdle measures what tunnels cost that move nothing.
func runIdle(ctx context.Context, t *trial) (figures, error) {
	time.Sleep(t.scale.settle) // the proxy may not have opened yet what it keeps for itself
	before, err := t.usage()
	if err != nil {
		return nil, err
	}
	n, err := t.fit(ctx, t.scale.idleTunnels)
	if err != nil {
		return nil, err
	}
	kernel, err := kernelMemory()
	if err != nil {
		return nil, err
	}
	sessions, err := t.openAll(ctx, n)
	if err != nil {
		return nil, err
	}
	defer func() { closeAll(sessions) }()
	exchange := func(i int) error { return sessions[i].upload(int64(i), smallBytes) }
	if err := each(n, openers, exchange); err != nil {
		return nil, err
	}
	time.Sleep(t.scale.settle)
	after, err := t.usage()
	if err != nil {
		return nil, err
	}
	kernelAfter, err := kernelMemory()
	if err != nil {
		return nil, err
	}
	if err := each(n, openers, exchange); err != nil { // all are still there
		return nil, err
	}
	closeAll(sessions)
	sessions = nil
	f := figures{kernelEach: float64(kernelAfter-kernel) / float64(n), held: float64(n)}
	if t.proxy != nil {
		f[memoryEach] = float64(after.memory-before.memory) / float64(n)
		f[filesEach] = float64(after.descriptors-before.descriptors) / float64(n)
		f[left], err = t.descriptorsLeft(before.descriptors)
	}
	return f, err
}

// descriptorsLeft waits until the proxy has no more descriptors than before, or for some time, and returns how many more it has.
func (t *trial) descriptorsLeft(before int) (float64, error) {
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		u, err := t.usage()
		if err != nil || u.descriptors <= before || time.Since(began) > t.scale.settle {
			return float64(max(0, u.descriptors-before)), err
		}
	}
}

// fit returns how many of the wanted sessions the proxy can have with the descriptors that it may have, found by trying some.
func (t *trial) fit(ctx context.Context, wanted int) (int, error) {
	if t.proxy == nil {
		return wanted, nil
	}
	const tried, reserve = 100, 150
	before, err := t.usage()
	if err != nil {
		return 0, err
	}
	sessions, err := t.openAll(ctx, tried)
	if err != nil {
		return 0, err
	}
	defer closeAll(sessions)
	if err := each(tried, openers, func(i int) error { return sessions[i].upload(0, smallBytes) }); err != nil {
		return 0, err
	}
	after, err := t.usage()
	if err != nil {
		return 0, err
	}
	limit, err := descriptorLimit() // which the proxy has inherited
	if err != nil {
		return 0, err
	}
	return min(wanted, (limit-before.descriptors-reserve)*tried/max(1, after.descriptors-before.descriptors)), nil
}

// runAgents measures agents that upload over tunnels which they keep, each at its own moment of every period.
func runAgents(agents int) func(context.Context, *trial) (figures, error) {
	return func(ctx context.Context, t *trial) (figures, error) {
		n, err := t.fit(ctx, max(1, agents/t.scale.fewer))
		if err != nil {
			return nil, err
		}
		sessions := make([]*session, n)
		defer func() { closeAll(sessions) }()
		err = each(n, openers, func(i int) (err error) {
			if sessions[i], err = t.open(ctx, i); err != nil {
				return fmt.Errorf("opening session %d: %w", i, err)
			}
			return sessions[i].upload(int64(i), uploadBytes)
		})
		if err != nil {
			return nil, err
		}
		var wrong atomic.Pointer[error]
		var failed atomic.Int64
		times := make([]time.Duration, n*t.scale.cycles)
		f, err := t.metered(float64(len(times)), func() error {
			began := time.Now()
			return each(n, n, func(i int) error {
				for cycle := range t.scale.cycles {
					due := began.Add(time.Duration(cycle)*t.scale.period + t.scale.period*time.Duration(i)/time.Duration(n))
					time.Sleep(time.Until(due))
					err := sessions[i].upload(int64(i)*recordBytes+int64(cycle), uploadBytes)
					times[i*t.scale.cycles+cycle] = time.Since(due)
					switch {
					case errors.Is(err, errWrong):
						return err
					case err != nil:
						failed.Add(1)
						wrong.CompareAndSwap(nil, &err)
						return nil //nolint:nilerr // the tunnel is broken, and counted
					}
				}
				return nil
			})
		})
		if err != nil {
			return nil, err
		}
		slices.Sort(times)
		f[slowest1] = times[int(math.Ceil(0.99*float64(len(times))))-1].Seconds()
		f[failures], f[held] = float64(failed.Load()), float64(n)
		if first := wrong.Load(); first != nil {
			return f, fmt.Errorf("%d uploads failed, the first: %w", failed.Load(), *first)
		}
		return f, nil
	}
}

// runFirstByte measures, one after another, how long a client waits for the first byte of an answer.
func runFirstByte(ctx context.Context, t *trial) (figures, error) {
	one := func(i int) (time.Duration, error) {
		began := time.Now()
		s, err := t.open(ctx, i%t.scale.clients)
		if err != nil {
			return 0, err
		}
		defer s.close()
		err = s.download(int64(i), 1)
		return time.Since(began), err
	}
	times := make([]time.Duration, t.scale.firstBytes)
	for i := range times {
		var err error
		if times[i], err = one(i); err != nil {
			return nil, err
		}
	}
	slices.Sort(times)
	return figures{toFirstByte: times[len(times)/2].Seconds()}, nil
}

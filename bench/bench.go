//go:build linux

package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// bench runs experiments and keeps their results.
type bench struct {
	programs    *programs
	certificate tls.Certificate
	content     content
	scale       scale
	results     results
	faults      []error // of the gateway
}

// measure runs an experiment in rounds, over all ways in each, beginning with another one each time.
func (b *bench) measure(ctx context.Context, e experiment) error {
	ways := b.programs.ways()
	if e.ways != nil {
		ways = e.ways
	}
	for round := range e.rounds(b.scale) {
		for i := range ways {
			way := ways[(round+i)%len(ways)]
			f, err := b.try(ctx, e, way)
			switch {
			case ctx.Err() != nil:
				return ctx.Err()
			case err == nil:
			case way == gatewayName, way == directName, errors.Is(err, errWrong):
				b.faults = append(b.faults, fmt.Errorf("%s, %s: %w", e.name, way, err))
				fallthrough
			default:
				fmt.Fprintf(os.Stderr, "%s, %s: %v\n", e.name, way, err)
			}
			b.results.add(e.name, way, f)
			fmt.Fprintf(os.Stderr, "%-24s round %d  %-12s %s\n", e.name, round+1, way, f)
		}
	}
	return nil
}

// try is one trial, with processes of its own.
func (b *bench) try(ctx context.Context, e experiment, way string) (figures, error) {
	if e.oneCore {
		release, err := useOneCore()
		if err != nil {
			return nil, err
		}
		defer release()
	}
	origin, direct, err := b.programs.startOrigin(ctx, b.content, b.certificate)
	if err != nil {
		return nil, err
	}
	defer origin.stop()
	t := &trial{client: direct, scale: b.scale}
	if way != directName {
		if t.proxy, err = b.programs.startProxy(ctx, way, direct.origin); err != nil {
			return nil, err
		}
		defer t.proxy.stop()
		t.client.proxy = t.proxy.address
	}
	return e.run(ctx, t)
}

// useOneCore leaves this process, and those that it starts, a single processor until release.
func useOneCore() (release func(), err error) {
	var before, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return nil, err
	}
	for cpu := range len(before) * strconv.IntSize {
		if before.IsSet(cpu) {
			one.Set(cpu) // the last one: interrupts are often served by the first
			if one.Count() > 1 {
				one.Zero()
				one.Set(cpu)
			}
		}
	}
	procs := runtime.GOMAXPROCS(1)
	release = func() {
		runtime.GOMAXPROCS(procs)
		_ = setAffinity(&before)
	}
	if err := setAffinity(&one); err != nil {
		release()
		return nil, err
	}
	return release, nil
}

// setAffinity moves all threads of this process. One that begins meanwhile inherits from one that was moved, or is found the second
// time.
func setAffinity(set *unix.CPUSet) error {
	for range 2 {
		threads, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return err
		}
		for _, thread := range threads {
			id, err := strconv.Atoi(thread.Name())
			if err != nil {
				return err
			}
			if err := unix.SchedSetaffinity(id, set); err != nil && !errors.Is(err, unix.ESRCH) {
				return fmt.Errorf("moving thread %d: %w", id, err)
			}
		}
	}
	return nil
}

// raiseDescriptorLimit takes as many descriptors as the system allows, for this process and those that it starts.
func raiseDescriptorLimit() error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	limit.Cur = limit.Max
	return syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
}

// descriptorLimit is how many descriptors this process may have.
func descriptorLimit() (int, error) {
	var limit syscall.Rlimit
	err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit)
	return int(min(limit.Cur, 1<<30)), err
}

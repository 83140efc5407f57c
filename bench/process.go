//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// usage is what a proxy uses: its process and all of that one's descendants.
type usage struct {
	cpu         time.Duration // of user and kernel, since the start
	memory      int64         // bytes that stand in memory
	descriptors int
}

// measure reads the usage of the process and its descendants. A descendant that has ended counts with its CPU time if it was
// waited for.
func measure(pid int) (usage, error) {
	pids, err := family(pid)
	if err != nil {
		return usage{}, err
	}
	var sum usage
	for _, pid := range pids {
		u, err := measureOne(pid)
		if err != nil {
			if gone(err) {
				continue
			}
			return usage{}, fmt.Errorf("measuring process %d: %w", pid, err)
		}
		sum.cpu += u.cpu
		sum.memory += u.memory
		sum.descriptors += u.descriptors
	}
	return sum, nil
}

func measureOne(pid int) (u usage, err error) {
	own, err := processClock(pid)
	if err != nil {
		return usage{}, err
	}
	stat, err := readStat(pid)
	if err != nil {
		return usage{}, err
	}
	u.cpu = own + stat.children
	if u.memory, err = resident(pid); err != nil {
		return usage{}, err
	}
	list, err := os.ReadDir(procFile(pid, "fd"))
	if err != nil {
		return usage{}, err
	}
	u.descriptors = len(list)
	return u, nil
}

// processClock is the CPU time of another process in nanoseconds, where /proc/PID/stat has the same figure in ticks of 10 ms
// (clock_getcpuclockid(3); the kernel makes the clock of the process id).
func processClock(pid int) (time.Duration, error) {
	const scheduler = 2
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|scheduler), &t); err != nil {
		return 0, err
	}
	return time.Duration(t.Nano()), nil
}

// stat is what is used of /proc/PID/stat.
type stat struct {
	parent   int
	children time.Duration // CPU time of children that have ended
}

func readStat(pid int) (stat, error) {
	data, err := os.ReadFile(procFile(pid, "stat"))
	if err != nil {
		return stat{}, err
	}
	// The second field is the name in parentheses, with anything in it. proc_pid_stat(5) counts from 1; fields has the third first.
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	const parent, childrenUser, childrenKernel = 4 - 3, 16 - 3, 17 - 3
	if len(fields) <= childrenKernel {
		return stat{}, fmt.Errorf("reading %s: it has too few fields", procFile(pid, "stat"))
	}
	var numbers [3]int64
	for i, field := range []int{parent, childrenUser, childrenKernel} {
		if numbers[i], err = strconv.ParseInt(fields[field], 10, 64); err != nil {
			return stat{}, fmt.Errorf("reading %s: %w", procFile(pid, "stat"), err)
		}
	}
	const tick = 10 * time.Millisecond // USER_HZ is 100 on every platform that Go runs on
	return stat{parent: int(numbers[0]), children: time.Duration(numbers[1]+numbers[2]) * tick}, nil
}

// family lists a process and its descendants.
func family(pid int) ([]int, error) {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	children := map[int][]int{}
	for _, dir := range dirs {
		child, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			return nil, err
		}
		s, err := readStat(child)
		if err != nil {
			if gone(err) {
				continue
			}
			return nil, err
		}
		children[s.parent] = append(children[s.parent], child)
	}
	all := []int{pid}
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i]]...)
	}
	return all, nil
}

// resident is the memory of a process that is not shared with a file, in bytes: of a program's code only one copy stands in memory,
// however many tunnels there are.
func resident(pid int) (int64, error) {
	return readKiB(procFile(pid, "smaps_rollup"), "Rss")
}

// kernelMemory is what the kernel holds of its own that it cannot give back, and the bytes in the buffers of TCP, for the whole
// machine.
func kernelMemory() (int64, error) {
	slab, err := readKiB("/proc/meminfo", "SUnreclaim")
	if err != nil {
		return 0, err
	}
	data, err := os.ReadFile("/proc/net/sockstat")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(data)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "TCP:" && fields[len(fields)-2] == "mem" {
			pages, err := strconv.ParseInt(fields[len(fields)-1], 10, 64)
			return slab + pages*int64(os.Getpagesize()), err
		}
	}
	return 0, errors.New("reading /proc/net/sockstat: it does not tell the memory of TCP")
}

// readKiB reads one line "Name: 123 kB" of a file in /proc, in bytes.
func readKiB(file, name string) (int64, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(data)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == name+":" {
			kib, err := strconv.ParseInt(fields[1], 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("reading %s: it has no %s", file, name)
}

func procFile(pid int, name string) string { return filepath.Join("/proc", strconv.Itoa(pid), name) }

// gone reports whether the process of a file in /proc has ended.
func gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH)
}

package splice_test

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// denyEnv makes the test binary run under a system that refuses something; its values are the keys of denials.
const denyEnv = "SPLICE_TEST_DENY"

// denials are the ways in which the kernel may not give the engine what it likes best.
var denials = map[string]struct {
	call   uint32
	second uint32 // deny only with this second argument; 0 is any
	errno  unix.Errno
	told   bool // to Options.Fallback
}{
	"no splice":                    {call: unix.SYS_SPLICE, errno: unix.ENOSYS, told: true},
	"no splice for these sockets":  {call: unix.SYS_SPLICE, errno: unix.EINVAL, told: true},
	"no descriptor for a pipe":     {call: unix.SYS_PIPE2, errno: unix.EMFILE},
	"no descriptor for duplicates": {call: unix.SYS_FCNTL, second: unix.F_DUPFD_CLOEXEC, errno: unix.EMFILE, told: true},
}

// TestOnALesserSystem runs other tests again, in a process for each denial.
func TestOnALesserSystem(t *testing.T) {
	if os.Getenv(denyEnv) != "" {
		t.Skip("this is that process")
	}
	for name := range denials {
		t.Run(name, func(t *testing.T) {
			c := exec.Command(os.Args[0], "-test.short", "-test.run", "^(TestTorture|TestFallback|TestResetIsPassedOn)$")
			c.Env = append(os.Environ(), denyEnv+"="+name)
			out, err := c.CombinedOutput()
			if err != nil || !strings.Contains(string(out), "PASS") {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// wantFallback reports whether the system is one that the engine for it cannot move bytes on as it likes best.
func wantFallback() bool { return denials[os.Getenv(denyEnv)].told }

// isChild prepares this process for what it was started for, and runs that unless it is tests.
func isChild() bool {
	if name := os.Getenv(denyEnv); name != "" {
		if err := deny(name); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	kind := os.Getenv(copierEnv)
	if kind == "" {
		return false
	}
	if err := runCopier(kind, os.Getenv(copierTarget), os.Getenv(copierUser)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return true
}

// deny makes a system call fail for all threads of this process (seccomp(2)).
func deny(name string) error {
	d, ok := denials[name]
	if !ok {
		return fmt.Errorf("%s: no such denial", name)
	}
	const ( // struct seccomp_data, little-endian
		offCall   = 0
		offSecond = 24
	)
	fail := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(d.errno)}
	allow := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW}
	equal := func(k uint32, no uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: k, Jf: no}
	}
	load := func(offset uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
	}
	filter := []unix.SockFilter{load(offCall), equal(d.call, 1), fail, allow}
	if d.second != 0 {
		filter = []unix.SockFilter{load(offCall), equal(d.call, 3), load(offSecond), equal(d.second, 1), fail, allow}
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("prctl: %w", err)
	}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC,
		uintptr(unsafe.Pointer(&program)))
	if errno != 0 {
		return fmt.Errorf("seccomp: %w", errno)
	}
	return nil
}

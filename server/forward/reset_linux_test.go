package forward_test

import "syscall"

const (
	errReset = syscall.ECONNRESET
	errPipe  = syscall.EPIPE // of a write after the reset was told
)

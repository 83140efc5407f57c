package forward_test

import "syscall"

const (
	errPipe  = syscall.Errno(10053)  // WSAECONNABORTED
	errReset = syscall.WSAECONNRESET // not ECONNRESET, which is an invention of Go's and is never returned
)

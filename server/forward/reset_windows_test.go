package forward_test

import "syscall"

const errReset = syscall.WSAECONNRESET // not ECONNRESET, which is an invention of Go's and is never answered

package forward_test

import "syscall"

const errReset = syscall.ECONNRESET

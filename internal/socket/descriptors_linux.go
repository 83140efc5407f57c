package socket

import (
	"math"

	"golang.org/x/sys/unix"
)

// Descriptors returns how many descriptors this process may have, sockets and all others, as things are now; 0 sets no limit. Go has
// raised the soft limit to the hard one.
func Descriptors() int {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil || limit.Cur > math.MaxInt32 {
		return 0
	}
	return int(limit.Cur)
}

package socket

// Descriptors returns 0: the handles of a process of Windows have a limit of 16,777,216, which memory reaches before.
func Descriptors() int { return 0 }

package localsock

// For tests: what a caller with a token may do, and what the pipe is described by.
var (
	CallerOf   = callerOf
	PipeAccess = uint32(pipeAccess)
)

// PipeDescriptor is for tests.
const PipeDescriptor = pipeDescriptor

package splice

// New is the engine that suits the system best. Its error is that of a system that refuses what the engine needs.
func New() (Engine, error) { return newEpollEngine(maxMemory) }

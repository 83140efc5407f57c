package splice

// ConnectedToItself reports whether a socket is its own peer.
var ConnectedToItself = connectedToItself

// NewEngineHolding is New with a bound of its own on what all tunnels may hold.
func NewEngineHolding(most int64) (Engine, error) { return newEpollEngine(most) }

// Outstanding tells whether bytes wait for the peer of a socket, and how many it has taken.
var Outstanding = outstanding

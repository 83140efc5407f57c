package splice

// ConnectedToItself reports whether a socket is its own peer.
var ConnectedToItself = connectedToItself

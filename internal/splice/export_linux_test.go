package splice

// ConnectedToItself tells whether a socket is its own peer.
var ConnectedToItself = connectedToItself

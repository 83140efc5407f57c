package adminapi

// Access is the access table.
var Access = access

package event

// EscapeInserts is for tests.
var EscapeInserts = escapeInserts

package settings

// KeepOlder is exported because no older version than today's exists that a test could migrate.
var KeepOlder = keepOlder

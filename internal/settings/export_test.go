package settings

// KeepOlder is exported because no older version than today's exists that a test could migrate.
var KeepOlder = keepOlder

// PolicyInput shows what the policy is compiled from, which it does not tell again.
var PolicyInput = policyInput

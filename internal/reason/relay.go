package reason

// Why a relay proxy cannot be set.
const (
	RelayAddressEmpty    Reason = "RELAY_ADDRESS_EMPTY"
	RelayAddressInvalid  Reason = "RELAY_ADDRESS_INVALID"
	RelayAddressHasUser  Reason = "RELAY_ADDRESS_HAS_USER"
	RelayUsernameMissing Reason = "RELAY_USERNAME_MISSING"
	RelayUsernameInvalid Reason = "RELAY_USERNAME_INVALID"
	RelayPasswordInvalid Reason = "RELAY_PASSWORD_INVALID"
)

// No text repeats what was given: it may be a password in the wrong place.
var relayTexts = map[Reason]string{
	RelayAddressEmpty: `the address of the relay proxy is empty; omsgwctl relay-proxy clear lets the gateway connect directly`,
	RelayAddressInvalid: `the address of the relay proxy cannot be used: {problem}; write http://HOST:PORT, HOST:PORT, ` +
		`or https://HOST:PORT for TLS to the relay proxy`,
	RelayAddressHasUser: `the address of the relay proxy has a user name or a password before @; ` +
		`leave them out there and give them by themselves (--username and --password-stdin, or -Credential)`,
	RelayUsernameMissing: `a password for the relay proxy was given without a user name`,
	RelayUsernameInvalid: `the user name for the relay proxy cannot be used: {problem}`,
	RelayPasswordInvalid: `the password for the relay proxy cannot be used: {problem}`,
}

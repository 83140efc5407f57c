package reason

// Why a relay proxy cannot be set, and why a tunnel cannot be opened through it.
const (
	RelayAddressEmpty     Reason = "RELAY_ADDRESS_EMPTY"
	RelayAddressInvalid   Reason = "RELAY_ADDRESS_INVALID"
	RelayAddressAmbiguous Reason = "RELAY_ADDRESS_AMBIGUOUS"
	RelayAddressHasUser   Reason = "RELAY_ADDRESS_HAS_USER"
	RelayUsernameMissing  Reason = "RELAY_USERNAME_MISSING"
	RelayUsernameInvalid  Reason = "RELAY_USERNAME_INVALID"
	RelayPasswordInvalid  Reason = "RELAY_PASSWORD_INVALID"
	RelayNotSet           Reason = "RELAY_NOT_SET"

	// It is not reached.
	RelayIsGateway    Reason = "RELAY_IS_GATEWAY"
	RelayLoop         Reason = "RELAY_LOOP"
	RelayPasswordLost Reason = "RELAY_PASSWORD_LOST"
	RelayNotFound     Reason = "RELAY_NOT_FOUND"
	RelayLookupFailed Reason = "RELAY_LOOKUP_FAILED"
	RelayUnreachable  Reason = "RELAY_UNREACHABLE"
	RelayTimeout      Reason = "RELAY_TIMEOUT"
	RelayTLSFailed    Reason = "RELAY_TLS_FAILED"
	RelayNotTrusted   Reason = "RELAY_NOT_TRUSTED"

	// It does not open the tunnel. {answer} is the status of its answer, and what its other fields say about the cause; {beginning} is
	// the first bytes of what is no answer, escaped.
	RelayForbidden                 Reason = "RELAY_FORBIDDEN"
	RelayAuthenticationMissing     Reason = "RELAY_AUTHENTICATION_MISSING"
	RelayAuthenticationRefused     Reason = "RELAY_AUTHENTICATION_REFUSED"
	RelayAuthenticationUnsupported Reason = "RELAY_AUTHENTICATION_UNSUPPORTED"
	RelayFailed                    Reason = "RELAY_FAILED"
	RelayRefused                   Reason = "RELAY_REFUSED"
	RelayAnswerInvalid             Reason = "RELAY_ANSWER_INVALID"
	RelayAnswerIncomplete          Reason = "RELAY_ANSWER_INCOMPLETE"
	RelayClosed                    Reason = "RELAY_CLOSED"
	RelaySilent                    Reason = "RELAY_SILENT"

	// Found by a test only: a tunnel itself is open by then.
	TargetTLSFailed  Reason = "TARGET_TLS_FAILED"
	TargetNotTrusted Reason = "TARGET_NOT_TRUSTED"
)

// No text about the setting repeats what was given, which may be a password in the wrong place, but for valid IPv6 addresses.
var relayTexts = map[Reason]string{
	RelayAddressEmpty: `the address of the relay proxy is empty; omsgwctl relay-proxy clear lets the gateway connect directly`,
	RelayAddressInvalid: `the address of the relay proxy cannot be used: {problem}; write http://HOST:PORT, HOST:PORT, ` +
		`or https://HOST:PORT for TLS to the relay proxy`,
	RelayAddressAmbiguous: `the address of the relay proxy is IPv6 without brackets and can mean two; ` +
		`write {with} if {port} is the port, or {without} if it is a part of the address`,
	RelayAddressHasUser: `the address of the relay proxy has a user name or a password before @; ` +
		`leave them out there and give them by themselves (--username and --password-stdin, or -Credential)`,
	RelayUsernameMissing: `a password for the relay proxy was given without a user name`,
	RelayUsernameInvalid: `the user name for the relay proxy cannot be used: {problem}`,
	RelayPasswordInvalid: `the password for the relay proxy cannot be used: {problem}`,
	RelayNotSet:          `no relay proxy is set; omsgwctl relay-proxy set ADDRESS sets one`,

	RelayIsGateway: `the relay proxy {relay} is this gateway itself (at {address}), which would ask itself again and again; ` +
		`set the address of another proxy`,
	RelayLoop: `the request has come through this gateway before: the relay proxy {relay} leads back to it; ` +
		`set the address of another proxy, or correct the way on from there`,
	RelayPasswordLost: `the password for the relay proxy {relay} cannot be opened on this computer; ` +
		`set the relay proxy again, with its password`,
	RelayLookupFailed: `the name server gave no answer about the relay proxy {relay}: it failed, or it refuses to answer the gateway's computer; ` +
		`check its log, and which name servers that computer asks, or set the address of the relay proxy by number`,
	RelayNotFound:    `the name of the relay proxy {relay} cannot be resolved; check its spelling, and the DNS of the gateway's computer`,
	RelayUnreachable: `cannot connect to the relay proxy {relay}; check that it runs, and that it lets the gateway's computer connect`,
	RelayTimeout: `connecting to the relay proxy {relay} took longer than {seconds} seconds; ` +
		`check its address, and the firewalls between it and the gateway`,
	RelayTLSFailed: `TLS with the relay proxy {relay} fails; if it expects none at this port, set its address with http://`,
	RelayNotTrusted: `the certificate of the relay proxy {relay} is not trusted; it must be for this name, and its issuer among the ` +
		`root certificates of the gateway's computer`,

	RelayForbidden: `the relay proxy {relay} forbids connections to {target} ({answer}); have them allowed there, or put the host into ` +
		`the setting RelayProxyBypass if the gateway can reach it directly`,
	RelayAuthenticationMissing: `the relay proxy {relay} wants a user name and a password ({answer}), and none are set; ` +
		`set them with: omsgwctl relay-proxy set {relay} --username USER --password-stdin`,
	RelayAuthenticationRefused: `the relay proxy {relay} does not accept the user name and the password that are set ({answer}); ` +
		`set the right ones with: omsgwctl relay-proxy set {relay} --username USER --password-stdin`,
	RelayAuthenticationUnsupported: `the relay proxy {relay} wants authentication by {schemes} ({answer}), and the gateway knows Basic only; ` +
		`have Basic offered there, or the gateway's address excepted from authentication`,
	RelayFailed: `the relay proxy {relay} could not connect to {target} ({answer}); what keeps it from that is to be found there`,
	RelayRefused: `the relay proxy {relay} answers {answer} to CONNECT {target}; ` +
		`check that there is a proxy at this address that accepts CONNECT`,
	RelayAnswerInvalid: `what the relay proxy {relay} answers is not HTTP: {problem}; it begins with "{beginning}"; ` +
		`check that there is a proxy at this address`,
	RelayAnswerIncomplete: `the relay proxy {relay} began an answer to CONNECT {target} and did not complete it: {problem}; ` +
		`it begins with "{beginning}"; check that the relay proxy works, and what stands between it and the gateway`,
	RelayClosed: `the relay proxy {relay} closed the connection before it had answered CONNECT {target}; its log may tell why; ` +
		`if it expects TLS at this port, set its address with https://`,
	TargetTLSFailed: `the tunnel to {target} opens, but TLS in it fails; check that the target speaks TLS at this port, and that the ` +
		`relay proxy lets it pass`,
	TargetNotTrusted: `the certificate that comes through the tunnel to {target} is issued by {issuer}, which the gateway's computer ` +
		`does not trust; if the relay proxy breaks TLS open, have the host excepted from that`,
	RelaySilent: `the relay proxy {relay} has not answered CONNECT {target} within {seconds} seconds; ` +
		`check that it works, and that it can reach the target`,
}

package reason

// Why the TLS handshake in a tunnel is refused, and why the spelling of an allowed client certificate is.
const (
	// Event 402: no TLS, or a handshake that cannot be followed.
	TLSNotSpoken         Reason = "TLS_NOT_SPOKEN"
	TLSServerFirst       Reason = "TLS_SERVER_FIRST"
	TLSRecordInvalid     Reason = "TLS_RECORD_INVALID"
	TLSMessageInvalid    Reason = "TLS_MESSAGE_INVALID"
	TLSMessageUnexpected Reason = "TLS_MESSAGE_UNEXPECTED"
	TLSMessageTooLarge   Reason = "TLS_MESSAGE_TOO_LARGE"
	TLSHandshakeTooLarge Reason = "TLS_HANDSHAKE_TOO_LARGE"
	TLSNoProgress        Reason = "TLS_NO_PROGRESS"
	TLSTooManyWarnings   Reason = "TLS_TOO_MANY_WARNINGS"
	ServerNameInvalid    Reason = "SERVER_NAME_INVALID"

	// Event 106: TLS, but of a kind that is not let through.
	SSL2NotAllowed            Reason = "SSL2_NOT_ALLOWED"
	TLSVersionNotAllowed      Reason = "TLS_VERSION_NOT_ALLOWED"
	TLSDraftNotAllowed        Reason = "TLS_DRAFT_NOT_ALLOWED"
	TLSNotOffered             Reason = "TLS_NOT_OFFERED"
	TLSNotCheckable           Reason = "TLS_NOT_CHECKABLE"
	TLSEarlyDataLost          Reason = "TLS_EARLY_DATA_LOST"
	TLSHandshakeTimeout       Reason = "TLS_HANDSHAKE_TIMEOUT"
	TLSTooMuchCollected       Reason = "TLS_TOO_MUCH_COLLECTED"
	TLSHelloTimeout           Reason = "TLS_HELLO_TIMEOUT"
	TLSClientCollectedTooMuch Reason = "TLS_CLIENT_COLLECTED_TOO_MUCH"
	ServerNameNotAllowed      Reason = "SERVER_NAME_NOT_ALLOWED"
	ServerNameMissing         Reason = "SERVER_NAME_MISSING"
	ServerNameChanged         Reason = "SERVER_NAME_CHANGED"
	ServerCertificateMissing  Reason = "SERVER_CERTIFICATE_MISSING"

	// Event 106 where a client certificate is required and cannot be seen; event 105 where it is seen and not allowed.
	ClientCertificateNotAllowed Reason = "CLIENT_CERTIFICATE_NOT_ALLOWED"
	ClientCertificateNotAsked   Reason = "CLIENT_CERTIFICATE_NOT_ASKED"
	ClientCertificateNotGiven   Reason = "CLIENT_CERTIFICATE_NOT_GIVEN"
	ClientCertificateEncrypted  Reason = "CLIENT_CERTIFICATE_ENCRYPTED"
	ClientCertificateEarlyData  Reason = "CLIENT_CERTIFICATE_EARLY_DATA"
	ClientCertificateResumed    Reason = "CLIENT_CERTIFICATE_RESUMED"

	// Spellings of an allowed client certificate. Every text has the part {entry}, the value as it was given.
	CertificateEmpty      Reason = "CERTIFICATE_EMPTY"
	CertificateTooLong    Reason = "CERTIFICATE_TOO_LONG"
	CertificateCharacter  Reason = "CERTIFICATE_CHARACTER"
	CertificateThumbprint Reason = "CERTIFICATE_THUMBPRINT"
	CertificateAttribute  Reason = "CERTIFICATE_ATTRIBUTE"
	CertificateSyntax     Reason = "CERTIFICATE_SYNTAX"
)

var tlsTexts = map[Reason]string{
	TLSNotSpoken:         `the tunnel carries no TLS: {problem}`,
	TLSServerFirst:       `the tunnel carries no TLS: the server speaks before the client's hello is complete`,
	TLSRecordInvalid:     `a TLS record from the {side} cannot be parsed: {problem}`,
	TLSMessageInvalid:    `the {message} from the {side} cannot be parsed: {problem}`,
	TLSMessageUnexpected: `{message} from the {side} is out of place in the TLS handshake`,
	TLSMessageTooLarge:   `the {message} from the {side} is larger than {limit} bytes`,
	TLSHandshakeTooLarge: `the {side} sends more than {limit} {unit} during the TLS handshake`,
	TLSNoProgress:        `the {side} sends more than {limit} TLS records in a row that do not advance the handshake`,
	TLSTooManyWarnings:   `the {side} sends more than {limit} TLS alerts during the handshake`,
	ServerNameInvalid:    `the server name in the ClientHello cannot be parsed: {problem}`,

	SSL2NotAllowed: `the client begins with a hello of SSL 2; switch SSL 2 off at the client`,
	TLSVersionNotAllowed: `the {side} wants {version}, and the gateway lets {minimum} to {maximum} through ` +
		`(settings MinimumTlsVersion and MaximumTlsVersion)`,
	TLSDraftNotAllowed:  `the {side} wants a draft of TLS 1.3 ({version}); use a release that has TLS 1.3 itself`,
	TLSNotOffered:       `the server picks {what}, which the client has not offered`,
	TLSNotCheckable:     `the server picks {what}, with which the gateway cannot check the handshake`,
	TLSEarlyDataLost:    `the client sends early data (0-RTT), and {version} has none`,
	TLSHandshakeTimeout: `the TLS handshake was not complete after {seconds} seconds`,
	TLSTooMuchCollected: `the TLS handshakes under way hold {limit} bytes together, which is the limit; try again later`,
	TLSHelloTimeout:     `the client had sent nothing {seconds} seconds after its tunnel was opened`,
	TLSClientCollectedTooMuch: `the TLS handshakes of {client} hold its share of {limit} bytes, or more, ` +
		`and nearly all that handshakes may hold are taken; try again later`,
	ServerNameNotAllowed: `the client asks for the server name {name}, and the tunnel was opened for {host}; ` +
		`if both are right, allow {name} too, with a client certificate policy that is not stricter`,
	ServerNameMissing: `the client names no server, and the setting RequireServerName is on; the tunnel was opened for {host}`,
	ServerNameChanged: `the client's second hello does not repeat the server name of the first`,
	ServerCertificateMissing: `the server shows no certificate (anonymous or pre-shared key), ` +
		`so that nothing tells whether it is {host}; switch such cipher suites off`,

	ClientCertificateNotAllowed: `Invalid Client certificate: {subject}`,
	ClientCertificateNotAsked: `a client certificate is required, and the server {host} asks for none in its handshake; ` +
		`let the server ask, or set the policy of the host to IfShown`,
	ClientCertificateNotGiven: `a client certificate is required, and the client has given none to {host}; ` +
		`install one at the client, or set the policy of the host to IfShown`,
	ClientCertificateEncrypted: `a client certificate is required, and TLS 1.3 encrypts it so that it cannot be seen; ` +
		`limit the client to TLS 1.2, or set the policy of the host to IfShown`,
	ClientCertificateEarlyData: `a client certificate is required, and the client wants to send early data (0-RTT of TLS 1.3) ` +
		`without showing one; limit the client to TLS 1.2, or set the policy of the host to IfShown`,
	ClientCertificateResumed: `a client certificate is required, and this TLS session resumes one ` +
		`in which the gateway has not seen it; restart the client so that it makes a new session`,

	CertificateEmpty:   `the client certificate is empty; give a common name, a distinguished name or sha256:thumbprint`,
	CertificateTooLong: `the client certificate has {length} bytes; at most {limit} are possible`,
	CertificateCharacter: `the client certificate "{entry}" has the character {character}, which cannot be seen; ` +
		`remove it, or write it in a distinguished name as backslash and two hexadecimal digits a byte`,
	CertificateThumbprint: `"{entry}" is not a thumbprint: {kind}: is followed by {digits} hexadecimal digits`,
	CertificateAttribute: `the distinguished name "{entry}" has the attribute "{attribute}", which is not known; ` +
		`write it as CN=name, O=company, or with the attribute's number, for example OID.2.5.4.3=name`,
	CertificateSyntax: `"{entry}" is not a distinguished name such as CN=name, O=company: {problem}; ` +
		`a value with one of , ; + = " \ < > # stands in quotes`,
}

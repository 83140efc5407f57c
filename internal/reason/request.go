package reason

// Why a request at the proxy port is refused, or a tunnel could not be opened.
const (
	MethodNotAllowed        Reason = "METHOD_NOT_ALLOWED"
	RequestInvalid          Reason = "REQUEST_INVALID"
	RequestTooLarge         Reason = "REQUEST_TOO_LARGE"
	RequestTimeout          Reason = "REQUEST_TIMEOUT"
	RequestBody             Reason = "REQUEST_BODY"
	AuthorityInvalid        Reason = "AUTHORITY_INVALID"
	HostNotAllowed          Reason = "HOST_NOT_ALLOWED"
	PortNotAllowed          Reason = "PORT_NOT_ALLOWED"
	AddressNotAllowed       Reason = "ADDRESS_NOT_ALLOWED"
	TargetNotFound          Reason = "TARGET_NOT_FOUND"
	TargetLookupFailed      Reason = "TARGET_LOOKUP_FAILED"
	TargetUnreachable       Reason = "TARGET_UNREACHABLE"
	TargetTimeout           Reason = "TARGET_TIMEOUT"
	TooManyConnections      Reason = "TOO_MANY_CONNECTIONS"
	TooManyRequestHeads     Reason = "TOO_MANY_REQUEST_HEADS"
	TooManyClientHeads      Reason = "TOO_MANY_CLIENT_HEADS"
	TooManyClientConnection Reason = "TOO_MANY_CLIENT_CONNECTIONS"
	ClientConnectionShare   Reason = "CLIENT_CONNECTION_SHARE"
	TooManyHandshakes       Reason = "TOO_MANY_HANDSHAKES"
	TooManyClientHandshakes Reason = "TOO_MANY_CLIENT_HANDSHAKES"
	EndedForRoom            Reason = "ENDED_FOR_ROOM"
	ResourcesExhausted      Reason = "RESOURCES_EXHAUSTED"
	GatewayStopping         Reason = "GATEWAY_STOPPING"
	GatewayFault            Reason = "GATEWAY_FAULT"
)

var requestTexts = map[Reason]string{
	MethodNotAllowed: `the gateway accepts only CONNECT`,
	RequestInvalid:   `the request cannot be read: {problem}`,
	RequestTooLarge:  `the request head is larger than {limit} bytes`,
	RequestTimeout:   `the request head did not arrive in time`,
	RequestBody:      `the CONNECT request announces a body (Content-Length or Transfer-Encoding), and CONNECT has none`,
	AuthorityInvalid: `the target "{authority}" is not host:port`,
	HostNotAllowed:   `target host {host} is not in the allowed list; an administrator can add it with: omsgwctl allowed-host add {target}`,
	PortNotAllowed:   `target host {host} is allowed, but not on port {port}; an administrator can add it with: omsgwctl allowed-host add {target}`,
	AddressNotAllowed: `{host} leads to the address {address}, which is {kind} and which a host name may not lead to; ` +
		`correct the DNS of the gateway's computer, or allow the address itself if it is meant`,
	TargetLookupFailed: `the name server gave no answer about {host}: it failed, or it refuses to answer the gateway's computer; ` +
		`check its log, and which name servers that computer asks`,
	TargetNotFound:      `the name {host} cannot be resolved; check the DNS of the gateway's computer`,
	TargetUnreachable:   `cannot connect to {target}; check the firewalls on the way, and that the target listens there`,
	TargetTimeout:       `connecting to {target} took longer than {seconds} seconds; check the firewalls on the way`,
	TooManyConnections:  `the gateway has {limit} open client connections, which is its limit (setting MaxConnections)`,
	TooManyRequestHeads: `{limit} connections have not sent their request yet, which is the limit (setting MaxRequestHeads)`,
	TooManyClientHeads: `{client} has its share of {limit} connections that have not sent their request yet, or more, ` +
		`and nearly all of them are taken (setting MaxRequestHeads)`,
	TooManyClientConnection: `{client} has {limit} open connections, which is the limit for one client (setting MaxConnectionsPerClient)`,
	ClientConnectionShare: `{client} has its share of {limit} open connections, or more, ` +
		`and nearly all of them are taken (setting MaxConnections)`,
	TooManyHandshakes: `{limit} tunnels are in their TLS handshake, which is the limit; try again`,
	TooManyClientHandshakes: `{client} has its share of {limit} tunnels in their TLS handshake, or more, ` +
		`and nearly all of them are taken; try again`,
	EndedForRoom: `no place was left for one more connection that is waited for, {client} has most of them, ` +
		`and of those this one has waited longest without a byte`,
	ResourcesExhausted: `the gateway's computer has no descriptor or memory left for one more connection`,
	GatewayStopping:    `the gateway is stopping`,
	GatewayFault:       `the gateway has a fault; its log tells more`,
}

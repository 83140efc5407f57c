package reason

// Why a call of the admin API is refused or fails.
const (
	EtagMismatch             Reason = "ETAG_MISMATCH"
	NothingGiven             Reason = "NOTHING_GIVEN"
	TooManyItems             Reason = "TOO_MANY_ITEMS"
	MessageTooLarge          Reason = "MESSAGE_TOO_LARGE"
	LargeCallBusy            Reason = "LARGE_CALL_BUSY"
	LargeCallSlow            Reason = "LARGE_CALL_SLOW"
	TooManyHosts             Reason = "TOO_MANY_HOSTS"
	TooManyCertificates      Reason = "TOO_MANY_CERTIFICATES"
	ChangeRefused            Reason = "CHANGE_REFUSED"
	AllowedHostNotPresent    Reason = "ALLOWED_HOST_NOT_PRESENT"
	DeniedHostNotPresent     Reason = "DENIED_HOST_NOT_PRESENT"
	DeniedHostPorts          Reason = "DENIED_HOST_PORTS"
	DeniedHostAllowed        Reason = "DENIED_HOST_ALLOWED"
	CertificatePolicyUnknown Reason = "CLIENT_CERTIFICATE_POLICY_UNKNOWN"
	DescriptorsTooFew        Reason = "DESCRIPTORS_TOO_FEW"            // a warning
	FirewallRuleDiffers      Reason = "FIREWALL_RULE_DIFFERS"          // a warning, of Windows
	FirewallRuleWide         Reason = "FIREWALL_RULE_WIDE"             // a warning, of Windows
	CertificatesJudged       Reason = "CLIENT_CERTIFICATES_JUDGED"     // a warning: the change is made
	CertificatesNotJudged    Reason = "CLIENT_CERTIFICATES_NOT_JUDGED" // a warning: the change is made
	NotPermittedToRead       Reason = "NOT_PERMITTED_TO_READ"
	NotPermittedToChange     Reason = "NOT_PERMITTED_TO_CHANGE"
	NotPermittedToAdminister Reason = "NOT_PERMITTED_TO_ADMINISTER"
	NotPermittedElsewhere    Reason = "NOT_PERMITTED_FROM_ELSEWHERE"
	CallerUnknown            Reason = "CALLER_UNKNOWN"
	TooManyCalls             Reason = "TOO_MANY_CALLS"
	TooManyWatchers          Reason = "TOO_MANY_WATCHERS"
	FilterInvalid            Reason = "FILTER_INVALID"
	TooManyChecks            Reason = "TOO_MANY_CHECKS"
	PageTokenInvalid         Reason = "PAGE_TOKEN_INVALID"
	MethodUnknown            Reason = "METHOD_UNKNOWN"
	Internal                 Reason = "INTERNAL"
	GatewayUnreachable       Reason = "GATEWAY_UNREACHABLE"
	GatewayDenied            Reason = "GATEWAY_DENIED"
	AddressInvalid           Reason = "ADDRESS_INVALID"

	RevisionNotFound             Reason = "REVISION_NOT_FOUND"
	RevisionDamaged              Reason = "REVISION_DAMAGED"
	RevisionNewer                Reason = "REVISION_NEWER"
	RevisionWithoutConfiguration Reason = "REVISION_WITHOUT_CONFIGURATION"
	RevisionChangedAgain         Reason = "REVISION_CHANGED_AGAIN"
	HistoryDamaged               Reason = "HISTORY_DAMAGED"
	RelayPasswordMissing         Reason = "RELAY_PASSWORD_MISSING"
	CommentInvalid               Reason = "COMMENT_INVALID"

	ChangeOnTrial     Reason = "CHANGE_ON_TRIAL"
	TrialNotFound     Reason = "TRIAL_NOT_FOUND"
	TrialTimeInvalid  Reason = "TRIAL_TIME_INVALID"
	TrialNeedsGateway Reason = "TRIAL_NEEDS_GATEWAY"

	ImpactHostRefused  Reason = "IMPACT_HOST_REFUSED"  // a remark, as the next ones
	ImpactHostsRefused Reason = "IMPACT_HOSTS_REFUSED" //
	ImpactNone         Reason = "IMPACT_NONE"          //
	ImpactNotCounted   Reason = "IMPACT_NOT_COUNTED"   //
	ImpactNotKnown     Reason = "IMPACT_NOT_KNOWN"     //
)

var adminTexts = map[Reason]string{
	EtagMismatch:             `the configuration has changed since it was read (etag {etag}, now {current}); read it again and repeat the change`,
	NothingGiven:             `nothing was given to change`,
	TooManyItems:             `{count} items in one change; at most {limit} are possible`,
	MessageTooLarge:          `the request has {size} bytes; at most {limit} are possible`,
	LargeCallBusy:            `another large call is being received or carried out, and one is at a time; try again`,
	LargeCallSlow:            `a request of {size} bytes did not come within {limit} seconds; try again, or send it in parts`,
	TooManyHosts:             `the list would have {count} hosts; at most {limit} are possible`,
	TooManyCertificates:      `the list would have {count} client certificates; at most {limit} are possible`,
	AllowedHostNotPresent:    `the list of allowed hosts has no entry {host}; omsgwctl allowed-host list shows those that it has`,
	DeniedHostNotPresent:     `no client was refused {host}, or it is allowed by now; omsgwctl denied list shows the refused hosts`,
	DeniedHostPorts:          `clients were refused {host} at several ports; say which: {hosts}`,
	DeniedHostAllowed:        `{host} is allowed already, but its name leads to an address that is refused; omsgwctl check {host} tells more`,
	CertificatePolicyUnknown: `the client certificate policy of a host cannot be "{value}": it is one of {choices}`,
	DescriptorsTooFew:        `at most {connections} client connections can be open, and not {limit} as MaxConnections says: this process may not have descriptors for more; raise its limit of open files (LimitNOFILE= of the service, ulimit -n)`,
	FirewallRuleDiffers:      `the rule {rule} of the Windows firewall does not let clients in at TCP port {port}; move it, in a PowerShell that runs as administrator: {command}`,
	FirewallRuleWide:         `the rule {rule} of the Windows firewall lets clients in at more than TCP port {port}; narrow it, in a PowerShell that runs as administrator: {command}`,
	CertificatesJudged:       `the list was empty: from now on every client certificate that can be seen and is not in the list is refused (setting ClientCertificatePolicy is Automatic)`,
	CertificatesNotJudged:    `the list is empty now: client certificates are no longer judged, except for hosts with a policy of their own (setting ClientCertificatePolicy is Automatic)`,
	ChangeRefused:            `nothing was changed, because {count} of the items are invalid; the first: {first}`,
	NotPermittedToRead:       `{caller} may not read; {remedy}`,
	NotPermittedToChange:     `{caller} may not change anything; {remedy}`,
	NotPermittedToAdminister: `{caller} may not do what needs the role administer; {remedy}`,
	NotPermittedElsewhere:    `{caller} may not do this from another computer; do it on the gateway's own`,
	CallerUnknown:            `the gateway cannot tell who is calling`,
	TooManyCalls:             `too many connections to the admin API: {limit} is the limit for {caller}`,
	TooManyWatchers:          `{limit} event watches are open, which is the limit for {caller}`,
	FilterInvalid:            `the filter {field} cannot be "{value}"`,
	TooManyChecks:            `{limit} checks of hosts are connecting at the moment, which is the limit for {caller}; try again`,
	PageTokenInvalid:         `the page token is not one that this list gave out`,
	MethodUnknown:            `the gateway does not know {method}; it may be older than this program`,
	Internal:                 `the gateway has a fault; its log tells more`,
	GatewayUnreachable:       `no gateway answers at {address}; {remedy}`,
	GatewayDenied:            `this account may not open {address}; use root or the account that runs the gateway`,
	AddressInvalid:           `"{address}" is not an address of the admin API; write unix:PATH, npipe:NAME or ssh:[USER@]HOST`,

	RevisionChangedAgain: `revision {revision} cannot be undone by itself: what it changed has changed again since ({items}); ` +
		`omsgwctl revision restore goes back as a whole`,
	RelayPasswordMissing: `the relay proxy {address} needs the password of the user {username}, which no revision has; ` +
		`give it with --password-stdin`,
	HistoryDamaged:   `the history of the configuration is not as it was written ({count} findings); what is listed cannot be relied on`,
	CommentInvalid:   `the comment cannot be kept: {problem}`,
	RevisionNotFound: `there is no revision {revision}: the history has {first} to {last}; omsgwctl revision list shows them`,
	RevisionDamaged:  `revision {revision} cannot be used: {problem}; omsgwctl revision verify says what else is wrong with the history`,
	RevisionNewer:    `revision {revision} was written by a newer program; use that one to see it or to go back to it`,
	ChangeOnTrial: `a change by {caller} is on trial for {left} more, and until then nothing else can be changed; ` +
		`omsgwctl revision confirm {trial} keeps it, and omsgwctl revision cancel {trial} takes it back`,
	TrialNotFound:     `no change is on trial {trial}: it was confirmed or taken back, or its time is over; omsgwctl revision list tells`,
	TrialTimeInvalid:  `a trial cannot last {value}: it lasts from 10s to 24h`,
	TrialNeedsGateway: `the gateway is stopped, and a trial would end with this command; start it first, or change without a trial`,
	ImpactHostRefused: `{host} would be refused, which clients asked for since {since} (requests: {requests}, clients: {clients})`,
	ImpactHostsRefused: `{count} hosts would be refused that clients asked for since {since} ` +
		`(requests: {requests}, clients: {clients}): {hosts}`,
	ImpactNone:       `no host would be refused that clients asked for since {since}`,
	ImpactNotCounted: `no client was let through to any host yet, so that nothing can be said about hosts that would be refused`,
	ImpactNotKnown:   `what else clients would notice is not known: nothing is counted that tells about {parts}`,
	RevisionWithoutConfiguration: `the configuration of revision {revision} is not kept: only those of the last changes are, ` +
		`and a change that was not made has none`,
}

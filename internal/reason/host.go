package reason

// Why the spelling of an allowed host is refused. Every text but that of HostEmpty has the part {host}, the value as it was
// given; {meant} is the spelling that was probably meant.
const (
	HostInvalid              Reason = "HOST_INVALID"
	HostEmpty                Reason = "HOST_EMPTY"
	HostIsURL                Reason = "HOST_IS_URL"
	HostIsRange              Reason = "HOST_IS_RANGE"
	HostIsPlaceholder        Reason = "HOST_IS_PLACEHOLDER"
	HostIsHostsLine          Reason = "HOST_IS_HOSTS_LINE"
	HostIsUTF16              Reason = "HOST_IS_UTF16"
	HostHasPath              Reason = "HOST_HAS_PATH"
	HostHasUser              Reason = "HOST_HAS_USER"
	HostHasBlank             Reason = "HOST_HAS_BLANK"
	HostHasPunctuation       Reason = "HOST_HAS_PUNCTUATION"
	HostLeadingDot           Reason = "HOST_LEADING_DOT"
	HostEmptyLabel           Reason = "HOST_EMPTY_LABEL"
	HostCharacter            Reason = "HOST_CHARACTER"
	HostHyphen               Reason = "HOST_HYPHEN"
	HostTooLong              Reason = "HOST_TOO_LONG"
	HostPort                 Reason = "HOST_PORT"
	HostAddress              Reason = "HOST_ADDRESS"
	HostAddressForm          Reason = "HOST_ADDRESS_FORM"
	HostZone                 Reason = "HOST_ZONE"
	HostWildcardAll          Reason = "HOST_WILDCARD_ALL"
	HostWildcardPlace        Reason = "HOST_WILDCARD_PLACE"
	HostWildcardPublicSuffix Reason = "HOST_WILDCARD_PUBLIC_SUFFIX"
	HostIsWildcard           Reason = "HOST_IS_WILDCARD" // where one host is asked for

	// Warnings: the host is accepted.
	HostWildcardShared Reason = "HOST_WILDCARD_SHARED"
	HostSpecialAddress Reason = "HOST_SPECIAL_ADDRESS"
	HostWithoutDot     Reason = "HOST_WITHOUT_DOT"
	HostLocal          Reason = "HOST_LOCAL"
)

var hostTexts = map[Reason]string{
	HostInvalid:              `"{host}" is not a host name or an IP address`,
	HostEmpty:                `the host is empty`,
	HostIsURL:                `"{host}" is a URL; give the host alone: {meant}`,
	HostIsRange:              `"{host}" is a range of addresses; give host names, or every address by itself`,
	HostIsPlaceholder:        `"{host}" still has the placeholder {placeholder}; put the real value in its place`,
	HostIsHostsLine:          `"{host}" is a line of a hosts file; give the name without the address: {meant}`,
	HostIsUTF16:              `"{host}" is text in UTF-16; save the file that it comes from as UTF-8`,
	HostHasPath:              `"{host}" has a path; give the host alone: {meant}`,
	HostHasUser:              `"{host}" has a user name before @; give the host alone: {meant}`,
	HostHasBlank:             `"{host}" has a blank or a control character inside; give one host at a time, for example {meant}`,
	HostHasPunctuation:       `"{host}" has a quotation mark or other punctuation around it; give the host alone: {meant}`,
	HostLeadingDot:           `"{host}" begins with a dot; for every name below the domain write {meant}`,
	HostEmptyLabel:           `"{host}" has two dots in a row, or one at the beginning`,
	HostCharacter:            `"{host}" has the character "{character}"; a host name has letters, digits, hyphens, underscores and dots`,
	HostHyphen:               `"{host}" has a hyphen at the beginning or the end, or beside a dot; a host name has hyphens only between others`,
	HostTooLong:              `"{host}" is too long: a host name has at most 253 octets, and at most 63 between two dots`,
	HostPort:                 `"{host}" has "{port}" in the place of a port, which is a number from 1 to 65535`,
	HostAddress:              `"{host}" looks like an IP address and is none: IPv4 has four numbers from 0 to 255, IPv6 up to eight groups`,
	HostAddressForm:          `"{host}" is an unusual spelling of an IP address; write {meant}`,
	HostZone:                 `"{host}" has an IPv6 zone; give the address without it: {meant}`,
	HostWildcardAll:          `"{host}" would allow every host; name a domain, for example *.example.com`,
	HostWildcardPlace:        `"{host}" has a * in the wrong place; it stands alone before the first dot, as in {meant}`,
	HostWildcardPublicSuffix: `"{host}" would allow every name below the public suffix {suffix}; name a domain below it`,
	HostIsWildcard:           `"{host}" stands for many hosts; name one of them, for example {meant}`,
	HostWildcardShared:       `{host} covers a suffix that many customers share ({suffix}): others can create names below it`,
	HostSpecialAddress: `{host} is {kind}: it leads to the gateway's computer itself or into its network segment; ` +
		`remove it unless clients are meant to get there`,
	HostWithoutDot: `{host} has no dot: the search list of the gateway's computer decides where it leads; better give the whole name`,
	HostLocal: `{host} is below .local: on many networks every computer of the segment can answer for such a name (multicast DNS); ` +
		`better give a name of your DNS`,
}

package reason

// What is wrong with that by which an entry is accounted for, and with the date by which it expires.
const (
	AccountTextInvalid Reason = "ACCOUNT_TEXT_INVALID"
	ExpiryInvalid      Reason = "EXPIRY_INVALID"
	UpdateMaskInvalid  Reason = "UPDATE_MASK_INVALID"
	HostExpired        Reason = "HOST_EXPIRED" // a warning
	ClockInDoubt       Reason = "CLOCK_IN_DOUBT"

	ReviewExpired             Reason = "REVIEW_EXPIRED" // a finding, as the next ones
	ReviewExpiring            Reason = "REVIEW_EXPIRING"
	ReviewUnused              Reason = "REVIEW_UNUSED"
	ReviewNeverUsed           Reason = "REVIEW_NEVER_USED"
	ReviewWithoutOwner        Reason = "REVIEW_WITHOUT_OWNER"
	ReviewWide                Reason = "REVIEW_WIDE"
	ReviewCovered             Reason = "REVIEW_COVERED"
	ReviewPolicyDiffers       Reason = "REVIEW_POLICY_DIFFERS"
	ReviewExpiryWithoutEffect Reason = "REVIEW_EXPIRY_WITHOUT_EFFECT"
)

var accountTexts = map[Reason]string{
	AccountTextInvalid: `the {field} of an allowed host cannot be kept: it is one line of printable characters with at most {limit} bytes`,
	ExpiryInvalid: `an allowed host cannot expire at {value}, which is not after now ({date}); ` +
		`omsgwctl allowed-host remove removes one at once`,
	UpdateMaskInvalid: `"{value}" is nothing that can be set of an allowed host: that is {choices}`,
	HostExpired: `{host} is in the list, but it has expired at {expires} and allows nothing; give it more time: ` +
		`omsgwctl allowed-host set {host} --expires 90d`,
	ClockInDoubt: `the clock of the computer shows {clock}, and the gateway last ran until {last}: until the clock is synchronised, ` +
		`allowed hosts do not expire; if it is right, say so: omsgwctl clock trust`,

	ReviewExpired:             `{host} has expired at {expires}, and allows nothing any more`,
	ReviewExpiring:            `{host} expires at {expires}`,
	ReviewUnused:              `{host} was used for the last time at {used}`,
	ReviewNeverUsed:           `{host} was never used, as far as is remembered`,
	ReviewWithoutOwner:        `{host} has no owner`,
	ReviewWide:                `{host} allows every name below {domain}, and clients asked for {count} of them in the last 7 days`,
	ReviewCovered:             `{host} is allowed by {other} as well, and in the same way`,
	ReviewPolicyDiffers:       `{host} asks {policy} of client certificates, and {other}, which covers it, asks {other_policy}`,
	ReviewExpiryWithoutEffect: `{host} expires at {expires}, but {other} goes on allowing it`,
}

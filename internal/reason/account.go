package reason

// What is wrong with that by which an entry is accounted for, and with the date by which it expires.
const (
	AccountTextInvalid Reason = "ACCOUNT_TEXT_INVALID"
	ExpiryInvalid      Reason = "EXPIRY_INVALID"
	UpdateMaskInvalid  Reason = "UPDATE_MASK_INVALID"
	HostExpired        Reason = "HOST_EXPIRED" // a warning
	ClockInDoubt       Reason = "CLOCK_IN_DOUBT"
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
}

package reason

// What is wrong with that by which an entry is accounted for, and with the date by which it expires.
const (
	AccountTextInvalid Reason = "ACCOUNT_TEXT_INVALID"
	ClockInDoubt       Reason = "CLOCK_IN_DOUBT"
)

var accountTexts = map[Reason]string{
	AccountTextInvalid: `the {field} of an allowed host cannot be kept: it is one line of printable characters with at most {limit} bytes`,
	ClockInDoubt: `the clock of the computer shows {clock}, and the gateway last ran until {last}: until the clock is synchronised, ` +
		`allowed hosts do not expire; if it is right, say so: omsgwctl clock trust`,
}

package reason

// What is wrong with that by which an entry is accounted for, and with the date by which it expires.
const (
	AccountTextInvalid Reason = "ACCOUNT_TEXT_INVALID"
)

var accountTexts = map[Reason]string{
	AccountTextInvalid: `the {field} of an allowed host cannot be kept: it is one line of printable characters with at most {limit} bytes`,
}

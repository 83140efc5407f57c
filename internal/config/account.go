package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/omsgateway/omsgateway/internal/reason"
)

// Limits of the texts of an Account, in bytes.
const (
	MaxOwner  = 256
	MaxTicket = 256
	MaxNote   = 1000
)

// Account tells who answers for an entry, why it is there, and how long it is to count. Texts are printable characters of one line;
// empty is unknown.
type Account struct {
	Owner  string // at most MaxOwner bytes
	Ticket string // where it was asked for; at most MaxTicket bytes
	Note   string // at most MaxNote bytes

	// Expires is when the entry ends, in UTC and whole seconds; zero for one that does not. From then on it allows nothing.
	Expires time.Time
}

// CheckOwner refuses what cannot be an owner with ACCOUNT_TEXT_INVALID.
func CheckOwner(text string) error { return checkText("owner", text, MaxOwner) }

// CheckTicket refuses what cannot be a ticket with ACCOUNT_TEXT_INVALID.
func CheckTicket(text string) error { return checkText("ticket", text, MaxTicket) }

// CheckNote refuses what cannot be a note with ACCOUNT_TEXT_INVALID.
func CheckNote(text string) error { return checkText("note", text, MaxNote) }

// HasExpired reports whether the entry has ended by this date.
func (a Account) HasExpired(date time.Time) bool {
	return !a.Expires.IsZero() && !date.Before(a.Expires)
}

func (a Account) validate() error {
	for _, err := range []error{CheckOwner(a.Owner), CheckTicket(a.Ticket), CheckNote(a.Note)} {
		if err != nil {
			return err
		}
	}
	if a.Expires != wholeSeconds(a.Expires) || checkTime(a.Expires) != nil {
		return fmt.Errorf("the time it expires is %v", a.Expires)
	}
	return nil
}

func checkText(name, text string, limit int) error {
	if len(text) <= limit && isPrintable(text) {
		return nil
	}
	return reason.New(reason.AccountTextInvalid, "field", name, "limit", strconv.Itoa(limit))
}

func isPrintable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
}

// account are the members that tell of an Account.
func (r *reader) account(a *Account) []member {
	text := func(name string, to *string, check func(string) error) member {
		return r.textMember(name, func(value string) error { *to = value; return check(value) })
	}
	members := []member{
		text("owner", &a.Owner, CheckOwner),
		text("ticket", &a.Ticket, CheckTicket),
		text("note", &a.Note, CheckNote),
		r.textMember("expires", func(value string) (err error) { a.Expires, err = parseTime(value); return err }),
	}
	for i := range members {
		members[i].since = 4
	}
	return members
}

func (w writer) account(a Account) {
	for _, member := range []struct{ name, value string }{{"owner", a.Owner}, {"ticket", a.Ticket}, {"note", a.Note}} {
		if member.value != "" {
			w.text(member.name, member.value)
		}
	}
	if !a.Expires.IsZero() {
		w.text("expires", a.Expires.Format(time.RFC3339))
	}
}

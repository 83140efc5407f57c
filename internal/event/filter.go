package event

import (
	"slices"
	"strings"
	"time"

	"github.com/omsgateway/omsgateway/internal/reason"
)

// Filter selects events. Every field that is not zero must fit.
type Filter struct {
	IDs    []ID          // one of these
	Kinds  []Kind        // one of these
	Level  Level         // at least as serious
	Reason reason.Reason // exactly this
	Text   string        // contained in the event's text, ignoring case
	Since  time.Time     // happened then or later
}

// prepared is f as fits wants it.
func (f Filter) prepared() Filter {
	f.Text = strings.ToLower(f.Text)
	return f
}

func (f *Filter) fits(e *Event) bool {
	return (len(f.IDs) == 0 || slices.Contains(f.IDs, e.ID)) &&
		(len(f.Kinds) == 0 || slices.Contains(f.Kinds, e.Kind)) &&
		(f.Level == 0 || e.Level <= f.Level) &&
		(f.Reason == "" || e.Reason == f.Reason) &&
		(f.Since.IsZero() || !e.Time.Before(f.Since)) &&
		(f.Text == "" || strings.Contains(strings.ToLower(e.Text), f.Text))
}

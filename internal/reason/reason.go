// Package reason names every cause for which the gateway refuses or fails something, with its English text and the error
// type that carries it.
//
// A reason is stable: scripts and translations depend on it. Texts are not; they mention only named parts, so that a client
// in another language can rebuild them from the reason and the parts.
//
// A new reason is a constant and a text in the file of its subject, a row in refusals.go, and one each in testdata/refusals.txt and
// docs/troubleshooting.md. Tests tell which of them is missing.
package reason

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Reason is a stable, machine-readable cause in UPPER_SNAKE_CASE.
type Reason string

// Text is the English text of r with each {name} replaced by parts[name]. A part that is missing stays as {name}, and a
// reason without a text answers itself.
func (r Reason) Text(parts map[string]string) string {
	text, ok := lookup(r)
	if !ok {
		return string(r)
	}
	if len(parts) == 0 {
		return text
	}
	pairs := make([]string, 0, 2*len(parts))
	for name, value := range parts {
		pairs = append(pairs, "{"+name+"}", value)
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// All lists every reason in alphabetical order.
func All() []Reason {
	var all []Reason
	for _, texts := range tables {
		for r := range texts {
			all = append(all, r)
		}
	}
	slices.Sort(all)
	return all
}

// Error is a refusal or failure with a reason. Its text is the reason's text over Parts, then the cause if there is one.
type Error struct {
	Reason Reason
	Parts  map[string]string // what the text mentions, by name; never a secret
	Err    error             // the cause, may be nil
}

// New makes an Error; parts are names and values in turn. An odd number of parts is a programming error and panics.
func New(r Reason, parts ...string) *Error {
	if len(parts)%2 != 0 {
		panic(fmt.Sprintf("reason.New(%s): odd number of parts", r))
	}
	e := &Error{Reason: r}
	if len(parts) > 0 {
		e.Parts = make(map[string]string, len(parts)/2)
		for i := 0; i < len(parts); i += 2 {
			e.Parts[parts[i]] = parts[i+1]
		}
	}
	return e
}

// Wrap is New with a cause, which Unwrap returns.
func Wrap(err error, r Reason, parts ...string) *Error {
	e := New(r, parts...)
	e.Err = err
	return e
}

func (e *Error) Error() string {
	text := e.Reason.Text(e.Parts)
	if e.Err != nil {
		return text + ": " + e.Err.Error()
	}
	return text
}

func (e *Error) Unwrap() error { return e.Err }

// From is the Error in err's chain, or nil if there is none.
func From(err error) *Error {
	e, _ := errors.AsType[*Error](err)
	return e
}

// Of is the reason that err carries, or "" if it carries none.
func Of(err error) Reason {
	if e := From(err); e != nil {
		return e.Reason
	}
	return ""
}

// tables hold the texts, one table for each part of the program.
var tables = []map[Reason]string{hostTexts, requestTexts, adminTexts, configTexts, tlsTexts, relayTexts, discoveryTexts, accountTexts}

func lookup(r Reason) (string, bool) {
	for _, texts := range tables {
		if text, ok := texts[r]; ok {
			return text, true
		}
	}
	return "", false
}

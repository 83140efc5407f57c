package ctl

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/omsgateway/omsgateway/ctl/command"
	"github.com/omsgateway/omsgateway/ctl/lines"
	"github.com/omsgateway/omsgateway/internal/clientcert"
	"github.com/omsgateway/omsgateway/internal/printable"
	"github.com/omsgateway/omsgateway/internal/reason"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

// entryKind is what the entries of one of the gateway's lists have in common.
type entryKind struct {
	name       string // of one entry, for people
	argument   string // its place in a command line
	most       int    // entries in one command
	maxLine    int    // bytes; no spelling has as many
	comments   string // what is skipped of a list besides blank lines, for the help
	cutComment func(line []byte) (before []byte, found bool)
	unsendable func(entry string) *reason.Error    // why the gateway would not even read it, or nil
	field      func(*command.EntryProblem) *string // where a problem has the entry
}

const maxHostLine = 1000

// maxShown is how many characters of an entry are shown that cannot be sent.
const maxShown = 60

var hostKind = entryKind{
	name:       "host",
	argument:   "HOST",
	most:       100_000,
	maxLine:    maxHostLine,
	comments:   "what follows a #",
	cutComment: beforeComment,
	unsendable: unsendableHost,
	field:      func(p *command.EntryProblem) *string { return &p.Host },
}

var certificateKind = entryKind{
	name:       "client certificate",
	argument:   "SUBJECT",
	most:       10_000,
	maxLine:    clientcert.MaxEntry,
	comments:   "lines that begin with #",
	cutComment: commentLine,
	unsendable: unsendableCertificate,
	field:      func(p *command.EntryProblem) *string { return &p.Subject },
}

// entry is one entry of a list as it was given.
type entry struct {
	text     string
	line     int // of standard input, counted from 1; 0 for an argument
	argument int // counted from 1; 0 for a line
}

func (k entryKind) problem(e entry, p *adminv1.Problem) command.EntryProblem {
	metadata := p.GetMetadata()
	if metadata == nil {
		metadata = map[string]string{}
	}
	problem := command.EntryProblem{
		Line: e.line, Argument: e.argument, Reason: p.GetReason(), Message: p.GetMessage(), Metadata: metadata,
	}
	*k.field(&problem) = e.text
	return problem
}

// some checks that a command gets at least one entry.
func (k entryKind) some(_ *cobra.Command, args []string) error {
	if len(args) == 0 {
		return command.Usagef("%s is missing; give at least one, or - to read them from standard input", k.argument)
	}
	return nil
}

// help explains how entries are given.
func (k entryKind) help() string {
	return fmt.Sprintf(`With "-" the %ss are read from standard input, one on each line; blank lines and
%s are skipped. At most %d are possible.

However long the list, it is one change: whatever happens meanwhile, all of it is made or nothing. Of more than 1,000 the
answer counts what became of them, and names those of which more is to be said.`,
		k.name, k.comments, k.most)
}

// read reads entries from the arguments and, where one is "-", from standard input. Those that cannot be sent are returned as
// problems.
func (k entryKind) read(stdin io.Reader, args []string) ([]entry, []command.EntryProblem, error) {
	var entries []entry
	var problems []command.EntryProblem
	take := func(given entry) {
		if e := k.unsendable(given.text); e != nil {
			given.text = printable.Typed(given.text, maxShown)
			problems = append(problems, k.problem(given, &adminv1.Problem{
				Reason: string(e.Reason), Message: e.Error(), Metadata: e.Parts,
			}))
			return
		}
		entries = append(entries, given)
	}
	fromStdin := false
	for i, arg := range args {
		if arg != "-" {
			take(entry{text: arg, argument: i + 1})
			continue
		}
		if fromStdin {
			return nil, nil, command.Usagef(`"-" is given twice, and standard input can be read only once`)
		}
		fromStdin = true
		if err := k.readLines(stdin, take); err != nil {
			return nil, nil, err
		}
	}
	switch count := len(entries) + len(problems); {
	case count == 0:
		return nil, nil, reason.Wrap(fmt.Errorf("standard input has no %s", k.name), reason.NothingGiven)
	case count > k.most:
		limit := strconv.Itoa(k.most)
		return nil, nil, reason.New(reason.TooManyItems, "count", "more than "+limit, "limit", limit)
	}
	return entries, problems, nil
}

// isUTF16 reports whether a text that begins with line is UTF-16, with a byte order mark or as its NULs tell.
func isUTF16(line []byte) bool {
	return bytes.HasPrefix(line, []byte("\xFF\xFE")) || bytes.HasPrefix(line, []byte("\xFE\xFF")) ||
		bytes.IndexByte(line[:min(len(line), 2)], 0) >= 0
}

func (k entryKind) readLines(from io.Reader, take func(entry)) error {
	in := lines.NewReader(from, k.maxLine)
	for count := 0; count <= k.most; {
		line, tooLong, err := in.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading standard input: %w", err)
		}
		if in.Number() == 1 && isUTF16(line) {
			return fmt.Errorf("standard input is UTF-16; save the list as UTF-8")
		}
		text := string(line)
		if before, found := k.cutComment(line); found || !tooLong {
			text = string(bytes.TrimSpace(before))
		} else {
			text += "..." // so that it counts as too long
		}
		if text == "" {
			continue
		}
		count++
		take(entry{text: text, line: in.Number()})
	}
	return nil
}

// beforeComment cuts line at a # that begins it or follows a blank.
func beforeComment(line []byte) (before []byte, found bool) {
	for i, b := range line {
		if b == '#' && (i == 0 || line[i-1] == ' ' || line[i-1] == '\t') {
			return line[:i], true
		}
	}
	return line, false
}

// commentLine drops a line that begins with #. Elsewhere it may be part of a subject.
func commentLine(line []byte) (before []byte, found bool) {
	if bytes.HasPrefix(bytes.TrimLeft(line, " \t"), []byte("#")) {
		return nil, true
	}
	return line, false
}

func unsendableHost(host string) *reason.Error {
	switch {
	case !utf8.ValidString(host):
		return reason.New(reason.HostInvalid, "host", printable.Typed(host, maxShown))
	case len(host) > maxHostLine:
		return reason.New(reason.HostTooLong, "host", printable.Typed(host, maxShown))
	}
	return nil
}

func unsendableCertificate(subject string) *reason.Error {
	if utf8.ValidString(subject) && len(subject) <= clientcert.MaxEntry {
		return nil
	}
	_, err := clientcert.ParseEntry(subject) // which refuses both
	return reason.From(err)
}

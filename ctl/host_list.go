package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"omsgateway/internal/reason"
	adminv1 "omsgateway/proto/omsgateway/admin/v1"
)

// Bounds of a list of hosts. No spelling of a host has as much as maxHostLine bytes.
const (
	maxHostLine = 1000
	maxHosts    = 100_000
)

// hostItem is one host as it was given.
type hostItem struct {
	host     string
	line     int // of standard input, counted from 1; 0 for an argument
	argument int // counted from 1; 0 for a line
}

// hostProblem says why an item is invalid, in the form that --json prints.
type hostProblem struct {
	Line     int               `json:"line,omitempty"`
	Argument int               `json:"argument,omitempty"`
	Host     string            `json:"host"`
	Reason   string            `json:"reason"`
	Message  string            `json:"message"`
	Metadata map[string]string `json:"metadata"`
}

func (i hostItem) problem(p *adminv1.Problem) hostProblem {
	metadata := p.GetMetadata()
	if metadata == nil {
		metadata = map[string]string{}
	}
	return hostProblem{i.line, i.argument, i.host, p.GetReason(), p.GetMessage(), metadata}
}

// readHosts reads the hosts from the arguments and, where one is "-", from standard input. Items that cannot be sent are
// answered as problems.
func (a *app) readHosts(args []string) ([]hostItem, []hostProblem, error) {
	var items []hostItem
	var problems []hostProblem
	take := func(item hostItem) {
		if e := unsendable(item.host); e != nil {
			item.host = e.Parts["host"]
			problems = append(problems, item.problem(&adminv1.Problem{
				Reason: string(e.Reason), Message: e.Error(), Metadata: e.Parts,
			}))
			return
		}
		items = append(items, item)
	}
	fromStdin := false
	for i, arg := range args {
		if arg != "-" {
			take(hostItem{host: arg, argument: i + 1})
			continue
		}
		if fromStdin {
			return nil, nil, usagef(`"-" is given twice, and standard input can be read only once`)
		}
		fromStdin = true
		if err := readHostLines(a.in, take); err != nil {
			return nil, nil, err
		}
	}
	switch count := len(items) + len(problems); {
	case count == 0:
		return nil, nil, reason.Wrap(fmt.Errorf("standard input has no host"), reason.NothingGiven)
	case count > maxHosts:
		return nil, nil, reason.New(reason.TooManyItems, "count", "more than 100000", "limit", "100000")
	}
	return items, problems, nil
}

func readHostLines(from io.Reader, take func(hostItem)) error {
	in := newLines(from, maxHostLine)
	for count := 0; count <= maxHosts; {
		line, tooLong, err := in.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading standard input: %w", err)
		}
		if in.number == 1 && (bytes.HasPrefix(line, []byte("\xFF\xFE")) || bytes.HasPrefix(line, []byte("\xFE\xFF"))) {
			return fmt.Errorf("standard input is UTF-16; save the list as UTF-8")
		}
		host := string(line)
		if before, found := beforeComment(line); found || !tooLong {
			host = string(bytes.TrimSpace(before))
		} else {
			host += "..." // so that it counts as too long
		}
		if host == "" {
			continue
		}
		count++
		take(hostItem{host: host, line: in.number})
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

// unsendable says why the gateway would not even read host: too long for a message, or not text.
func unsendable(host string) *reason.Error {
	switch {
	case !utf8.ValidString(host):
		return reason.New(reason.HostInvalid, "host", printable(host))
	case len(host) > maxHostLine:
		return reason.New(reason.HostTooLong, "host", printable(host[:60])+"...")
	}
	return nil
}

// Package support puts what somebody needs who is asked for help with a gateway into one archive: what the gateway says of itself, and
// where it says nothing, its files and what the system says of its service.
//
// No part has a secret, and each is bounded in bytes and time. What cannot be had is missing, and the archive says why.
package support

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/omsgateway/omsgateway/internal/printable"
)

// Bounds of one part.
const (
	partTime = 10 * time.Second
	maxPart  = 64 << 20 // bytes
)

// Contents is the name of the file in an archive that says what else is in it.
const Contents = "contents.txt"

// A Part is a file of an archive.
type Part struct {
	Name string // in the archive
	What string // that it tells, for people: a few words after "what it has"

	// Read makes it. It may go on for longer than its context, and is then given up.
	Read func(ctx context.Context) ([]byte, error)
}

// An Outcome says what became of a part.
type Outcome struct {
	Part    Part
	Size    int   // in bytes
	Problem error // why it is missing; nil if it is there
}

// Write makes the parts, one after the other, and writes them as a ZIP archive whose first file, [Contents], begins with head and says
// of each part what became of it. Its error is that of to.
func Write(ctx context.Context, to io.Writer, head string, moment time.Time, parts []Part) ([]Outcome, error) {
	outcomes := make([]Outcome, len(parts))
	texts := make([][]byte, len(parts))
	for i, part := range parts {
		text, err := part.read(ctx)
		outcomes[i] = Outcome{Part: part, Size: len(text), Problem: err}
		texts[i] = text
	}

	archive := zip.NewWriter(to)
	add := func(name string, text []byte) error {
		file, err := archive.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: moment})
		if err != nil {
			return err
		}
		_, err = file.Write(text)
		return err
	}
	if err := add(Contents, contents(head, outcomes)); err != nil {
		return nil, err
	}
	for i, outcome := range outcomes {
		if outcome.Problem != nil {
			continue
		}
		if err := add(outcome.Part.Name, texts[i]); err != nil {
			return nil, err
		}
	}
	return outcomes, archive.Close()
}

func (p Part) read(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, partTime)
	defer cancel()
	type result struct {
		text []byte
		err  error
	}
	done := make(chan result, 1)
	go func() { // a disk that hangs knows no context
		text, err := p.Read(ctx)
		done <- result{text, err}
	}()
	select {
	case r := <-done:
		if r.err == nil && len(r.text) > maxPart {
			return nil, fmt.Errorf("it has %d bytes, and a part has at most %d", len(r.text), maxPart)
		}
		return r.text, r.err
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return nil, fmt.Errorf("it did not come within %s", partTime)
		}
		return nil, ctx.Err()
	}
}

// contents is the first file of the archive.
func contents(head string, outcomes []Outcome) []byte {
	var text bytes.Buffer
	text.WriteString(head)
	for _, o := range outcomes {
		fmt.Fprintf(&text, "\n%s\n    what it has: %s\n", o.Part.Name, o.Part.What)
		if o.Problem != nil {
			fmt.Fprintf(&text, "    missing: %s\n", printable.Escaped(o.Problem.Error()))
		}
	}
	return []byte(strings.ReplaceAll(text.String(), "\n", "\r\n")) // for Notepad of older Windows, too
}

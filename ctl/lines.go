package ctl

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// lines reads a stream line by line and never holds more than max bytes of one.
type lines struct {
	from   *bufio.Reader
	max    int
	number int // of the line that next answered last, counted from 1
	line   []byte
}

const byteOrderMark = "\uFEFF"

func newLines(from io.Reader, max int) *lines {
	return &lines{from: bufio.NewReaderSize(from, 64<<10), max: max}
}

// next answers the next line without its end ("\n" or "\r\n"); it is valid until the call after. The last line needs no end,
// and a byte order mark before the first is dropped. Of a line of more than max bytes the first max are answered and the rest
// is skipped; tooLong says so. At the end of the stream the error is io.EOF.
func (l *lines) next() (line []byte, tooLong bool, err error) {
	l.line = l.line[:0]
	read := false
	for {
		part, err := l.from.ReadSlice('\n')
		read = read || len(part) > 0
		if len(l.line) <= l.max+len(byteOrderMark)+len("\r\n") {
			l.line = append(l.line, part...) // at most the buffer's size too much
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil && (err != io.EOF || !read) {
			return nil, false, err
		}
		break
	}
	l.number++
	line = l.line
	if l.number == 1 {
		line = bytes.TrimPrefix(line, []byte(byteOrderMark))
	}
	line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
	if len(line) > l.max {
		return line[:l.max], true, nil
	}
	return line, false, nil
}

// Package lines reads a stream line by line in bounded memory.
package lines

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// ByteOrderMark is what editors and shells on Windows begin a text with.
const ByteOrderMark = "\uFEFF"

// Reader reads a stream line by line and never holds more than max bytes of one.
type Reader struct {
	from   *bufio.Reader
	max    int
	number int
	line   []byte
}

// NewReader returns a reader of lines of at most max bytes.
func NewReader(from io.Reader, max int) *Reader {
	return &Reader{from: bufio.NewReaderSize(from, 64<<10), max: max}
}

// Number is that of the line that Next returned last, counted from 1.
func (l *Reader) Number() int { return l.number }

// Next returns the next line without its end ("\n" or "\r\n"); it is valid until the call after. The last line needs no end,
// and a byte order mark before the first is dropped. Of a line of more than max bytes the first max are returned and the rest
// is skipped; tooLong says so. At the end of the stream the error is io.EOF.
func (l *Reader) Next() (line []byte, tooLong bool, err error) {
	l.line = l.line[:0]
	read := false
	for {
		part, err := l.from.ReadSlice('\n')
		read = read || len(part) > 0
		if len(l.line) <= l.max+len(ByteOrderMark)+len("\r\n") {
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
		line = bytes.TrimPrefix(line, []byte(ByteOrderMark))
	}
	line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
	if len(line) > l.max {
		return line[:l.max], true, nil
	}
	return line, false, nil
}

package atomicfile

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"

	"github.com/omsgateway/omsgateway/internal/folder"
)

// Sealed is a kind of file that a program writes for itself alone, to remember something over a restart: a header, a body, and the
// SHA-256 of both, which tells damage, not malice.
type Sealed struct {
	Header  string // names the kind and its version, in one line
	Former  string // Header of an older version, whose files count as empty; none if it is empty itself
	MaxBody int    // bytes
}

// Read is the body of the file at path, after it has removed what a Write left that did not come to its end. Without a file, or
// with one of the former version, it is nil. Only the process that alone writes path may call it. It reads no more than the largest
// file has bytes.
func (s Sealed) Read(path string) (body []byte, err error) {
	if err := RemoveTemps(path); err != nil {
		return nil, err
	}
	data, err := folder.ReadFile(path, int64(len(s.Header)+s.MaxBody+sha256.Size)+1)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return s.Open(data)
}

// Open is the body of a file whose content is data, nil for one of the former version.
func (s Sealed) Open(data []byte) (body []byte, err error) {
	end := len(data) - sha256.Size
	switch {
	case s.Former != "" && bytes.HasPrefix(data, []byte(s.Former)):
		return nil, nil
	case end > len(s.Header)+s.MaxBody:
		return nil, fmt.Errorf("it has more than %d bytes", len(s.Header)+s.MaxBody+sha256.Size)
	case end < len(s.Header) || string(data[:len(s.Header)]) != s.Header:
		return nil, errors.New("it is no such file, or one of another version")
	}
	if sum := sha256.Sum256(data[:end]); !bytes.Equal(sum[:], data[end:]) {
		return nil, errors.New("it is damaged")
	}
	return data[len(s.Header):end], nil
}

// Write replaces the file at path, as the function Write does.
func (s Sealed) Write(path string, body []byte) error {
	sum := sha256.New()
	sum.Write([]byte(s.Header))
	sum.Write(body)
	return write(path, []byte(s.Header), body, sum.Sum(nil))
}

//go:build linux

package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"sync"
)

// content is what the benchmark moves: random bytes, the same in all of its processes. Both ends count and sum what they move, and
// each exchange begins at an offset of its own, so that bytes that are lost, changed or put into another tunnel are found.
type content struct{ block []byte }

// The block is a whole number of TLS records of application data, so that it looks like what agents send.
const (
	recordBytes = 5 + 16<<10
	blockBytes  = 64 * recordBytes
	chunkBytes  = 64 << 10 // that are written or read at a time
)

// checksums are of CRC-32C, which processors compute faster than memory delivers.
var checksums = crc32.MakeTable(crc32.Castagnoli)

var chunks = sync.Pool{New: func() any { return new([chunkBytes]byte) }}

func newContent() content {
	block := make([]byte, blockBytes)
	_, _ = rand.NewChaCha8([32]byte{}).Read(block)
	for i := 0; i < len(block); i += recordBytes {
		copy(block[i:], []byte{23, 3, 3, 0x40, 0}) // application data of TLS 1.2, 16 KiB (RFC 5246 section 6.2.1)
	}
	return content{block}
}

// send writes size bytes that begin at offset, and returns their sum.
func (c content) send(w io.Writer, offset, size int64) (sum uint32, err error) {
	for at := offset % blockBytes; size > 0; at %= blockBytes {
		chunk := c.block[at:min(at+chunkBytes, at+size, blockBytes)]
		sum = crc32.Update(sum, checksums, chunk)
		if _, err := w.Write(chunk); err != nil {
			return 0, err
		}
		at += int64(len(chunk))
		size -= int64(len(chunk))
	}
	return sum, nil
}

// sum is that of size bytes which begin at offset.
func (c content) sum(offset, size int64) uint32 {
	sum, _ := c.send(io.Discard, offset, size)
	return sum
}

// receive reads size bytes and returns their sum.
func receive(r io.Reader, size int64) (sum uint32, err error) {
	buf := chunks.Get().(*[chunkBytes]byte)
	defer chunks.Put(buf)
	for size > 0 {
		n, err := r.Read(buf[:min(size, chunkBytes)])
		sum = crc32.Update(sum, checksums, buf[:n])
		if size -= int64(n); size > 0 && err != nil {
			return 0, fmt.Errorf("receiving, %d bytes before the end: %w", size, noEOF(err))
		}
	}
	return sum, nil
}

// kind is what a client asks the origin for.
type kind byte

const (
	upload   kind = iota + 1 // the client sends the bytes, the origin answers their sum
	download                 // the origin sends the bytes, then their sum
	leaveTLS                 // what follows goes beneath TLS, so that it costs the load generator little
)

// request is one exchange, and the head of it as it is sent.
type request struct {
	kind         kind
	offset, size int64
}

const requestBytes = 1 + 8 + 8

func (r request) encode() []byte {
	b := append(make([]byte, 0, requestBytes), byte(r.kind))
	b = binary.BigEndian.AppendUint64(b, uint64(r.offset))
	return binary.BigEndian.AppendUint64(b, uint64(r.size))
}

// readRequest returns io.EOF when the client has ended the connection between two requests.
func readRequest(r io.Reader) (request, error) {
	var b [requestBytes]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return request{}, err
	}
	return request{
		kind:   kind(b[0]),
		offset: int64(binary.BigEndian.Uint64(b[1:])),
		size:   int64(binary.BigEndian.Uint64(b[9:])),
	}, nil
}

func writeSum(w io.Writer, sum uint32) error {
	_, err := w.Write(binary.BigEndian.AppendUint32(nil, sum))
	return err
}

// errWrong says that other bytes arrived than were sent, which no figure makes up for.
var errWrong = errors.New("other bytes arrived than were sent")

func checkSum(r io.Reader, want uint32) error {
	var b [4]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return fmt.Errorf("receiving the sum: %w", noEOF(err))
	}
	if binary.BigEndian.Uint32(b[:]) != want {
		return errWrong
	}
	return nil
}

// noEOF makes the end of a connection an error where it comes too early.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

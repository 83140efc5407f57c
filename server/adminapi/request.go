package adminapi

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/omsgateway/omsgateway/internal/config"
	"github.com/omsgateway/omsgateway/internal/reason"
)

// Bounds of a request that is large: one of more than small bytes.
const (
	large     = 24 << 20         // bytes, of the methods that may have them
	largeWait = 20 * time.Second // for the turn; less than a call of omsgwctl may take
	largeTime = 30 * time.Second // for the bytes to come
	// maxFields is how many fields a request may have, so that bytes which stand for many messages are not made into them: two bytes
	// are a whole AllowedHost. It leaves it to the method to refuse a list that is a little too long.
	maxFields = 2 * config.MaxHosts
)

// requests receives the requests of unary calls. Large ones have turns: one is received and made at a time.
type requests struct {
	turn       chan struct{} // holds one element while a large call is made
	wait, time time.Duration
}

func newRequests() *requests {
	return &requests{turn: make(chan struct{}, 1), wait: largeWait, time: largeTime}
}

// request is that of one call, before and after it was received.
type request struct {
	*requests
	stream  grpc.ServerStream
	most    int
	isLarge bool // it has the turn
}

// of returns the request of a call, which may have as many bytes as most. After the answer, done has to be called.
func (r *requests) of(stream grpc.ServerStream, most int) *request {
	return &request{requests: r, stream: stream, most: most}
}

// done gives the turn to the next large call.
func (r *request) done() {
	if r.isLarge {
		<-r.turn
	}
}

// body is what package grpc reads the messages of a call from. Its server has one limit for the messages of all methods, and reads a
// message whole before anybody is asked, so a method with a limit of its own reads the body here: the length, which comes first,
// decides whether it has to wait for its turn.
type body interface {
	ReadMessageHeader(header []byte) error
	Read(n int) (mem.BufferSlice, error)
}

// receive receives the request into m, a proto.Message.
func (r *request) receive(m any) error {
	stream, ok := grpc.ServerTransportStreamFromContext(r.stream.Context()).(body)
	if r.most <= small || !ok { // without a body that is to be read, a method has the limit of the server
		return r.stream.RecvMsg(m)
	}
	var header [5]byte // https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md: compressed or not, and the length
	if err := stream.ReadMessageHeader(header[:]); err != nil {
		return incomplete(err)
	}
	if header[0] != 0 {
		return status.Error(codes.Unimplemented, "the request is compressed; send it as it is")
	}
	size := int64(binary.BigEndian.Uint32(header[1:]))
	if size > int64(r.most) {
		return reason.New(reason.MessageTooLarge, "size", strconv.FormatInt(size, 10), "limit", strconv.Itoa(r.most))
	}
	if size > small {
		if err := r.takeTurn(); err != nil {
			return err
		}
	}
	text, err := r.read(stream, int(size))
	if err != nil {
		return err
	}
	if n := fields(text); n > maxFields {
		return reason.New(reason.TooManyItems, "count", strconv.Itoa(n), "limit", strconv.Itoa(config.MaxHosts))
	}
	if err := proto.Unmarshal(text, m.(proto.Message)); err != nil {
		return status.Error(codes.InvalidArgument, fmt.Sprintf("the request cannot be decoded: %v", err))
	}
	return nil
}

// takeTurn waits for the turn of a large call.
func (r *request) takeTurn() error {
	overdue := time.NewTimer(r.wait)
	defer overdue.Stop()
	select {
	case r.turn <- struct{}{}:
		r.isLarge = true
		return nil
	case <-r.stream.Context().Done():
		return r.stream.Context().Err()
	case <-overdue.C:
		return reason.New(reason.LargeCallBusy)
	}
}

// read reads a message of size bytes, a part at a time, so that no more than one waits to be copied. One that does not come in time
// is not waited for: what reads it ends with the call.
func (r *request) read(from body, size int) ([]byte, error) {
	overdue := time.NewTimer(r.time)
	defer overdue.Stop()
	type result struct {
		text []byte
		err  error
	}
	whole := make(chan result, 1)
	go func() {
		text := make([]byte, size)
		for begin := 0; begin < size; {
			part, err := from.Read(min(size-begin, small))
			if err != nil {
				whole <- result{nil, incomplete(err)}
				return
			}
			begin += part.Len()
			part.CopyTo(text[begin-part.Len():])
			part.Free()
		}
		whole <- result{text, nil}
	}()
	select {
	case all := <-whole:
		return all.text, all.err
	case <-overdue.C:
		return nil, reason.New(reason.LargeCallSlow, "size", strconv.Itoa(size), "limit", strconv.Itoa(int(r.time.Seconds())))
	}
}

// incomplete is the error of a message that has not come whole.
func incomplete(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return status.Error(codes.Internal, "the request ended before its message")
	}
	return err
}

// fields returns how many fields a message has, as far as it is one.
func fields(message []byte) (count int) {
	for len(message) > 0 {
		_, _, size := protowire.ConsumeField(message)
		if size < 0 {
			return count
		}
		message = message[size:]
		count++
	}
	return count
}

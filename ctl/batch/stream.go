package batch

import (
	"context"
	"errors"
	"fmt"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/omsgateway/omsgateway/ctl/command"
	"github.com/omsgateway/omsgateway/ctl/lines"
)

// input is what a batch reads. The line after the present one can be waited for while this one is still answered.
type input struct {
	from  *lines.Reader
	ahead chan line // gets the next line; nil while nobody waits for it
}

// line is one line of input, or why there is none.
type line struct {
	text    []byte // valid until the next one is read
	number  int
	tooLong bool
	err     error
}

// next waits for the next line.
func (in *input) next() line {
	if in.ahead == nil {
		return in.read()
	}
	l := <-in.ahead
	in.ahead = nil
	return l
}

// await calls arrived when the next line is there, or the end of the input.
func (in *input) await(arrived func()) {
	ahead := make(chan line, 1)
	in.ahead = ahead
	go func() {
		l := in.read()
		arrived()
		ahead <- l
	}()
}

func (in *input) read() line {
	text, tooLong, err := in.from.Next()
	return line{text: text, number: in.from.Number(), tooLong: tooLong, err: err}
}

// stream says each message that a method streams, as a notification of its name, until the stream ends or the next line is there. It
// fails only if it cannot say them.
func (b *batch) stream(ctx context.Context, request rpcRequest, method protoreflect.MethodDescriptor, requests *input,
	say func([]byte) error) (*rpcError, error) {
	params, response, failure := messages(request, method)
	if failure != nil {
		return failure, nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	requests.await(cancel)
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.reach(ctx); err != nil {
		return ended(ctx, err), nil
	}
	defer b.startIdle()
	messages, err := b.conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, pathOf(method))
	if err == nil {
		err = send(messages, params)
	}
	for err == nil {
		if err = messages.RecvMsg(response); err != nil {
			break
		}
		text, err := command.CompactJSON(response)
		if err != nil {
			return &rpcError{Code: internalError, Message: "result: " + protoProblem(err)}, nil
		}
		note := fmt.Appendf(nil, `{"jsonrpc":"2.0","method":%s,"params":%s}`, command.Quote(request.method), text)
		if err := say(note); err != nil {
			return nil, err
		}
	}
	if errors.Is(err, io.EOF) {
		return ended(ctx, nil), nil
	}
	return ended(ctx, command.CallError(err, request.method)), nil
}

func send(messages grpc.ClientStream, params proto.Message) error {
	if err := messages.SendMsg(params); err != nil {
		return err
	}
	return messages.CloseSend()
}

// ended is why a stream ended, nil if that is as it should be.
func ended(ctx context.Context, err error) *rpcError {
	if ctx.Err() != nil || err == nil {
		return nil
	}
	return apiError(err)
}

// Package batch calls the admin API for programs: JSON-RPC 2.0 on standard streams.
package batch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/omsgateway/omsgateway/ctl/command"
	"github.com/omsgateway/omsgateway/ctl/lines"
	"github.com/omsgateway/omsgateway/internal/printable"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

// Command returns "omsgwctl batch".
func Command(p *command.Program) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "batch",
		Short: "Call the admin API with JSON-RPC on standard input",
		Long: `Call the admin API for a program: JSON-RPC 2.0 on standard input and output, one object on a line, answers in the order of
the requests. A method that streams answers with a line for each message, until the next line of input comes, or its end.

The first line of output says which protocol this is. A method is SERVICE/METHOD, and params and result are its request
and response in the JSON form of protocol buffers. A line that cannot be used gets an error, and the next one is read.
The batch ends with the input, with exit code 0.`,
		Example: `echo '{"jsonrpc":"2.0","id":1,"method":"StatusService/GetStatus"}' | omsgwctl batch`,
		GroupID: command.GroupScript,
		Args:    command.Takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return Serve(cmd.Context(), p.Version, func(ctx context.Context) (grpc.ClientConnInterface, func(), error) {
				c, err := p.Dial(ctx)
				if err != nil {
					return nil, nil, err
				}
				return c.Conn, c.Close, nil
			}, p.In, p.Out, p.Err)
		},
	}
	cmd.Flags().StringVar(&p.Client, "client", "", "`name` of the program that calls, for the history of changes, such as inventory/1.0")
	cmd.Flags().BoolVar(&p.NoStandIn, "no-stand-in", false, "do not reach a gateway that is stopped")
	return cmd
}

// Serve answers requests from in until it ends, by calls of the admin API over what connect returns; the program's version is in
// the greeting. It fails only if it cannot read or write. What goes wrong with a notification, which has no answer, it says on notes.
func Serve(ctx context.Context, version string,
	connect func(context.Context) (conn grpc.ClientConnInterface, closeConn func(), err error),
	in io.Reader, out, notes io.Writer) error {
	return newBatch(version, connect).serve(ctx, in, out, notes)
}

// batchProtocol is the version of what batch reads and writes, apart from the methods.
const batchProtocol = 1

// MaxRequestLine bounds a line of input, in bytes: that of a large change. What a method accepts, and from whom, the gateway says.
const MaxRequestLine = 24 << 20

// idleTime is how long a batch keeps its connection after a call. The gateway serves few connections of a user, and others wait.
const idleTime = 500 * time.Millisecond

// The error codes of JSON-RPC 2.0, section 5.1 (https://www.jsonrpc.org/specification). Codes above 0 are gRPC status codes.
const (
	parseError     = -32700
	invalidRequest = -32600
	methodNotFound = -32601
	invalidParams  = -32602
	internalError  = -32603
)

// batch answers JSON-RPC requests by calls of the admin API. It knows no method: all come from the descriptors.
type batch struct {
	version string
	connect func(context.Context) (conn grpc.ClientConnInterface, closeConn func(), err error)
	methods map[string]protoreflect.MethodDescriptor // by "Service/Method", with and without the package before it

	mu        sync.Mutex               // the idle time ends beside serve
	conn      grpc.ClientConnInterface // nil while none is needed; it finds a restarted gateway by itself
	closeConn func()
	idle      *time.Timer // disconnects; nil before the first call
}

// rpcRequest is one line of input that is a request.
type rpcRequest struct {
	id     jsontext.Value // as it was sent; nil for a notification
	method string
	params jsontext.Value // nil if there are none
}

// rpcError is the error of an answer.
type rpcError struct {
	Code    int      `json:"code"`
	Message string   `json:"message"`
	Data    *rpcData `json:"data,omitempty"` // of an error of the admin API: there exactly if Code is above 0
}

type rpcData struct {
	Code     string            `json:"code"` // name of the gRPC status code
	Reason   string            `json:"reason"`
	Metadata map[string]string `json:"metadata"`
}

func newBatch(version string, connect func(context.Context) (grpc.ClientConnInterface, func(), error)) *batch {
	b := &batch{version: version, connect: connect, methods: make(map[string]protoreflect.MethodDescriptor)}
	pkg := adminv1.File_omsgateway_admin_v1_status_proto.Package()
	protoregistry.GlobalFiles.RangeFilesByPackage(pkg, func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			service := file.Services().Get(i)
			for k := range service.Methods().Len() {
				method := service.Methods().Get(k)
				b.methods[fmt.Sprintf("%s/%s", service.Name(), method.Name())] = method
				b.methods[fmt.Sprintf("%s/%s", service.FullName(), method.Name())] = method
			}
		}
		return true
	})
	return b
}

func (b *batch) serve(ctx context.Context, in io.Reader, out, notes io.Writer) error {
	defer b.disconnect()
	hello := fmt.Sprintf(`{"jsonrpc":"2.0","method":"hello","params":{"protocol":%d,"version":%s}}`,
		batchProtocol, command.Quote(b.version))
	if _, err := io.WriteString(out, hello+"\n"); err != nil {
		return fmt.Errorf("writing to standard output: %w", err)
	}
	requests := &input{from: lines.NewReader(in, MaxRequestLine)}
	say := func(line []byte) error {
		if _, err := out.Write(append(line, '\n')); err != nil {
			return fmt.Errorf("writing to standard output: %w", err)
		}
		return nil
	}
	for {
		l := requests.next()
		if errors.Is(l.err, io.EOF) {
			return nil
		}
		if l.err != nil {
			return fmt.Errorf("reading standard input: %w", l.err)
		}
		if !l.tooLong && len(bytes.TrimSpace(l.text)) == 0 {
			continue
		}
		answer, err := b.answer(ctx, l, requests, say, notes)
		if err != nil {
			return err
		}
		if len(answer) == 0 {
			continue
		}
		if err := say(answer); err != nil {
			return err
		}
	}
}

// answer is the answer to one line, nil for a notification, whose failure it tells instead. A stream says its messages before, and fails
// only if it cannot.
func (b *batch) answer(ctx context.Context, l line, requests *input, say func([]byte) error, notes io.Writer) ([]byte, error) {
	if l.tooLong {
		message := fmt.Sprintf("invalid request: the line is longer than %d bytes", MaxRequestLine)
		return answerError(nil, &rpcError{Code: invalidRequest, Message: message}), nil
	}
	request, failure := parseRequest(l.text)
	if failure != nil {
		return answerError(request.id, failure), nil
	}
	method := b.methods[request.method]
	var result []byte
	switch {
	case method == nil:
		failure = &rpcError{Code: methodNotFound, Message: fmt.Sprintf("there is no method %q", request.method)}
	case method.IsStreamingServer() && request.id != nil:
		var err error
		if failure, err = b.stream(ctx, request, method, requests, say); err != nil {
			return nil, err
		}
		result = []byte("{}")
	case method.IsStreamingClient() || method.IsStreamingServer():
		failure = &rpcError{Code: invalidRequest, Message: "invalid request: a stream needs an id"}
	default:
		result, failure = b.call(ctx, request, method)
	}
	switch {
	case request.id == nil && failure != nil:
		fmt.Fprintf(notes, "omsgwctl: line %d, %s: %s\n", l.number, printable.Escaped(request.method), printable.Escaped(failure.Message))
		return nil, nil
	case request.id == nil:
		return nil, nil
	case failure != nil:
		return answerError(request.id, failure), nil
	}
	return fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%s,"result":%s}`, request.id, result), nil
}

func answerError(id jsontext.Value, e *rpcError) []byte {
	if id == nil {
		id = jsontext.Value("null")
	}
	return fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%s,"error":%s}`, id, command.Quote(e))
}

// parseRequest reads one line. With an error the request has its id if that could be read.
func parseRequest(line []byte) (rpcRequest, *rpcError) {
	object, failure := parseObject(line)
	if failure != nil {
		return rpcRequest{}, failure
	}
	var r rpcRequest
	var protocol, method jsontext.Value
	unknown := ""
	members := jsontext.NewDecoder(bytes.NewBuffer(object))
	_, _ = members.ReadToken() // the brace; parseObject has checked all that follows
	for members.PeekKind() == '"' {
		name, _ := members.ReadToken()
		member := name.String()
		value, _ := members.ReadValue()
		value = value.Clone()
		switch member {
		case "jsonrpc":
			protocol = value
		case "id":
			r.id = value
		case "method":
			method = value
		case "params":
			r.params = value
		default:
			unknown = member
		}
	}

	invalid := func(format string, args ...any) (rpcRequest, *rpcError) {
		return r, &rpcError{Code: invalidRequest, Message: "invalid request: " + fmt.Sprintf(format, args...)}
	}
	if r.id != nil && !strings.ContainsRune(`"0n`, rune(r.id.Kind())) {
		r.id = nil
		return invalid("the id is neither a string nor a number nor null")
	}
	if unquote(protocol) != "2.0" {
		return invalid(`it has no "jsonrpc":"2.0"`)
	}
	if r.method = unquote(method); r.method == "" {
		return invalid("it has no method")
	}
	if unknown != "" {
		return invalid("it has the unknown member %q", unknown)
	}
	return r, nil
}

// parseObject checks that line is one JSON object in UTF-8 without duplicate names.
func parseObject(line []byte) (jsontext.Value, *rpcError) {
	decoder := jsontext.NewDecoder(bytes.NewBuffer(line))
	value, err := decoder.ReadValue()
	if err == nil {
		value = value.Clone()
		if _, err = decoder.ReadToken(); err == nil {
			err = errors.New("it has more than one value")
		} else if errors.Is(err, io.EOF) {
			err = nil
		}
	}
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName):
		return nil, &rpcError{Code: invalidRequest, Message: "invalid request: " + jsonProblem(err)}
	case err != nil:
		return nil, &rpcError{Code: parseError, Message: "the line is not JSON: " + jsonProblem(err)}
	case value.Kind() == '[':
		return nil, &rpcError{Code: invalidRequest, Message: "invalid request: an array; write one request a line"}
	case value.Kind() != '{':
		return nil, &rpcError{Code: invalidRequest, Message: "invalid request: it is not an object"}
	}
	return value, nil
}

// jsonProblem is the text of an error of jsontext without the name of that package.
func jsonProblem(err error) string {
	return strings.TrimPrefix(err.Error(), "jsontext: ")
}

// unquote is the text of a JSON string, "" of anything else.
func unquote(value jsontext.Value) string {
	if value.Kind() != '"' {
		return ""
	}
	text, _ := jsontext.AppendUnquote(nil, value)
	return string(text)
}

// call makes the unary call that a request asks for.
func (b *batch) call(ctx context.Context, request rpcRequest, method protoreflect.MethodDescriptor) ([]byte, *rpcError) {
	params, response, failure := messages(request, method)
	if failure != nil {
		return nil, failure
	}
	ctx, cancel := context.WithTimeout(ctx, command.CallTimeout)
	defer cancel()
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.reach(ctx); err != nil {
		return nil, apiError(err)
	}
	defer b.startIdle()
	if err := b.conn.Invoke(ctx, pathOf(method), params, response); err != nil {
		return nil, apiError(command.CallError(err, request.method))
	}
	result, err := command.CompactJSON(response)
	if err != nil {
		return nil, &rpcError{Code: internalError, Message: "result: " + protoProblem(err)}
	}
	return result, nil
}

// pathOf is the name of a method as gRPC sends it.
func pathOf(method protoreflect.MethodDescriptor) string {
	return fmt.Sprintf("/%s/%s", method.Parent().FullName(), method.Name())
}

// reach makes the connection if there is none; b.mu is held.
func (b *batch) reach(ctx context.Context) error {
	if b.conn != nil {
		return nil
	}
	conn, closeConn, err := b.connect(ctx)
	if err == nil {
		b.conn, b.closeConn = conn, closeConn
	}
	return err
}

// startIdle begins the idle time anew; b.mu is held.
func (b *batch) startIdle() {
	if b.idle == nil {
		b.idle = time.AfterFunc(idleTime, b.disconnect)
	} else {
		b.idle.Reset(idleTime)
	}
}

// disconnect gives the connection back; the next call makes another one.
func (b *batch) disconnect() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.conn != nil {
		b.idle.Stop()
		b.closeConn()
		b.conn = nil
	}
}

// messages makes the message that a request has for a method, and the empty one of an answer.
func messages(request rpcRequest, method protoreflect.MethodDescriptor) (params, response proto.Message, failure *rpcError) {
	in, err := protoregistry.GlobalTypes.FindMessageByName(method.Input().FullName())
	if err != nil {
		return nil, nil, &rpcError{Code: internalError, Message: err.Error()}
	}
	out, err := protoregistry.GlobalTypes.FindMessageByName(method.Output().FullName())
	if err != nil {
		return nil, nil, &rpcError{Code: internalError, Message: err.Error()}
	}
	params, response = in.New().Interface(), out.New().Interface()
	if request.params == nil {
		return params, response, nil
	}
	if request.params.Kind() != '{' {
		return nil, nil, &rpcError{Code: invalidParams, Message: "params: it is not an object"}
	}
	if err := protojson.Unmarshal(request.params, params); err != nil {
		return nil, nil, &rpcError{Code: invalidParams, Message: "params: " + protoProblem(err)}
	}
	return params, response, nil
}

func apiError(err error) *rpcError {
	e := command.Explain(err)
	data := &rpcData{Code: command.CodeName(e.Code), Reason: string(e.Reason), Metadata: e.Parts}
	if data.Metadata == nil {
		data.Metadata = map[string]string{}
	}
	return &rpcError{Code: int(e.Code), Message: e.Message, Data: data}
}

// protoProblem is the text of an error of protojson without the prefix that varies on purpose.
func protoProblem(err error) string {
	text := strings.TrimPrefix(err.Error(), "proto:")
	return strings.TrimLeft(text, " \u00a0")
}

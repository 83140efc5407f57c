package ctl_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"

	"github.com/omsgateway/omsgateway/ctl"
	"github.com/omsgateway/omsgateway/internal/apierr"
	"github.com/omsgateway/omsgateway/internal/osdefaults"
	"github.com/omsgateway/omsgateway/internal/reason"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

const hello = `{"jsonrpc":"2.0","method":"hello","params":{"protocol":1,"version":"dev"}}` + "\n"

func TestBatch(t *testing.T) {
	const (
		status = `"method":"SettingService/GetSetting","params":{"key":"LogLevel"}`
		result = `"result":{"setting":{"key":"LogLevel","value":"","defaultValue":"","description":"","type":"UNSPECIFIED",` +
			`"minimum":"0","maximum":"0","unit":"","choices":["Error","Info"],"fixed":false,"layer":"LAYER_UNSPECIFIED"},"etag":""}`
	)
	tests := map[string]struct {
		in, want, notes string
	}{
		"nothing": {},
		"a call": {
			in: `{"jsonrpc":"2.0","id":1,"method":"AllowedHostService/AddAllowedHosts","params":{"hosts":[{"host":"a.example.com"}]}}`,
			want: `{"jsonrpc":"2.0","id":1,"result":{"outcomes":[{"host":"a.example.com","outcome":"ADDED","warnings":[],` +
				`"openTunnels":0,"stillCoveredBy":"","clientCertificatePolicy":"UNSPECIFIED"}],"etag":"etag-1"}}` + "\n",
		},
		"with the package's name, without params, with CRLF, blank lines and a byte order mark": {
			in:   "\ufeff\r\n \t\r\n{\"method\":\"omsgateway.admin.v1.TunnelService/CloseTunnels\",\"id\":2,\"jsonrpc\":\"2.0\"}\r\n\n",
			want: `{"jsonrpc":"2.0","id":2,"result":{"closed":0,"notOpen":[]}}` + "\n",
		},
		"ids as they are": {
			in: `{"jsonrpc":"2.0","id":1.0,` + status + `}
				{"jsonrpc":"2.0","id":123456789012345678901234567890e-2,` + status + `}
				{"jsonrpc":"2.0","id": "\u00e9é\/<" ,` + status + `}
				{"jsonrpc":"2.0","id":"",` + status + `}
				{"jsonrpc":"2.0","id":null,` + status + `}
				{"jsonrpc":"2.0","id":-0,` + status + `}`,
			want: `{"jsonrpc":"2.0","id":1.0,` + result + `}
{"jsonrpc":"2.0","id":123456789012345678901234567890e-2,` + result + `}
{"jsonrpc":"2.0","id":"\u00e9é\/<",` + result + `}
{"jsonrpc":"2.0","id":"",` + result + `}
{"jsonrpc":"2.0","id":null,` + result + `}
{"jsonrpc":"2.0","id":-0,` + result + `}
`,
		},
		"ids that are none": {
			in: `{"jsonrpc":"2.0","id":true,` + status + `}
				{"jsonrpc":"2.0","id":[1],` + status + `}
				{"jsonrpc":"2.0","id":{},` + status + `}`,
			want: strings.Repeat(`{"jsonrpc":"2.0","id":null,"error":{"code":-32600,`+
				`"message":"invalid request: the id is neither a string nor a number nor null"}}`+"\n", 3),
		},
		"an error of the gateway": {
			in: `{"jsonrpc":"2.0","id":"x","method":"SettingService/GetSetting","params":{"key":"<k>"}}`,
			want: `{"jsonrpc":"2.0","id":"x","error":{"code":5,"message":"there is no setting \"<k>\"; omsgwctl setting list shows all",` +
				`"data":{"code":"NOT_FOUND","reason":"SETTING_UNKNOWN","metadata":{"key":"<k>","meant":""}}}}` + "\n",
		},
		"notifications are carried out without an answer": {
			in: `{"jsonrpc":"2.0","method":"AllowedHostService/AddAllowedHosts","params":{"hosts":[{"host":"n.example.com"}]}}
				{"jsonrpc":"2.0","method":"No/Method"}
				{"jsonrpc":"2.0","method":"AllowedHostService/AddAllowedHosts","params":{"etag":"x","hosts":[{"host":"m.example.com"}]}}
				{"jsonrpc":"2.0","method":"EventService/WatchEvents"}
				{"jsonrpc":"2.0","id":1,"method":"AllowedHostService/ListAllowedHosts"}`,
			want: `{"jsonrpc":"2.0","id":1,"result":{"hosts":[{"host":"n.example.com","addedAt":"2020-02-28T13:19:05Z",` +
				`"addedBy":"ro\u001b[31mot","clientCertificatePolicy":"UNSPECIFIED",` +
				`"owner":"","ticket":"","note":"","expired":false}],"etag":"etag-1","nextPageToken":""}}` + "\n",
			notes: "omsgwctl: line 2, No/Method: there is no method \"No/Method\"\n" +
				"omsgwctl: line 3, AllowedHostService/AddAllowedHosts: the configuration has changed since it was read " +
				"(etag x, now etag-1); read it again and repeat the change\n" +
				"omsgwctl: line 4, EventService/WatchEvents: invalid request: a stream needs an id\n",
		},
		"methods that are none": {
			in: `{"jsonrpc":"2.0","id":1,"method":"StatusService/Nothing"}
				{"jsonrpc":"2.0","id":2,"method":"/omsgateway.admin.v1.StatusService/GetStatus"}
				{"jsonrpc":"2.0","id":4,"method":"hello"}`,
			want: `{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"there is no method \"StatusService/Nothing\""}}
{"jsonrpc":"2.0","id":2,"error":{"code":-32601,"message":"there is no method \"/omsgateway.admin.v1.StatusService/GetStatus\""}}
{"jsonrpc":"2.0","id":4,"error":{"code":-32601,"message":"there is no method \"hello\""}}
`,
		},
		"wrong params": {
			in: `{"jsonrpc":"2.0","id":1,"method":"SettingService/GetSetting","params":{"kye":"x"}}
				{"jsonrpc":"2.0","id":2,"method":"SettingService/GetSetting","params":{"key":5}}
				{"jsonrpc":"2.0","id":3,"method":"SettingService/GetSetting","params":["x"]}
				{"jsonrpc":"2.0","id":4,"method":"SettingService/GetSetting","params":null}
				{"jsonrpc":"2.0","id":5,"method":"EventService/ListEvents","params":{"limit":5000000000}}`,
			want: `{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"params: (line 1:2): unknown field \"kye\""}}
{"jsonrpc":"2.0","id":2,"error":{"code":-32602,"message":"params: (line 1:8): invalid value for string field key: 5"}}
{"jsonrpc":"2.0","id":3,"error":{"code":-32602,"message":"params: it is not an object"}}
{"jsonrpc":"2.0","id":4,"error":{"code":-32602,"message":"params: it is not an object"}}
{"jsonrpc":"2.0","id":5,"error":{"code":-32602,"message":"params: (line 1:10): invalid value for int32 field limit: 5000000000"}}
`,
		},
		"requests that are none": {
			in: `[{"jsonrpc":"2.0","id":1,"method":"StatusService/GetStatus"}]
				7
				{"id":3,"method":"StatusService/GetStatus"}
				{"jsonrpc":2.0,"id":4,"method":"StatusService/GetStatus"}
				{"jsonrpc":"2.0","id":5}
				{"jsonrpc":"2.0","id":6,"method":{}}
				{"jsonrpc":"2.0","id":7,"method":"StatusService/GetStatus","parms":{}}
				{"jsonrpc":"2.0"}`,
			want: `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"invalid request: an array; write one request a line"}}
{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"invalid request: it is not an object"}}
{"jsonrpc":"2.0","id":3,"error":{"code":-32600,"message":"invalid request: it has no \"jsonrpc\":\"2.0\""}}
{"jsonrpc":"2.0","id":4,"error":{"code":-32600,"message":"invalid request: it has no \"jsonrpc\":\"2.0\""}}
{"jsonrpc":"2.0","id":5,"error":{"code":-32600,"message":"invalid request: it has no method"}}
{"jsonrpc":"2.0","id":6,"error":{"code":-32600,"message":"invalid request: it has no method"}}
{"jsonrpc":"2.0","id":7,"error":{"code":-32600,"message":"invalid request: it has the unknown member \"parms\""}}
{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"invalid request: it has no method"}}
`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			g := startGateway(t)
			got := g.run(t, test.in, "batch")
			if diff := cmp.Diff(got, resultOf(hello+test.want, test.notes)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func resultOf(out, err string) result { return result{Out: out, Err: err} }

// Lines that cannot be parsed get an error each, and the batch goes on.
func TestBatchBrokenLines(t *testing.T) {
	g := startGateway(t)
	const good = `{"jsonrpc":"2.0","id":"good","method":"TunnelService/CloseTunnels"}` + "\n"
	tests := map[string]struct {
		line string
		code int
	}{
		"broken":                {`{"jsonrpc":"2.0","id":1,`, -32700},
		"not JSON":              {`hello`, -32700},
		"two values":            {`{} {}`, -32700},
		"invalid UTF-8":         {"{\"jsonrpc\":\"2.0\",\"id\":\"\xff\",\"method\":\"x\"}", -32700},
		"half a surrogate":      {`{"jsonrpc":"2.0","id":"\ud800","method":"x"}`, -32700},
		"NUL":                   {"\x00", -32700},
		"a second byte order":   {"\ufeff\ufeff{}", -32700},
		"UTF-16":                {"\xff\xfe{\x00}\x00", -32700},
		"deep":                  {strings.Repeat("[", 100_000), -32700},
		"duplicate member":      {`{"jsonrpc":"2.0","id":1,"id":2,"method":"StatusService/GetStatus"}`, -32600},
		"duplicate inside":      {`{"jsonrpc":"2.0","id":1,"method":"SettingService/GetSetting","params":{"key":"a","key":"b"}}`, -32600},
		"duplicate in disguise": {`{"jsonrpc":"2.0","id":1,"method":"a/b","params":{"key":"a","ke\u0079":"b"}}`, -32600},
		"too long": {
			`{"jsonrpc":"2.0","id":1,"method":"a/b","params":{"key":"` + strings.Repeat("x", ctl.MaxRequestLine) + `"}}`,
			-32600,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := g.run(t, test.line+"\n"+good, "batch")
			lines := strings.Split(got.Out, "\n")
			want := fmt.Sprintf(`{"jsonrpc":"2.0","id":null,"error":{"code":%d,"message":"`, test.code)
			if got.Code != 0 || len(lines) != 4 || !strings.HasPrefix(lines[1], want) ||
				!strings.HasPrefix(lines[2], `{"jsonrpc":"2.0","id":"good","result"`) {
				t.Errorf("got %.400s", got.Out)
			}
		})
	}
}

// A line of 1 MiB still goes through.
func TestBatchLongLine(t *testing.T) {
	conn := invoker(func(context.Context, string) error { return nil })
	line := `{"jsonrpc":"2.0","id":1,"method":"SettingService/GetSetting","params":{"key":"` + strings.Repeat("x", 1<<20) + `"}}`
	var out bytes.Buffer
	if err := ctl.ServeBatch(t.Context(), conn, strings.NewReader(line), &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	if want := hello + `{"jsonrpc":"2.0","id":1,"result":{"etag":""}}` + "\n"; out.String() != want {
		t.Errorf("got %s", out.String())
	}
}

// Without a gateway the batch says hello, answers each request with the reason, and ends with 0.
func TestBatchWithoutGateway(t *testing.T) {
	const request = `{"jsonrpc":"2.0","id":1,"method":"StatusService/GetStatus"}` + "\n"
	nowhere := osdefaults.AddressIn("/nobody/here")
	got := run(t.Context(), request+request, "--address", nowhere, "batch")
	lines := strings.SplitAfter(got.Out, "\n")
	if got.Code != 0 || got.Err != "" || len(lines) != 4 || lines[0] != hello || lines[1] != lines[2] {
		t.Fatalf("got %+v", got)
	}
	var answer struct {
		Error struct {
			Code int
			Data struct {
				Code, Reason string
				Metadata     map[string]string
			}
		}
	}
	if err := json.Unmarshal([]byte(lines[1]), &answer); err != nil {
		t.Fatal(err)
	}
	e := answer.Error
	if e.Code != 14 || e.Data.Code != "UNAVAILABLE" || e.Data.Reason != "GATEWAY_UNREACHABLE" ||
		e.Data.Metadata["address"] != nowhere {
		t.Errorf("got %s", lines[1])
	}
}

// A gateway that is gone in the middle is an error of that request; one that is back answers the next.
func TestBatchGatewayComesBack(t *testing.T) {
	g := startGateway(t)
	in, write := io.Pipe()
	read, out := io.Pipe()
	done := make(chan error, 1)
	go func() {
		var notes bytes.Buffer
		code := ctl.Run(t.Context(), []string{"--address", g.address, "batch"}, in, out, &notes)
		out.Close()
		if code != 0 || notes.Len() > 0 {
			done <- fmt.Errorf("exit code %d, %s", code, notes.String())
		}
		close(done)
	}()
	answers := json.NewDecoder(read)
	ask := func() string {
		t.Helper()
		fmt.Fprintln(write, `{"jsonrpc":"2.0","id":1,"method":"StatusService/GetStatus"}`)
		var answer struct {
			Result struct{ Version string }
			Error  struct{ Data struct{ Reason string } }
		}
		if err := answers.Decode(&answer); err != nil {
			t.Fatal(err)
		}
		return answer.Result.Version + answer.Error.Data.Reason
	}
	var first any
	if err := answers.Decode(&first); err != nil {
		t.Fatal(err)
	}
	if got := ask(); got != "1.0.0" {
		t.Errorf("before: %s", got)
	}
	g.stop()
	if got := ask(); got != "GATEWAY_UNREACHABLE" {
		t.Errorf("without: %s", got)
	}
	g.start(t)
	if got := ask(); got != "1.0.0" {
		t.Errorf("after: %s", got)
	}
	write.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// A stream is a line for each message, until the gateway ends it, the next line comes, or the input ends.
func TestBatchStream(t *testing.T) {
	const watch = `{"jsonrpc":"2.0","id":1,"method":"EventService/WatchEvents","params":{"tail":2}}`
	g := startGateway(t)
	g.watch = func(stream adminv1.EventService_WatchEventsServer) error {
		stream.Send(&adminv1.WatchEventsResponse{Kind: &adminv1.WatchEventsResponse_Missed{Missed: 7}})
		return apierr.ToStatus(reason.New(reason.GatewayStopping))
	}
	b := startBatch(t, g)
	b.say(watch)
	b.expect(`{"jsonrpc":"2.0","method":"EventService/WatchEvents","params":{"missed":"7"}}`)
	b.expect(`{"jsonrpc":"2.0","id":1,"error":{"code":14,"message":"the gateway is stopping",` +
		`"data":{"code":"UNAVAILABLE","reason":"GATEWAY_STOPPING","metadata":{}}}}`)

	over := make(chan struct{}, 1)
	g.watch = func(stream adminv1.EventService_WatchEventsServer) error {
		stream.Send(&adminv1.WatchEventsResponse{Kind: &adminv1.WatchEventsResponse_Missed{Missed: 1}})
		<-stream.Context().Done()
		over <- struct{}{}
		return stream.Context().Err()
	}
	b.say(watch)
	b.expect(`{"jsonrpc":"2.0","method":"EventService/WatchEvents","params":{"missed":"1"}}`)
	b.say(`{"jsonrpc":"2.0","id":2,"method":"TunnelService/CloseTunnels"}`)
	b.expect(`{"jsonrpc":"2.0","id":1,"result":{}}`)
	b.expect(`{"jsonrpc":"2.0","id":2,"result":{"closed":0,"notOpen":[]}}`)
	<-over

	b.say(watch)
	b.expect(`{"jsonrpc":"2.0","method":"EventService/WatchEvents","params":{"missed":"1"}}`)
	b.end()
	b.expect(`{"jsonrpc":"2.0","id":1,"result":{}}`)
	<-over
	if code := <-b.ended; code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// runningBatch is a batch that is talked to line by line.
type runningBatch struct {
	t     *testing.T
	in    *io.PipeWriter
	out   *bufio.Reader
	ended chan int
}

// startBatch starts one that has greeted.
func startBatch(t *testing.T, g *gateway) *runningBatch {
	in, requests := io.Pipe()
	answers, out := io.Pipe()
	b := &runningBatch{t: t, in: requests, out: bufio.NewReader(answers), ended: make(chan int, 1)}
	t.Cleanup(b.end)
	go func() {
		b.ended <- ctl.Run(t.Context(), []string{"--address", g.address, "batch"}, in, out, io.Discard)
		out.Close()
	}()
	b.expect(strings.TrimSpace(hello))
	return b
}

func (b *runningBatch) say(line string) { fmt.Fprintln(b.in, line) }

func (b *runningBatch) expect(want string) {
	b.t.Helper()
	got, err := b.out.ReadString('\n')
	if err != nil {
		b.t.Fatal(err)
	}
	if diff := cmp.Diff(want, strings.TrimSpace(got)); diff != "" {
		b.t.Fatalf("(-want +got)\n%s", diff)
	}
}

func (b *runningBatch) end() { b.in.Close() }

// An older gateway does not know a method, and the answer says so.
func TestBatchOlderGateway(t *testing.T) {
	g := startOldGateway(t)
	got := g.run(t, `{"jsonrpc":"2.0","id":1,"method":"StatusService/GetStatus"}`, "batch")
	want := hello + `{"jsonrpc":"2.0","id":1,"error":{"code":12,"message":"the gateway does not know StatusService/GetStatus; ` +
		`it may be older than this program","data":{"code":"UNIMPLEMENTED","reason":"METHOD_UNKNOWN",` +
		`"metadata":{"method":"StatusService/GetStatus"}}}}` + "\n"
	if diff := cmp.Diff(result{Out: want}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	got = g.run(t, "", "status")
	if want := (result{1, "", "omsgwctl: the gateway does not know this command; it may be older than this program\n"}); got != want {
		t.Errorf("got %+v", got)
	}
}

// broken fails after some bytes were written.
type broken struct{ left int }

func (b *broken) Write(p []byte) (int, error) {
	if b.left -= len(p); b.left < 0 {
		return 0, errors.New("the pipe is gone")
	}
	return len(p), nil
}

func TestBatchCannotWrite(t *testing.T) {
	conn := invoker(func(context.Context, string) error { return nil })
	in := strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"StatusService/GetStatus"}`)
	for _, after := range []int{0, len(hello)} {
		if err := ctl.ServeBatch(t.Context(), conn, in, &broken{after}, io.Discard); err == nil {
			t.Errorf("no error after %d bytes", after)
		}
	}
}

// invoker is a connection whose calls only answer an error.
type invoker func(ctx context.Context, method string) error

func (i invoker) Invoke(ctx context.Context, method string, _, _ any, _ ...grpc.CallOption) error {
	return i(ctx, method)
}

func (i invoker) NewStream(context.Context, *grpc.StreamDesc, string, ...grpc.CallOption) (grpc.ClientStream, error) {
	return nil, errors.New("a batch has no streams")
}

// Whatever the lines are: after hello there is at most one answer for each, in one line, with an id and either a result or an
// error, and a request that stands on a line of its own is still answered after them.
func FuzzBatchLine(f *testing.F) {
	conn := invoker(func(context.Context, string) error { return nil })
	f.Fuzz(func(t *testing.T, input []byte) {
		const last = "\n" + `{"jsonrpc":"2.0","id":"last","method":"StatusService/GetStatus"}`
		var out bytes.Buffer
		if err := ctl.ServeBatch(t.Context(), conn, strings.NewReader(string(input)+last), &out, io.Discard); err != nil {
			t.Fatal(err)
		}
		if !utf8.Valid(out.Bytes()) {
			t.Fatalf("the output is not UTF-8: %q", out.Bytes())
		}
		lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
		if lines[0]+"\n" != hello || !strings.HasPrefix(lines[len(lines)-1], `{"jsonrpc":"2.0","id":"last","result":{`) {
			t.Fatalf("got %s", out.String())
		}
		if answers := len(lines) - 2; answers > bytes.Count(input, []byte("\n"))+1 {
			t.Errorf("%d answers to %q", answers, input)
		}
		for _, line := range lines[1:] {
			var answer map[string]json.RawMessage
			if err := json.Unmarshal([]byte(line), &answer); err != nil {
				t.Fatalf("%v: %s", err, line)
			}
			_, failed := answer["error"]
			_, done := answer["result"]
			if string(answer["jsonrpc"]) != `"2.0"` || answer["id"] == nil || failed == done || len(answer) != 3 {
				t.Errorf("got %s", line)
			}
			if id := answer["id"]; failed && string(id) != "null" && !bytes.Contains(input, id) {
				t.Errorf("the id is not one of the input: %s", line)
			}
		}
	})
}

// Programs keep a batch open while they have nothing to ask; the places at the gateway are for those who have.
func TestIdleBatchGivesItsConnectionBack(t *testing.T) {
	g := startGateway(t)
	b := startBatch(t, g)
	for len(g.left) > 0 { // what made the listener ready
		<-g.left
	}
	for range 2 {
		b.say(`{"jsonrpc":"2.0","id":1,"method":"TunnelService/CloseTunnels"}`)
		b.expect(`{"jsonrpc":"2.0","id":1,"result":{"closed":0,"notOpen":[]}}`)
		select {
		case <-g.left:
		case <-time.After(30 * time.Second):
			t.Fatal("the connection is still open")
		}
	}
	b.end()
	if code := <-b.ended; code != 0 {
		t.Errorf("exit code %d", code)
	}
}

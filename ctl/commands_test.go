package ctl_test

import (
	"context"
	"io"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/omsgateway/omsgateway/ctl"
	"github.com/omsgateway/omsgateway/internal/apierr"
	"github.com/omsgateway/omsgateway/internal/osdefaults"
	"github.com/omsgateway/omsgateway/internal/reason"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

func TestWrongUsage(t *testing.T) {
	tests := []struct {
		args string
		want string
	}{
		{"bogus", "omsgwctl has no command \"bogus\"; it has allowed-client-certificate, allowed-host, batch, check, clock, completion, config, " +
			"denied, dial-stdio, discovery, event, gateway, relay-proxy, revision, setting, status, support, tunnel, version\n" +
			"See 'omsgwctl --help'."},
		{"setting", "setting needs one of: clear, get, list, set\nSee 'omsgwctl setting --help'."},
		{"allowed-host ad x", "allowed-host has no command \"ad\"; did you mean add?\nSee 'omsgwctl allowed-host --help'."},
		{"help bogus", "there is no command \"bogus\"\nSee 'omsgwctl help --help'."},
		{"status --bogus", "unknown flag: --bogus\nSee 'omsgwctl status --help'."},
		{"status x", "\"x\" is one argument too many\nSee 'omsgwctl status --help'."},
		{"setting set", "KEY and VALUE are missing\nSee 'omsgwctl setting set --help'."},
		{"setting get a b", "\"b\" is one argument too many\nSee 'omsgwctl setting get --help'."},
		{"allowed-host add", "HOST is missing; give at least one, or - to read them from standard input\n" +
			"See 'omsgwctl allowed-host add --help'."},
		{"allowed-host remove - -", "\"-\" is given twice, and standard input can be read only once\n" +
			"See 'omsgwctl allowed-host remove --help'."},
		{"tunnel close", "which tunnels? give their ids, --host or --client\nSee 'omsgwctl tunnel close --help'."},
		{"tunnel close 1 --host a", "give either ids or --host and --client\nSee 'omsgwctl tunnel close --help'."},
		{"tunnel close x", "\"x\" is not the id of a tunnel, which is a number\nSee 'omsgwctl tunnel close --help'."},
		{"event list --level loud", "--level: \"loud\" is not a log level: it is one of Error, Warning, Info, Debug\n" +
			"See 'omsgwctl event list --help'."},
		{"event list --limit -1", "--limit cannot be negative\nSee 'omsgwctl event list --help'."},
		{"event list --limit many", "--limit cannot be \"many\": it is a whole number\nSee 'omsgwctl event list --help'."},
		{"event list --id 105,x", "--id cannot be \"105,x\": it is a whole number, or several with commas between them\n" +
			"See 'omsgwctl event list --help'."},
		{"event list --since 5", "--since cannot be \"5\": it is a number with its unit, for example 90s, 15m or 2h\n" +
			"See 'omsgwctl event list --help'."},
		{"status --json=perhaps", "--json cannot be \"perhaps\": it is true or false\nSee 'omsgwctl status --help'."},
		{"event watch --tail -1", "--tail cannot be negative\nSee 'omsgwctl event watch --help'."},
		{"event watch --since -1s", "--since cannot be negative\nSee 'omsgwctl event watch --help'."},
		{"relay-proxy set", "ADDRESS is missing\nSee 'omsgwctl relay-proxy set --help'."},
		{"relay-proxy set proxy svc hunter2", "there is more than ADDRESS; give the user with --username and the password with " +
			"--password-stdin\nSee 'omsgwctl relay-proxy set --help'."},
		{"relay-proxy set proxy --username svc", "--username needs --password-stdin; let standard input be empty for a user without " +
			"a password\nSee 'omsgwctl relay-proxy set --help'."},
		{"relay-proxy set proxy --password-stdin", "--password-stdin needs --username\nSee 'omsgwctl relay-proxy set --help'."},
		{"completion tcsh", "there is no completion for \"tcsh\"; there is for bash, zsh, fish and powershell\n" +
			"See 'omsgwctl completion --help'."},
	}
	for _, test := range tests {
		t.Run(test.args, func(t *testing.T) {
			want := result{2, "", "omsgwctl: " + test.want + "\n"}
			if diff := cmp.Diff(want, run(t.Context(), "", strings.Fields(test.args)...)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestErrorsAsJSON(t *testing.T) {
	g := startGateway(t)
	want := result{2, "", `{
  "code": "INVALID_ARGUMENT",
  "reason": "",
  "message": "unknown flag: --bogus",
  "metadata": {}
}
`}
	if diff := cmp.Diff(want, g.run(t, "", "status", "--bogus", "--json")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	want = result{4, "", `{
  "code": "PERMISSION_DENIED",
  "reason": "NOT_PERMITTED_TO_CHANGE",
  "message": "eve may not change anything; ask",
  "metadata": {
    "caller": "eve",
    "remedy": "ask"
  }
}
`}
	if diff := cmp.Diff(want, g.run(t, "", "setting", "set", "ListenPort", "1", "--json")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestAddress(t *testing.T) {
	got := run(t.Context(), "", "--address", "gateway.example.com:443", "status")
	if got.Code != 2 || !strings.HasPrefix(got.Err, `omsgwctl: "gateway.example.com:443" is not an address of the admin API`) {
		t.Errorf("got %+v", got)
	}
	g := startGateway(t)
	t.Setenv("OMSGATEWAY_ADDRESS", g.address)
	if got := run(t.Context(), "", "setting", "get", "listenport"); got != (result{Out: "8080\n"}) {
		t.Errorf("got %+v", got)
	}
	t.Setenv("OMSGATEWAY_ADDRESS", g.address+".gone")
	got = run(t.Context(), "", "status")
	if got.Code != 3 || !strings.HasPrefix(got.Err, "omsgwctl: no gateway answers at "+g.address+".gone; ") || got.Out != "" {
		t.Errorf("got %+v", got)
	}
}

// atTime replaces the times that tables print, which depend on the computer's time zone.
func atTime(s string) string {
	return regexp.MustCompile(`2020-02-2\d \d\d:\d\d:05`).ReplaceAllString(s, "TIME")
}

func TestAnswers(t *testing.T) {
	tests := []struct {
		args string
		want result
	}{
		{"setting list", result{Out: `
KEY            VALUE  LAYER         DEFAULT  NOTE
ListenPort     8080   local         8080
ListenAddress  ""     default       ""
LogLevel       Info   command line  Info     one of Error, Info; fixed by the gateway's command line
DrainSeconds   7      -             5        seconds
`}},
		{"setting get ListenPort", result{Out: "8080\n"}},
		{"setting get x", result{1, "", "omsgwctl: there is no setting \"x\"; omsgwctl setting list shows all\n"}},
		{"setting set ListenPort 8081", result{Out: "ListenPort  8081  before: 8080\n"}},
		{"setting set ListenPort 8080", result{Out: "ListenPort  8080  as before\n"}},
		{"setting set ListenPort 1", result{4, "", "omsgwctl: eve may not change anything; ask\n"}},
		{"setting set ListenPort 8081 --json", result{Out: `
{
  "setting": {
    "key": "ListenPort",
    "value": "8081",
    "defaultValue": "8080",
    "description": "Port for clients.",
    "type": "NUMBER",
    "minimum": "1",
    "maximum": "65535",
    "unit": "",
    "choices": [],
    "fixed": false,
    "layer": "LOCAL"
  },
  "etag": "e",
  "previousValue": "8080",
  "warnings": []
}
`}},
		{"status", result{Out: `
State:                  running
Version:                1.0.0
Started:                TIME (1d 2h ago)
Listens on:             127.0.0.1:8080
Configuration:          /x/config.json
Allowed hosts:          0
Client connections:     3 from 1 client
Open tunnels:           2 (17 since the start)
Sent to targets:        1.5 KiB
Received from targets:  5.0 GiB
Errors:                 0
Rejections:             0
Refusals:               4 HOST_NOT_ALLOWED
                        1 PORT_NOT_ALLOWED
`}},
		{"tunnel list", result{Out: `
ID  CLIENT          TARGET             ALLOWED BY     OPENED               SENT   RECEIVED  IDLE   TLS  SERVER NAME  CLIENT CERTIFICATE
17  192.0.2.7:4711  a.example.com:443  *.example.com  TIME  100 B  2.0 KiB   1m 1s
18  192.0.2.7:4711  [2001:db8::1]:443  *.example.com  TIME  100 B  2.0 KiB   1m 1s
`}},
		{"tunnel list --host b", result{Err: "omsgwctl: no such tunnel is open\n"}},
		{"tunnel close 17 99", result{0, "1 tunnel closed\n", "omsgwctl: there is no open tunnel with the id 99\n"}},
		{"tunnel close 99 --json", result{Out: "{\n  \"closed\": 0,\n  \"notOpen\": [\n    \"99\"\n  ]\n}\n"}},
		{"tunnel close --host a.example.com --client 192.0.2.7", result{Out: "2 tunnels closed\n"}},
		{"event list --id 105,403 --limit 5 --level warning --text x --since 90m", result{
			0, "105  TIME [0] ERROR GatewayLogic - [105 403] WARNING \"x\" 1h30m0s, 5\\x1b[2J\n",
			"omsgwctl: 3 older events left out; --limit shows more\n",
		}},
		{"event list --reason x --json", result{Out: `
{
  "events": [
    {
      "sequence": "1",
      "time": "2020-02-28T13:19:05Z",
      "id": 105,
      "level": "ERROR",
      "component": "GatewayLogic",
      "text": "[] UNSPECIFIED \"\" 0s, 1000\u001b[2J",
      "reason": "X",
      "fields": {},
      "connection": "0",
      "kind": ""
    }
  ],
  "leftOut": 3
}
`}},
		{"version", result{Out: "omsgwctl dev\n"}},
		{"version --json", result{Out: "{\"version\": \"dev\"}\n"}},
	}
	for _, test := range tests {
		t.Run(test.args, func(t *testing.T) {
			g := startGateway(t)
			got := g.run(t, "", strings.Fields(test.args)...)
			got.Out = atTime(got.Out)
			test.want.Out = strings.TrimPrefix(test.want.Out, "\n")
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestEventWatch(t *testing.T) {
	g := startGateway(t)
	g.watch = func(stream adminv1.EventService_WatchEventsServer) error {
		for _, text := range []string{"one", "two\n"} {
			stream.Send(&adminv1.WatchEventsResponse{Kind: &adminv1.WatchEventsResponse_Event{Event: &adminv1.Event{
				Time: &timestamppb.Timestamp{Seconds: 1582895945}, Id: 104, Level: adminv1.Event_WARNING, Component: "GatewayServer",
				Text: text,
			}}})
		}
		stream.Send(&adminv1.WatchEventsResponse{Kind: &adminv1.WatchEventsResponse_Missed{Missed: 7}})
		return apierr.ToStatus(reason.New(reason.GatewayStopping))
	}
	got := g.run(t, "", "event", "watch", "--tail", "2")
	got.Out = atTime(got.Out)
	want := result{3, "104  TIME [0] WARN GatewayServer - one\n104  TIME [0] WARN GatewayServer - two\\n\n",
		"omsgwctl: 7 events missed, because they came too fast\nomsgwctl: the gateway is stopping\n"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	got = g.run(t, "", "event", "watch", "--json")
	if lines := strings.Split(got.Out, "\n"); len(lines) != 4 || lines[2] != `{"missed":"7"}` ||
		!strings.HasPrefix(lines[1], `{"event":{"sequence":"0","time":"2020-02-28T13:19:05Z",`) {
		t.Errorf("got %+v", got)
	}
}

// What stands in for a stopped gateway has neither a start nor addresses.
func TestStatusStopped(t *testing.T) {
	g := startGateway(t)
	g.status = &adminv1.GetStatusResponse{
		Version: "1.0.0", State: adminv1.GetStatusResponse_STOPPED, ConfigFile: "/x/config.json", AllowedHosts: 3, EventsDropped: 2,
		StartedAt: &timestamppb.Timestamp{Seconds: 1582895945}, // the stand-in's own
	}
	want := result{Out: `State:                  stopped (the configuration can be read and changed)
Version:                1.0.0
Configuration:          /x/config.json
Allowed hosts:          3
Client connections:     0 from 0 clients
Open tunnels:           0 (0 since the start)
Sent to targets:        0 B
Received from targets:  0 B
Errors:                 0
Rejections:             0
Events dropped:         2 (the log is too slow)
`}
	if diff := cmp.Diff(want, g.run(t, "", "status")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// Ctrl-C ends a watch cleanly.
func TestEventWatchInterrupted(t *testing.T) {
	g := startGateway(t)
	g.watch = func(stream adminv1.EventService_WatchEventsServer) error {
		stream.Send(&adminv1.WatchEventsResponse{Kind: &adminv1.WatchEventsResponse_Missed{Missed: 1}})
		<-stream.Context().Done()
		return stream.Context().Err()
	}
	ctx, interrupt := context.WithCancel(t.Context())
	read, write := io.Pipe()
	go func() {
		read.Read(make([]byte, 100))
		interrupt()
		io.Copy(io.Discard, read)
	}()
	var errs strings.Builder
	code := ctl.Run(ctx, []string{"--address", g.address, "event", "watch", "--json"}, nil, write, &errs)
	write.Close()
	if code != 0 || errs.String() != "" {
		t.Errorf("exit code %d, %s", code, errs.String())
	}
}

func TestCompletion(t *testing.T) {
	tests := []struct {
		args []string
		want []string
	}{
		{[]string{"setting", "set", ""}, []string{"ListenPort\tPort for clients.", "ListenAddress", "LogLevel", "DrainSeconds"}},
		{[]string{"setting", "set", "LogLevel", ""}, []string{"Error", "Info"}},
		{[]string{"setting", "get", "L", ""}, nil},
		{[]string{"allowed-host", "remove", ""}, []string{"a.example.com", "b.example.com"}},
		{[]string{"allowed-host", "set", ""}, []string{"a.example.com", "b.example.com"}},
		{[]string{"allowed-host", "set", "--client-certificate-policy", ""}, []string{"Default", "Off", "IfShown", "Required"}},
		{[]string{"allowed-client-certificate", "remove", ""}, []string{`CN="a b", O=c`, "agent"}},
		{[]string{"tunnel", "close", ""}, []string{"17\t192.0.2.7:4711 to a.example.com"}},
		{[]string{"event", "list", "--level", ""}, []string{"error", "warning", "info", "debug"}},
		{[]string{"allowed-host", "add", "--denied", ""}, []string{"c.example.com", "d.example.com:8443"}},
		{[]string{"denied", "clear", ""}, []string{"c.example.com", "d.example.com:8443"}},
		{[]string{"check", ""}, []string{"a.example.com", "b.example.com", "c.example.com", "d.example.com:8443"}},
		{[]string{"completion", ""}, []string{"bash", "zsh", "fish", "powershell"}},
		{[]string{"help", "allowed-host", ""}, []string{
			"add\tAllow hosts", "list\tList the allowed hosts", "remove\tNo longer allow hosts",
			"review\tSee what is to be tidied in the list", "set\tChange what is said of allowed hosts",
		}},
	}
	for _, test := range tests {
		t.Run(strings.Join(test.args, " "), func(t *testing.T) {
			g := startGateway(t)
			g.hosts, g.subjects = []string{"a.example.com", "b.example.com"}, []string{`CN="a b", O=c`, "agent"}
			g.denied = []*adminv1.DeniedHost{{Host: "c.example.com"}, {Host: "d.example.com:8443"}}
			complete := append([]string{"__complete"}, test.args...)
			complete = append(complete[:len(complete)-1], "--address", g.address, test.args[len(test.args)-1])
			if strings.HasPrefix(test.args[len(test.args)-2], "--") { // the value must follow its flag
				complete = append([]string{"__complete", "--address", g.address}, test.args...)
			}
			got := run(t.Context(), "", complete...)
			want := strings.Join(append(test.want, ":"), "\n") // and then the number of the directive
			if !strings.HasPrefix(got.Out, want) {
				t.Errorf("got %q", got.Out)
			}
		})
	}
	// Without a gateway there is nothing to offer and nothing to say.
	got := run(t.Context(), "", "__complete", "--address", osdefaults.AddressIn("/nobody/here"), "setting", "get", "")
	if got.Out != ":4\n" || strings.Contains(got.Err, "omsgwctl:") {
		t.Errorf("got %+v", got)
	}
}

func TestCompletionScripts(t *testing.T) {
	for shell, want := range map[string]string{
		"bash": "__start_omsgwctl", "zsh": "#compdef omsgwctl", "fish": "complete -c omsgwctl", "powershell": "Register-ArgumentCompleter",
	} {
		got := run(t.Context(), "", "completion", shell)
		if got.Code != 0 || got.Err != "" || !strings.Contains(got.Out, want) {
			t.Errorf("%s: exit code %d, %s", shell, got.Code, got.Err)
		}
		if path, err := exec.LookPath(shell); err == nil && shell != "powershell" {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			check := exec.CommandContext(ctx, path, "-n")
			check.Stdin = strings.NewReader(got.Out)
			if out, err := check.CombinedOutput(); err != nil {
				t.Errorf("%s -n: %v\n%s", shell, err, out)
			}
		}
	}
}

// Every command explains itself: what it does, how it is used, an example, and no word of cobra's own.
func TestHelp(t *testing.T) {
	commands := regexp.MustCompile(`(?m)^  ([a-z-]+)  +[A-Z]`)
	var visit func(path ...string)
	visit = func(path ...string) {
		got := run(t.Context(), "", append(path, "--help")...)
		name := strings.Join(append([]string{"omsgwctl"}, path...), " ")
		if got.Code != 0 || got.Err != "" {
			t.Errorf("%s: exit code %d, %s", name, got.Code, got.Err)
		}
		for _, want := range []string{"\nUSAGE\n  " + name, "\nEXAMPLES\n  ", "\nFLAGS OF EVERY COMMAND\n", "show this help\n"} {
			if !strings.Contains(got.Out, want) {
				t.Errorf("%s: the help has no %q:\n%s", name, want, got.Out)
			}
		}
		for line := range strings.Lines(got.Out) {
			if len(line) > 131 {
				t.Errorf("%s: line too long: %s", name, line)
			}
		}
		if again := run(t.Context(), "", append([]string{"help"}, path...)...); again != got {
			t.Errorf("help %s differs", name)
		}
		before, _, _ := strings.Cut(got.Out, "\nEXAMPLES\n")
		for _, match := range commands.FindAllStringSubmatch(before, -1) {
			visit(append(path[:len(path):len(path)], match[1])...)
		}
	}
	visit()
	if got := run(t.Context(), ""); got.Code != 0 || !strings.Contains(got.Out, "\nEXIT CODES\n") {
		t.Errorf("got %+v", got)
	}
}

package ctl_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/omsgateway/omsgateway/internal/apierr"
	"github.com/omsgateway/omsgateway/internal/reason"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

// relayProxies is the relay proxy of the tests' gateway.
type relayProxies struct {
	adminv1.UnimplementedRelayProxyServiceServer
	mu       sync.Mutex
	now      *adminv1.RelayProxy
	password string // that was sent last
	steps    []*adminv1.RelayProxyStep
}

func (r *relayProxies) GetRelayProxy(context.Context, *adminv1.GetRelayProxyRequest) (*adminv1.GetRelayProxyResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return &adminv1.GetRelayProxyResponse{RelayProxy: r.now, Etag: "e"}, nil
}

func (r *relayProxies) SetRelayProxy(
	_ context.Context, req *adminv1.SetRelayProxyRequest,
) (*adminv1.SetRelayProxyResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if strings.Contains(req.Address, "@") {
		return nil, apierr.ToStatus(reason.New(reason.RelayAddressHasUser))
	}
	before := r.now
	r.now = &adminv1.RelayProxy{Address: "http://" + req.Address, Username: req.Username, PasswordSet: req.Password != ""}
	r.password = req.Password
	return &adminv1.SetRelayProxyResponse{RelayProxy: r.now, Etag: "f", PreviousRelayProxy: before}, nil
}

func (r *relayProxies) ClearRelayProxy(
	context.Context, *adminv1.ClearRelayProxyRequest,
) (*adminv1.ClearRelayProxyResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.now
	r.now = nil
	return &adminv1.ClearRelayProxyResponse{Etag: "g", PreviousRelayProxy: before}, nil
}

func (r *relayProxies) TestRelayProxy(
	_ context.Context, req *adminv1.TestRelayProxyRequest,
) (*adminv1.TestRelayProxyResponse, error) {
	return &adminv1.TestRelayProxyResponse{
		Target: req.Target + ":443", RelayProxy: r.now, Steps: r.steps, Bypassed: req.Target == "near",
	}, nil
}

func TestRelayProxy(t *testing.T) {
	g := startGateway(t)
	for _, step := range []struct {
		args, in string
		want     result
		password string
	}{
		{"relay-proxy get", "", result{Out: "There is no relay proxy: the gateway connects directly.\n"}, ""},
		{"relay-proxy get --json", "", result{Out: "{\n  \"etag\": \"e\"\n}\n"}, ""},
		{"relay-proxy clear", "", result{Out: "relay proxy  none  before: none\n"}, ""},
		{"relay-proxy set proxy:3128", "", result{Out: "relay proxy  http://proxy:3128  before: none\n"}, ""},
		{"relay-proxy get", "", result{Out: "Address:  http://proxy:3128\n"}, ""},
		{"relay-proxy set proxy:3128 --username svc --password-stdin", "p%:ss \"wörd\" \r\n",
			result{Out: "relay proxy  http://proxy:3128 with user svc  before: http://proxy:3128\n"}, "p%:ss \"wörd\" "},
		{"relay-proxy get", "", result{Out: "Address:   http://proxy:3128\nUsername:  svc\nPassword:  set\n"}, "p%:ss \"wörd\" "},
		{"relay-proxy set proxy --username svc --password-stdin", "no end",
			result{Out: "relay proxy  http://proxy with user svc  before: http://proxy:3128 with user svc\n"}, "no end"},
		{"relay-proxy set proxy --username svc --password-stdin", "\ufeffsaved by an editor\r\n",
			result{Out: "relay proxy  http://proxy with user svc  before: http://proxy with user svc\n"}, "saved by an editor"},
		{"relay-proxy set proxy --username svc --password-stdin", "",
			result{Out: "relay proxy  http://proxy with user svc  before: http://proxy with user svc\n"}, ""},
		{"relay-proxy get", "", result{Out: "Address:   http://proxy\nUsername:  svc\nPassword:  none\n"}, ""},
		{"relay-proxy set proxy --username svc --password-stdin", "hunter2\nhunter3\n",
			result{1, "", "omsgwctl: reading the password from standard input: there is more than one line\n"}, ""},
		{"relay-proxy set http://svc:hunter2@proxy", "", result{1, "", "omsgwctl: the address of the relay proxy has a user name " +
			"or a password before @; leave them out there and give them by themselves (--username and --password-stdin, or -Credential)\n"}, ""},
		{"relay-proxy clear --json", "", result{Out: `
{
  "etag": "g",
  "previousRelayProxy": {
    "address": "http://proxy",
    "username": "svc",
    "passwordSet": false
  }
}
`}, ""},
	} {
		step.want.Out = strings.TrimPrefix(step.want.Out, "\n")
		if diff := cmp.Diff(step.want, g.run(t, step.in, strings.Fields(step.args)...)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", step.args, diff)
		}
		if g.relay.password != step.password {
			t.Errorf("%s: the password sent is %q, want %q", step.args, g.relay.password, step.password)
		}
	}
}

func TestTestOfTheRelayProxy(t *testing.T) {
	g := startGateway(t)
	g.relay.steps = []*adminv1.RelayProxyStep{
		{Step: adminv1.RelayProxyStep_DNS, Detail: "proxy is 192.0.2.7", Duration: durationpb.New(3 * time.Millisecond)},
		{Step: adminv1.RelayProxyStep_TCP, Detail: "connected to 192.0.2.7:3128", Duration: durationpb.New(time.Millisecond)},
		{Step: adminv1.RelayProxyStep_RELAY_TLS, Detail: "TLS 1.3", Duration: durationpb.New(time.Millisecond)},
	}
	const table = `
STEP                    RESULT  TIME  DETAIL
DNS                     ok      3 ms  proxy is 192.0.2.7
TCP                     ok      1 ms  connected to 192.0.2.7:3128
TLS to the relay proxy  ok      1 ms  TLS 1.3
`
	want := result{Out: strings.TrimPrefix(table, "\n"),
		Err: "omsgwctl: tunnels to near:443 do not go this way: the setting RelayProxyBypass has the host\n"}
	if diff := cmp.Diff(want, g.run(t, "", "relay-proxy", "test", "near")); diff != "" {
		t.Errorf("all steps succeed (-want +got)\n%s", diff)
	}

	g.relay.steps = append(g.relay.steps, &adminv1.RelayProxyStep{
		Step: adminv1.RelayProxyStep_CONNECT, Duration: durationpb.New(7 * time.Millisecond),
		Problem: &adminv1.Problem{Reason: "RELAY_FORBIDDEN", Message: "it is forbidden", Metadata: map[string]string{"answer": "403"}},
	})
	want = result{1, strings.TrimPrefix(table, "\n") + "CONNECT                 failed  7 ms  RELAY_FORBIDDEN\n",
		"omsgwctl: CONNECT fails: it is forbidden\n"}
	if diff := cmp.Diff(want, g.run(t, "", "relay-proxy", "test", "far")); diff != "" {
		t.Errorf("CONNECT fails (-want +got)\n%s", diff)
	}
	got := g.run(t, "", "relay-proxy", "test", "far", "--json")
	if got.Code != 1 || !strings.Contains(got.Out, `"reason": "RELAY_FORBIDDEN"`) || !strings.Contains(got.Err, `"answer": "403"`) {
		t.Errorf("as JSON: %+v", got)
	}
}

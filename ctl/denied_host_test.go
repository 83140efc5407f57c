package ctl_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

func (g *gateway) ListDeniedHosts(_ context.Context, r *adminv1.ListDeniedHostsRequest) (*adminv1.ListDeniedHostsResponse, error) {
	const most = 4
	switch {
	case r.PageToken == "more":
		return &adminv1.ListDeniedHostsResponse{Hosts: g.denied[most:]}, nil
	case len(g.denied) > most:
		return &adminv1.ListDeniedHostsResponse{Hosts: g.denied[:most], NextPageToken: "more"}, nil
	}
	return &adminv1.ListDeniedHostsResponse{Hosts: g.denied}, nil
}

func (g *gateway) ClearDeniedHosts(_ context.Context, r *adminv1.ClearDeniedHostsRequest) (*adminv1.ClearDeniedHostsResponse, error) {
	answer := &adminv1.ClearDeniedHostsResponse{Cleared: int32(len(g.denied))}
	if !r.All {
		answer.Cleared = 0
		for _, host := range r.Hosts {
			if slices.ContainsFunc(g.denied, func(h *adminv1.DeniedHost) bool { return h.Host == host }) {
				answer.Cleared++
			} else {
				answer.NotPresent = append(answer.NotPresent, host)
			}
		}
	}
	return answer, nil
}

// refused is a host that was refused at this second of the tests' minute, which atTime replaces.
func refused(host string, second int64, why string, count int32, clients ...string) *adminv1.DeniedHost {
	at := &timestamppb.Timestamp{Seconds: 1582895945 + 3600*second}
	return &adminv1.DeniedHost{Host: host, Count: int64(count), FirstDeniedAt: at, LastDeniedAt: at, Reason: why, Clients: clients, ClientCount: count}
}

func refusedHosts() []*adminv1.DeniedHost {
	return []*adminv1.DeniedHost{
		refused("a.example.com", 3, "HOST_NOT_ALLOWED", 1, "192.0.2.7"),
		refused("b.example.com:22", 1, "PORT_NOT_ALLOWED", 4, "192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"),
		refused("b.example.com:8443", 2, "HOST_NOT_ALLOWED", 40, "192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"),
		refused("c.example.com", 0, "ADDRESS_NOT_ALLOWED", 2, "192.0.2.1", "2001:db8::1\x1b[2J"),
		refused("d.example.com:8443", 4, "HOST_NOT_ALLOWED", 1, "192.0.2.7"),
		refused("2001:db8::1", 5, "HOST_NOT_ALLOWED", 1, "192.0.2.7"),
	}
}

func TestDenied(t *testing.T) {
	tests := []struct {
		args string
		want result
	}{
		{"denied list", result{Out: `
HOST                REFUSED  FIRST                LAST                 REASON               CLIENTS
c.example.com       2        TIME  TIME  ADDRESS_NOT_ALLOWED  192.0.2.1, 2001:db8::1\x1b[2J
b.example.com:22    4        TIME  TIME  PORT_NOT_ALLOWED     192.0.2.1, 192.0.2.2, 192.0.2.3 and 1 more
b.example.com:8443  40       TIME  TIME  HOST_NOT_ALLOWED     192.0.2.1, 192.0.2.2, 192.0.2.3 and about 37 more
a.example.com       1        TIME  TIME  HOST_NOT_ALLOWED     192.0.2.7
d.example.com:8443  1        TIME  TIME  HOST_NOT_ALLOWED     192.0.2.7
2001:db8::1         1        TIME  TIME  HOST_NOT_ALLOWED     192.0.2.7
`}},
		{"denied clear a.example.com x.example.com", result{0, "1 host forgotten\n", "omsgwctl: the list has no x.example.com\n"}},
		{"denied-host clear --all", result{Out: "6 hosts forgotten\n"}},
		{"denied clear --all --json", result{Out: "{\n  \"cleared\": 6,\n  \"notPresent\": []\n}\n"}},
		{"denied clear", result{2, "", "omsgwctl: which hosts? give them, or --all\nSee 'omsgwctl denied clear --help'.\n"}},
		{"denied clear a --all", result{2, "", "omsgwctl: give either hosts or --all\nSee 'omsgwctl denied clear --help'.\n"}},
	}
	for _, test := range tests {
		t.Run(test.args, func(t *testing.T) {
			g := startGateway(t)
			g.denied = refusedHosts()
			got := g.run(t, "", strings.Fields(test.args)...)
			got.Out = atTime(got.Out)
			test.want.Out = strings.TrimPrefix(test.want.Out, "\n")
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}

	g := startGateway(t)
	if got := g.run(t, "", "denied", "list"); got != (result{Err: "omsgwctl: no client was refused a host that is not allowed by now\n"}) {
		t.Errorf("an empty list: %+v", got)
	}
	g.denied = refusedHosts()
	got := g.run(t, "", "denied", "list", "--json")
	if first := strings.Index(got.Out, `"c.example.com"`); first < 0 || first > strings.Index(got.Out, `"a.example.com"`) ||
		!strings.Contains(got.Out, `"clientCount": 40`) {
		t.Errorf("as JSON: %+v", got)
	}
}

func TestAddDenied(t *testing.T) {
	tests := []struct {
		args  string
		stdin string
		want  result
		hosts []string // that are allowed afterwards
	}{
		{args: "A.example.com.", want: result{Out: "a.example.com  added\n"}, hosts: []string{"a.example.com"}},
		{args: "a.example.com:443", want: result{Out: "a.example.com  added\n"}, hosts: []string{"a.example.com"}},
		{args: "d.example.com", want: result{Out: "d.example.com:8443  added\n"}, hosts: []string{"d.example.com:8443"}},
		{args: "[2001:db8::1]:443", want: result{Out: "2001:db8::1  added\n"}, hosts: []string{"2001:db8::1"}},
		{args: "b.example.com:22 -", stdin: "a.example.com # now\n",
			want:  result{Out: "b.example.com:22  added\na.example.com     added\n"},
			hosts: []string{"a.example.com", "b.example.com:22"}},
		{args: "d.example.com:443", want: result{1, "", "omsgwctl: no host was added: no client was refused d.example.com, or it is " +
			"allowed by now; omsgwctl denied list shows the refused hosts\n"}},
		{args: "*.example.com", want: result{1, "", "omsgwctl: no host was added: no client was refused *.example.com, or it is " +
			"allowed by now; omsgwctl denied list shows the refused hosts\n"}},
		{args: "b.example.com", want: result{1, "", "omsgwctl: no host was added: clients were refused b.example.com at several ports; " +
			"say which: b.example.com:22, b.example.com:8443\n"}},
		{args: "c.example.com", want: result{1, "", "omsgwctl: no host was added: c.example.com is allowed already, but its name leads to " +
			"an address that is refused; omsgwctl check c.example.com tells more\n"}},
		{args: "https://a.example.com/", want: result{1, "", "omsgwctl: no host was added: \"https://a.example.com/\" is a URL; give the " +
			"host alone: a.example.com\n"}},
		{args: "a.example.com x.example.com https://d.example.com",
			want: result{1, "", "omsgwctl: no host was added, because 2 of 3 are invalid\n" +
				"  argument 2: no client was refused x.example.com, or it is allowed by now; omsgwctl denied list shows the refused hosts\n" +
				"  argument 3: \"https://d.example.com\" is a URL; give the host alone: d.example.com\n"}},
	}
	for _, test := range tests {
		t.Run(test.args, func(t *testing.T) {
			g := startGateway(t)
			g.denied = refusedHosts()
			got := g.run(t, test.stdin, append([]string{"allowed-host", "add", "--denied"}, strings.Fields(test.args)...)...)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if diff := cmp.Diff(test.hosts, g.stored()); diff != "" {
				t.Errorf("allowed hosts (-want +got)\n%s", diff)
			}
		})
	}
	g := startGateway(t)
	g.denied = refusedHosts()
	got := g.run(t, "", "allowed-host", "add", "--denied", "--json", "x.example.com")
	if got.Code != 1 || !strings.Contains(got.Err, `"reason": "DENIED_HOST_NOT_PRESENT"`) {
		t.Errorf("as JSON: %+v", got)
	}
}

package ctl_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

// discoveries is what the tests' gateway has learned.
type discoveries struct {
	adminv1.UnimplementedDiscoveryServiceServer
	now *adminv1.GetDiscoveryResponse
}

func (d *discoveries) GetDiscovery(context.Context, *adminv1.GetDiscoveryRequest) (*adminv1.GetDiscoveryResponse, error) {
	return d.now, nil
}

func TestDiscoveryShow(t *testing.T) {
	at := &timestamppb.Timestamp{Seconds: 1582895945}
	for name, test := range map[string]struct {
		now  *adminv1.GetDiscoveryResponse
		want string
	}{
		"off": {
			now:  &adminv1.GetDiscoveryResponse{ReadAt: at},
			want: "Nothing is learned: LearnHosts is off.\n",
		},
		"no agent": {
			now: &adminv1.GetDiscoveryResponse{On: true, ReadAt: at, Places: []*adminv1.DiscoveryPlace{
				{Agent: "OMS agent", Path: "/oms", State: adminv1.DiscoveryPlace_MISSING},
			}},
			want: `
AGENT      PLACE  STATE          READ
OMS agent  /oms   no such agent
`,
		},
		"everything": {
			now: &adminv1.GetDiscoveryResponse{
				On: true, ReadAt: at,
				Places: []*adminv1.DiscoveryPlace{
					{Agent: "A", Path: "/a", State: adminv1.DiscoveryPlace_EMPTY},
					{Agent: "B", Path: "/b/1", State: adminv1.DiscoveryPlace_READ, ReadAt: at},
					{Agent: "B", Path: "/b/2", State: adminv1.DiscoveryPlace_FAILED, Problem: &adminv1.Problem{Message: "/b/2 cannot be read"}},
				},
				Hosts: []*adminv1.LearnedHost{
					{Host: "a.example.com", Agent: "A", Place: "/a", Since: at},
					{Host: "b.example.com", Agent: "B", Workspace: "w", Place: "/b/1", Since: at},
				},
				ClientCertificates: []*adminv1.LearnedClientCertificate{
					{Subject: "w", Agent: "B", Workspace: "w", Place: "/b/1", Since: at},
				},
				Ignored: []*adminv1.Problem{{Message: "/b/1: c\x1b[2J is not learned"}},
				LeftOut: 3,
			},
			want: `
AGENT  PLACE  STATE                 READ
A      /a     no configuration yet
B      /b/1   read                  TIME
B      /b/2   not readable

HOST           AGENT  WORKSPACE  SINCE                PLACE
a.example.com  A                 TIME  /a
b.example.com  B      w          TIME  /b/1

CLIENT CERTIFICATE  AGENT  WORKSPACE  SINCE                PLACE
w                   B      w          TIME  /b/1

PROBLEM
/b/2 cannot be read
/b/1: c\x1b[2J is not learned
3 more things not shown
`,
		},
	} {
		g := startGateway(t)
		g.learned.now = test.now
		got := g.run(t, "", "discovery", "show")
		got.Out = atTime(got.Out)
		if diff := cmp.Diff(result{Out: strings.TrimPrefix(test.want, "\n")}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

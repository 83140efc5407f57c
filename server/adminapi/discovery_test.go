package adminapi_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/omsgateway/omsgateway/internal/clientcert"
	"github.com/omsgateway/omsgateway/internal/discovery"
	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/policy"
	"github.com/omsgateway/omsgateway/internal/reason"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

func TestGetDiscovery(t *testing.T) {
	a, ctx := start(t), t.Context()
	client := adminv1.NewDiscoveryServiceClient(a.conn)
	at, since := time.Unix(9, 0), time.Unix(7, 0)

	a.agents = discovery.Reading{At: at}
	got, err := client.GetDiscovery(ctx, &adminv1.GetDiscoveryRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&adminv1.GetDiscoveryResponse{ReadAt: timestamppb.New(at)}, got, protocmp.Transform()); diff != "" {
		t.Errorf("switched off (-want +got):\n%s", diff)
	}

	entry, err := clientcert.ParseEntry("w")
	if err != nil {
		t.Fatal(err)
	}
	source := policy.Source{Kind: policy.Learned, Since: since, Particulars: learnedFrom("A", "/a", "w")}
	a.agents = discovery.Reading{
		At: at, On: true,
		Places: []discovery.Place{
			{Agent: "A", Path: "/a", State: discovery.Read, ReadAt: at},
			{Agent: "A", Path: "/b", State: discovery.Failed, Err: reason.Wrap(errors.New("it is cut"), reason.LearnedFileInvalid, "place", "/b", "agent", "A")},
			{Agent: "B", Path: "/c", State: discovery.Missing},
			{Agent: "C", Path: "/d", State: discovery.Empty},
		},
		Entries:            []policy.Entry{{Pattern: learnedPattern(t, "a.example.com"), Source: source}},
		ClientCertificates: []discovery.ClientCertificate{{Entry: entry, Source: source}},
		Ignored:            []error{reason.New(reason.LearnedHostForeign, "place", "/a", "host", "b.example.com")},
		IgnoredLeftOut:     2,
	}
	want := &adminv1.GetDiscoveryResponse{
		On: true, ReadAt: timestamppb.New(at),
		Places: []*adminv1.DiscoveryPlace{
			{Agent: "A", Path: "/a", State: adminv1.DiscoveryPlace_READ, ReadAt: timestamppb.New(at)},
			{Agent: "A", Path: "/b", State: adminv1.DiscoveryPlace_FAILED, Problem: &adminv1.Problem{
				Reason:   "LEARNED_FILE_INVALID",
				Message:  "/b is not what A writes; what was learned from it before stays: it is cut",
				Metadata: map[string]string{"place": "/b", "agent": "A"},
			}},
			{Agent: "B", Path: "/c", State: adminv1.DiscoveryPlace_MISSING},
			{Agent: "C", Path: "/d", State: adminv1.DiscoveryPlace_EMPTY},
		},
		Hosts: []*adminv1.LearnedHost{
			{Host: "a.example.com", Agent: "A", Workspace: "w", Place: "/a", Since: timestamppb.New(since)},
		},
		ClientCertificates: []*adminv1.LearnedClientCertificate{
			{Subject: "w", Agent: "A", Workspace: "w", Place: "/a", Since: timestamppb.New(since)},
		},
		Ignored: []*adminv1.Problem{{
			Reason: "LEARNED_HOST_FOREIGN",
			Message: "/a: b.example.com is not learned, since it is no name of Azure's monitoring services; " +
				"if agents really need it: omsgwctl allowed-host add b.example.com",
			Metadata: map[string]string{"place": "/a", "host": "b.example.com"},
		}},
		LeftOut: 2,
	}
	if got, err = client.GetDiscovery(ctx, &adminv1.GetDiscoveryRequest{}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// The largest reading that there can be fits into an answer, as far as hosts are concerned.
func TestGetDiscoveryIsBounded(t *testing.T) {
	a := start(t)
	place := "/" + strings.Repeat("p", 330)
	a.agents = discovery.Reading{At: time.Now(), On: true}
	for i := range 1000 {
		name := fmt.Sprintf("h%03d.%s%s.com", i, strings.Repeat("a", 50), strings.Repeat("."+strings.Repeat("a", 45), 4))
		a.agents.Entries = append(a.agents.Entries, policy.Entry{Pattern: learnedPattern(t, name), Source: policy.Source{
			Since: time.Now(), Particulars: learnedFrom(discovery.MicrosoftMonitoringAgent, place, strings.Repeat("w", 63)),
		}})
		err := reason.New(reason.LearnedPlaceDenied, "place", place, "account", "a", "command", strings.Repeat(place, 5))
		a.agents.Places = append(a.agents.Places, discovery.Place{Agent: "A", Path: place, State: discovery.Failed, Err: err})
		a.agents.Ignored = append(a.agents.Ignored, err)
	}
	got, err := adminv1.NewDiscoveryServiceClient(a.conn).GetDiscovery(t.Context(), &adminv1.GetDiscoveryRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if size := proto.Size(got); size > 1<<20 {
		t.Errorf("the answer has %d bytes", size)
	}
	if len(got.Hosts) != 1000 || len(got.Places) == 0 || len(got.Places)+len(got.Ignored)+int(got.LeftOut) != 2000 {
		t.Errorf("%d hosts, %d places, %d ignored, %d left out", len(got.Hosts), len(got.Places), len(got.Ignored), got.LeftOut)
	}
}

func learnedPattern(t *testing.T, host string) hostname.Pattern {
	t.Helper()
	p, err := hostname.ParsePattern(host)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

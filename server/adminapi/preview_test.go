package adminapi_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/reason"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

// Each host that clients asked for is judged by what would be in force, from all sources.
func TestPreview(t *testing.T) {
	a := start(t)
	ctx := t.Context()
	hosts, set := adminv1.NewAllowedHostServiceClient(a.conn), adminv1.NewSettingServiceClient(a.conn)
	add := &adminv1.AddAllowedHostsRequest{Hosts: []*adminv1.AllowedHost{
		{Host: "*.example.com"}, {Host: "b.example.com"}, {Host: "x.example.org"},
	}}
	if _, err := hosts.AddAllowedHosts(ctx, add); err != nil {
		t.Fatal(err)
	}
	remove := &adminv1.RemoveAllowedHostsRequest{Hosts: []string{"*.example.com", "never-there.example.com"}, ValidateOnly: true}
	preview := func() *adminv1.Preview {
		t.Helper()
		before := a.Store.Current()
		r, err := hosts.RemoveAllowedHosts(ctx, remove)
		if err != nil {
			t.Fatal(err)
		}
		if r.GetPreview().GetEtag() != before.Etag || a.Store.Current() != before {
			t.Errorf("etag %s, want %s, and nothing changed", r.GetPreview().GetEtag(), before.Etag)
		}
		return r.GetPreview()
	}
	if got := remarksOf(preview()); got[0] != reason.ImpactNotCounted.Text(nil) || len(got) > 1 {
		t.Errorf("without a request: %q", got)
	}

	today := time.Now().UTC().Format(time.DateOnly)
	ask(t, a, "b.example.com:443", 3, 1) // another entry allows it
	ask(t, a, "x.example.org:443", 1, 1) // and this one
	want := []string{"no host would be refused that clients asked for since " + today}
	if diff := cmp.Diff(want, remarksOf(preview())); diff != "" {
		t.Error(diff)
	}
	ask(t, a, "c.example.com:443", 1200, 2)
	want = []string{"c.example.com:443 would be refused, which clients asked for since " + today + " (requests: 1,200, clients: 2)"}
	if diff := cmp.Diff(want, remarksOf(preview())); diff != "" {
		t.Error(diff)
	}
	for n := range 6 {
		ask(t, a, fmt.Sprintf("h%d.example.com:443", n), 10-n, 1)
	}
	p := preview()
	want = []string{"7 hosts would be refused that clients asked for since " + today + " (requests: 1,245, clients: 2): " +
		"c.example.com:443, h0.example.com:443, h1.example.com:443, h2.example.com:443, h3.example.com:443, and 2 more"}
	if diff := cmp.Diff(want, remarksOf(p)); diff != "" {
		t.Error(diff)
	}
	wantCounts := []*adminv1.RevisionCount{{Noun: "allowed-host", Removed: 1}}
	if diff := cmp.Diff(wantCounts, p.GetCounts(), protocmp.Transform()); diff != "" || p.GetImpact().GetHostCount() != 7 {
		t.Errorf("%d hosts; %s", p.GetImpact().GetHostCount(), diff)
	}

	// More clients are an estimate.
	for n := range 300 {
		a.Demand.Allowed(target(t, "c.example.com:443"), netip.AddrFrom4([4]byte{10, 1, byte(n >> 8), byte(n)}), time.Now())
	}
	if got := preview().GetImpact().GetClients(); got < 250 || got > 350 {
		t.Errorf("%d clients, want about 300", got)
	}

	// Of what is not counted it never says that nobody would notice.
	for key, want := range map[string]string{
		"MinimumTlsVersion": "what else clients would notice is not known: nothing is counted that tells about versions of TLS and server names",
		"LogLevel":          "no host would be refused that clients asked for since " + today,
	} {
		value := map[string]string{"MinimumTlsVersion": "1.2", "LogLevel": "Debug"}[key]
		r, err := set.SetSetting(ctx, &adminv1.SetSettingRequest{Key: key, Value: value, ValidateOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{want}, remarksOf(r.GetPreview())); diff != "" {
			t.Errorf("%s: %s", key, diff)
		}
	}

	// A change that is made has none.
	r, err := set.SetSetting(ctx, &adminv1.SetSettingRequest{Key: "LogLevel", Value: "Debug"})
	if err != nil || r.GetPreview() != nil {
		t.Errorf("%v, %v", r, err)
	}
}

func remarksOf(p *adminv1.Preview) (texts []string) {
	for _, remark := range p.GetImpact().GetRemarks() {
		texts = append(texts, remark.GetMessage())
	}
	return texts
}

// ask lets clients through to a host, again and again.
func ask(t *testing.T, a *api, text string, times, clients int) {
	t.Helper()
	for n := range times {
		a.Demand.Allowed(target(t, text), netip.AddrFrom4([4]byte{10, 0, 0, byte(n % clients)}), time.Now())
	}
}

func target(t *testing.T, text string) hostname.Target {
	t.Helper()
	parsed, err := hostname.ParseTarget(text)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

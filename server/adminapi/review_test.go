package adminapi_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/omsgateway/omsgateway/internal/config"
	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/settings"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

func TestReviewAllowedHosts(t *testing.T) {
	a, ctx := start(t), t.Context()
	hosts := adminv1.NewAllowedHostServiceClient(a.conn)
	now, day := time.Now(), 24*time.Hour
	list := []struct {
		host    string
		policy  config.CertificatePolicy
		expires time.Duration // from now on; 0 for never
		added   time.Duration // ago
		used    time.Duration // ago; 0 for never
		owner   string
		want    []string // findings and their commands
	}{
		{host: "fine.example.net", used: 89 * day, added: 200 * day, owner: "ops"},
		{host: "new.example.net", added: day, owner: "ops"},
		{host: "later.example.net", added: day, owner: "ops", expires: 31 * day},
		{host: "never.example.net", added: 8 * day, owner: "ops", want: []string{
			"REVIEW_NEVER_USED", "omsgwctl allowed-host remove never.example.net",
		}},
		{host: "old.example.net:8443", added: 200 * day, used: 91 * day, owner: "ops", want: []string{
			"REVIEW_UNUSED", "omsgwctl allowed-host remove old.example.net:8443",
		}},
		{host: "gone.example.net", added: 200 * day, expires: -day, want: []string{
			"REVIEW_EXPIRED", "omsgwctl allowed-host remove gone.example.net",
		}},
		{host: "soon.example.net", used: day, expires: 29 * day, owner: "ops", want: []string{
			"REVIEW_EXPIRING", "omsgwctl allowed-host set soon.example.net --expires 90d",
		}},
		{host: "whose.example.net", used: day, want: []string{
			"REVIEW_WITHOUT_OWNER", "omsgwctl allowed-host set whose.example.net --owner NAME",
		}},
		{host: "*.a.example.org", used: day, owner: "ops"},
		{host: "*.blob.core.windows.net", used: day, owner: "ops", want: []string{
			"REVIEW_WIDE", "omsgwctl allowed-host remove '*.blob.core.windows.net'",
		}},
		{host: "*.example.com", used: day, owner: "ops", expires: 40 * day, want: []string{
			"REVIEW_WIDE", "omsgwctl allowed-host add x.example.com y.example.com", "omsgwctl allowed-host remove '*.example.com'",
		}},
		{host: "same.example.com", used: day, owner: "ops", expires: 40 * day, want: []string{
			"REVIEW_COVERED", "omsgwctl allowed-host remove same.example.com",
		}},
		{host: "other.example.com:8443", used: day, owner: "ops"},
		{host: "loose.example.com", used: day, owner: "ops", policy: config.Required, want: []string{
			"REVIEW_POLICY_DIFFERS", "omsgwctl allowed-host set loose.example.com --client-certificate-policy Off",
		}},
		{host: "outlives.example.com", used: day, owner: "ops"},
		{host: "short.example.com", used: day, owner: "ops", expires: 35 * day, want: []string{
			"REVIEW_EXPIRY_WITHOUT_EFFECT", "omsgwctl allowed-host remove short.example.com",
		}},
	}
	want := map[string][]string{}
	if _, _, err := a.Store.Update(ctx, settings.Request{}, func(c *config.Config) error {
		for _, h := range list {
			p := parsePattern(t, h.host)
			host := config.AllowedHost{
				Pattern: p, ClientCertificatePolicy: h.policy, AddedAt: now.Add(-h.added), Account: config.Account{Owner: h.owner},
			}
			if h.expires != 0 {
				host.Account.Expires = now.Add(h.expires)
			}
			c.AddHosts(host)
			if h.used > 0 {
				a.Usage.Used(p, now.Add(-h.used))
			}
			if h.want != nil {
				want[p.String()] = h.want
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"y.example.com:443", "x.example.com:443", "same.example.com:443"} {
		target, err := hostname.ParseTarget(text)
		if err != nil {
			t.Fatal(err)
		}
		a.Demand.Allowed(target, netip.MustParseAddr("192.0.2.7"), now)
	}
	got := map[string][]string{}
	for token, pages := "", 0; ; pages++ {
		page, err := hosts.ReviewAllowedHosts(ctx, &adminv1.ReviewAllowedHostsRequest{PageSize: 5, PageToken: token})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range page.GetFindings() {
			got[f.GetHost().GetHost()] = append(append(got[f.GetHost().GetHost()], f.GetProblem().GetReason()), f.GetCommands()...)
			if used := a.Usage.UseOf(parsePattern(t, f.GetHost().GetHost())); used.Count != f.GetUseCount() {
				t.Errorf("%s has %d uses, want %d", f.GetHost().GetHost(), f.GetUseCount(), used.Count)
			}
		}
		if token = page.GetNextPageToken(); token == "" {
			if pages != (len(list)-1)/5 {
				t.Errorf("%d pages", pages+1)
			}
			break
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

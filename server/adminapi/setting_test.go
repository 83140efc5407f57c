package adminapi_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/omsgateway/omsgateway/internal/reason"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

// Whoever moves the port is told that the firewall does not follow, also when the change is only tried, and the status says it too.
func TestFirewallThatDoesNotFollow(t *testing.T) {
	a := start(t)
	a.opened = 8080
	set, status := adminv1.NewSettingServiceClient(a.conn), adminv1.NewStatusServiceClient(a.conn)
	for _, step := range []struct {
		key, value   string
		validateOnly bool
		warn         string // of the change
		status       string // afterwards
	}{
		{key: "ListenPort", value: "8080"},
		{key: "ListenPort", value: "8081", validateOnly: true, warn: "8081"},
		{key: "ListenPort", value: "8082", warn: "8082", status: "8082"},
		{key: "DrainSeconds", value: "7", status: "8082"},
		{key: "ListenAddress", value: "192.0.2.1", warn: "8082", status: "8082"},
		{key: "ListenPort", value: "8080"},
	} {
		change := &adminv1.SetSettingRequest{Key: step.key, Value: step.value, ValidateOnly: step.validateOnly}
		changed, err := set.SetSetting(t.Context(), change)
		if err != nil {
			t.Fatal(err)
		}
		now, err := status.GetStatus(t.Context(), &adminv1.GetStatusRequest{})
		if err != nil {
			t.Fatal(err)
		}
		want := [][]string{portsOf(step.warn), portsOf(step.status)}
		if diff := cmp.Diff(want, [][]string{warned(t, changed.GetWarnings()), warned(t, now.GetWarnings())}); diff != "" {
			t.Errorf("%s=%s (-want +got):\n%s", step.key, step.value, diff)
		}
	}
}

func portsOf(port string) []string {
	if port == "" {
		return nil
	}
	return []string{port}
}

// warned are the ports that are warned of.
func warned(t *testing.T, warnings []*adminv1.Problem) (ports []string) {
	t.Helper()
	for _, w := range warnings {
		if w.GetReason() != string(reason.FirewallRuleDiffers) {
			t.Errorf("a warning of %s", w.GetReason())
		}
		ports = append(ports, w.GetMetadata()["port"])
	}
	return ports
}

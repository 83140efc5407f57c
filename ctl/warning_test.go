package ctl_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

// What a change leaves to be done is said beside its answer, and by the status.
func TestWarnings(t *testing.T) {
	g := startGateway(t)
	got := g.run(t, "", "setting", "set", "ListenPort", "8099")
	const warning = "omsgwctl: warning: open the firewall\n"
	if diff := cmp.Diff(warning, got.Err); diff != "" || got.Code != 0 || !strings.Contains(got.Out, "8099") {
		t.Errorf("%+v", got)
	}
	got = g.run(t, "", "setting", "set", "ListenPort", "8099", "--json")
	if got.Code != 0 || got.Err != "" || !strings.Contains(got.Out, `"reason": "FIREWALL_RULE_DIFFERS"`) {
		t.Errorf("as JSON: %+v", got)
	}
	g.status = &adminv1.GetStatusResponse{State: adminv1.GetStatusResponse_RUNNING,
		Warnings: []*adminv1.Problem{{Message: "open the firewall"}}}
	if got := g.run(t, "", "status"); !strings.Contains(got.Out, "Warning:") || !strings.Contains(got.Out, "open the firewall\n") {
		t.Errorf("the status: %+v", got)
	}
}

package ctl

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"

	"github.com/omsgateway/omsgateway/ctl/command"
	"github.com/omsgateway/omsgateway/internal/adminclient"
	"github.com/omsgateway/omsgateway/internal/apierr"
	"github.com/omsgateway/omsgateway/internal/printable"
	"github.com/omsgateway/omsgateway/internal/reason"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

func (a app) check() *cobra.Command {
	var decideOnly bool
	cmd := command.Asking(a.Program, &cobra.Command{
		Use:   "check HOST",
		Short: "Tell what would become of a request for a host",
		Long: `Tell what would become of a client's request for a host, and why: is it allowed, by which entry, where does its name
lead, does the gateway reach it. It is decided as for clients. If the host is allowed, its name is looked up, and one
connection is opened and closed again without a byte being sent.

Without a port HOST means port 443. The exit code is 0 only if a client's request would succeed, as far as was tried.`,
		Example: `omsgwctl check a.example.com
omsgwctl check a.example.com:8443 --decide-only`,
		GroupID:           command.GroupWatch,
		Args:              command.Takes("HOST"),
		ValidArgsFunction: a.Complete(hostsToCheck),
	}, func(ctx context.Context, c *adminclient.Client, args []string) (*adminv1.CheckHostResponse, error) {
		return command.Call(ctx, c.Hosts.CheckHost, &adminv1.CheckHostRequest{Host: args[0], DecideOnly: decideOnly})
	}, func(r *adminv1.CheckHostResponse) command.View {
		return command.View{Tables: []command.Table{checkRows(r, decideOnly)}, Failure: checkFailure(r)}
	})
	cmd.Flags().BoolVar(&decideOnly, "decide-only", false, "look nothing up and connect nowhere")
	return cmd
}

// hostsToCheck are those of both lists, or of the one that can be read.
func hostsToCheck(ctx context.Context, c *adminclient.Client, args []string) ([]string, error) {
	allowed, _ := allowedHosts(ctx, c, args)
	denied, _ := deniedHosts(ctx, c, args)
	return append(allowed, denied...), nil
}

func checkRows(r *adminv1.CheckHostResponse, decideOnly bool) [][]string {
	rows := [][]string{{"Host:", r.Host}}
	e := r.Entry
	if !r.Allowed {
		rows = append(rows, []string{"Decision:", "refused, " + r.GetRefusal().GetReason()})
		if e != nil {
			rows = append(rows, []string{"Allowed instead:", e.Host})
		}
	} else {
		rows = append(rows, []string{"Decision:", "allowed by " + e.GetHost()})
	}
	for i, s := range e.GetSources() {
		rows = append(rows, []string{first(i, "Source:"), sourceSince(s)})
	}
	if !r.Allowed {
		return rows
	}
	rows = append(rows,
		[]string{"Used:", useText(e.GetUseCount(), e.GetLastUsedAt())},
		[]string{"Client certificates:", policyName(e.GetClientCertificatePolicy())})
	for i, address := range r.Addresses {
		rows = append(rows, []string{first(i, "Leads to:"), addressText(address, r.Addresses)})
	}
	switch r.Route {
	case adminv1.CheckHostResponse_RELAY_PROXY:
		rows = append(rows, []string{"Route:", "through the relay proxy " + r.RelayProxy})
	case adminv1.CheckHostResponse_RELAY_PROXY_BYPASS:
		rows = append(rows, []string{"Route:", "directly (RelayProxyBypass)"})
	case adminv1.CheckHostResponse_DIRECT, adminv1.CheckHostResponse_UNSPECIFIED:
		rows = append(rows, []string{"Route:", "directly"})
	}
	switch {
	case r.Unresolved != nil:
		rows = append(rows, []string{"Leads to:", "failed, " + r.Unresolved.Reason})
	case r.Unreachable != nil:
		rows = append(rows, []string{"Connection:", "failed, " + r.Unreachable.Reason})
	case r.Connected:
		rows = append(rows, []string{"Connection:", fmt.Sprintf("opened to %s in %d ms",
			r.ConnectedAddress, r.ConnectTime.AsDuration()/time.Millisecond)})
	case !decideOnly:
		rows = append(rows, []string{"Connection:", "not tried, because the gateway is stopped"})
	}
	return rows
}

// addressText is an address with what became of it among all of its name.
func addressText(address *adminv1.CheckHostResponse_Address, all []*adminv1.CheckHostResponse_Address) string {
	switch {
	case address.Refusal != nil:
		return address.Address + ", refused: " + address.Refusal.Metadata["kind"]
	case address.Failure != "":
		return address.Address + ", not connected: " + printable.Escaped(address.Failure)
	case !address.Tried && slices.ContainsFunc(all, (*adminv1.CheckHostResponse_Address).GetTried):
		return address.Address + ", not tried" // none is, where a relay proxy connects
	}
	return address.Address
}

// first is label in the first of several rows.
func first(i int, label string) string {
	if i > 0 {
		return ""
	}
	return label
}

// checkFailure is why a request would fail, or nil.
func checkFailure(r *adminv1.CheckHostResponse) error {
	for _, p := range []*adminv1.Problem{r.Refusal, r.Unresolved, r.Unreachable} {
		if p != nil {
			return &apierr.Error{
				Code: codes.FailedPrecondition, Reason: reason.Reason(p.Reason), Message: p.Message, Parts: p.Metadata,
			}
		}
	}
	return nil
}

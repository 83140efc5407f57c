package ctl

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/omsgateway/omsgateway/ctl/command"
	"github.com/omsgateway/omsgateway/internal/adminclient"
	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/printable"
	"github.com/omsgateway/omsgateway/internal/reason"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

func (a app) denied() *cobra.Command {
	return command.Noun(&cobra.Command{
		Use:     "denied",
		Aliases: []string{"denied-host"},
		Short:   "See which hosts clients were refused",
		Long: `See which hosts clients were refused, and why. The gateway remembers up to 10,000 of them, also over a restart. To allow
one of them, use: omsgwctl allowed-host add --denied HOST`,
		Example: `omsgwctl denied list
omsgwctl allowed-host add --denied a.example.com
omsgwctl denied clear --all`,
		GroupID: command.GroupWatch,
	}, a.deniedList(), a.deniedClear())
}

func (a app) deniedList() *cobra.Command {
	return command.Asking(a.Program, &cobra.Command{
		Use:   "list",
		Short: "List the refused hosts, the latest last",
		Long: `List the hosts that clients were refused and would be refused now, the one that was refused last at the end: how often
that was, when for the first and the last time, to which clients, the latest first, and why. A host that has been
allowed since is left out.

HOST_NOT_ALLOWED: nothing allows the host. PORT_NOT_ALLOWED: it is allowed, but at another port. ADDRESS_NOT_ALLOWED: it
is allowed, but its name led to an address that it may not lead to; omsgwctl check HOST tells where it leads now.`,
		Example: `omsgwctl denied list
omsgwctl denied list --json`,
		Args: command.Takes(),
	}, listDenied, func(r *adminv1.ListDeniedHostsResponse) command.View {
		if len(r.Hosts) == 0 {
			return command.Notef("no client was refused a host that is not allowed by now")
		}
		rows := [][]string{{"HOST", "REFUSED", "FIRST", "LAST", "REASON", "CLIENTS"}}
		for _, h := range r.Hosts {
			rows = append(rows, []string{h.Host, fmt.Sprint(h.Count), command.Moment(h.FirstDeniedAt), command.Moment(h.LastDeniedAt),
				h.Reason, clientsText(h)})
		}
		return command.Rows(rows...)
	})
}

// listDenied returns every page as one, in the order of their last refusal.
func listDenied(ctx context.Context, c *adminclient.Client, _ []string) (*adminv1.ListDeniedHostsResponse, error) {
	all, err := allPages(func(token string) (*adminv1.ListDeniedHostsResponse, error) {
		return command.Call(ctx, c.DeniedHosts.ListDeniedHosts, &adminv1.ListDeniedHostsRequest{PageToken: token})
	})
	slices.SortStableFunc(all.GetHosts(), func(g, h *adminv1.DeniedHost) int {
		return g.GetLastDeniedAt().AsTime().Compare(h.GetLastDeniedAt().AsTime())
	})
	return all, err
}

// clientsText names the latest clients. The number of the others is an estimate if the gateway does not know them all.
func clientsText(h *adminv1.DeniedHost) string {
	const shown = 3
	text := strings.Join(h.Clients[:min(len(h.Clients), shown)], ", ")
	switch more := int(h.ClientCount) - shown; {
	case more <= 0:
		return text
	case int(h.ClientCount) > len(h.Clients):
		return fmt.Sprintf("%s and about %d more", text, more)
	default:
		return fmt.Sprintf("%s and %d more", text, more)
	}
}

func (a app) deniedClear() *cobra.Command {
	var all bool
	cmd := command.Asking(a.Program, &cobra.Command{
		Use:   "clear {HOST... | --all}",
		Short: "Forget refused hosts",
		Long: `Forget refused hosts until they are refused again. It changes nothing that is allowed or refused. A host is given as the
list has it; without a port it means port 443. One that is not in the list is no failure.`,
		Example: `omsgwctl denied clear a.example.com b.example.com:8443
omsgwctl denied clear --all`,
		DisableFlagsInUseLine: true,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case len(args) == 0 && !all:
				return command.Usagef("which hosts? give them, or --all")
			case len(args) > 0 && all:
				return command.Usagef("give either hosts or --all")
			}
			return nil
		},
		ValidArgsFunction: a.CompleteAll(deniedHosts),
	}, func(ctx context.Context, c *adminclient.Client, args []string) (*adminv1.ClearDeniedHostsResponse, error) {
		return command.Call(ctx, c.DeniedHosts.ClearDeniedHosts, &adminv1.ClearDeniedHostsRequest{Hosts: args, All: all})
	}, func(r *adminv1.ClearDeniedHostsResponse) command.View {
		v := command.Textf("%s forgotten\n", command.Plural(int64(r.Cleared), "host"))
		for _, host := range r.NotPresent {
			v.Notes = append(v.Notes, "the list has no "+printable.Escaped(host))
		}
		return v
	})
	cmd.Flags().BoolVar(&all, "all", false, "forget all of them")
	return cmd
}

// deniedHosts are names for a shell to complete.
func deniedHosts(ctx context.Context, c *adminclient.Client, _ []string) ([]string, error) {
	page, err := command.Call(ctx, c.DeniedHosts.ListDeniedHosts, &adminv1.ListDeniedHostsRequest{})
	var hosts []string
	for _, h := range page.GetHosts() {
		hosts = append(hosts, printable.Escaped(h.Host))
	}
	return hosts, err
}

// findDenied makes of each entry the refused host that it means.
func findDenied(ctx context.Context, c *adminclient.Client, entries []entry) ([]entry, []command.EntryProblem, error) {
	denied, err := listDenied(ctx, c, nil)
	if err != nil {
		return nil, nil, err
	}
	var found []entry
	var missing []command.EntryProblem
	for _, e := range entries {
		host, err := deniedHost(denied.Hosts, e.text)
		if err != nil {
			refused := reason.From(err)
			missing = append(missing, hostKind.problem(e, &adminv1.Problem{
				Reason: string(refused.Reason), Message: err.Error(), Metadata: refused.Parts,
			}))
			continue
		}
		e.text = host
		found = append(found, e)
	}
	return found, missing, nil
}

// deniedHost is the one of hosts that text means: just that, or, if text has no port, the host at the only port where it was
// refused. The error is a *reason.Error.
func deniedHost(hosts []*adminv1.DeniedHost, text string) (string, error) {
	wanted, err := hostname.ParsePattern(text)
	if err != nil {
		return "", err
	}
	var fitting []*adminv1.DeniedHost
	for _, h := range hosts {
		refused, err := hostname.ParsePattern(h.Host)
		if err == nil && refused == wanted {
			fitting = []*adminv1.DeniedHost{h}
			break
		}
		if err == nil && refused.Host == wanted.Host && !wanted.Wildcard && !hasPort(text, wanted.Port) {
			fitting = append(fitting, h)
		}
	}
	switch {
	case len(fitting) == 0:
		return "", reason.New(reason.DeniedHostNotPresent, "host", wanted.String())
	case len(fitting) > 1:
		var spellings []string
		for _, h := range fitting {
			spellings = append(spellings, h.Host)
		}
		slices.SortFunc(spellings, cmp.Compare)
		return "", reason.New(reason.DeniedHostPorts, "host", wanted.Host.Name(), "hosts", strings.Join(spellings, ", "))
	case fitting[0].Reason == string(reason.AddressNotAllowed):
		return "", reason.New(reason.DeniedHostAllowed, "host", fitting[0].Host)
	}
	return fitting[0].Host, nil
}

// hasPort reports whether the port was given.
func hasPort(host string, port uint16) bool {
	return strings.HasSuffix(strings.TrimSpace(host), ":"+strconv.Itoa(int(port)))
}

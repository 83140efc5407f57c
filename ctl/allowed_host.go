package ctl

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	"github.com/omsgateway/omsgateway/ctl/command"
	"github.com/omsgateway/omsgateway/internal/adminclient"
	"github.com/omsgateway/omsgateway/internal/printable"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

func (a app) allowedHost() *cobra.Command {
	return command.Noun(&cobra.Command{
		Use:   "allowed-host",
		Short: "Choose the hosts that clients may reach",
		Long: `Choose the hosts that clients may reach through the gateway, what is asked of their certificates there, who answers for
an entry, and until when it counts.

A host is a name, an IP address, or *.domain for every name below a domain (not the domain itself). Without a port it
means port 443; write host:port for another one.`,
		Example: `omsgwctl allowed-host list
omsgwctl allowed-host list --effective
omsgwctl allowed-host add a.example.com '*.example.org' b.example.com:8443
omsgwctl allowed-host add d.example.com --owner "Shop team" --ticket CHG-4711 --expires 90d
omsgwctl allowed-host set a.example.com --client-certificate-policy Required
omsgwctl allowed-host remove a.example.com`,
		GroupID: command.GroupSetUp,
	}, a.allowedHostList(), a.allowedHostAdd(), a.allowedHostSet(), a.allowedHostRemove(), a.allowedHostReview())
}

func (a app) allowedHostList() *cobra.Command {
	var effective bool
	cmd := command.Asking(a.Program, &cobra.Command{
		Use:   "list",
		Short: "List the allowed hosts",
		Long: `List the hosts that were allowed on this gateway, with the time and the caller who allowed them, and the client
certificate policy, owner, ticket, expiry and note of those that have one. One that has expired allows nothing, and stays
here until it is removed.

With --effective it lists every host that clients may reach right now, wherever that comes from: configured on this
gateway, or learned from a monitoring agent on its computer. Each has the number of requests that it has allowed, and
when the last one was; a request counts for the one entry that decided about it, the host itself before a wildcard.`,
		Example: "omsgwctl allowed-host list\nomsgwctl allowed-host list --effective\nomsgwctl allowed-host list --json",
		Args:    command.Takes(),
	}, func(ctx context.Context, c *adminclient.Client, _ []string) (proto.Message, error) {
		if effective {
			return listEffectiveHosts(ctx, c)
		}
		return allPages(func(token string) (*adminv1.ListAllowedHostsResponse, error) {
			return command.Call(ctx, c.Hosts.ListAllowedHosts, &adminv1.ListAllowedHostsRequest{PageToken: token})
		})
	}, func(list proto.Message) command.View {
		switch all := list.(type) {
		case *adminv1.ListAllowedHostsResponse:
			if len(all.Hosts) > 0 {
				return command.Rows(hostRows(all.Hosts)...)
			}
		case *adminv1.ListEffectiveHostsResponse:
			if len(all.Hosts) > 0 {
				return command.Rows(effectiveRows(all.Hosts)...)
			}
		}
		return command.Notef("no host is allowed yet; add one with: omsgwctl allowed-host add HOST")
	})
	cmd.Flags().BoolVar(&effective, "effective", false, "list all hosts that are allowed right now, with their sources and uses")
	return cmd
}

// hostRows has those columns only that at least one host has something for.
func hostRows(hosts []*adminv1.AllowedHost) [][]string {
	all := [][]string{{"HOST", "ADDED", "BY", "CLIENT CERTIFICATE POLICY", "OWNER", "TICKET", "EXPIRES", "NOTE"}}
	for _, h := range hosts {
		policy := ""
		if h.ClientCertificatePolicy != adminv1.AllowedHost_UNSPECIFIED {
			policy = policyName(h.ClientCertificatePolicy)
		}
		expires := command.Moment(h.ExpiresAt)
		if h.Expired {
			expires += " (expired)"
		}
		all = append(all, []string{h.Host, command.Moment(h.AddedAt), h.AddedBy, policy, h.Owner, h.Ticket, expires, h.Note})
	}
	rows := make([][]string, len(all))
	for column := range all[0] {
		if column > 2 && !slices.ContainsFunc(all[1:], func(row []string) bool { return row[column] != "" }) {
			continue
		}
		for i := range rows {
			rows[i] = append(rows[i], all[i][column])
		}
	}
	return rows
}

func (a app) allowedHostAdd() *cobra.Command {
	var denied bool
	var given hostFlags
	change := addingHosts(&given)
	change.find = func(ctx context.Context, c *adminclient.Client, entries []entry) ([]entry, []command.EntryProblem, error) {
		if denied {
			return findDenied(ctx, c, entries)
		}
		return entries, nil, nil
	}
	completeDenied := a.CompleteAll(deniedHosts)
	cmd := changingList(a, &cobra.Command{
		Use:   "add HOST...",
		Short: "Allow hosts",
		Long: `Allow hosts. The next CONNECT request follows the change. Either all hosts are added or, if one of them is invalid, none
is. A host that is allowed already is no failure, and gets what the flags say, too.

` + accountHelp + `

With --denied each host must be in the list of refused hosts (omsgwctl denied list), so that a slip of the finger allows
nothing. It is allowed at the port at which it was refused; if there are several, the port has to be given.

` + hostKind.help(),
		Example: `omsgwctl allowed-host add a.example.com
omsgwctl allowed-host add '*.example.com' 192.0.2.7:8443
omsgwctl allowed-host add c.example.com --owner "Shop team" --ticket CHG-4711 --expires 90d
omsgwctl allowed-host add - < hosts.txt
omsgwctl allowed-host add --denied b.example.com`,
		Args: func(cmd *cobra.Command, args []string) error {
			if err := hostKind.some(cmd, args); err != nil {
				return err
			}
			return given.read(cmd, time.Now())
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
			if denied {
				return completeDenied(cmd, args, word)
			}
			return command.NoFiles(cmd, args, word)
		},
	}, change)
	cmd.Flags().BoolVar(&denied, "denied", false, "take only hosts that clients were refused, with their port")
	given.add(cmd)
	return cmd
}

func (a app) allowedHostRemove() *cobra.Command {
	return changingList(a, &cobra.Command{
		Use:   "remove HOST...",
		Short: "No longer allow hosts",
		Long: `No longer allow hosts. The next CONNECT request follows the change; open tunnels stay, and "omsgwctl tunnel close" ends
them. Either all hosts are removed or, if one of them is invalid, none is. A host that is not in the list is no failure.

` + hostKind.help(),
		Example: `omsgwctl allowed-host remove a.example.com
omsgwctl allowed-host remove - < hosts.txt`,
		Args:              hostKind.some,
		ValidArgsFunction: a.CompleteAll(allowedHosts),
	}, removingHosts)
}

func (a app) allowedHostSet() *cobra.Command {
	var given hostFlags
	cmd := changingList(a, &cobra.Command{
		Use:   "set HOST...",
		Short: "Change what is said of allowed hosts",
		Long: `Choose what is asked of a client's certificate in the TLS handshake of tunnels to these hosts, whatever the setting
ClientCertificatePolicy says, who answers for the hosts, and until when they are allowed. The next CONNECT request follows
the change; open tunnels stay. What no flag names stays as it is.

` + accountHelp + `

Of the policies, Off judges no certificate. IfShown refuses one that can be seen and is not in the list of allowed client
certificates. Required refuses sessions in which none can be seen, too; TLS 1.3 hides them all. Default leaves it to the setting.

The hosts must be in the list. Either all are changed or none is.

` + hostKind.help(),
		Example: `omsgwctl allowed-host set a.example.com '*.example.org' --client-certificate-policy Required
omsgwctl allowed-host set a.example.com --client-certificate-policy Default
omsgwctl allowed-host set a.example.com --owner "Shop team" --expires 2027-03-31
omsgwctl allowed-host set a.example.com --expires never`,
		Args: func(cmd *cobra.Command, args []string) error {
			if err := hostKind.some(cmd, args); err != nil {
				return err
			}
			if err := given.read(cmd, time.Now()); err != nil {
				return err
			}
			if len(given.mask.Paths) == 0 {
				return command.Usagef("what of the hosts? give --%s", strings.Join(
					[]string{flagPolicy, flagOwner, flagTicket, flagNote, flagExpires}, ", --"))
			}
			return nil
		},
		ValidArgsFunction: a.CompleteAll(allowedHosts),
	}, settingHosts(&given))
	given.add(cmd)
	return cmd
}

// allowedHosts are names for a shell to complete.
func allowedHosts(ctx context.Context, c *adminclient.Client, _ []string) ([]string, error) {
	page, err := command.Call(ctx, c.Hosts.ListAllowedHosts, &adminv1.ListAllowedHostsRequest{})
	var hosts []string
	for _, h := range page.GetHosts() {
		hosts = append(hosts, printable.Escaped(h.Host))
	}
	return hosts, err
}

// policyNames has the name of each policy by its number in the API.
var policyNames = []string{"Default", "Off", "IfShown", "Required"}

func policyName(p adminv1.AllowedHost_ClientCertificatePolicy) string {
	if p < 0 || int(p) >= len(policyNames) {
		return p.String() // of a newer gateway
	}
	return policyNames[p]
}

func parsePolicy(name string) (adminv1.AllowedHost_ClientCertificatePolicy, error) {
	i := slices.IndexFunc(policyNames, func(known string) bool { return strings.EqualFold(known, name) })
	switch {
	case name == "":
		return 0, command.Usagef("which policy? give --client-certificate-policy %s", strings.Join(policyNames, "|"))
	case i < 0:
		return 0, command.Usagef("there is no client certificate policy %q; there are %s", name, strings.Join(policyNames, ", "))
	}
	return adminv1.AllowedHost_ClientCertificatePolicy(i), nil
}

var removingHosts = listChange[*adminv1.RemoveAllowedHostsResponse]{
	kind: hostKind,
	word: "removed",
	do: func(ctx context.Context, c *adminclient.Client, hosts []string, how changeOptions) (*adminv1.RemoveAllowedHostsResponse, error) {
		return command.Call(ctx, c.Hosts.RemoveAllowedHosts, &adminv1.RemoveAllowedHostsRequest{
			Hosts: hosts,
			Etag:  how.Etag, ValidateOnly: how.ValidateOnly, Comment: how.Comment, ConfirmWithin: how.ConfirmWithin, Trial: how.Trial,
			Atomic: how.atomic,
		})
	},
	outcomes: func(r *adminv1.RemoveAllowedHostsResponse) []outcome { return hostOutcomes(r.Outcomes) },
}

func hostOutcomes(list []*adminv1.AllowedHostOutcome) []outcome {
	outcomes := make([]outcome, len(list))
	for i, o := range list {
		outcomes[i] = outcome{o.Index, o.Problem, o.Warnings, hostRow(o)}
	}
	return outcomes
}

func hostRow(o *adminv1.AllowedHostOutcome) []string {
	row := []string{o.Host, inWords(o.Outcome)}
	switch {
	case o.OpenTunnels == 1:
		row = append(row, "1 open tunnel stays")
	case o.OpenTunnels > 1:
		row = append(row, command.Plural(int64(o.OpenTunnels), "open tunnel")+" stay")
	}
	if o.StillCoveredBy != "" {
		row = append(row, "still allowed by "+o.StillCoveredBy)
	}
	return row
}

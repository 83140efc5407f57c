package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"omsgateway/internal/adminclient"
	adminv1 "omsgateway/proto/omsgateway/admin/v1"
)

func (a *app) allowedHost() *cobra.Command {
	return noun(&cobra.Command{
		Use:   "allowed-host",
		Short: "Choose the hosts that clients may reach",
		Long: `Choose the hosts that clients may reach through the gateway.

A host is a name, an IP address, or *.domain for every name below a domain (not the domain itself). Without a port it
means port 443; write host:port for another one.`,
		Example: `omsgwctl allowed-host list
omsgwctl allowed-host add a.example.com '*.example.org' b.example.com:8443
omsgwctl allowed-host remove a.example.com`,
		GroupID: groupSetUp,
	}, a.allowedHostList(), a.allowedHostAdd(), a.allowedHostRemove())
}

func (a *app) allowedHostList() *cobra.Command {
	return a.withJSON(&cobra.Command{
		Use:     "list",
		Short:   "List the allowed hosts",
		Long:    "List the hosts that were allowed on this gateway, with the time and the caller who allowed them.",
		Example: "omsgwctl allowed-host list\nomsgwctl allowed-host list --json",
		Args:    takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.connected(cmd.Context(), func(ctx context.Context, c *adminclient.Client) error {
				all, err := listAllowedHosts(ctx, c)
				if err != nil {
					return err
				}
				if a.json {
					return a.printJSON(all)
				}
				if len(all.Hosts) == 0 {
					a.notef("no host is allowed yet; add one with: omsgwctl allowed-host add HOST")
					return nil
				}
				rows := [][]string{{"HOST", "ADDED", "BY"}}
				for _, h := range all.Hosts {
					rows = append(rows, []string{h.Host, moment(h.AddedAt), h.AddedBy})
				}
				return a.table(rows...)
			})
		},
	})
}

// listAllowedHosts reads every page and answers them as one. A list that is changed in between is read again.
func listAllowedHosts(ctx context.Context, c *adminclient.Client) (*adminv1.ListAllowedHostsResponse, error) {
	const attempts = 5
	for range attempts {
		all := &adminv1.ListAllowedHostsResponse{}
		for {
			page, err := call(ctx, c.Hosts.ListAllowedHosts, &adminv1.ListAllowedHostsRequest{PageToken: all.NextPageToken})
			if err != nil {
				return nil, err
			}
			if all.Etag != "" && page.Etag != all.Etag {
				break
			}
			all.Hosts = append(all.Hosts, page.Hosts...)
			all.Etag, all.NextPageToken = page.Etag, page.NextPageToken
			if all.NextPageToken == "" {
				return all, nil
			}
		}
	}
	return nil, errors.New("the configuration changed each time while the list was read; try again")
}

func (a *app) allowedHostAdd() *cobra.Command {
	return a.withJSON(&cobra.Command{
		Use:   "add HOST...",
		Short: "Allow hosts",
		Long: `Allow hosts. The next CONNECT request follows the change. Either all hosts are added or, if one of them is invalid, none
is. A host that is allowed already is no failure.

` + stdinHelp,
		Example: `omsgwctl allowed-host add a.example.com
omsgwctl allowed-host add '*.example.com' 192.0.2.7:8443
omsgwctl allowed-host add - < hosts.txt`,
		Args:              someHosts,
		ValidArgsFunction: noFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.changeHosts(cmd.Context(), args, adding)
		},
	})
}

func (a *app) allowedHostRemove() *cobra.Command {
	return a.withJSON(&cobra.Command{
		Use:   "remove HOST...",
		Short: "No longer allow hosts",
		Long: `No longer allow hosts. The next CONNECT request follows the change; open tunnels stay, and "omsgwctl tunnel close" ends
them. Either all hosts are removed or, if one of them is invalid, none is. A host that is not in the list is no failure.

` + stdinHelp,
		Example: `omsgwctl allowed-host remove a.example.com
omsgwctl allowed-host remove - < hosts.txt`,
		Args: someHosts,
		ValidArgsFunction: func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
			return a.completions(cmd, func(ctx context.Context, c *adminclient.Client) ([]string, error) {
				page, err := call(ctx, c.Hosts.ListAllowedHosts, &adminv1.ListAllowedHostsRequest{})
				var hosts []string
				for _, h := range page.GetHosts() {
					hosts = append(hosts, printable(h.Host))
				}
				return hosts, err
			})
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.changeHosts(cmd.Context(), args, removing)
		},
	})
}

const stdinHelp = `With "-" the hosts are read from standard input, one on each line; blank lines and what follows a # are skipped.

A list of more than 1,000 hosts is checked as a whole and then goes to the gateway in several changes. If one of these
fails, for example because somebody else changes the configuration at the same time, the ones before it are undone.`

func someHosts(_ *cobra.Command, args []string) error {
	if len(args) == 0 {
		return usagef("HOST is missing; give at least one, or - to read them from standard input")
	}
	return nil
}

// changeHosts makes one change of the list and says what became of each host.
func (a *app) changeHosts(ctx context.Context, args []string, kind func(*adminclient.Client) hostChange) error {
	items, invalid, err := a.readHosts(args)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	return a.connected(ctx, func(ctx context.Context, c *adminclient.Client) error {
		change := kind(c)
		done, err := change.run(ctx, items, invalid)
		if err != nil {
			return err
		}
		if a.json {
			return a.printJSON(change.answer(done))
		}
		var rows [][]string
		for _, o := range done.outcomes {
			rows = append(rows, outcomeRow(o))
			for _, w := range o.Warnings {
				a.notef("warning: %s", printable(w.Message))
			}
		}
		return a.table(rows...)
	})
}

func outcomeRow(o *adminv1.AllowedHostOutcome) []string {
	row := []string{o.Host, strings.ToLower(strings.ReplaceAll(o.Outcome.String(), "_", " "))}
	switch {
	case o.OpenTunnels == 1:
		row = append(row, "1 open tunnel stays")
	case o.OpenTunnels > 1:
		row = append(row, plural(int64(o.OpenTunnels), "open tunnel")+" stay")
	}
	if o.StillCoveredBy != "" {
		row = append(row, "still allowed by "+o.StillCoveredBy)
	}
	return row
}

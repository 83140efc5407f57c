package ctl

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/omsgateway/omsgateway/internal/adminclient"
	"github.com/omsgateway/omsgateway/internal/printable"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

func (a *app) tunnel() *cobra.Command {
	return noun(&cobra.Command{
		Use:   "tunnel",
		Short: "See and close open tunnels",
		Long:  "See and close the tunnels that clients have open through the gateway.",
		Example: `omsgwctl tunnel list
omsgwctl tunnel close 17
omsgwctl tunnel close --host a.example.com`,
		GroupID: groupWatch,
	}, a.tunnelList(), a.tunnelClose())
}

// tunnelFilter gives a command the flags that select tunnels.
func tunnelFilter(cmd *cobra.Command) *adminv1.TunnelFilter {
	filter := &adminv1.TunnelFilter{}
	cmd.Flags().StringVar(&filter.Host, "host", "",
		"only tunnels to this `host`, or to what a wildcard covers; without a port, to any port")
	cmd.Flags().StringVar(&filter.Client, "client", "", "only tunnels from the client with this `IP` address")
	return filter
}

func (a *app) tunnelList() *cobra.Command {
	var filter *adminv1.TunnelFilter
	cmd := a.withJSON(&cobra.Command{
		Use:   "list",
		Short: "List the open tunnels",
		Long:  "List the open tunnels, oldest first, with the bytes that have moved and the time for which none has.",
		Example: `omsgwctl tunnel list
omsgwctl tunnel list --host '*.example.com' --client 192.0.2.7`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.connected(cmd.Context(), func(ctx context.Context, c *adminclient.Client) error {
				all, err := listTunnels(ctx, c, filter)
				if err != nil {
					return err
				}
				if a.json {
					return a.printJSON(all)
				}
				if len(all.Tunnels) == 0 {
					if filter.Host != "" || filter.Client != "" {
						a.notef("no such tunnel is open")
					} else {
						a.notef("no tunnel is open")
					}
					return nil
				}
				rows := [][]string{{"ID", "CLIENT", "TARGET", "ALLOWED BY", "OPENED", "SENT", "RECEIVED", "IDLE",
					"TLS", "SERVER NAME", "CLIENT CERTIFICATE"}}
				for _, t := range all.Tunnels {
					target := net.JoinHostPort(t.Host, fmt.Sprint(t.Port))
					if t.RelayProxy != "" {
						target += " via " + t.RelayProxy
					}
					rows = append(rows, []string{fmt.Sprint(t.Id), t.Client, target, t.AllowedHost, moment(t.OpenedAt),
						size(t.BytesSent), size(t.BytesReceived), period(t.Idle),
						strings.TrimPrefix(t.TlsVersion, "TLS "), t.ServerName, t.ClientCertificate})
				}
				return a.table(rows...)
			})
		},
	})
	filter = tunnelFilter(cmd)
	return cmd
}

// listTunnels reads every page and answers them as one.
func listTunnels(ctx context.Context, c *adminclient.Client, filter *adminv1.TunnelFilter) (*adminv1.ListTunnelsResponse, error) {
	all := &adminv1.ListTunnelsResponse{}
	for {
		page, err := call(ctx, c.Tunnels.ListTunnels, &adminv1.ListTunnelsRequest{Filter: filter, PageToken: all.NextPageToken})
		if err != nil {
			return nil, err
		}
		all.Tunnels = append(all.Tunnels, page.Tunnels...)
		if all.NextPageToken = page.NextPageToken; all.NextPageToken == "" {
			return all, nil
		}
	}
}

func (a *app) tunnelClose() *cobra.Command {
	var filter *adminv1.TunnelFilter
	cmd := a.withJSON(&cobra.Command{
		Use:   "close {ID... | --host HOST | --client IP}",
		Short: "Close open tunnels",
		Long: `Close open tunnels at once, on both sides: the ones with the ids, or all that fit --host and --client. A tunnel that has
ended already is no failure.`,
		Example: `omsgwctl tunnel close 17 18
omsgwctl tunnel close --host a.example.com
omsgwctl tunnel close --client 192.0.2.7`,
		DisableFlagsInUseLine: true,
		ValidArgsFunction: func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
			return a.completions(cmd, func(ctx context.Context, c *adminclient.Client) ([]string, error) {
				page, err := call(ctx, c.Tunnels.ListTunnels, &adminv1.ListTunnelsRequest{})
				var ids []string
				for _, t := range page.GetTunnels() {
					ids = append(ids, cobra.CompletionWithDesc(fmt.Sprint(t.Id), printable.Escaped(t.Client+" to "+t.Host)))
				}
				return ids, err
			})
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			request, err := closeRequest(args, filter)
			if err != nil {
				return err
			}
			return a.connected(cmd.Context(), func(ctx context.Context, c *adminclient.Client) error {
				r, err := call(ctx, c.Tunnels.CloseTunnels, request)
				if err != nil {
					return err
				}
				if a.json {
					return a.printJSON(r)
				}
				for _, id := range r.NotOpen {
					a.notef("there is no open tunnel with the id %d", id)
				}
				return a.printf("%s closed\n", plural(int64(r.Closed), "tunnel"))
			})
		},
	})
	filter = tunnelFilter(cmd)
	return cmd
}

func closeRequest(args []string, filter *adminv1.TunnelFilter) (*adminv1.CloseTunnelsRequest, error) {
	byFilter := filter.Host != "" || filter.Client != ""
	switch {
	case len(args) == 0 && !byFilter:
		return nil, usagef("which tunnels? give their ids, --host or --client")
	case len(args) > 0 && byFilter:
		return nil, usagef("give either ids or --host and --client")
	case byFilter:
		return &adminv1.CloseTunnelsRequest{Filter: filter}, nil
	}
	request := &adminv1.CloseTunnelsRequest{}
	for _, arg := range args {
		id, err := strconv.ParseInt(arg, 10, 64)
		if err != nil || id < 1 {
			return nil, usagef("%q is not the id of a tunnel, which is a number", arg)
		}
		request.Ids = append(request.Ids, id)
	}
	return request, nil
}

package ctl

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/omsgateway/omsgateway/ctl/command"
	"github.com/omsgateway/omsgateway/internal/adminclient"
	"github.com/omsgateway/omsgateway/internal/printable"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

func (a app) tunnel() *cobra.Command {
	return command.Noun(&cobra.Command{
		Use:   "tunnel",
		Short: "See and close open tunnels",
		Long:  "See and close the tunnels that clients have open through the gateway.",
		Example: `omsgwctl tunnel list
omsgwctl tunnel close 17
omsgwctl tunnel close --host a.example.com`,
		GroupID: command.GroupWatch,
	}, a.tunnelList(), a.tunnelClose())
}

// selectsTunnels gives cmd the flags that select tunnels by filter.
func selectsTunnels(cmd *cobra.Command, filter *adminv1.TunnelFilter) *cobra.Command {
	cmd.Flags().StringVar(&filter.Host, "host", "",
		"only tunnels to this `host`, or to what a wildcard covers; without a port, to any port")
	cmd.Flags().StringVar(&filter.Client, "client", "", "only tunnels from the client with this `IP` address")
	return cmd
}

func (a app) tunnelList() *cobra.Command {
	var filter adminv1.TunnelFilter
	return command.Asking(a.Program, selectsTunnels(&cobra.Command{
		Use:   "list",
		Short: "List the open tunnels",
		Long:  "List the open tunnels, oldest first, with the bytes that have moved and the time for which none has.",
		Example: `omsgwctl tunnel list
omsgwctl tunnel list --host '*.example.com' --client 192.0.2.7`,
		Args: command.Takes(),
	}, &filter), func(ctx context.Context, c *adminclient.Client, _ []string) (*adminv1.ListTunnelsResponse, error) {
		return listTunnels(ctx, c, &filter)
	}, func(all *adminv1.ListTunnelsResponse) command.View {
		switch {
		case len(all.Tunnels) > 0:
			return command.Rows(tunnelRows(all.Tunnels)...)
		case filter.Host != "" || filter.Client != "":
			return command.Notef("no such tunnel is open")
		}
		return command.Notef("no tunnel is open")
	})
}

// listTunnels returns every page as one.
func listTunnels(ctx context.Context, c *adminclient.Client, filter *adminv1.TunnelFilter) (*adminv1.ListTunnelsResponse, error) {
	return allPages(func(token string) (*adminv1.ListTunnelsResponse, error) {
		return command.Call(ctx, c.Tunnels.ListTunnels, &adminv1.ListTunnelsRequest{Filter: filter, PageToken: token})
	})
}

func tunnelRows(tunnels []*adminv1.Tunnel) [][]string {
	rows := [][]string{{"ID", "CLIENT", "TARGET", "ALLOWED BY", "OPENED", "SENT", "RECEIVED", "IDLE",
		"TLS", "SERVER NAME", "CLIENT CERTIFICATE"}}
	for _, t := range tunnels {
		target := net.JoinHostPort(t.Host, fmt.Sprint(t.Port))
		if t.RelayProxy != "" {
			target += " through " + t.RelayProxy
		}
		rows = append(rows, []string{fmt.Sprint(t.Id), t.Client, target, t.AllowedHost, command.Moment(t.OpenedAt),
			command.Size(t.BytesSent), command.Size(t.BytesReceived), command.Period(t.Idle),
			strings.TrimPrefix(t.TlsVersion, "TLS "), t.ServerName, t.ClientCertificate})
	}
	return rows
}

func (a app) tunnelClose() *cobra.Command {
	var filter adminv1.TunnelFilter
	request := &adminv1.CloseTunnelsRequest{}
	return command.Asking(a.Program, selectsTunnels(&cobra.Command{
		Use:   "close {ID... | --host HOST | --client IP}",
		Short: "Close open tunnels",
		Long: `Close open tunnels at once, on both sides: the ones with the ids, or all that fit --host and --client. A tunnel that has
ended already is no failure.`,
		Example: `omsgwctl tunnel close 17 18
omsgwctl tunnel close --host a.example.com
omsgwctl tunnel close --client 192.0.2.7`,
		DisableFlagsInUseLine: true,
		Args: func(_ *cobra.Command, args []string) (err error) {
			request, err = closeRequest(args, &filter)
			return err
		},
		ValidArgsFunction: a.CompleteAll(tunnelIDs),
	}, &filter), func(ctx context.Context, c *adminclient.Client, _ []string) (*adminv1.CloseTunnelsResponse, error) {
		return command.Call(ctx, c.Tunnels.CloseTunnels, request)
	}, func(r *adminv1.CloseTunnelsResponse) command.View {
		v := command.Textf("%s closed\n", command.Plural(int64(r.Closed), "tunnel"))
		for _, id := range r.NotOpen {
			v.Notes = append(v.Notes, fmt.Sprintf("there is no open tunnel with the id %d", id))
		}
		return v
	})
}

func tunnelIDs(ctx context.Context, c *adminclient.Client, _ []string) ([]string, error) {
	page, err := command.Call(ctx, c.Tunnels.ListTunnels, &adminv1.ListTunnelsRequest{})
	var ids []string
	for _, t := range page.GetTunnels() {
		ids = append(ids, cobra.CompletionWithDesc(fmt.Sprint(t.Id), printable.Escaped(t.Client+" to "+t.Host)))
	}
	return ids, err
}

func closeRequest(args []string, filter *adminv1.TunnelFilter) (*adminv1.CloseTunnelsRequest, error) {
	byFilter := filter.Host != "" || filter.Client != ""
	switch {
	case len(args) == 0 && !byFilter:
		return nil, command.Usagef("which tunnels? give their ids, --host or --client")
	case len(args) > 0 && byFilter:
		return nil, command.Usagef("give either ids or --host and --client")
	case byFilter:
		return &adminv1.CloseTunnelsRequest{Filter: filter}, nil
	}
	request := &adminv1.CloseTunnelsRequest{}
	for _, arg := range args {
		id, err := strconv.ParseInt(arg, 10, 64)
		if err != nil || id < 1 {
			return nil, command.Usagef("%q is not the id of a tunnel, which is a number", arg)
		}
		request.Ids = append(request.Ids, id)
	}
	return request, nil
}

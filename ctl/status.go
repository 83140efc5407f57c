package ctl

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/omsgateway/omsgateway/ctl/command"
	"github.com/omsgateway/omsgateway/internal/adminclient"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

func (a app) status() *cobra.Command {
	return command.Asking(a.Program, &cobra.Command{
		Use:     "status",
		Short:   "Show how the gateway is",
		Long:    "Show the gateway's version, addresses, connections, traffic, and why it refused requests.",
		Example: "omsgwctl status\nomsgwctl status --json",
		GroupID: command.GroupWatch,
		Args:    command.Takes(),
	}, func(ctx context.Context, c *adminclient.Client, _ []string) (*adminv1.GetStatusResponse, error) {
		return command.Call(ctx, c.Status.GetStatus, &adminv1.GetStatusRequest{})
	}, func(s *adminv1.GetStatusResponse) command.View {
		return command.Rows(statusRows(s)...)
	})
}

func statusRows(s *adminv1.GetStatusResponse) [][]string {
	number := func(n int64) string { return fmt.Sprint(n) }
	rows := [][]string{{"State:", stateText(s.State)}, {"Version:", s.Version}}
	if s.State != adminv1.GetStatusResponse_STOPPED && s.StartedAt != nil {
		rows = append(rows, []string{"Started:", command.Moment(s.StartedAt) + " (" + command.Period(s.Uptime) + " ago)"})
	}
	if len(s.ListenAddresses) > 0 {
		rows = append(rows, []string{"Listens on:", strings.Join(s.ListenAddresses, ", ")})
	}
	rows = append(rows,
		[]string{"Configuration:", s.ConfigFile},
		[]string{"Allowed hosts:", number(int64(s.AllowedHosts)) + learnedText(s.LearnedHosts)},
		[]string{"Client connections:", number(s.ActiveClientConnections) + " from " + command.Plural(s.ConnectedClients, "client") +
			mostText(s.MaxClientConnections)},
		[]string{"Open tunnels:", number(s.OpenTunnels) + " (" + number(s.TunnelsOpened) + " since the start)"},
		[]string{"Sent to targets:", command.Size(s.BytesSent)},
		[]string{"Received from targets:", command.Size(s.BytesReceived)},
		[]string{"Errors:", number(s.Errors)},
		[]string{"Rejections:", number(s.Rejections)},
	)
	for i, version := range slices.Sorted(maps.Keys(s.SessionsByTlsVersion)) {
		rows = append(rows, []string{first(i, "TLS sessions:"), number(s.SessionsByTlsVersion[version]) + " with TLS " + version})
	}
	if n := s.ClientCertificatesNotVisible; n > 0 {
		rows = append(rows, []string{"Without a visible client certificate:", number(n)})
	}
	if s.EventsDropped > 0 {
		rows = append(rows, []string{"Events dropped:", number(s.EventsDropped) + " (the log is too slow)"})
	}
	if t := s.OnTrial; t != nil {
		rows = append(rows, []string{"On trial:", fmt.Sprintf(
			"%s, by %s: goes back in %s, and when the gateway is started anew (omsgwctl revision trial)",
			t.Id, t.Caller, command.Period(t.TimeLeft))})
	}
	for _, w := range s.Warnings {
		rows = append(rows, []string{"Warning:", w.Message})
	}
	for i, r := range slices.Sorted(maps.Keys(s.RefusalsByReason)) {
		rows = append(rows, []string{first(i, "Refusals:"), number(s.RefusalsByReason[r]) + " " + r})
	}
	return rows
}

func learnedText(hosts int32) string {
	if hosts == 0 {
		return ""
	}
	return fmt.Sprintf(", and %d learned from monitoring agents", hosts)
}

// mostText is empty for an older gateway, which does not say it.
func mostText(connections int64) string {
	if connections == 0 {
		return ""
	}
	return fmt.Sprintf(" (at most %d)", connections)
}

func stateText(s adminv1.GetStatusResponse_State) string {
	switch s {
	case adminv1.GetStatusResponse_PAUSED:
		return "paused (no new connections; tunnels stay)"
	case adminv1.GetStatusResponse_DRAINING:
		return "draining (no new connections; busy tunnels may end)"
	case adminv1.GetStatusResponse_STOPPED:
		return "stopped (the configuration can be read and changed)"
	}
	return strings.ToLower(s.String())
}

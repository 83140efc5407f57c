package ctl

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/omsgateway/omsgateway/ctl/command"
	"github.com/omsgateway/omsgateway/internal/adminclient"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

func (a app) discovery() *cobra.Command {
	return command.Noun(&cobra.Command{
		Use:   "discovery",
		Short: "See what was learned from monitoring agents",
		Long: `See which hosts the gateway allows because the monitoring agents on its computer are configured to reach them. The
setting LearnHosts switches that on and off.`,
		Example: "omsgwctl discovery show",
		GroupID: command.GroupWatch,
	}, a.discoveryShow())
}

func (a app) discoveryShow() *cobra.Command {
	return command.Asking(a.Program, &cobra.Command{
		Use:   "show",
		Short: "Show what was read where, and what was learned",
		Long: `Show which files, folders and registry keys of monitoring agents were read, which hosts and client certificates were
learned from them, and what was ignored and why.`,
		Example: `omsgwctl discovery show
omsgwctl discovery show --json
omsgwctl setting set LearnHosts Off`,
		Args:              command.Takes(),
		ValidArgsFunction: command.NoFiles,
	}, func(ctx context.Context, c *adminclient.Client, _ []string) (*adminv1.GetDiscoveryResponse, error) {
		return command.Call(ctx, c.Discovery.GetDiscovery, &adminv1.GetDiscoveryRequest{})
	}, showDiscovery)
}

func showDiscovery(d *adminv1.GetDiscoveryResponse) command.View {
	if !d.On {
		return command.Textf("Nothing is learned: LearnHosts is off.\n")
	}
	places := [][]string{{"AGENT", "PLACE", "STATE", "READ"}}
	for _, p := range d.Places {
		agent := strings.TrimSpace(p.Agent + " " + p.Version)
		places = append(places, []string{agent, p.Path, placeText(p.State), command.Moment(p.ReadAt)})
	}
	hosts := [][]string{{"HOST", "AGENT", "WORKSPACE", "SINCE", "PLACE"}}
	for _, h := range d.Hosts {
		hosts = append(hosts, []string{h.Host, h.Agent, h.Workspace, command.Moment(h.Since), h.Place})
	}
	certificates := [][]string{{"CLIENT CERTIFICATE", "AGENT", "WORKSPACE", "SINCE", "PLACE"}}
	for _, c := range d.ClientCertificates {
		certificates = append(certificates, []string{c.Subject, c.Agent, c.Workspace, command.Moment(c.Since), c.Place})
	}
	problems := [][]string{{"PROBLEM"}}
	for _, p := range d.Places {
		if p.Problem != nil {
			problems = append(problems, []string{p.Problem.Message})
		}
	}
	for _, p := range d.Ignored {
		problems = append(problems, []string{p.Message})
	}
	if d.LeftOut > 0 {
		problems = append(problems, []string{command.Plural(int64(d.LeftOut), "more thing") + " not shown"})
	}
	tables := []command.Table{places, hosts, certificates, problems}
	return command.View{Tables: slices.DeleteFunc(tables, func(t command.Table) bool { return len(t) == 1 })}
}

func placeText(s adminv1.DiscoveryPlace_State) string {
	switch s {
	case adminv1.DiscoveryPlace_MISSING:
		return "no such agent"
	case adminv1.DiscoveryPlace_EMPTY:
		return "no configuration yet"
	case adminv1.DiscoveryPlace_READ:
		return "read"
	case adminv1.DiscoveryPlace_FAILED:
		return "not readable"
	}
	return s.String()
}

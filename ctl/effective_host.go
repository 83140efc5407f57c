package ctl

import (
	"context"
	"fmt"
	"strings"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/omsgateway/omsgateway/ctl/command"
	"github.com/omsgateway/omsgateway/internal/adminclient"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

// listEffectiveHosts returns every page as one.
func listEffectiveHosts(ctx context.Context, c *adminclient.Client) (*adminv1.ListEffectiveHostsResponse, error) {
	return allPages(func(token string) (*adminv1.ListEffectiveHostsResponse, error) {
		return command.Call(ctx, c.Hosts.ListEffectiveHosts, &adminv1.ListEffectiveHostsRequest{PageToken: token})
	})
}

// effectiveRows have a row for each source. What is asked of certificates has a column only where something is.
func effectiveRows(hosts []*adminv1.EffectiveHost) [][]string {
	rows := [][]string{{"HOST", "USED", "LAST USED", "CLIENT CERTIFICATES", "SINCE", "SOURCE"}}
	judged := false
	for _, h := range hosts {
		judged = judged || h.ClientCertificatePolicy != adminv1.AllowedHost_OFF
		cells := []string{h.Host, fmt.Sprint(h.UseCount), command.Moment(h.LastUsedAt), policyName(h.ClientCertificatePolicy)}
		for _, s := range h.Sources {
			rows = append(rows, append(cells, command.Moment(s.Since), sourceText(s)))
			cells = []string{"", "", "", ""}
		}
	}
	if !judged {
		for i, row := range rows {
			rows[i] = append(row[:3:3], row[4:]...)
		}
	}
	return rows
}

func sourceText(s *adminv1.EffectiveHost_Source) string {
	switch s.Kind {
	case adminv1.EffectiveHost_Source_LOCAL:
		if s.AddedBy == "" {
			return "configured here"
		}
		return "configured here by " + s.AddedBy
	case adminv1.EffectiveHost_Source_LEARNED:
		text := "learned from " + s.Agent
		if s.Workspace != "" {
			text += ", workspace " + s.Workspace
		}
		return text + " (" + s.Place + ")"
	case adminv1.EffectiveHost_Source_UNSPECIFIED:
	}
	return unknownSource(s)
}

// unknownSource is a source of a kind that only a newer gateway knows: its number, and what it says of itself.
func unknownSource(s *adminv1.EffectiveHost_Source) string {
	particulars := make([]string, len(s.Particulars))
	for i, p := range s.Particulars {
		particulars[i] = p.Name + " " + p.Value
	}
	if len(particulars) == 0 {
		return s.Kind.String()
	}
	return s.Kind.String() + " (" + strings.Join(particulars, ", ") + ")"
}

func sourceSince(s *adminv1.EffectiveHost_Source) string {
	if s.Since == nil {
		return sourceText(s)
	}
	return sourceText(s) + ", since " + command.Moment(s.Since)
}

// useText says how often something was used, and when for the last time.
func useText(count int64, last *timestamppb.Timestamp) string {
	if count == 0 {
		return "never"
	}
	return command.Plural(count, "time") + ", last " + command.Moment(last)
}

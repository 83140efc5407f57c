package ctl

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/omsgateway/omsgateway/ctl/command"
	"github.com/omsgateway/omsgateway/internal/adminclient"
	"github.com/omsgateway/omsgateway/internal/printable"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

func (a app) allowedClientCertificate() *cobra.Command {
	return command.Noun(&cobra.Command{
		Use:   "allowed-client-certificate",
		Short: "Choose the client certificates that may pass",
		Long: `Choose the client certificates that may pass. The list counts where the setting ClientCertificatePolicy, or the host's
own policy, says so; by default certificates that can be seen are judged once the list is not empty. TLS 1.3 hides them.

An entry is a common name (CN), a distinguished name as RFC 4514 or Windows write it, or sha256: or sha1: and the
certificate's thumbprint. Case and the number of blanks do not matter. The subject that an event 105 shows is such an entry.

Names can be chosen freely by whoever makes a certificate, and thumbprints cannot: names keep out strays, not attackers.`,
		Example: `omsgwctl allowed-client-certificate list
omsgwctl allowed-client-certificate add 'CN=agent-17, OU=Linux Monitoring Agent, O=Microsoft'
omsgwctl allowed-client-certificate remove 'CN=agent-17, OU=Linux Monitoring Agent, O=Microsoft'`,
		GroupID: command.GroupSetUp,
	}, a.allowedClientCertificateList(), a.allowedClientCertificateAdd(), a.allowedClientCertificateRemove())
}

func (a app) allowedClientCertificateList() *cobra.Command {
	return command.Asking(a.Program, &cobra.Command{
		Use:     "list",
		Short:   "List the allowed client certificates",
		Long:    "List the allowed client certificates, with the time and the caller who allowed them.",
		Example: "omsgwctl allowed-client-certificate list\nomsgwctl allowed-client-certificate list --json",
		Args:    command.Takes(),
	}, func(ctx context.Context, c *adminclient.Client, _ []string) (*adminv1.ListAllowedClientCertificatesResponse, error) {
		return listClientCertificates(ctx, c)
	}, func(all *adminv1.ListAllowedClientCertificatesResponse) command.View {
		if len(all.Certificates) == 0 {
			return command.Notef("no client certificate is in the list; add one with: omsgwctl allowed-client-certificate add SUBJECT")
		}
		rows := [][]string{{"SUBJECT", "ADDED", "BY"}}
		for _, allowed := range all.Certificates {
			rows = append(rows, []string{allowed.Subject, command.Moment(allowed.AddedAt), allowed.AddedBy})
		}
		return command.Rows(rows...)
	})
}

// listClientCertificates returns every page as one.
func listClientCertificates(ctx context.Context, c *adminclient.Client) (*adminv1.ListAllowedClientCertificatesResponse, error) {
	return allPages(func(token string) (*adminv1.ListAllowedClientCertificatesResponse, error) {
		return command.Call(ctx, c.Certificates.ListAllowedClientCertificates,
			&adminv1.ListAllowedClientCertificatesRequest{PageToken: token})
	})
}

func (a app) allowedClientCertificateAdd() *cobra.Command {
	return changingList(a, &cobra.Command{
		Use:   "add SUBJECT...",
		Short: "Allow client certificates",
		Long: `Allow client certificates. The next CONNECT request follows the change. Either all are added or, if one of them is
invalid, none is. One that is in the list already, in whatever spelling, is no failure.

` + certificateKind.help(),
		Example: `omsgwctl allowed-client-certificate add agent-17
omsgwctl allowed-client-certificate add 'CN=agent-18, O="Contoso, Ltd"'
omsgwctl allowed-client-certificate add sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
omsgwctl allowed-client-certificate add - < subjects.txt`,
		Args:              certificateKind.some,
		ValidArgsFunction: command.NoFiles,
	}, addingCertificates)
}

func (a app) allowedClientCertificateRemove() *cobra.Command {
	return changingList(a, &cobra.Command{
		Use:   "remove SUBJECT...",
		Short: "No longer allow client certificates",
		Long: `No longer allow client certificates, in any spelling of their entries. The next CONNECT request follows the change; open
tunnels stay. Either all are removed or, if one of them is invalid, none is. One that is not in the list is no failure.

` + certificateKind.help(),
		Example: `omsgwctl allowed-client-certificate remove agent-17
omsgwctl allowed-client-certificate remove - < subjects.txt`,
		Args: certificateKind.some,
		ValidArgsFunction: a.CompleteAll(func(ctx context.Context, c *adminclient.Client, _ []string) ([]string, error) {
			page, err := command.Call(ctx, c.Certificates.ListAllowedClientCertificates,
				&adminv1.ListAllowedClientCertificatesRequest{})
			var subjects []string
			for _, allowed := range page.GetCertificates() {
				subjects = append(subjects, printable.Escaped(allowed.Subject))
			}
			return subjects, err
		}),
	}, removingCertificates)
}

var addingCertificates = listChange[*adminv1.AddAllowedClientCertificatesResponse]{
	kind: certificateKind,
	word: "added",
	do: func(ctx context.Context, c *adminclient.Client, subjects []string, how changeOptions,
	) (*adminv1.AddAllowedClientCertificatesResponse, error) {
		request := &adminv1.AddAllowedClientCertificatesRequest{
			Etag: how.Etag, ValidateOnly: how.ValidateOnly, Comment: how.Comment, ConfirmWithin: how.ConfirmWithin, Trial: how.Trial,
			Atomic: how.atomic,
		}
		for _, subject := range subjects {
			request.Certificates = append(request.Certificates, &adminv1.AllowedClientCertificate{Subject: subject})
		}
		return command.Call(ctx, c.Certificates.AddAllowedClientCertificates, request)
	},
	outcomes: func(r *adminv1.AddAllowedClientCertificatesResponse) []outcome {
		return certificateOutcomes(r.Outcomes)
	},
}

var removingCertificates = listChange[*adminv1.RemoveAllowedClientCertificatesResponse]{
	kind: certificateKind,
	word: "removed",
	do: func(ctx context.Context, c *adminclient.Client, subjects []string, how changeOptions,
	) (*adminv1.RemoveAllowedClientCertificatesResponse, error) {
		return command.Call(ctx, c.Certificates.RemoveAllowedClientCertificates, &adminv1.RemoveAllowedClientCertificatesRequest{
			Subjects: subjects,
			Etag:     how.Etag, ValidateOnly: how.ValidateOnly, Comment: how.Comment, ConfirmWithin: how.ConfirmWithin, Trial: how.Trial,
			Atomic: how.atomic,
		})
	},
	outcomes: func(r *adminv1.RemoveAllowedClientCertificatesResponse) []outcome {
		return certificateOutcomes(r.Outcomes)
	},
}

func certificateOutcomes(list []*adminv1.AllowedClientCertificateOutcome) []outcome {
	outcomes := make([]outcome, len(list))
	for i, o := range list {
		outcomes[i] = outcome{o.Index, o.Problem, o.Warnings, []string{o.Subject, inWords(o.Outcome)}}
	}
	return outcomes
}

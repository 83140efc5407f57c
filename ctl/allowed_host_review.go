package ctl

import (
	"context"
	_ "embed"
	"encoding/csv"
	"errors"
	"fmt"
	"html/template"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/omsgateway/omsgateway/ctl/command"
	"github.com/omsgateway/omsgateway/internal/adminclient"
	"github.com/omsgateway/omsgateway/internal/printable"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

func (a app) allowedHostReview() *cobra.Command {
	var asCSV bool
	var file string
	cmd := command.Asking(a.Program, &cobra.Command{
		Use:   "review",
		Short: "See what is to be tidied in the list",
		Long: `See what is to be tidied in the list of allowed hosts, and the commands that do so. Look at them before you run them; NAME
stands for what only you know.

Found are entries that have expired or expire within 30 days, that were not used for 90 days, or never although they are
there for a week, and that have no owner; wildcards below a domain of one or two parts, or below one in which the customers
of a cloud choose names, with the hosts to allow instead, if clients asked for at most 20 of them in the last 7 days;
entries that another one covers, and those that contradict it: it asks something else of client certificates, or goes on
allowing a host that is to expire.

--html writes one file for an auditor, with all findings and the whole list, which loads nothing from elsewhere.`,
		Example: `omsgwctl allowed-host review
omsgwctl allowed-host review --csv >review.csv
omsgwctl allowed-host review --html review.html`,
		Args: command.Takes(),
		PreRunE: func(*cobra.Command, []string) error {
			if (asCSV && a.JSON) || (file != "" && (asCSV || a.JSON)) {
				return command.Usagef("--csv, --html and --json exclude each other")
			}
			return nil
		},
	}, func(ctx context.Context, c *adminclient.Client, _ []string) (*adminv1.ReviewAllowedHostsResponse, error) {
		found, err := allPages(func(token string) (*adminv1.ReviewAllowedHostsResponse, error) {
			return command.Call(ctx, c.Hosts.ReviewAllowedHosts, &adminv1.ReviewAllowedHostsRequest{PageToken: token})
		})
		if err == nil && file != "" {
			err = a.writeReview(ctx, c, found, file, time.Now())
		}
		return found, err
	}, func(found *adminv1.ReviewAllowedHostsResponse) command.View {
		switch {
		case file != "":
			return command.Textf("%s\n", printable.Escaped(file))
		case asCSV:
			return command.View{Text: reviewCSV(found.Findings)}
		case len(found.Findings) > 0:
			return command.Rows(reviewRows(found.Findings)...)
		}
		return command.Notef("there is nothing to tidy")
	})
	cmd.Flags().BoolVar(&asCSV, "csv", false, "print the findings as CSV (RFC 4180), with a line of headings")
	cmd.Flags().StringVar(&file, "html", "", "write a new `file` in HTML")
	return cmd
}

// findingName is a finding in few words: "never used".
func findingName(f *adminv1.AllowedHostFinding) string {
	return strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(f.GetProblem().GetReason(), "REVIEW_"), "_", " "))
}

// reviewRows have a row for each command.
func reviewRows(findings []*adminv1.AllowedHostFinding) [][]string {
	rows := [][]string{{"HOST", "FINDING", "USED", "LAST USED", "TIDY WITH"}}
	host := ""
	for _, f := range findings {
		cells := []string{f.GetHost().GetHost(), findingName(f), fmt.Sprint(f.UseCount), command.Moment(f.LastUsedAt)}
		if cells[0] == host {
			cells[0], cells[2], cells[3] = "", "", ""
		}
		host = f.GetHost().GetHost()
		if len(f.Commands) == 0 {
			rows = append(rows, append(cells, ""))
		}
		for _, line := range f.Commands {
			rows = append(rows, append(cells, line))
			cells = []string{"", "", "", ""}
		}
	}
	return rows
}

func reviewCSV(findings []*adminv1.AllowedHostFinding) string {
	var text strings.Builder
	w := csv.NewWriter(&text)
	w.UseCRLF = true
	rows := [][]string{{
		"host", "finding", "message", "commands", "uses", "last used", "added", "added by", "owner", "ticket", "expires", "note",
	}}
	for _, f := range findings {
		h := f.GetHost()
		rows = append(rows, []string{
			h.GetHost(), f.GetProblem().GetReason(), f.GetProblem().GetMessage(), strings.Join(f.Commands, "; "),
			strconv.FormatInt(f.UseCount, 10), utc(f.LastUsedAt), utc(h.GetAddedAt()), h.GetAddedBy(), h.GetOwner(), h.GetTicket(),
			utc(h.GetExpiresAt()), h.GetNote(),
		})
	}
	for _, row := range rows {
		for i := range row {
			row[i] = harmless(printable.Escaped(row[i]))
		}
		_ = w.Write(row) // text accepts everything
	}
	w.Flush()
	return text.String()
}

// utc is a time for programs and for files that travel; empty if there is none.
func utc(t *timestamppb.Timestamp) string {
	if t == nil {
		return ""
	}
	return t.AsTime().Format(time.RFC3339)
}

//go:embed allowed_host_review.html
var reviewHTML string

var reviewPage = template.Must(template.New("review").Parse(reviewHTML))

// reviewed is what the page shows.
type reviewed struct {
	Made, Version, Gateway, Etag string
	Counts                       []reviewCount
	Findings                     []reviewFinding
	Hosts                        []reviewHost
}

type reviewCount struct {
	Finding string
	Hosts   int
}

type reviewFinding struct {
	Host, Message, LastUsed string
	Uses                    int64
	Commands                []string
}

type reviewHost struct{ Host, Added, By, Policy, Owner, Ticket, Expires, Note string }

// writeReview writes the page, with the list that was reviewed, into a new file.
func (a app) writeReview(
	ctx context.Context, c *adminclient.Client, found *adminv1.ReviewAllowedHostsResponse, file string, now time.Time,
) error {
	list, err := allPages(func(token string) (*adminv1.ListAllowedHostsResponse, error) {
		return command.Call(ctx, c.Hosts.ListAllowedHosts, &adminv1.ListAllowedHostsRequest{PageToken: token})
	})
	if err != nil {
		return err
	}
	if list.Etag != found.Etag {
		return errors.New("the configuration changed while the list was read; try again")
	}
	status, err := command.Call(ctx, c.Status.GetStatus, &adminv1.GetStatusRequest{})
	if err != nil {
		return err
	}
	page := reviewed{
		Made: now.UTC().Format(time.RFC3339), Version: a.Version, Gateway: gatewayText(status), Etag: found.Etag,
		Counts: reviewCounts(found.Findings),
	}
	for _, f := range found.Findings {
		page.Findings = append(page.Findings, reviewFinding{
			Host: f.GetHost().GetHost(), Message: f.GetProblem().GetMessage(), Uses: f.UseCount, LastUsed: utc(f.LastUsedAt),
			Commands: f.Commands,
		})
	}
	for _, h := range list.Hosts {
		page.Hosts = append(page.Hosts, reviewHost{
			h.Host, utc(h.AddedAt), h.AddedBy, policyName(h.ClientCertificatePolicy), h.Owner, h.Ticket, utc(h.ExpiresAt), h.Note,
		})
	}
	return writeNew(file, func(to *os.File) error { return reviewPage.Execute(to, page) })
}

func gatewayText(status *adminv1.GetStatusResponse) string {
	text := "of version " + status.Version
	if len(status.ListenAddresses) > 0 {
		text += ", which listens on " + strings.Join(status.ListenAddresses, ", ")
	}
	return text
}

// reviewCounts are how many hosts have which finding, in the order in which findings first come.
func reviewCounts(findings []*adminv1.AllowedHostFinding) []reviewCount {
	var counts []reviewCount
	place := map[string]int{}
	for _, f := range findings {
		name := findingName(f)
		i, known := place[name]
		if !known {
			i = len(counts)
			place[name] = i
			counts = append(counts, reviewCount{Finding: name})
		}
		counts[i].Hosts++
	}
	return counts
}

// writeNew writes a file that is not there yet; one that is not whole is removed.
func writeNew(file string, write func(*os.File) error) error {
	made, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("writing the review: %w", err)
	}
	if err := errors.Join(write(made), made.Close()); err != nil {
		_ = os.Remove(file)
		return fmt.Errorf("writing the review to %s: %w", file, err)
	}
	return nil
}

package ctl

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/omsgateway/omsgateway/ctl/command"
	"github.com/omsgateway/omsgateway/internal/adminclient"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

// The flags that say something of an allowed host; the name of each in an update mask is that of the flag or stands in maskNames.
const (
	flagPolicy  = "client-certificate-policy"
	flagOwner   = "owner"
	flagTicket  = "ticket"
	flagNote    = "note"
	flagExpires = "expires"
)

var maskNames = map[string]string{flagPolicy: "client_certificate_policy", flagExpires: "expires_at"}

// accountHelp explains the flags.
const accountHelp = `--owner says who answers for an entry, --ticket where it was asked for, and --note what else is to be
known; an empty value takes one away. --expires says when it ends: after a time such as 12h, 90d or 8w from now, at a
date such as 2027-03-31, which is the beginning of that day here, or 2027-03-31T18:30:00Z, or never. An entry that has
expired allows nothing new and stays in the list until it is removed; open tunnels stay, and so does what another entry
allows.`

// hostFlags are the values that flags give to allowed hosts.
type hostFlags struct {
	policy, expires string
	values          adminv1.AllowedHost // once read
	mask            fieldmaskpb.FieldMask
}

func (f *hostFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.policy, flagPolicy, "", "`policy` of the hosts: "+strings.Join(policyNames, ", "))
	flags.StringVar(&f.values.Owner, flagOwner, "", "`who` answers for the hosts")
	flags.StringVar(&f.values.Ticket, flagTicket, "", "`number` or address of where the hosts were asked for")
	flags.StringVar(&f.values.Note, flagNote, "", "`text` to be known of the hosts")
	flags.StringVar(&f.expires, flagExpires, "", "`when` the hosts expire: 90d, a date, or never")
	_ = cmd.RegisterFlagCompletionFunc(flagPolicy, cobra.FixedCompletions(policyNames, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc(flagExpires,
		cobra.FixedCompletions([]string{"30d", "90d", "365d", "never"}, cobra.ShellCompDirectiveNoFileComp))
	for _, name := range []string{flagOwner, flagTicket, flagNote} {
		_ = cmd.RegisterFlagCompletionFunc(name, command.NoFiles)
	}
}

// read reads what was given. The mask names it.
func (f *hostFlags) read(cmd *cobra.Command, now time.Time) (err error) {
	f.mask.Paths = nil
	for _, name := range []string{flagPolicy, flagOwner, flagTicket, flagNote, flagExpires} {
		if !cmd.Flags().Changed(name) {
			continue
		}
		path := name
		if other, ok := maskNames[name]; ok {
			path = other
		}
		f.mask.Paths = append(f.mask.Paths, path)
	}
	if cmd.Flags().Changed(flagPolicy) {
		if f.values.ClientCertificatePolicy, err = parsePolicy(f.policy); err != nil {
			return err
		}
	}
	if cmd.Flags().Changed(flagExpires) {
		f.values.ExpiresAt, err = parseExpiry(f.expires, now)
	}
	return err
}

// parseExpiry is nil for an entry that does not expire.
func parseExpiry(text string, now time.Time) (*timestamppb.Timestamp, error) {
	text = strings.TrimSpace(text)
	if strings.EqualFold(text, "never") {
		return nil, nil
	}
	if within, ok := parsePeriod(text); ok {
		return timestamppb.New(now.Add(within).Truncate(time.Second)), nil
	}
	if at, ok := parseDate(text, now.Location()); ok {
		return timestamppb.New(at), nil
	}
	return nil, command.Usagef("--expires cannot be %q: it is a time such as 12h, 90d or 8w, a date such as 2027-03-31 or "+
		"2027-03-31T18:30:00Z, or never", text)
}

// parsePeriod reads a time above zero in days or weeks, or as time.ParseDuration does.
func parsePeriod(text string) (time.Duration, bool) {
	const day = 24 * time.Hour
	for unit, length := range map[string]time.Duration{"d": day, "w": 7 * day} {
		if digits, ok := strings.CutSuffix(text, unit); ok {
			n, err := strconv.ParseUint(digits, 10, 16)
			return time.Duration(n) * length, err == nil && n > 0
		}
	}
	d, err := time.ParseDuration(text)
	return d, err == nil && d > 0
}

// parseDate reads a date, or a time at a date, in a place that is meant where the text does not say.
func parseDate(text string, place *time.Location) (time.Time, bool) {
	for _, layout := range []string{time.DateOnly, "2006-01-02 15:04", time.DateTime, time.RFC3339} {
		if t, err := time.ParseInLocation(layout, text, place); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// addingHosts adds hosts with what the flags say, which are read when it is called.
func addingHosts(f *hostFlags) listChange[*adminv1.AddAllowedHostsResponse] {
	return listChange[*adminv1.AddAllowedHostsResponse]{
		kind: hostKind,
		word: "added",
		do: func(ctx context.Context, c *adminclient.Client, names []string, how changeOptions) (*adminv1.AddAllowedHostsResponse, error) {
			hosts := make([]*adminv1.AllowedHost, len(names))
			for i, name := range names {
				hosts[i] = &adminv1.AllowedHost{
					Host: name, ClientCertificatePolicy: f.values.ClientCertificatePolicy, Owner: f.values.Owner, Ticket: f.values.Ticket,
					Note: f.values.Note, ExpiresAt: f.values.ExpiresAt,
				}
			}
			return command.Call(ctx, c.Hosts.AddAllowedHosts, &adminv1.AddAllowedHostsRequest{
				Hosts: hosts, UpdateMask: &f.mask,
				Etag: how.Etag, ValidateOnly: how.ValidateOnly, Comment: how.Comment, ConfirmWithin: how.ConfirmWithin, Trial: how.Trial,
				Atomic: how.atomic,
			})
		},
		outcomes: func(r *adminv1.AddAllowedHostsResponse) []outcome { return hostOutcomes(r.Outcomes) },
	}
}

// settingHosts gives hosts what the flags say, which are read when it is called.
func settingHosts(f *hostFlags) listChange[*adminv1.SetAllowedHostsResponse] {
	return listChange[*adminv1.SetAllowedHostsResponse]{
		kind: hostKind,
		word: "changed",
		do: func(ctx context.Context, c *adminclient.Client, hosts []string, how changeOptions) (*adminv1.SetAllowedHostsResponse, error) {
			return command.Call(ctx, c.Hosts.SetAllowedHosts, &adminv1.SetAllowedHostsRequest{
				Hosts: hosts, Atomic: how.atomic, UpdateMask: &f.mask, ClientCertificatePolicy: f.values.ClientCertificatePolicy,
				Owner: f.values.Owner, Ticket: f.values.Ticket, Note: f.values.Note, ExpiresAt: f.values.ExpiresAt,
				Etag: how.Etag, ValidateOnly: how.ValidateOnly, Comment: how.Comment, ConfirmWithin: how.ConfirmWithin, Trial: how.Trial,
			})
		},
		outcomes: func(r *adminv1.SetAllowedHostsResponse) []outcome {
			outcomes := make([]outcome, len(r.Outcomes))
			for i, o := range r.Outcomes {
				before := o.Previous
				if before == nil {
					before = &adminv1.AllowedHost{ClientCertificatePolicy: o.PreviousClientCertificatePolicy}
				}
				was, is := f.text(before), f.text(o.Host)
				row := []string{o.GetHost().GetHost(), is, "before: " + was}
				if was == is {
					row[2] = "as before"
				}
				outcomes[i] = outcome{o.Index, o.Problem, nil, row}
			}
			return outcomes
		},
	}
}

// text is what a host has of what the flags say.
func (f *hostFlags) text(h *adminv1.AllowedHost) string {
	var parts []string
	named := func(name, value string) {
		switch {
		case !slices.Contains(f.mask.Paths, name):
		case value == "":
			parts = append(parts, "no "+name)
		default:
			parts = append(parts, name+" "+value)
		}
	}
	if slices.Contains(f.mask.Paths, maskNames[flagPolicy]) {
		parts = append(parts, policyName(h.GetClientCertificatePolicy()))
	}
	named(flagOwner, h.GetOwner())
	named(flagTicket, h.GetTicket())
	named(flagNote, h.GetNote())
	if slices.Contains(f.mask.Paths, maskNames[flagExpires]) {
		parts = append(parts, expiryText(h))
	}
	return strings.Join(parts, ", ")
}

func expiryText(h *adminv1.AllowedHost) string {
	switch {
	case h.GetExpiresAt() == nil:
		return "does not expire"
	case h.GetExpired():
		return "expired " + command.Moment(h.ExpiresAt)
	}
	return "expires " + command.Moment(h.ExpiresAt)
}

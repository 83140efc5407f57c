package ctl

import (
	"context"
	"encoding/csv"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/omsgateway/omsgateway/ctl/command"
	"github.com/omsgateway/omsgateway/internal/adminclient"
	"github.com/omsgateway/omsgateway/internal/printable"
	"github.com/omsgateway/omsgateway/internal/reason"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

func (a app) revision() *cobra.Command {
	return command.Noun(&cobra.Command{
		Use:   "revision",
		Short: "See what changed in the configuration, and go back",
		Long: `See what changed in the configuration, and go back. Every change is a revision, whoever made it and in whatever way: by
omsgwctl, by a cmdlet, by setup, or in the file while the gateway was stopped. Its record has who, when, why and what; of the
last ones the whole configuration is kept, too. No password is in either.`,
		Example: `omsgwctl revision list
omsgwctl revision show 42
omsgwctl revision restore 41 --comment "the port was wrong"`,
		GroupID: command.GroupSetUp,
	}, a.revisionList(), a.revisionShow(), a.revisionDiff(), a.revisionRestore(), a.revisionRevert(),
		a.revisionTrial(), a.revisionConfirm(), a.revisionCancel(), a.revisionExtend(), a.revisionVerify())
}

func (a app) revisionList() *cobra.Command {
	var by, host, since string
	var asCSV bool
	var from *timestamppb.Timestamp
	cmd := command.Asking(a.Program, &cobra.Command{
		Use:   "list",
		Short: "List the changes, newest first",
		Long: `List the changes, newest first: who made each, by which call, and what it changed. A change of many entries is shown by
how many these were.`,
		Example: `omsgwctl revision list
omsgwctl revision list --by alice --since 24h
omsgwctl revision list --host a.example.com
omsgwctl revision list --since 2026-11-27 --csv >changes.csv`,
		Args: command.Takes(),
		PreRunE: func(cmd *cobra.Command, _ []string) (err error) {
			if asCSV && a.JSON {
				return command.Usagef("--csv and --json exclude each other")
			}
			from, err = moment(since, time.Now())
			return err
		},
	}, func(ctx context.Context, c *adminclient.Client, _ []string) (*adminv1.ListRevisionsResponse, error) {
		return listRevisions(ctx, c, &adminv1.ListRevisionsRequest{Caller: by, Since: from, Host: host})
	}, func(r *adminv1.ListRevisionsResponse) command.View {
		switch {
		case asCSV:
			return command.View{Text: revisionCSV(r.Revisions)}
		case len(r.Revisions) > 0:
			return command.Rows(revisionRows(r.Revisions)...)
		case by != "" || host != "" || from != nil:
			return command.Notef("there is no such change")
		}
		return command.Notef("there is no revision yet")
	})
	flags := cmd.Flags()
	flags.StringVar(&by, "by", "", "only changes by the caller with this `name`")
	flags.StringVar(&since, "since", "", "only changes since then, a `time` such as 90m or 24h ago, or a date such as 2026-11-27")
	flags.StringVar(&host, "host", "", "only changes of this allowed `host`")
	flags.BoolVar(&asCSV, "csv", false, "print the list as CSV (RFC 4180), with a line of headings")
	return cmd
}

// moment reads how long ago something was, or its date, which is a local one.
func moment(text string, now time.Time) (*timestamppb.Timestamp, error) {
	if text == "" {
		return nil, nil
	}
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return timestamppb.New(now.Add(-ago)), nil
	}
	if t, ok := parseDate(text, now.Location()); ok {
		return timestamppb.New(t), nil
	}
	return nil, command.Usagef(
		"--since cannot be %q: it is a time such as 90m or 24h, or a date such as 2026-11-27 or 2026-11-27T18:30:00Z", text)
}

// listRevisions returns every page as one.
func listRevisions(ctx context.Context, c *adminclient.Client,
	which *adminv1.ListRevisionsRequest) (*adminv1.ListRevisionsResponse, error) {
	which.PageSize = 1000
	return allPages(func(token string) (*adminv1.ListRevisionsResponse, error) {
		which.PageToken = token
		return command.Call(ctx, c.Revisions.ListRevisions, which)
	})
}

func revisionRows(revisions []*adminv1.Revision) [][]string {
	rows := [][]string{{"REVISION", "TIME", "BY", "METHOD", "CHANGED", "COMMENT"}}
	for _, r := range revisions {
		rows = append(rows, []string{
			strconv.FormatUint(r.Revision, 10), command.Moment(r.Time), callerText(r), r.Method, changedText(r), r.Comment,
		})
	}
	return rows
}

// callerText is who made a change, and from where if not from this computer.
func callerText(r *adminv1.Revision) string {
	if r.Address == "" {
		return r.Caller
	}
	return r.Caller + " at " + r.Address
}

// changedText is in one cell what a change was.
func changedText(r *adminv1.Revision) string {
	switch r.Result {
	case adminv1.Revision_NOT_MADE:
		return fmt.Sprintf("revision %d was not made", r.About)
	case adminv1.Revision_CONFIRMED:
		return fmt.Sprintf("trial %s was confirmed", r.Trial)
	case adminv1.Revision_ROLLED_BACK:
		return fmt.Sprintf("trial %s went back", r.Trial)
	case adminv1.Revision_TRIED:
		return "on trial: " + whatText(r)
	}
	return whatText(r)
}

func whatText(r *adminv1.Revision) string {
	switch {
	case len(r.Changes) == 1:
		return changeText(r.Changes[0])
	case len(r.Changes) > 1:
		return fmt.Sprintf("%s, and %s", changeText(r.Changes[0]), command.Plural(int64(len(r.Changes)-1), "more change"))
	}
	var parts []string
	for _, c := range r.Counts {
		parts = append(parts, countText(c))
	}
	return strings.Join(parts, "; ")
}

func changeText(c *adminv1.RevisionChange) string {
	switch {
	case c.OldValue == "" && c.NewValue == "":
		return fmt.Sprintf("%s %s: another one", c.Noun, c.Key)
	case c.OldValue == "":
		return fmt.Sprintf("%s %s: %s", c.Noun, c.Key, c.NewValue)
	case c.NewValue == "":
		return fmt.Sprintf("%s %s: no longer %s", c.Noun, c.Key, c.OldValue)
	}
	return fmt.Sprintf("%s %s: %s, before %s", c.Noun, c.Key, c.NewValue, c.OldValue)
}

func countText(c *adminv1.RevisionCount) string {
	return fmt.Sprintf("%s: %d added, %d removed, %d changed", c.Noun, c.Added, c.Removed, c.Changed)
}

func revisionCSV(revisions []*adminv1.Revision) string {
	var text strings.Builder
	w := csv.NewWriter(&text)
	w.UseCRLF = true
	rows := [][]string{{"revision", "time", "result", "caller", "via", "address", "role", "client", "method", "changed", "comment", "hash"}}
	for _, r := range revisions {
		rows = append(rows, []string{
			strconv.FormatUint(r.Revision, 10), r.Time.AsTime().Format(time.RFC3339), r.Result.String(), r.Caller, r.Via, r.Address, r.Role,
			r.Client, r.Method, changedText(r), r.Comment, r.Hash,
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

// formula is how a cell begins that a spreadsheet computes.
var formula = regexp.MustCompile(`^[=+\-@\t\r]`)

// harmless is a cell that no spreadsheet computes, whoever chose its content (OWASP, CSV injection).
func harmless(cell string) string {
	if formula.MatchString(cell) {
		return "'" + cell
	}
	return cell
}

func (a app) revisionShow() *cobra.Command {
	return command.Asking(a.Program, &cobra.Command{
		Use:               "show REVISION",
		Short:             "Show one change with all its details",
		Long:              "Show who made one change, when, why and in which way, and all that it changed.",
		Example:           "omsgwctl revision show 42\nomsgwctl revision show 42 --json",
		Args:              takesRevisions("REVISION"),
		ValidArgsFunction: a.Complete(revisionNumbers),
	}, func(ctx context.Context, c *adminclient.Client, args []string) (*adminv1.GetRevisionResponse, error) {
		return command.Call(ctx, c.Revisions.GetRevision, &adminv1.GetRevisionRequest{Revision: numberOf(args[0])})
	}, func(r *adminv1.GetRevisionResponse) command.View {
		return command.View{Tables: append([]command.Table{revisionDetails(r.GetRevision())}, differenceTables(r.GetRevision())...)}
	})
}

func revisionDetails(r *adminv1.Revision) command.Table {
	rows := command.Table{
		{"revision", strconv.FormatUint(r.GetRevision(), 10)},
		{"time", command.Moment(r.GetTime())},
		{"result", r.GetResult().String()},
	}
	add := func(name, value string) {
		if value != "" {
			rows = append(rows, []string{name, value})
		}
	}
	if r.GetAbout() != 0 {
		add("about revision", strconv.FormatUint(r.GetAbout(), 10))
	}
	add("trial", r.GetTrial())
	add("by", r.GetCaller())
	add("via", r.GetVia())
	add("address", r.GetAddress())
	add("role", r.GetRole())
	add("client", r.GetClient())
	add("method", r.GetMethod())
	add("comment", r.GetComment())
	add("problem", r.GetProblem())
	add("configuration", map[bool]string{true: "kept", false: "not kept"}[r.GetHasConfiguration()])
	add("hash", r.GetHash())
	add("hash before", r.GetPreviousHash())
	return rows
}

// difference is a message that has what is different between two configurations.
type difference interface {
	GetChanges() []*adminv1.RevisionChange
	GetCounts() []*adminv1.RevisionCount
}

// differenceTables are the differences; where there are more of them than are listed, also how many of each noun.
func differenceTables(d difference) []command.Table {
	var tables []command.Table
	if changes := d.GetChanges(); len(changes) > 0 {
		rows := command.Table{{"NOUN", "KEY", "BEFORE", "AFTER"}}
		for _, c := range changes {
			rows = append(rows, []string{c.Noun, c.Key, c.OldValue, c.NewValue})
		}
		tables = append(tables, rows)
	}
	var all int64
	rows := command.Table{{"NOUN", "ADDED", "REMOVED", "CHANGED"}}
	for _, c := range d.GetCounts() {
		all += c.Added + c.Removed + c.Changed
		rows = append(rows, []string{c.Noun, fmt.Sprint(c.Added), fmt.Sprint(c.Removed), fmt.Sprint(c.Changed)})
	}
	if all > int64(len(d.GetChanges())) {
		tables = append(tables, rows)
	}
	return tables
}

func (a app) revisionDiff() *cobra.Command {
	return command.Asking(a.Program, &cobra.Command{
		Use:   "diff REVISION [REVISION]",
		Short: "Show what is different between two configurations",
		Long: `Show what is different between the configurations of two revisions; without the second one, between a revision and what
is in force. At most 1,000 differences are listed, and how many there are of each kind.`,
		Example:           "omsgwctl revision diff 40 42\nomsgwctl revision diff 40",
		Args:              takesRevisions("REVISION", "[REVISION]"),
		ValidArgsFunction: a.Complete(revisionNumbers, revisionNumbers),
	}, func(ctx context.Context, c *adminclient.Client, args []string) (*adminv1.DiffRevisionsResponse, error) {
		request := &adminv1.DiffRevisionsRequest{From: numberOf(args[0])}
		if len(args) > 1 {
			request.To = numberOf(args[1])
		}
		return command.Call(ctx, c.Revisions.DiffRevisions, request)
	}, func(r *adminv1.DiffRevisionsResponse) command.View {
		return differenceView(r, "there is no difference")
	})
}

func differenceView(d difference, none string) command.View {
	if tables := differenceTables(d); len(tables) > 0 {
		return command.View{Tables: tables}
	}
	return command.Notef("%s", none)
}

func (a app) revisionRestore() *cobra.Command {
	var password passwordFlag
	cmd := command.Changing(a.Program, &cobra.Command{
		Use:   "restore REVISION",
		Short: "Go back to the configuration of a revision",
		Long: `Go back to the configuration of a revision, as a whole and at once. That is a change like any other, with a revision of its
own, so that it can be undone, too. The relay proxy keeps its password if its address and its user are the same as now; else
the password is needed, as one line on standard input.`,
		Example: `omsgwctl revision restore 41
omsgwctl revision restore 41 --comment "the port was wrong"
omsgwctl revision restore 41 --password-stdin <password.txt`,
		Args:              takesRevisions("REVISION"),
		ValidArgsFunction: a.Complete(revisionNumbers),
		PreRunE:           func(*cobra.Command, []string) error { return password.read(a) },
	}, func(ctx context.Context, c *adminclient.Client, how command.How, args []string) (*adminv1.RestoreRevisionResponse, error) {
		return command.Call(ctx, c.Revisions.RestoreRevision, &adminv1.RestoreRevisionRequest{
			Revision: numberOf(args[0]), Password: password.given,
			Etag: how.Etag, ValidateOnly: how.ValidateOnly, Comment: how.Comment, ConfirmWithin: how.ConfirmWithin, Trial: how.Trial,
		})
	}, func(r *adminv1.RestoreRevisionResponse) command.View {
		return differenceView(r, "the configuration is that one already")
	})
	return password.flag(cmd)
}

func (a app) revisionRevert() *cobra.Command {
	var password passwordFlag
	cmd := command.Changing(a.Program, &cobra.Command{
		Use:   "revert REVISION",
		Short: "Undo one change, and leave what was changed since",
		Long: `Undo what one revision changed, and leave what was changed since. Where the same has changed again, that stands in the way
and is named, and nothing is changed.`,
		Example: `omsgwctl revision revert 41
omsgwctl revision revert 41 --comment "that host was still needed"`,
		Args:              takesRevisions("REVISION"),
		ValidArgsFunction: a.Complete(revisionNumbers),
		PreRunE:           func(*cobra.Command, []string) error { return password.read(a) },
	}, func(ctx context.Context, c *adminclient.Client, how command.How, args []string) (*adminv1.RevertRevisionResponse, error) {
		return command.Call(ctx, c.Revisions.RevertRevision, &adminv1.RevertRevisionRequest{
			Revision: numberOf(args[0]), Password: password.given,
			Etag: how.Etag, ValidateOnly: how.ValidateOnly, Comment: how.Comment, ConfirmWithin: how.ConfirmWithin, Trial: how.Trial,
		})
	}, func(r *adminv1.RevertRevisionResponse) command.View {
		return differenceView(r, "nothing of that revision was left to undo")
	})
	return password.flag(cmd)
}

// passwordFlag is --password-stdin for the relay proxy of a revision.
type passwordFlag struct {
	stdin bool
	given *string
}

func (f *passwordFlag) flag(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().BoolVar(&f.stdin, "password-stdin", false, "read the password of the relay proxy's user from standard input")
	return cmd
}

func (f *passwordFlag) read(a app) error {
	if !f.stdin {
		return nil
	}
	password, err := readPassword(a.In)
	f.given = &password
	return err
}

func (a app) revisionVerify() *cobra.Command {
	var head string
	cmd := command.Asking(a.Program, &cobra.Command{
		Use:   "verify",
		Short: "Find out whether the history is as it was written",
		Long: `Find out whether the history is as it was written: each record has the hash of the one before, so that what is damaged,
missing, altered or put in is found. The exit code is 1 then.

Whoever may write in the gateway's folder could make the whole history anew. Against that note the hash of the last record
elsewhere, which is printed here, and stands in the events of changes and in changes.log, and give it with --head later.`,
		Example: `omsgwctl revision verify
omsgwctl revision verify --head 2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae`,
		Args: command.Takes(),
		PreRunE: func(*cobra.Command, []string) error {
			if head != "" && !isSHA256.MatchString(head) {
				return command.Usagef("--head is the hash of a record: 64 hexadecimal digits")
			}
			return nil
		},
	}, func(ctx context.Context, c *adminclient.Client, _ []string) (*adminv1.VerifyRevisionsResponse, error) {
		return command.Call(ctx, c.Revisions.VerifyRevisions, &adminv1.VerifyRevisionsRequest{Head: head})
	}, func(r *adminv1.VerifyRevisionsResponse) command.View {
		v := command.Rows(
			[]string{"revisions", fmt.Sprintf("%d to %d", r.First, r.Last)},
			[]string{"hash of the last record", r.Head},
		)
		if len(r.Findings) == 0 {
			v.Text = "nothing is wrong\n"
			return v
		}
		rows := command.Table{{"FAULT", "REVISION", "DETAIL"}}
		for _, f := range r.Findings {
			number := ""
			if f.Revision != 0 {
				number = strconv.FormatUint(f.Revision, 10)
			}
			rows = append(rows, []string{f.Fault, number, f.Message})
		}
		v.Tables = append(v.Tables, rows)
		all := strconv.FormatInt(int64(len(r.Findings))+r.More, 10)
		v.Failure = reason.New(reason.HistoryDamaged, "count", all)
		return v
	})
	cmd.Flags().StringVar(&head, "head", "", "one of the records must have this `hash`, which was noted before")
	return cmd
}

var isSHA256 = regexp.MustCompile(`^[0-9A-Fa-f]{64}$`)

// takesRevisions checks arguments that are numbers of revisions. The last one may be left out if its name is in brackets.
func takesRevisions(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == len(names)-1 && strings.HasPrefix(names[len(args)], "[") {
			names = names[:len(args)]
		}
		if err := command.Takes(names...)(cmd, args); err != nil {
			return err
		}
		for _, arg := range args {
			if numberOf(arg) == 0 {
				return command.Usagef("%q is no revision: it is a number from 1 on, as omsgwctl revision list shows it", arg)
			}
		}
		return nil
	}
}

// numberOf is the number of a revision, or 0 if it is none.
func numberOf(arg string) uint64 {
	n, err := strconv.ParseUint(arg, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

func revisionNumbers(ctx context.Context, c *adminclient.Client, _ []string) ([]string, error) {
	r, err := command.Call(ctx, c.Revisions.ListRevisions, &adminv1.ListRevisionsRequest{PageSize: 50})
	var numbers []string
	for _, revision := range r.GetRevisions() {
		numbers = append(numbers, cobra.CompletionWithDesc(strconv.FormatUint(revision.Revision, 10),
			printable.Escaped(callerText(revision)+": "+changedText(revision))))
	}
	return numbers, err
}

package ctl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"github.com/omsgateway/omsgateway/ctl/command"
	"github.com/omsgateway/omsgateway/ctl/support"
	"github.com/omsgateway/omsgateway/internal/adminclient"
	"github.com/omsgateway/omsgateway/internal/apierr"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

func (a app) support() *cobra.Command {
	var file string
	var anonymous bool
	cmd := a.WithJSON(&cobra.Command{
		Use:   "support",
		Short: "Write what somebody needs who is to help into one file",
		Long: `Write what somebody needs who is asked for help with this gateway into one
ZIP file: version, status, settings, lists, revisions, events, tunnels,
learned hosts, the ends of its logs, and the state of the service. It works
with a gateway that hangs or is stopped, too. The file contents.txt in it
says what is there, and what is missing and why.

No password is in it. Names and addresses of hosts, clients and people are,
unless --anonymous puts aliases in their place, the same alias for the same
name everywhere; texts of events, comments and the configuration file are
left out then.

The file is a new one that only you can read; look at it before you send it.`,
		Example: `omsgwctl support
omsgwctl support --anonymous --output for-the-issue.zip`,
		GroupID: command.GroupWatch,
		Args:    command.Takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			now := time.Now()
			if file == "" {
				file = supportName(now, anonymous)
			}
			to, done, err := a.supportFile(file)
			if err != nil {
				return err
			}
			outcomes, err := a.writeSupport(cmd.Context(), to, now, anonymous)
			if err = done(err); err != nil {
				return fmt.Errorf("writing %s: %w", file, err)
			}
			return a.supportWritten(file, outcomes)
		},
	})
	cmd.Flags().StringVarP(&file, "output", "o", "",
		"the new `file`; - is standard output (default: omsgateway-support-COMPUTER-TIME.zip)")
	cmd.Flags().BoolVar(&anonymous, "anonymous", false, "put aliases in the place of names and addresses")
	return cmd
}

func supportName(now time.Time, anonymous bool) string {
	computer := "gateway"
	if name, err := os.Hostname(); err == nil && !anonymous {
		computer = filepath.Base(name)
	}
	return fmt.Sprintf("omsgateway-support-%s-%s.zip", computer, now.UTC().Format("20060102T150405Z"))
}

// supportFile opens what the archive is written to. done ends that with the error of writing; a file that is not whole is removed.
func (a app) supportFile(file string) (to io.Writer, done func(error) error, err error) {
	if file == "-" {
		if out, ok := a.Out.(*os.File); ok && term.IsTerminal(int(out.Fd())) {
			return nil, nil, command.Usagef("an archive is nothing for a terminal; give --output FILE")
		}
		return a.Out, func(err error) error { return err }, nil
	}
	made, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, nil, err
	}
	return made, func(err error) error {
		if err = errors.Join(err, made.Close()); err != nil {
			_ = os.Remove(file)
		}
		return err
	}, nil
}

func (a app) writeSupport(ctx context.Context, to io.Writer, now time.Time, anonymous bool) ([]support.Outcome, error) {
	head := fmt.Sprintf("Support archive of an OMS gateway, made by omsgwctl %s on %s.\n", a.Version, now.UTC().Format(time.RFC3339))
	var aliases *support.Aliases
	if anonymous {
		aliases = support.NewAliases()
		head += "Names and addresses have aliases, the same one for the same name everywhere.\n"
	}
	asked := a.askedOnce()
	defer asked.close()
	parts := append(asked.parts(aliases), support.System()...)
	if dir, ok := a.StateDir(); ok {
		parts = append(parts, support.Files(dir, aliases)...)
	}
	return support.Write(ctx, to, head, now, parts)
}

func (a app) supportWritten(file string, outcomes []support.Outcome) error {
	if a.JSON && file != "-" {
		missing := map[string]string{}
		for _, o := range outcomes {
			if o.Problem != nil {
				missing[o.Part.Name] = o.Problem.Error()
			}
		}
		return a.Printf("{\"file\": %s, \"missing\": %s}\n", command.Quote(file), command.Quote(missing))
	}
	for _, o := range outcomes {
		if o.Problem != nil {
			a.Notef("%s is missing: %v", o.Part.Name, o.Problem)
		}
	}
	if file == "-" {
		return nil
	}
	return a.Printf("%s\n", file)
}

// asked asks the gateway for parts. Once it was not reached or did not answer, it is not asked any more, so that one that hangs costs the
// time of one part.
type asked struct {
	app
	client *adminclient.Client
	given  error // up
}

func (a app) askedOnce() *asked { return &asked{app: a} }

func (a *asked) close() {
	if a.client != nil {
		a.client.Close()
	}
}

func (a *asked) parts(aliases *support.Aliases) []support.Part {
	return []support.Part{
		partOf(a, aliases, "status.json", "omsgwctl status: state, version, connections, errors, refusals, warnings",
			func(ctx context.Context, c *adminclient.Client) (*adminv1.GetStatusResponse, error) {
				return command.Call(ctx, c.Status.GetStatus, &adminv1.GetStatusRequest{})
			}),
		partOf(a, aliases, "settings.json", "omsgwctl setting list",
			func(ctx context.Context, c *adminclient.Client) (*adminv1.ListSettingsResponse, error) {
				return command.Call(ctx, c.Settings.ListSettings, &adminv1.ListSettingsRequest{})
			}),
		partOf(a, aliases, "relay-proxy.json", "omsgwctl relay-proxy get",
			func(ctx context.Context, c *adminclient.Client) (*adminv1.GetRelayProxyResponse, error) {
				return command.Call(ctx, c.RelayProxy.GetRelayProxy, &adminv1.GetRelayProxyRequest{})
			}),
		partOf(a, aliases, "effective-hosts.json", "omsgwctl allowed-host list --effective: what is allowed, why, and how often",
			listEffectiveHosts),
		partOf(a, aliases, "client-certificates.json", "omsgwctl allowed-client-certificate list", listClientCertificates),
		partOf(a, aliases, "denied-hosts.json", "omsgwctl denied list",
			func(ctx context.Context, c *adminclient.Client) (*adminv1.ListDeniedHostsResponse, error) {
				return listDenied(ctx, c, nil)
			}),
		partOf(a, aliases, "discovery.json", "omsgwctl discovery show: what was learned from monitoring agents",
			func(ctx context.Context, c *adminclient.Client) (*adminv1.GetDiscoveryResponse, error) {
				return command.Call(ctx, c.Discovery.GetDiscovery, &adminv1.GetDiscoveryRequest{})
			}),
		partOf(a, aliases, "tunnels.json", "omsgwctl tunnel list",
			func(ctx context.Context, c *adminclient.Client) (*adminv1.ListTunnelsResponse, error) {
				return listTunnels(ctx, c, &adminv1.TunnelFilter{})
			}),
		partOf(a, aliases, "revisions.json", "omsgwctl revision list: who changed what",
			func(ctx context.Context, c *adminclient.Client) (*adminv1.ListRevisionsResponse, error) {
				return listRevisions(ctx, c, &adminv1.ListRevisionsRequest{})
			}),
		partOf(a, aliases, "events.json", "omsgwctl event list: the newest of the kept events, at most 1 MiB",
			func(ctx context.Context, c *adminclient.Client) (*adminv1.ListEventsResponse, error) {
				return command.Call(ctx, c.Events.ListEvents, &adminv1.ListEventsRequest{Limit: 10_000})
			}),
	}
}

func partOf[M proto.Message](a *asked, aliases *support.Aliases, name, what string,
	ask func(context.Context, *adminclient.Client) (M, error)) support.Part {
	return support.Answer(name, what, aliases, func(ctx context.Context) (m M, err error) {
		if a.given != nil {
			return m, errors.New("the gateway was not asked, since it did not answer before")
		}
		if a.client == nil {
			if a.client, err = a.Dial(ctx); err != nil {
				a.given = err
				return m, err
			}
		}
		m, err = ask(ctx, a.client)
		if known, ok := errors.AsType[*apierr.Error](err); ok &&
			(known.Code == codes.DeadlineExceeded || known.Code == codes.Unavailable) {
			a.given = err
		}
		return m, err
	})
}

package ctl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"

	"github.com/omsgateway/omsgateway/ctl/command"
	"github.com/omsgateway/omsgateway/ctl/lines"
	"github.com/omsgateway/omsgateway/internal/adminclient"
	"github.com/omsgateway/omsgateway/internal/apierr"
	"github.com/omsgateway/omsgateway/internal/printable"
	"github.com/omsgateway/omsgateway/internal/reason"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

func (a app) relayProxy() *cobra.Command {
	return command.Noun(&cobra.Command{
		Use:   "relay-proxy",
		Short: "Let the gateway connect through another proxy",
		Long: `Let the gateway connect through another proxy, for example the company's own. The next tunnel follows a change; open
ones stay. The hosts of the setting RelayProxyBypass are connected to directly all the same.`,
		Example: `omsgwctl relay-proxy set http://proxy.example.com:3128
omsgwctl relay-proxy set proxy.example.com:3128 --username svc --password-stdin <password.txt
omsgwctl relay-proxy test myworkspace.ods.opinsights.azure.com
omsgwctl relay-proxy clear`,
		GroupID: command.GroupSetUp,
	}, a.relayProxyGet(), a.relayProxySet(), a.relayProxyClear(), a.relayProxyTest())
}

func (a app) relayProxyGet() *cobra.Command {
	return command.Asking(a.Program, &cobra.Command{
		Use:               "get",
		Short:             "Show the relay proxy",
		Long:              "Show the relay proxy. Its password is shown nowhere.",
		Example:           "omsgwctl relay-proxy get\nomsgwctl relay-proxy get --json",
		Args:              command.Takes(),
		ValidArgsFunction: command.NoFiles,
	}, func(ctx context.Context, c *adminclient.Client, _ []string) (*adminv1.GetRelayProxyResponse, error) {
		return command.Call(ctx, c.RelayProxy.GetRelayProxy, &adminv1.GetRelayProxyRequest{})
	}, func(r *adminv1.GetRelayProxyResponse) command.View {
		p := r.GetRelayProxy()
		if p == nil {
			return command.Textf("There is no relay proxy: the gateway connects directly.\n")
		}
		rows := [][]string{{"Address:", p.Address}}
		if p.Username != "" {
			password := "none"
			if p.PasswordSet {
				password = "set"
			}
			rows = append(rows, []string{"Username:", p.Username}, []string{"Password:", password})
		}
		return command.Rows(rows...)
	})
}

func (a app) relayProxySet() *cobra.Command {
	var username, password string
	var passwordStdin bool
	cmd := command.Changing(a.Program, &cobra.Command{
		Use:   "set ADDRESS",
		Short: "Set the relay proxy",
		Long: `Set the relay proxy. ADDRESS is http://HOST:PORT, HOST:PORT, or https://HOST:PORT for TLS to the relay proxy, whose
certificate the gateway's computer must then trust. Without a port it is 80, with https 443. IPv6 stands in
brackets, as in http://[2001:db8::7]:3128.

User name and password (Basic authentication) are set with the address; without them, those that were stored are cleared.
The password is the one line on standard input, so that it stands in no command line.`,
		Example: `omsgwctl relay-proxy set http://proxy.example.com:3128
omsgwctl relay-proxy set https://proxy.example.com
omsgwctl relay-proxy set proxy.example.com:3128 --username svc --password-stdin <password.txt`,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case len(args) == 0:
				return command.Usagef("ADDRESS is missing")
			case len(args) > 1: // which may be a password, so it is not repeated
				return command.Usagef("there is more than ADDRESS; give the user with --username and the password with --password-stdin")
			case passwordStdin && username == "":
				return command.Usagef("--password-stdin needs --username")
			case username != "" && !passwordStdin:
				return command.Usagef("--username needs --password-stdin; let standard input be empty for a user without a password")
			}
			return nil
		},
		ValidArgsFunction: command.NoFiles,
		PreRunE: func(*cobra.Command, []string) (err error) {
			if passwordStdin {
				password, err = readPassword(a.In)
			}
			return err
		},
	}, func(ctx context.Context, c *adminclient.Client, how command.How, args []string) (*adminv1.SetRelayProxyResponse, error) {
		return command.Call(ctx, c.RelayProxy.SetRelayProxy, &adminv1.SetRelayProxyRequest{
			Address: args[0], Username: username, Password: password,
			Etag: how.Etag, ValidateOnly: how.ValidateOnly, Comment: how.Comment, ConfirmWithin: how.ConfirmWithin, Trial: how.Trial,
		})
	}, func(r *adminv1.SetRelayProxyResponse) command.View {
		return relayChange(r.RelayProxy, r.PreviousRelayProxy)
	})
	cmd.Flags().StringVar(&username, "username", "", "`name` of the user at the relay proxy")
	cmd.Flags().BoolVar(&passwordStdin, "password-stdin", false, "read the user's password from standard input")
	return cmd
}

// readPassword reads one line; a byte order mark, with which editors and shells on Windows begin a text, is none of it. The gateway says
// what is wrong with a line that is too long; more of it is not read.
func readPassword(in io.Reader) (string, error) {
	const most = 8 << 10
	text, err := io.ReadAll(io.LimitReader(in, most))
	if err != nil {
		return "", fmt.Errorf("reading the password from standard input: %w", err)
	}
	line, rest, _ := strings.Cut(strings.TrimPrefix(string(text), lines.ByteOrderMark), "\n")
	if strings.TrimSpace(rest) != "" {
		return "", errors.New("reading the password from standard input: there is more than one line")
	}
	return strings.TrimSuffix(line, "\r"), nil
}

func relayChange(is, was *adminv1.RelayProxy) command.View {
	return command.Rows([]string{"relay proxy", relayText(is), "before: " + relayText(was)})
}

// relayText is a relay proxy in one line.
func relayText(p *adminv1.RelayProxy) string {
	switch {
	case p == nil:
		return "none"
	case p.Username == "":
		return p.Address
	}
	return p.Address + " with user " + p.Username
}

func (a app) relayProxyClear() *cobra.Command {
	return command.Changing(a.Program, &cobra.Command{
		Use:               "clear",
		Short:             "Let the gateway connect directly again",
		Long:              "Let the gateway connect directly again. User name and password are cleared too.",
		Example:           "omsgwctl relay-proxy clear",
		Args:              command.Takes(),
		ValidArgsFunction: command.NoFiles,
	}, func(ctx context.Context, c *adminclient.Client, how command.How, _ []string) (*adminv1.ClearRelayProxyResponse, error) {
		return command.Call(ctx, c.RelayProxy.ClearRelayProxy, &adminv1.ClearRelayProxyRequest{
			Etag: how.Etag, ValidateOnly: how.ValidateOnly, Comment: how.Comment, ConfirmWithin: how.ConfirmWithin, Trial: how.Trial,
		})
	}, func(r *adminv1.ClearRelayProxyResponse) command.View {
		return relayChange(nil, r.PreviousRelayProxy)
	})
}

func (a app) relayProxyTest() *cobra.Command {
	return command.Asking(a.Program, &cobra.Command{
		Use:   "test HOST[:PORT]",
		Short: "Find out how far a tunnel through the relay proxy comes",
		Long: `Find out how far a tunnel through the relay proxy comes: the gateway resolves the name of the relay proxy, connects to
it, asks it for the host, and makes a TLS handshake there. The first step that fails is explained, and the exit code is 1.
HOST need not be an allowed host; nothing but the handshake is sent to it.`,
		Example: `omsgwctl relay-proxy test myworkspace.ods.opinsights.azure.com
omsgwctl relay-proxy test example.com:8443 --json`,
		Args:              command.Takes("HOST"),
		ValidArgsFunction: command.NoFiles,
	}, func(ctx context.Context, c *adminclient.Client, args []string) (*adminv1.TestRelayProxyResponse, error) {
		return command.Call(ctx, c.RelayProxy.TestRelayProxy, &adminv1.TestRelayProxyRequest{Target: args[0]})
	}, func(r *adminv1.TestRelayProxyResponse) command.View {
		v := command.Rows(stepRows(r.Steps)...)
		if r.Bypassed {
			v.Notes = []string{fmt.Sprintf("tunnels to %s do not go this way: the setting RelayProxyBypass has the host",
				printable.Escaped(r.Target))}
		}
		v.Failure = failedStep(r.Steps)
		return v
	})
}

func stepRows(steps []*adminv1.RelayProxyStep) [][]string {
	rows := [][]string{{"STEP", "RESULT", "TIME", "DETAIL"}}
	for _, s := range steps {
		result, detail := "ok", s.Detail
		if s.Problem != nil {
			result, detail = "failed", s.Problem.Reason
		}
		took := fmt.Sprintf("%d ms", s.Duration.AsDuration().Milliseconds())
		rows = append(rows, []string{stepText(s.Step), result, took, detail})
	}
	return rows
}

func stepText(step adminv1.RelayProxyStep_Step) string {
	if step == adminv1.RelayProxyStep_RELAY_TLS {
		return "TLS to the relay proxy"
	}
	return step.String()
}

// failedStep is the error of a test that did not come through.
func failedStep(steps []*adminv1.RelayProxyStep) error {
	for _, s := range steps {
		if p := s.Problem; p != nil {
			return &apierr.Error{
				Code: codes.FailedPrecondition, Reason: reason.Reason(p.Reason), Parts: p.Metadata,
				Message: stepText(s.Step) + " fails: " + p.Message,
			}
		}
	}
	return nil
}

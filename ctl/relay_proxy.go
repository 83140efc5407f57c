package ctl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"

	"github.com/omsgateway/omsgateway/internal/adminclient"
	"github.com/omsgateway/omsgateway/internal/apierr"
	"github.com/omsgateway/omsgateway/internal/printable"
	"github.com/omsgateway/omsgateway/internal/reason"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

func (a *app) relayProxy() *cobra.Command {
	return noun(&cobra.Command{
		Use:   "relay-proxy",
		Short: "Let the gateway connect through another proxy",
		Long: `Let the gateway connect through another proxy, for example the company's own. The next tunnel follows a change; open
ones stay. The hosts of the setting RelayProxyBypass are connected to directly all the same.`,
		Example: `omsgwctl relay-proxy set http://proxy.example.com:3128
omsgwctl relay-proxy set proxy.example.com:3128 --username svc --password-stdin <password.txt
omsgwctl relay-proxy test myworkspace.ods.opinsights.azure.com
omsgwctl relay-proxy clear`,
		GroupID: groupSetUp,
	}, a.relayProxyGet(), a.relayProxySet(), a.relayProxyClear(), a.relayProxyTest())
}

func (a *app) relayProxyGet() *cobra.Command {
	return a.withJSON(&cobra.Command{
		Use:               "get",
		Short:             "Show the relay proxy",
		Long:              "Show the relay proxy. Its password is shown nowhere.",
		Example:           "omsgwctl relay-proxy get\nomsgwctl relay-proxy get --json",
		Args:              takes(),
		ValidArgsFunction: noFiles,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.connected(cmd.Context(), func(ctx context.Context, c *adminclient.Client) error {
				r, err := call(ctx, c.RelayProxy.GetRelayProxy, &adminv1.GetRelayProxyRequest{})
				if err != nil {
					return err
				}
				if a.json {
					return a.printJSON(r)
				}
				p := r.GetRelayProxy()
				if p == nil {
					return a.printf("There is no relay proxy: the gateway connects directly.\n")
				}
				rows := [][]string{{"Address:", p.Address}}
				if p.Username != "" {
					password := "none"
					if p.PasswordSet {
						password = "set"
					}
					rows = append(rows, []string{"Username:", p.Username}, []string{"Password:", password})
				}
				return a.table(rows...)
			})
		},
	})
}

func (a *app) relayProxySet() *cobra.Command {
	var username string
	var passwordStdin bool
	cmd := a.withJSON(&cobra.Command{
		Use:   "set ADDRESS",
		Short: "Set the relay proxy",
		Long: `Set the relay proxy. ADDRESS is http://HOST:PORT, HOST:PORT, or https://HOST:PORT for TLS to the relay proxy, whose
certificate the gateway's computer must then trust. Without a port it is 80, with https 443.

User name and password (Basic authentication) are set with the address; without them, those that were stored are cleared.
The password is the one line on standard input, so that it stands in no command line.`,
		Example: `omsgwctl relay-proxy set http://proxy.example.com:3128
omsgwctl relay-proxy set https://proxy.example.com
omsgwctl relay-proxy set proxy.example.com:3128 --username svc --password-stdin <password.txt`,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case len(args) == 0:
				return usagef("ADDRESS is missing")
			case len(args) > 1: // which may be a password, so it is not repeated
				return usagef("there is more than ADDRESS; give the user with --username and the password with --password-stdin")
			case passwordStdin && username == "":
				return usagef("--password-stdin needs --username")
			case username != "" && !passwordStdin:
				return usagef("--username needs --password-stdin; let standard input be empty for a user without a password")
			}
			return nil
		},
		ValidArgsFunction: noFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			request := &adminv1.SetRelayProxyRequest{Address: args[0], Username: username}
			if passwordStdin {
				password, err := readPassword(a.in)
				if err != nil {
					return err
				}
				request.Password = password
			}
			return a.connected(cmd.Context(), func(ctx context.Context, c *adminclient.Client) error {
				r, err := call(ctx, c.RelayProxy.SetRelayProxy, request)
				if err != nil {
					return err
				}
				if a.json {
					return a.printJSON(r)
				}
				return a.table([]string{"relay proxy", relayText(r.RelayProxy), "before: " + relayText(r.PreviousRelayProxy)})
			})
		},
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
	line, rest, _ := strings.Cut(strings.TrimPrefix(string(text), byteOrderMark), "\n")
	if strings.TrimSpace(rest) != "" {
		return "", errors.New("reading the password from standard input: there is more than one line")
	}
	return strings.TrimSuffix(line, "\r"), nil
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

func (a *app) relayProxyClear() *cobra.Command {
	return a.withJSON(&cobra.Command{
		Use:               "clear",
		Short:             "Let the gateway connect directly again",
		Long:              "Let the gateway connect directly again. User name and password are cleared too.",
		Example:           "omsgwctl relay-proxy clear",
		Args:              takes(),
		ValidArgsFunction: noFiles,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.connected(cmd.Context(), func(ctx context.Context, c *adminclient.Client) error {
				r, err := call(ctx, c.RelayProxy.ClearRelayProxy, &adminv1.ClearRelayProxyRequest{})
				if err != nil {
					return err
				}
				if a.json {
					return a.printJSON(r)
				}
				return a.table([]string{"relay proxy", "none", "before: " + relayText(r.PreviousRelayProxy)})
			})
		},
	})
}

func (a *app) relayProxyTest() *cobra.Command {
	return a.withJSON(&cobra.Command{
		Use:   "test HOST[:PORT]",
		Short: "Find out how far a tunnel through the relay proxy comes",
		Long: `Find out how far a tunnel through the relay proxy comes: the gateway resolves the name of the relay proxy, connects to
it, asks it for the host, and makes a TLS handshake there. The first step that fails is explained, and the exit code is 1.
HOST need not be an allowed host; nothing but the handshake is sent to it.`,
		Example: `omsgwctl relay-proxy test myworkspace.ods.opinsights.azure.com
omsgwctl relay-proxy test example.com:8443 --json`,
		Args:              takes("HOST"),
		ValidArgsFunction: noFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.connected(cmd.Context(), func(ctx context.Context, c *adminclient.Client) error {
				r, err := call(ctx, c.RelayProxy.TestRelayProxy, &adminv1.TestRelayProxyRequest{Target: args[0]})
				if err != nil {
					return err
				}
				if r.Bypassed {
					a.notef("tunnels to %s do not go this way: the setting RelayProxyBypass has the host", printable.Escaped(r.Target))
				}
				if a.json {
					err = a.printJSON(r)
				} else {
					err = a.table(stepRows(r.Steps)...)
				}
				if err != nil {
					return err
				}
				return failedStep(r.Steps)
			})
		},
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

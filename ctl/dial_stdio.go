package ctl

import (
	"context"
	"errors"
	"io"
	"net"

	"github.com/spf13/cobra"

	"github.com/omsgateway/omsgateway/ctl/command"
	"github.com/omsgateway/omsgateway/internal/adminclient"
)

func (a app) dialStdio() *cobra.Command {
	return &cobra.Command{
		Use:   "dial-stdio",
		Short: "Connect standard input and output with the gateway",
		Long: `Connect standard input and output with the admin API of this computer's gateway, or of the one that --address names, and
carry bytes until either side ends. An omsgwctl on another computer runs this through ssh (address ssh:HOST). A gateway that is
stopped is not stood in for. OMSGATEWAY_ADDRESS does not count.`,
		Example: "ssh gw1.example.com omsgwctl dial-stdio",
		GroupID: command.GroupScript,
		Args:    command.Takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			conn, err := adminclient.Connect(cmd.Context(), a.Address())
			if err != nil {
				return err
			}
			return carry(cmd.Context(), conn, a.In, a.Out)
		},
	}
}

// carry ends when either side has ended, or ctx is done. What reads in is left to itself then.
func carry(ctx context.Context, conn net.Conn, in io.Reader, out io.Writer) error {
	done := make(chan error, 2)
	go func() {
		_, err := io.Copy(conn, in)
		done <- err
	}()
	go func() {
		_, err := io.Copy(out, conn)
		done <- err
	}()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
	}
	_ = conn.Close()
	if errors.Is(err, net.ErrClosed) || errors.Is(err, io.ErrClosedPipe) {
		return nil
	}
	return err
}

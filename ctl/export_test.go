package ctl

import (
	"context"
	"io"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"

	"github.com/omsgateway/omsgateway/ctl/batch"
	"github.com/omsgateway/omsgateway/ctl/command"
)

// Root is the command omsgwctl, and ExitCodes what its help says of them.
func Root() *cobra.Command { return root(&command.Program{}) }

const ExitCodes = command.ExitCodes

// Run carries out one command line and answers the exit code.
func Run(ctx context.Context, args []string, in io.Reader, out, err io.Writer) int {
	return Main(ctx, "dev", args, in, out, err)
}

// ServeBatch answers the requests of in over conn.
func ServeBatch(ctx context.Context, conn grpc.ClientConnInterface, in io.Reader, out, notes io.Writer) error {
	connect := func(context.Context) (grpc.ClientConnInterface, func(), error) { return conn, func() {}, nil }
	return batch.Serve(ctx, "dev", connect, in, out, notes)
}

// MaxRequestLine bounds a line of a batch.
const MaxRequestLine = batch.MaxRequestLine

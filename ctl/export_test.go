package ctl

import (
	"context"
	"io"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"

	"github.com/omsgateway/omsgateway/ctl/batch"
	"github.com/omsgateway/omsgateway/ctl/command"
	"github.com/omsgateway/omsgateway/internal/adminclient"
)

// Root is the command omsgwctl, and ExitCodes what its help says of them.
func Root() *cobra.Command { return root(&command.Program{}) }

const ExitCodes = command.ExitCodes

// Run carries out one command line and returns the exit code.
func Run(ctx context.Context, args []string, in io.Reader, out, err io.Writer) int {
	return Main(ctx, "dev", args, in, out, err)
}

// ServeBatch answers the requests of in over conn.
func ServeBatch(ctx context.Context, conn grpc.ClientConnInterface, in io.Reader, out, notes io.Writer) error {
	connect := func(context.Context) (grpc.ClientConnInterface, func(), error) { return conn, func() {}, nil }
	return batch.Serve(ctx, "dev", connect, in, out, notes)
}

// WouldAdd returns the JSON of what would become of hosts if they were added at the gateway with this address and etag.
func WouldAdd(ctx context.Context, address, etag string, hosts ...string) (string, error) {
	c, err := adminclient.Dial(ctx, adminclient.Options{Address: address})
	if err != nil {
		return "", err
	}
	defer c.Close()
	entries, _, err := hostKind.read(nil, hosts)
	if err != nil {
		return "", err
	}
	would, err := addingHosts(&hostFlags{}).run(ctx, c, command.How{Etag: etag, ValidateOnly: true}, entries, nil)
	if err != nil {
		return "", err
	}
	text, err := command.CompactJSON(would)
	return string(text), err
}

// MaxRequestLine bounds a line of a batch.
const MaxRequestLine = batch.MaxRequestLine

// ParseExpiry is exported for what would take many commands.
var ParseExpiry = parseExpiry

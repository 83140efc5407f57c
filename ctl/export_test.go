package ctl

import (
	"context"
	"io"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
)

// Root is the command omsgwctl, and ExitCodes what its help says of them.
func Root() *cobra.Command { return (&app{}).root() }

const ExitCodes = exitCodes

// Run carries out one command line and answers the exit code.
func Run(ctx context.Context, args []string, in io.Reader, out, err io.Writer) int {
	return Main(ctx, "dev", args, in, out, err)
}

// ServeBatch answers the requests of in over conn.
func ServeBatch(ctx context.Context, conn grpc.ClientConnInterface, in io.Reader, out, notes io.Writer) error {
	b := newBatch("dev", func(context.Context) (grpc.ClientConnInterface, func(), error) { return conn, func() {}, nil })
	return b.serve(ctx, in, out, notes)
}

// MaxRequestLine bounds a line of a batch.
const MaxRequestLine = maxRequestLine

// Line is what is answered for one line.
type Line struct {
	Text    string
	TooLong bool
}

// Lines reads all lines of at most limit bytes.
func Lines(in io.Reader, limit int) []Line {
	var all []Line
	for l := newLines(in, limit); ; {
		line, tooLong, err := l.next()
		if err != nil {
			return all
		}
		all = append(all, Line{string(line), tooLong})
	}
}

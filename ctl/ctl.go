// Package ctl is the program omsgwctl, which administers a gateway over its admin API: a file for each noun.
package ctl

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/omsgateway/omsgateway/ctl/batch"
	"github.com/omsgateway/omsgateway/ctl/command"
)

// Main carries out one command line of the program of this version, and returns the exit code.
func Main(ctx context.Context, version string, args []string, in io.Reader, out, errs io.Writer) int {
	p := &command.Program{Version: version, In: in, Out: out, Err: errs}
	return p.Run(ctx, root(p), args)
}

func root(p *command.Program) *cobra.Command {
	a := app{p}
	return p.Root(
		a.allowedHost(), a.allowedClientCertificate(), a.relayProxy(), a.setting(), a.config(), a.revision(), a.gateway(), a.clock(),
		a.status(), a.check(), a.denied(), a.discovery(), a.tunnel(), a.event(), a.support(),
		batch.Command(p), a.dialStdio(),
	)
}

// app has a method for each noun, which makes its command.
type app struct{ *command.Program }

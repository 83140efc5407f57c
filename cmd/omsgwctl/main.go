// Command omsgwctl administers an OMS gateway over its admin API: tables for people, JSON for scripts, and a batch mode for
// programs.
package main

import (
	"context"
	"os"

	"github.com/omsgateway/omsgateway/ctl"
)

// version is stamped by the linker: -ldflags "-X main.version=1.0.0".
var version = "dev"

func main() {
	os.Exit(ctl.Main(context.Background(), version, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

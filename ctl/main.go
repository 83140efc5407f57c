// Command omsgwctl administers an OMS gateway over its admin API: tables for people, JSON for scripts, and a batch mode for
// programs.
package main

import (
	"context"
	"os"
)

// version is stamped by the linker: -ldflags "-X main.version=1.0.0".
var version = "dev"

func main() {
	os.Exit(run(context.Background(), os.Args[1:], streams{in: os.Stdin, out: os.Stdout, err: os.Stderr}))
}

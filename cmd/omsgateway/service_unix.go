//go:build unix

package main

import (
	"github.com/spf13/cobra"

	"github.com/omsgateway/omsgateway/internal/event"
)

// serviceCommands has none: systemd runs the gateway as anybody would.
func serviceCommands() []*cobra.Command { return nil }

// systemLogs has none: the service manager keeps what the gateway writes.
func systemLogs() []event.Output { return nil }

package main

import (
	"time"

	"github.com/spf13/cobra"
)

func serviceCommands() []*cobra.Command { return nil }

func notifyRunning() {}

func notifyStopping(time.Duration) {}

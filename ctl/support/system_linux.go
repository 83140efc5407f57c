package support

import (
	"bytes"
	"context"
	"os"
)

// aboutSystem is what the system says of itself. What is not there is left out.
func aboutSystem() []byte {
	var text bytes.Buffer
	for _, path := range []string{"/etc/os-release", "/proc/sys/kernel/osrelease", "/proc/loadavg", "/proc/meminfo"} {
		content, _ := os.ReadFile(path)
		text.Write(content)
	}
	return text.Bytes()
}

// service asks systemd for what tells of a unit's state, and has no environment, command line or address in it.
func service(ctx context.Context) ([]byte, error) {
	return output(ctx, "/usr/bin/systemctl", "show", "omsgateway.service", "--no-pager",
		"--property=LoadState,ActiveState,SubState,Result,UnitFileState,FragmentPath,DropInPaths,MainPID,NRestarts",
		"--property=ExecMainStartTimestamp,ExecMainExitTimestamp,ExecMainCode,ExecMainStatus,StateChangeTimestamp",
		"--property=MemoryCurrent,MemoryPeak,MemoryMax,TasksCurrent,CPUUsageNSec,LimitNOFILE,WatchdogUSec,WatchdogTimestamp")
}

// crashes has no part: what a gateway says when it crashes is in the journal.
func crashes(string) []Part { return nil }

package support

import (
	"context"
	"fmt"
	"path/filepath"

	"golang.org/x/sys/windows"

	"github.com/omsgateway/omsgateway/internal/osdefaults"
)

// aboutSystem is the version of Windows.
func aboutSystem() []byte {
	v := windows.RtlGetVersion()
	return fmt.Appendf(nil, "Windows %d.%d build %d\n", v.MajorVersion, v.MinorVersion, v.BuildNumber)
}

// service asks the service control manager, by the system's own program: queryex has no name or address in its answer.
func service(ctx context.Context) ([]byte, error) {
	system, err := windows.GetSystemDirectory()
	if err != nil {
		return nil, err
	}
	return output(ctx, filepath.Join(system, "sc.exe"), "queryex", osdefaults.ServiceName)
}

// crashes is the part with what the service wrote when it crashed.
func crashes(dir string) []Part {
	return []Part{logPart("crash.txt", "what the service wrote when it crashed", osdefaults.CrashFile(dir), nil)}
}

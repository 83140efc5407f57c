package osdefaults

import (
	"path/filepath"
	"strings"
)

const (
	adminAddress = "unix:/run/omsgateway/admin.sock"
	gatewayName  = "omsgateway"
	startCommand = "systemctl start omsgateway"

	socketName = "admin.sock"
)

func stateDir() string { return "/var/lib/omsgateway" }

func installDir() string { return "/usr/bin" }

func addressIn(dir string) string { return "unix:" + filepath.Join(dir, socketName) }

func stateDirOf(address string) (string, bool) {
	path, ok := strings.CutPrefix(address, "unix:")
	if !ok || !filepath.IsAbs(path) || filepath.Base(path) != socketName {
		return "", false
	}
	return filepath.Dir(path), true
}

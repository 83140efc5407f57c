// Package osdefaults spells the paths, pipe, socket, account and group names of each operating system. Nothing else does.
package osdefaults

import (
	"os"
	"path/filepath"
)

// Accounts and groups that setup makes on Linux.
const (
	ServiceAccount = "omsgateway"       // runs the gateway
	AdminGroup     = "omsgateway-admin" // its members may change the gateway's configuration
	ReadGroup      = "omsgateway-read"  // its members may read it
)

// StateDir is the folder in which the installed gateway keeps its configuration, lock and log:
// /var/lib/omsgateway, on Windows %ProgramData%\OMS Gateway.
func StateDir() string { return stateDir() }

// AdminAddress is where the installed gateway serves its admin API: unix:/run/omsgateway/admin.sock, on Windows
// npipe:omsgateway-admin.
func AdminAddress() string { return adminAddress }

// AddressIn is the address of the admin API of a gateway that keeps its state in dir, an absolute path: AdminAddress for the
// installed gateway's folder, else a socket in dir or, on Windows, a pipe whose name has a hash of dir.
func AddressIn(dir string) string {
	if filepath.Clean(dir) == StateDir() {
		return AdminAddress()
	}
	return addressIn(filepath.Clean(dir))
}

// StateDirOf is the reverse of AddressIn. It is false for an address that does not tell its folder: a socket of another name,
// or any pipe but the installed gateway's.
func StateDirOf(address string) (dir string, ok bool) {
	if address == AdminAddress() {
		return StateDir(), true
	}
	return stateDirOf(address)
}

// ConfigFile is the configuration file in the state folder dir.
func ConfigFile(dir string) string { return filepath.Join(dir, "config.json") }

// LockFile is the file in the state folder dir that the process which owns the folder holds locked.
func LockFile(dir string) string { return filepath.Join(dir, "omsgateway.lock") }

// SessionsFile is the file in the state folder dir that remembers what clients have shown in TLS sessions.
func SessionsFile(dir string) string { return filepath.Join(dir, "tls-sessions") }

// SavedOriginal is the file in the state folder dir in which Windows setup has saved the settings of an original OMS gateway.
func SavedOriginal(dir string) string { return filepath.Join(dir, "saved-from-original.json") }

// RegistryRecord is the file in the state folder dir that remembers what the original's registry had at the last start.
func RegistryRecord(dir string) string { return filepath.Join(dir, "original-log-level") }

// UsageFile is the file in the state folder dir that remembers how often allowed hosts were used and which hosts were refused.
func UsageFile(dir string) string { return filepath.Join(dir, "usage") }

// EventsFile is the file in the state folder dir that has the events before the last start.
func EventsFile(dir string) string { return filepath.Join(dir, "events") }

// DateFile is the file in the state folder dir that has the last date that was believed.
func DateFile(dir string) string { return filepath.Join(dir, "date") }

// DemandFile is the file in the state folder dir that remembers what clients were let through to in the last days.
func DemandFile(dir string) string { return filepath.Join(dir, "demand") }

// HistoryDir is the folder of the revisions of the configuration in the state folder dir.
func HistoryDir(dir string) string { return filepath.Join(dir, "history") }

// ChangesFile is the log of changes in the state folder dir.
func ChangesFile(dir string) string { return filepath.Join(dir, "log", "changes.log") }

// LogFile is the log file in the state folder dir.
func LogFile(dir string) string { return filepath.Join(dir, "log", "omsgateway.log") }

// GatewayBinary lists where the program omsgateway may be, best first: beside the running program, then where setup installs
// it. PATH is not searched, since whoever controls it could put another program there.
func GatewayBinary() []string {
	var candidates []string
	if self, err := os.Executable(); err == nil {
		candidates = append(candidates, filepath.Join(filepath.Dir(self), gatewayName))
	}
	return append(candidates, filepath.Join(installDir(), gatewayName))
}

// StartHint tells a person how to start the installed gateway; it fits after "no gateway answers; ".
func StartHint() string { return "start it with: " + startCommand }

package osdefaults

import (
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
	"strings"

	"golang.org/x/sys/windows"
)

const (
	adminAddress = "npipe:omsgateway-admin"
	gatewayName  = "omsgateway.exe"
	startCommand = "Start-Service OMSGatewayService"

	productDir = "OMS Gateway"
)

func stateDir() string {
	return filepath.Join(knownFolder(windows.FOLDERID_ProgramData, `C:\ProgramData`), productDir)
}

func installDir() string {
	return filepath.Join(knownFolder(windows.FOLDERID_ProgramFiles, `C:\Program Files`), productDir)
}

// knownFolder asks the system, not the environment, which the caller of a program controls.
func knownFolder(id *windows.KNOWNFOLDERID, usual string) string {
	path, err := windows.KnownFolderPath(id, windows.KF_FLAG_DEFAULT)
	if err != nil {
		return usual
	}
	return path
}

// addressIn ignores the case of dir, as the file system does.
func addressIn(dir string) string {
	sum := sha256.Sum256([]byte(strings.ToLower(dir)))
	return adminAddress + "-" + hex.EncodeToString(sum[:6])
}

func stateDirOf(string) (string, bool) { return "", false }

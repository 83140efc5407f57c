package discovery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/user"
	"path/filepath"
	"strings"
	"unicode/utf16"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"

	"github.com/omsgateway/omsgateway/internal/osdefaults"
)

// serviceAccount is what files are granted to where the gateway runs as LocalService, which other services share.
const serviceAccount = `NT SERVICE\` + osdefaults.ServiceName

// localService is the security identifier of that shared account.
const localService = "S-1-5-19"

func accountName() string {
	account, err := user.Current()
	if err != nil || account.Uid == localService {
		return serviceAccount
	}
	return account.Username
}

func grantCommand(account, place string, _ osdefaults.AgentFiles) string {
	return fmt.Sprintf(`icacls "%s" /grant "%s:(OI)(CI)(RX)"`, place, account)
}

func grantKeyCommand(account, key string) string {
	return fmt.Sprintf(`$k = 'HKLM:\%s'; $a = Get-Acl $k; $a.AddAccessRule([Security.AccessControl.RegistryAccessRule]::new(`+
		`'%s', 'ReadKey', 'ContainerInherit', 'None', 'Allow')); Set-Acl $k $a`, key, account)
}

// access is for the registry of 64-bit programs, where the agent is.
const access = registry.WOW64_64KEY | registry.ENUMERATE_SUB_KEYS | registry.QUERY_VALUE

func readConnectors(key string) ([]connector, error) {
	connectors, err := registry.OpenKey(registry.LOCAL_MACHINE, key, access)
	if err != nil {
		return nil, err
	}
	defer connectors.Close()
	names, err := connectors.ReadSubKeyNames(maxFiles)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	var list []connector
	for _, name := range names {
		c, err := readConnector(connectors, name)
		if errors.Is(err, registry.ErrNotExist) {
			continue // it was removed meanwhile
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", shown(name), err)
		}
		list = append(list, c)
	}
	return list, nil
}

// monitoringAgentVersion is that of the agent's service program, which lies where the agent's setup has noted it.
func monitoringAgentVersion() string {
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, osdefaults.MonitoringAgentSetup, access)
	if err != nil {
		return ""
	}
	defer key.Close()
	folder, _, err := key.GetStringValue("InstallDirectory")
	if err != nil || !filepath.IsAbs(folder) {
		return ""
	}
	program := filepath.Join(folder, "HealthService.exe")
	size, err := windows.GetFileVersionInfoSize(program, nil)
	if err != nil || size == 0 || size > maxFile {
		return ""
	}
	info := make([]byte, size)
	if err := windows.GetFileVersionInfo(program, 0, size, unsafe.Pointer(&info[0])); err != nil {
		return ""
	}
	var fixed *windows.VS_FIXEDFILEINFO
	length := uint32(unsafe.Sizeof(*fixed))
	if err := windows.VerQueryValue(unsafe.Pointer(&info[0]), `\`, unsafe.Pointer(&fixed), &length); err != nil || fixed == nil {
		return ""
	}
	high, low := fixed.FileVersionMS, fixed.FileVersionLS
	return fmt.Sprintf("%d.%d.%d.%d", high>>16, high&0xffff, low>>16, low&0xffff)
}

func readConnector(connectors registry.Key, name string) (connector, error) {
	key, err := registry.OpenKey(connectors, name, access)
	if err != nil {
		return connector{}, err
	}
	defer key.Close()
	c := connector{name: name}
	if c.url, err = text(key, valueURL); err != nil {
		return connector{}, err
	}
	c.thumbprint, err = text(key, valueThumbprint)
	return c, err
}

// text is a string value, "" if there is none; one of more than 4,096 bytes is an error.
func text(key registry.Key, name string) (string, error) {
	buf := make([]byte, 4096)
	n, kind, err := key.GetValue(name, buf)
	switch {
	case errors.Is(err, registry.ErrNotExist):
		return "", nil
	case err != nil:
		return "", fmt.Errorf("%s: %w", name, err)
	case kind != registry.SZ && kind != registry.EXPAND_SZ:
		return "", fmt.Errorf("%s: it is no string", name)
	}
	units := make([]uint16, n/2)
	for i := range units {
		units[i] = uint16(buf[2*i]) | uint16(buf[2*i+1])<<8
	}
	value, _, _ := strings.Cut(string(utf16.Decode(units)), "\x00")
	return value, nil
}

func watchConnectors(ctx context.Context, key string, changed func()) {
	stop, err := windows.CreateEvent(nil, 1, 0, nil)
	if err != nil {
		return
	}
	defer windows.CloseHandle(stop) //nolint:errcheck // nothing can be done
	release := context.AfterFunc(ctx, func() { _ = windows.SetEvent(stop) })
	defer release()
	for ctx.Err() == nil {
		if err := waitForChange(key, stop, changed); err != nil {
			_, _ = windows.WaitForSingleObject(stop, windows.INFINITE) // the key is read every few minutes all the same
			return
		}
	}
}

// waitForChange returns when something changes below the key, when the key comes into being, or when stop is set. It calls changed
// as soon as it would notice: what has changed before that has to be read.
func waitForChange(path string, stop windows.Handle, changed func()) error {
	key, err := openToWatch(path)
	missing := ""
	for errors.Is(err, registry.ErrNotExist) {
		missing = path
		if path = filepath.Dir(path); path == "." {
			return err
		}
		key, err = openToWatch(path)
	}
	if err != nil {
		return err
	}
	defer key.Close()
	change, err := windows.CreateEvent(nil, 0, 0, nil)
	if err != nil {
		return err
	}
	defer windows.CloseHandle(change) //nolint:errcheck // nothing can be done
	// A goroutine may go on in another thread, with which the notification would end otherwise.
	filter := uint32(windows.REG_NOTIFY_CHANGE_NAME | windows.REG_NOTIFY_THREAD_AGNOSTIC)
	if missing == "" {
		filter |= windows.REG_NOTIFY_CHANGE_LAST_SET
	}
	if err := windows.RegNotifyChangeKeyValue(windows.Handle(key), missing == "", filter, change, true); err != nil {
		return err
	}
	if missing != "" {
		if now, err := openToWatch(missing); err == nil { // it came before it would have been noticed
			return now.Close()
		}
	}
	changed()
	_, err = windows.WaitForMultipleObjects([]windows.Handle{change, stop}, false, windows.INFINITE)
	return err
}

func openToWatch(path string) (registry.Key, error) {
	return registry.OpenKey(registry.LOCAL_MACHINE, path, registry.WOW64_64KEY|registry.NOTIFY)
}

package winservice

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/eventlog"
	"golang.org/x/sys/windows/svc/mgr"

	"github.com/omsgateway/omsgateway/internal/osdefaults"
	"github.com/omsgateway/omsgateway/internal/statefolder"
)

// What the service is. The Windows package makes the same by tables of its own (packaging/msi).
const (
	serviceAccount     = `NT AUTHORITY\LocalService`
	servicePrivilege   = "SeChangeNotifyPrivilege" // to identify callers, which is all that is done with them, takes none
	serviceDescription = "Lets computers without internet access send monitoring data to Azure through this one."
	eventLogSize       = 64 << 20 // bytes; then the oldest events are overwritten
	failuresForgotten  = 24 * time.Hour
)

// serviceArguments are what the service manager starts the program with.
func serviceArguments() []string { return []string{"service", "run"} }

// recovery is what happens after the first, the second, and every further failure.
func recovery() []mgr.RecoveryAction {
	return []mgr.RecoveryAction{
		{Type: mgr.ServiceRestart, Delay: 5 * time.Second},
		{Type: mgr.ServiceRestart, Delay: 30 * time.Second},
		{Type: mgr.ServiceRestart, Delay: time.Minute},
	}
}

// Install makes folder, event log and service, or brings them up to date, and lets the service read what monitoring agents are
// configured to reach. After an error what was made before it stays, and a second try goes on from there.
func Install(out io.Writer) error {
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding out where this program is: %w", err)
	}
	manager, err := mgr.Connect()
	if err != nil {
		return elevated("connecting to the service manager", err)
	}
	defer disconnect(manager)
	if err := statefolder.Protect(osdefaults.StateDir()); err != nil {
		return fmt.Errorf("making the folder of the configuration: %w", err)
	}
	if err := registerEvents(program); err != nil {
		return elevated("registering the event log", err)
	}
	s, made, err := makeService(manager, program)
	if err != nil {
		return err
	}
	defer closeService(s)
	left, err := configure(s)
	if err != nil {
		if made {
			err = errors.Join(err, s.Delete())
		}
		return err
	}
	fmt.Fprintf(out, "The service %s is installed. Start it with: Start-Service %s\n", osdefaults.ServiceName, osdefaults.ServiceName)
	for _, what := range left {
		fmt.Fprintf(out, "This Windows cannot set its %s, which was left out.\n", what)
	}
	letServiceReadAgents(out)
	if isDomainController() {
		fmt.Fprintln(out, "This computer is a domain controller. The gateway works here, but the original's documents advise another "+
			"computer: who gets into a gateway must not be on the way into the domain.")
	}
	return nil
}

// productOptions has the kind of this Windows in the value ProductType: WinNT, ServerNT, or LanmanNT for a domain controller
// (VER_NT_DOMAIN_CONTROLLER of OSVERSIONINFOEXW).
const productOptions = `SYSTEM\CurrentControlSet\Control\ProductOptions`

// isDomainController reports whether the registry says so; where it cannot be read nobody is warned.
func isDomainController() bool {
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, productOptions, registry.QUERY_VALUE)
	if err != nil {
		return false
	}
	defer key.Close()
	kind, _, err := key.GetStringValue("ProductType")
	return err == nil && kind == "LanmanNT"
}

// makeService makes the service, or opens one of this program that is there already: the Windows package makes the service by its own
// tables, and then lets this program finish it.
func makeService(manager *mgr.Mgr, program string) (s *mgr.Service, made bool, err error) {
	s, err = manager.CreateService(osdefaults.ServiceName, program, mgr.Config{
		StartType:        mgr.StartAutomatic,
		ErrorControl:     mgr.ErrorNormal,
		ServiceStartName: serviceAccount,
		DisplayName:      osdefaults.ServiceDisplayName,
		Description:      serviceDescription,
	}, serviceArguments()...)
	switch {
	case err == nil:
		return s, true, nil
	case !errors.Is(err, windows.ERROR_SERVICE_EXISTS):
		return nil, false, elevated("making the service", err)
	}
	if s, err = manager.OpenService(osdefaults.ServiceName); err != nil {
		return nil, false, elevated("opening the service", err)
	}
	err = checkProgram(s, program)
	if err == nil {
		err = setProgram(s, program)
	}
	if err != nil {
		closeService(s)
		return nil, false, err
	}
	return s, false, nil
}

// checkProgram refuses a service of another program.
func checkProgram(s *mgr.Service, program string) error {
	line, err := commandLine(s)
	if err == nil && !strings.Contains(strings.ToLower(line), strings.ToLower(program)) {
		err = fmt.Errorf("the service %s is there already, with another program (%s): use that, or uninstall it first",
			osdefaults.ServiceName, line)
	}
	return err
}

// commandLine is what the service manager starts the service with. (Service.Config asks for more, which Wine does not know.)
func commandLine(s *mgr.Service) (string, error) {
	buffer := make([]byte, 8<<10) // the most that there can be (Microsoft: QueryServiceConfigW)
	config, needed := (*windows.QUERY_SERVICE_CONFIG)(unsafe.Pointer(&buffer[0])), uint32(0)
	if err := windows.QueryServiceConfig(s.Handle, config, uint32(len(buffer)), &needed); err != nil {
		return "", fmt.Errorf("reading how the service is configured: %w", err)
	}
	return windows.UTF16PtrToString(config.BinaryPathName), nil
}

// setProgram makes sure that the path is quoted: Windows would try C:\Program.exe first.
func setProgram(s *mgr.Service, program string) error {
	line, err := windows.UTF16PtrFromString(windows.ComposeCommandLine(append([]string{program}, serviceArguments()...)))
	if err != nil {
		return err
	}
	if err := windows.ChangeServiceConfig(s.Handle, windows.SERVICE_NO_CHANGE, windows.SERVICE_NO_CHANGE, windows.SERVICE_NO_CHANGE,
		line, nil, nil, nil, nil, nil, nil); err != nil {
		return fmt.Errorf("setting the service's program: %w", err)
	}
	return nil
}

// configure sets what CreateService does not. It returns what this system does not know (Wine is such a one).
func configure(s *mgr.Service) (left []string, err error) {
	sid, delayed, failures := uint32(windows.SERVICE_SID_TYPE_UNRESTRICTED), uint32(1), uint32(1)
	privileges, err := windows.UTF16FromString(servicePrivilege)
	if err != nil {
		return nil, err
	}
	privileges = append(privileges, 0) // a list of strings ends with an empty one
	required := &privileges[0]
	change := func(level uint32, value unsafe.Pointer) func() error {
		return func() error { return windows.ChangeServiceConfig2(s.Handle, level, (*byte)(value)) }
	}
	for _, step := range []struct {
		what string
		do   func() error
	}{
		{"SID", change(windows.SERVICE_CONFIG_SERVICE_SID_INFO, unsafe.Pointer(&sid))},
		{"privileges", change(windows.SERVICE_CONFIG_REQUIRED_PRIVILEGES_INFO, unsafe.Pointer(&required))},
		{"delayed start", change(windows.SERVICE_CONFIG_DELAYED_AUTO_START_INFO, unsafe.Pointer(&delayed))},
		{"restart after a failure", func() error {
			return s.SetRecoveryActions(recovery(), uint32(failuresForgotten/time.Second))
		}},
		{"restart after an error", change(windows.SERVICE_CONFIG_FAILURE_ACTIONS_FLAG, unsafe.Pointer(&failures))},
	} {
		err := step.do()
		if errors.Is(err, windows.ERROR_INVALID_LEVEL) {
			left = append(left, step.what)
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("setting the service's %s: %w", step.what, err)
		}
	}
	return left, nil
}

// Uninstall stops the service and removes it with its event log and its rule of the firewall; configuration and logs stay. It waits
// for the stop for as long as the service says that it takes.
func Uninstall(ctx context.Context, out io.Writer) error {
	manager, err := mgr.Connect()
	if err != nil {
		return elevated("connecting to the service manager", err)
	}
	defer disconnect(manager)
	s, err := manager.OpenService(osdefaults.ServiceName)
	switch {
	case errors.Is(err, windows.ERROR_SERVICE_DOES_NOT_EXIST):
		fmt.Fprintf(out, "The service %s is not installed.\n", osdefaults.ServiceName)
		return errors.Join(unregisterEvents(), closeFirewall(ctx, out))
	case err != nil:
		return elevated("opening the service", err)
	}
	defer closeService(s)
	if err := stopService(ctx, s); err != nil {
		return err
	}
	if err := s.Delete(); err != nil && !errors.Is(err, windows.ERROR_SERVICE_MARKED_FOR_DELETE) {
		return fmt.Errorf("removing the service: %w", err)
	}
	if err := errors.Join(unregisterEvents(), closeFirewall(ctx, out)); err != nil {
		return err
	}
	fmt.Fprintf(out, "The service %s is uninstalled. Its configuration and its logs stay in %s.\n",
		osdefaults.ServiceName, osdefaults.StateDir())
	return nil
}

func stopService(ctx context.Context, s *mgr.Service) error {
	_, err := s.Control(svc.Stop)
	if err != nil && !errors.Is(err, windows.ERROR_SERVICE_NOT_ACTIVE) && !errors.Is(err, windows.ERROR_SERVICE_CANNOT_ACCEPT_CTRL) {
		return fmt.Errorf("stopping the service: %w", err)
	}
	begin := time.Now()
	for {
		var status windows.SERVICE_STATUS
		if err := windows.QueryServiceStatus(s.Handle, &status); err != nil {
			return fmt.Errorf("asking for the state of the service: %w", err)
		}
		if status.CurrentState == windows.SERVICE_STOPPED {
			return nil
		}
		patience := max(startTime, time.Duration(status.WaitHint)*time.Millisecond)
		if time.Since(begin) > patience {
			return fmt.Errorf("the service did not stop within %v: stop it, then try again", patience)
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// registerEvents makes the event log; program has the table of its messages.
func registerEvents(program string) error {
	log, _, err := registry.CreateKey(registry.LOCAL_MACHINE, osdefaults.EventLogKey, registry.QUERY_VALUE|registry.SET_VALUE)
	if err != nil {
		return err
	}
	defer log.Close()
	source, _, err := registry.CreateKey(registry.LOCAL_MACHINE, osdefaults.EventSourceKey, registry.SET_VALUE)
	if err != nil {
		return err
	}
	defer source.Close()
	if _, _, err := log.GetIntegerValue("MaxSize"); errors.Is(err, registry.ErrNotExist) { // else it is as somebody wants it
		if err := errors.Join(log.SetDWordValue("MaxSize", eventLogSize), log.SetDWordValue("Retention", 0)); err != nil {
			return err
		}
	}
	return errors.Join(
		source.SetExpandStringValue("EventMessageFile", program),
		source.SetDWordValue("TypesSupported", eventlog.Error|eventlog.Warning|eventlog.Info),
	)
}

// unregisterEvents leaves what was logged where it is (%SystemRoot%\System32\winevt\Logs).
func unregisterEvents() error {
	log, err := registry.OpenKey(registry.LOCAL_MACHINE, osdefaults.EventLogKey, registry.ENUMERATE_SUB_KEYS)
	if errors.Is(err, registry.ErrNotExist) {
		return nil
	}
	if err != nil {
		return elevated("removing the event log", err)
	}
	defer log.Close()
	sources, err := log.ReadSubKeyNames(0) // Windows adds one with the name of the log
	if err != nil {
		return elevated("removing the event log", err)
	}
	for _, source := range sources {
		if err := registry.DeleteKey(log, source); err != nil {
			return elevated("removing the event log", err)
		}
	}
	if err := registry.DeleteKey(registry.LOCAL_MACHINE, osdefaults.EventLogKey); err != nil {
		return elevated("removing the event log", err)
	}
	return nil
}

// elevated is err with what to do about a lack of rights.
func elevated(doing string, err error) error {
	if errors.Is(err, os.ErrPermission) {
		return fmt.Errorf("%s: start a terminal by \"Run as administrator\" and try again there: %w", doing, err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

func disconnect(manager *mgr.Mgr) { _ = manager.Disconnect() }

func closeService(s *mgr.Service) { _ = s.Close() }

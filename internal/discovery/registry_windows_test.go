package discovery_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/windows/registry"

	"github.com/omsgateway/omsgateway/internal/discovery"
	"github.com/omsgateway/omsgateway/internal/event"
	"github.com/omsgateway/omsgateway/internal/osdefaults"
	"github.com/omsgateway/omsgateway/internal/reason"
)

// The Microsoft Monitoring Agent's keys come, change and go, and each change is followed without waiting for the next reading.
func TestRegistry(t *testing.T) {
	root := fmt.Sprintf(`SOFTWARE\OMSGatewayTest%d`, os.Getpid())
	connectors := root + `\Service Connector Services`
	key := connectors + `\Log Analytics - ` + workspace
	t.Cleanup(func() {
		for _, path := range []string{key, connectors, root} {
			_ = registry.DeleteKey(registry.LOCAL_MACHINE, path)
		}
	})
	f := newFolder(t)
	r := &rig{folder: f, applied: make(chan *discovery.Reading, 1000)}
	r.start([]osdefaults.AgentFiles{{Kind: osdefaults.MicrosoftMonitoringConnectors, Base: connectors}}, time.Hour)

	if first := r.await("the first reading", func(*discovery.Reading) bool { return true }); first.AgentFound() {
		t.Errorf("without the key: %s", describe(f.base, first))
	}
	url := func(host string) string { return "https://" + host + "/AgentService.svc/AgentTopologyRequest" }
	create(t, root)
	create(t, connectors)
	set(t, create(t, key), "Topology Request Url", url(workspace+".oms.opinsights.azure.com"))
	r.await("the workspace", learns(workspace+".ods.opinsights.azure.com"))
	set(t, create(t, key), "Topology Request Url", url(workspace+".oms.opinsights.azure.us"))
	r.await("the other cloud", learns(workspace+".ods.opinsights.azure.us"))

	thumbprint := strings.Repeat("0F", 20)
	set(t, create(t, key), "Authentication Certificate Thumbprint", "\u200e"+thumbprint)
	with := r.await("the certificate", func(r *discovery.Reading) bool { return len(r.ClientCertificates) == 2 })
	if entry := with.ClientCertificates[0].Entry.String(); entry != "sha1:"+thumbprint {
		t.Errorf("the certificate is %s", entry)
	}

	// A value that is no text keeps what was learned.
	r.take()
	if err := create(t, key).SetDWordValue("Topology Request Url", 1); err != nil {
		t.Fatal(err)
	}
	wrong := r.await("the wrong value", func(r *discovery.Reading) bool { return len(r.Places) == 1 && r.Places[0].State == discovery.Failed })
	wantReasons(t, wrong, reason.LearnedPlaceUnreadable)
	if !learns(workspace + ".ods.opinsights.azure.us")(wrong) {
		t.Errorf("what was learned before is gone: %s", describe(f.base, wrong))
	}
	if told := r.take(); count(told, event.Fault, `HKLM\`+connectors) != 1 {
		t.Errorf("events %+v", told)
	}

	if err := registry.DeleteKey(registry.LOCAL_MACHINE, key); err != nil {
		t.Fatal(err)
	}
	r.await("the removal", not(learns(workspace+".ods.opinsights.azure.us")))
}

// The version is that of the program that lies where the agent's setup has noted it.
func TestMonitoringAgentVersion(t *testing.T) {
	if got := discovery.MonitoringAgentVersion(); got != "" {
		t.Skip("there is an agent, of version ", got)
	}
	root := `SOFTWARE\Microsoft\Microsoft Operations Manager`
	t.Cleanup(func() {
		for _, path := range []string{osdefaults.MonitoringAgentSetup, root + `\3.0`, root} {
			_ = registry.DeleteKey(registry.LOCAL_MACHINE, path)
		}
	})
	for _, path := range []string{root, root + `\3.0`} {
		create(t, path)
	}
	folder := t.TempDir()
	set(t, create(t, osdefaults.MonitoringAgentSetup), "InstallDirectory", folder)
	if got := discovery.MonitoringAgentVersion(); got != "" {
		t.Errorf("without a program: %s", got)
	}
	program, err := os.ReadFile(filepath.Join(os.Getenv("SystemRoot"), "system32", "kernel32.dll"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "HealthService.exe"), program, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := discovery.MonitoringAgentVersion(); !regexp.MustCompile(`^\d+\.\d+\.\d+\.\d+$`).MatchString(got) {
		t.Errorf("the version is %q", got)
	}
}

// create opens a key and makes it if it is not there.
func create(t *testing.T, path string) registry.Key {
	t.Helper()
	key, _, err := registry.CreateKey(registry.LOCAL_MACHINE, path, registry.ALL_ACCESS|registry.WOW64_64KEY)
	if errors.Is(err, fs.ErrPermission) {
		t.Skipf("only administrators make keys there: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { key.Close() })
	return key
}

func set(t *testing.T, key registry.Key, name, value string) {
	t.Helper()
	if err := key.SetStringValue(name, value); err != nil {
		t.Fatal(err)
	}
}

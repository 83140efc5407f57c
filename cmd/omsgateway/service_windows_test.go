package main_test

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/windows/registry"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/mgr"

	"github.com/omsgateway/omsgateway/internal/osdefaults"
	"github.com/omsgateway/omsgateway/internal/testpipe"
	"github.com/omsgateway/omsgateway/server/winservice"
)

// TestServiceLife installs the service where setup would, starts, pauses and stops it as the service manager does, and uninstalls it.
func TestServiceLife(t *testing.T) {
	changesTheComputer(t)
	gateway := installPrograms(t)
	control := filepath.Join(filepath.Dir(gateway), "omsgwctl.exe")
	manager, err := mgr.Connect()
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Disconnect()
	if s, err := manager.OpenService(osdefaults.ServiceName); err == nil {
		s.Close()
		t.Fatal("the service is installed on this computer")
	}

	if ok, out := execute(t, "", gateway, "service", "firewall"); ok || !strings.Contains(out, "is not installed: install it first") {
		t.Errorf("a rule of the firewall without the service: %s", out)
	}
	must(t, "", gateway, "service", "install")
	t.Cleanup(func() { execute(t, "", gateway, "service", "uninstall") })
	must(t, "", gateway, "service", "install") // brings it up to date
	elsewhere := filepath.Join(binaries, "omsgateway.exe")
	for _, what := range []string{"install", "firewall"} {
		ok, out := execute(t, "", elsewhere, "service", what)
		if ok || !strings.Contains(out, "is there already, with another program") || !strings.Contains(out, gateway) {
			t.Errorf("%s of another program: %s", what, out)
		}
	}
	port := freePort(t)
	must(t, "PORTNUMBER="+port+"\n", gateway, "setup")
	original, _, err := registry.CreateKey(registry.LOCAL_MACHINE, osdefaults.OriginalKey, registry.SET_VALUE)
	if err != nil {
		t.Fatal(err)
	}
	defer original.Close()
	t.Cleanup(func() { registry.DeleteKey(registry.LOCAL_MACHINE, osdefaults.OriginalKey) })
	if err := errors.Join(original.SetStringValue("LogLevel", "Debug"), original.SetStringValue("ListenPort", "1")); err != nil {
		t.Fatal(err)
	}

	s, err := manager.OpenService(osdefaults.ServiceName)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start("an argument", "service", "uninstall"); err != nil { // which must not matter
		t.Fatal(err)
	}
	await(t, s, svc.Running)
	if err := testpipe.Prime(osdefaults.AdminAddress()); err != nil {
		t.Fatal(err)
	}
	first := dialService(t, port)
	if out := must(t, "", control, "status"); !strings.Contains(out, "running") || !strings.Contains(out, ":"+port) {
		t.Errorf("the status is\n%s", out)
	}
	if out := must(t, "", control, "setting", "get", "LogLevel"); strings.TrimSpace(out) != "Debug" {
		t.Errorf("LogLevel is %s, want that of the registry", out)
	}

	order(t, s, svc.Pause)
	await(t, s, svc.Paused)
	if conn, err := net.DialTimeout("tcp", "127.0.0.1:"+port, patience); err == nil {
		conn.Close()
		t.Error("a client gets in during the pause")
	}
	if out := must(t, "", control, "status"); !strings.Contains(out, "paused") {
		t.Errorf("the status during the pause is\n%s", out)
	}
	order(t, s, svc.Continue)
	await(t, s, svc.Running)
	order(t, s, svc.Interrogate)
	for _, conn := range []net.Conn{first, dialService(t, port)} {
		conn.SetDeadline(time.Now().Add(patience))
		if _, err := conn.Write([]byte("GET /healthz HTTP/1.1\r\nHost: gateway\r\n\r\n")); err != nil {
			t.Error(err)
		}
		answer := make([]byte, 12)
		if _, err := conn.Read(answer); err != nil || string(answer) != "HTTP/1.1 200" {
			t.Errorf("a client is answered %q, %v", answer, err)
		}
	}

	firewallTells(t, gateway, control)

	s.Close() // else it goes only when this program ends
	must(t, "", gateway, "service", "uninstall")
	if out := must(t, "", gateway, "service", "uninstall"); !strings.Contains(out, "is not installed") {
		t.Errorf("a second uninstallation: %s", out)
	}
	if _, err := os.Stat(osdefaults.ConfigFile(osdefaults.StateDir())); err != nil {
		t.Errorf("the configuration is gone: %v", err)
	}
	if key, err := registry.OpenKey(registry.LOCAL_MACHINE, osdefaults.EventLogKey, registry.QUERY_VALUE); err == nil {
		key.Close()
		t.Error("the event log is registered still")
	}
	log, err := os.ReadFile(osdefaults.LogFile(osdefaults.StateDir()))
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, text := range []string{
		"started and listens on", "Set-OMSGatewayConfig -Name LogLevel", "Paused:", "Going on after the pause", "OMS Gateway stopped",
	} {
		if strings.Count(string(log), text) == 1 {
			found = append(found, text)
		}
	}
	if len(found) != 5 {
		t.Errorf("of the log's texts only %q are there once:\n%s", found, log)
	}
}

// firewallTells checks that the service warns of a rule that opens too much, and of nothing else. The rule is written where Windows keeps
// them, and not put in force.
func firewallTells(t *testing.T, gateway, control string) {
	t.Helper()
	const rules = `SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy\FirewallRules`
	if out := must(t, "", control, "status"); strings.Contains(out, "firewall") {
		t.Errorf("the status without a rule is\n%s", out)
	}
	key, _, err := registry.CreateKey(registry.LOCAL_MACHINE, rules, registry.SET_VALUE)
	if err != nil {
		t.Fatal(err)
	}
	defer key.Close()
	if err := key.SetStringValue("omsgateway-test", "v2.31|Action=Allow|Active=TRUE|Dir=In|Protocol=6|Name=OMS Gateway|"); err != nil {
		t.Fatal(err)
	}
	defer key.DeleteValue("omsgateway-test")
	told := `lets clients in at more than TCP port`
	remedy := `& "` + gateway + `" service firewall`
	if out := must(t, "", control, "status"); !strings.Contains(out, told) || !strings.Contains(out, remedy) {
		t.Errorf("the status with a rule for every port is\n%s", out)
	}
	if out := must(t, "", control, "setting", "set", "ListenAddress", "127.0.0.1"); strings.Contains(out, "firewall") {
		t.Errorf("a gateway that nobody reaches from elsewhere warns:\n%s", out)
	}
	if out := must(t, "", control, "setting", "set", "ListenAddress", ""); !strings.Contains(out, told) {
		t.Errorf("without loopback there is no warning:\n%s", out)
	}
}

// changesTheComputer leaves a test out on a real computer, unless it is asked for with OMSGATEWAY_TEST_SERVICE=1; it needs an
// elevated process then. The state of the service is gone when the test ends.
func changesTheComputer(t *testing.T) {
	t.Helper()
	if !onWine() && os.Getenv("OMSGATEWAY_TEST_SERVICE") == "" {
		t.Skip("changes the computer: set OMSGATEWAY_TEST_SERVICE=1 where that does no harm")
	}
	if _, err := os.Lstat(osdefaults.StateDir()); err == nil {
		t.Fatal("a gateway has left its configuration on this computer")
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(osdefaults.StateDir()); err != nil {
			t.Error(err)
		}
	})
}

// installPrograms copies both programs to where setup puts them; an account of a service has to be able to run them.
func installPrograms(t *testing.T) (gateway string) {
	t.Helper()
	gateway = osdefaults.GatewayBinary()[1]
	folder := filepath.Dir(gateway)
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	for _, name := range []string{"omsgateway.exe", "omsgwctl.exe"} {
		program, err := os.ReadFile(filepath.Join(binaries, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, name), program, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return gateway
}

func execute(t *testing.T, input, program string, args ...string) (ok bool, output string) {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	return err == nil, string(out)
}

func must(t *testing.T, input, program string, args ...string) string {
	t.Helper()
	ok, out := execute(t, input, program, args...)
	if !ok {
		t.Fatalf("%s %v: %s", filepath.Base(program), args, out)
	}
	return out
}

func order(t *testing.T, s *mgr.Service, c svc.Cmd) {
	t.Helper()
	if _, err := s.Control(c); err != nil {
		t.Fatalf("order %d: %v", c, err)
	}
}

// await waits until the service is in a state.
func await(t *testing.T, s *mgr.Service, want svc.State) {
	t.Helper()
	deadline := time.Now().Add(patience)
	var seen []svc.State
	for {
		status, err := s.Query()
		if err != nil {
			t.Fatal(err)
		}
		if len(seen) == 0 || seen[len(seen)-1] != status.State {
			seen = append(seen, status.State)
		}
		if status.State == want {
			return
		}
		if time.Now().After(deadline) || slices.Contains(seen, svc.Stopped) {
			log, _ := os.ReadFile(osdefaults.LogFile(osdefaults.StateDir()))
			t.Fatalf("the service went through the states %v, want %d\n%s", seen, want, log)
		}
		time.Sleep(10 * time.Millisecond) //nolint:forbidigo // Windows tells nobody; bounded by the deadline
	}
}

func dialService(t *testing.T, port string) net.Conn {
	t.Helper()
	conn, err := net.DialTimeout("tcp", "127.0.0.1:"+port, patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// TestShutdown is the conversation with a service manager that shuts the computer down while a tunnel is busy: the gateway ends,
// however long DrainSeconds is.
func TestShutdown(t *testing.T) {
	changesTheComputer(t)
	t.Cleanup(func() { debug.SetCrashOutput(nil, debug.CrashOptions{}) }) // gives the service's file in the folder back
	o := newTestOrigin(t)
	port, target := freePort(t), "localhost:"+o.port
	preset(t, osdefaults.StateDir(), map[string]string{
		"ListenPort": port, "ListenAddress": "127.0.0.1", "DrainSeconds": "3600", "AllowLoopbackTargets": "On",
	}, target)

	requests, states := make(chan svc.ChangeRequest), make(chan svc.Status)
	ended := make(chan uint32, 1)
	go func() {
		_, code := winservice.Service{}.Execute([]string{osdefaults.ServiceName}, requests, states)
		ended <- code
	}()
	expect := func(want svc.State) svc.Status {
		t.Helper()
		select {
		case s := <-states:
			if s.State != want {
				t.Fatalf("the state is %d, want %d", s.State, want)
			}
			return s
		case code := <-ended:
			t.Fatalf("the service ended with %d", code)
		case <-time.After(patience):
			t.Fatalf("the state is not %d", want)
		}
		return svc.Status{}
	}
	expect(svc.StartPending)
	const orders = svc.AcceptStop | svc.AcceptPauseAndContinue | svc.AcceptPreShutdown | svc.AcceptShutdown
	if s := expect(svc.Running); s.Accepts != orders {
		t.Errorf("the service accepts %#x, want %#x", s.Accepts, orders)
	}
	tunnel, err := openTunnel("127.0.0.1:"+port, target)
	if err != nil {
		t.Fatal(err)
	}
	defer tunnel.conn.Close()
	cut := make(chan error, 1)
	go func() {
		for {
			if err := tunnel.echo("busy"); err != nil {
				cut <- err
				return
			}
		}
	}()
	requests <- svc.ChangeRequest{Cmd: svc.PreShutdown}
	if s := expect(svc.StopPending); s.WaitHint < 3600_000 || s.Accepts != 0 {
		t.Errorf("the stop may take %d ms, and accepts %#x", s.WaitHint, s.Accepts)
	}
	select {
	case code := <-ended:
		if code != 0 {
			t.Errorf("the service ended with %d", code)
		}
	case <-time.After(patience):
		t.Fatal("the service waits for the tunnel")
	}
	<-cut
}

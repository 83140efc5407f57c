package main_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestRealSSH administers a gateway through OpenSSH's server, and has nothing left of it, whoever is killed.
func TestRealSSH(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := runGatewayIn(t, filepath.Join(dir, "gw"), "--listen", "127.0.0.1:0")
	address, ssh := sshTo(t, dir, filepath.Join(binaries, "omsgwctl")+" --address "+r.address+" dial-stdio")
	run := func(args ...string) *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), filepath.Join(binaries, "omsgwctl"), append([]string{"--address", address}, args...)...)
		cmd.Env = append(os.Environ(), "PATH="+ssh+":"+os.Getenv("PATH"))
		return cmd
	}
	for _, args := range [][]string{
		{"allowed-host", "add", "a.example.com"},
		{"status"},
		{"config", "export"},
	} {
		if said, err := run(args...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, said)
		}
	}
	if list := omsgwctl(t, r, "revision", "list"); !strings.Contains(list, "a.example.com") {
		t.Errorf("the revisions: %s", list)
	}
	awaitNone(t, r.address, "after commands that ended")

	watch := run("event", "watch", "--tail", "1")
	out, err := watch.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := watch.Start(); err != nil {
		t.Fatal(err)
	}
	if n, err := out.Read(make([]byte, 1)); n == 0 {
		t.Fatalf("the watch says nothing: %v", err)
	}
	if found := carriers(t, r.address); len(found) == 0 {
		t.Fatal("nothing is seen of the far side, so that its end cannot be seen either")
	}
	_ = watch.Process.Kill()
	_ = watch.Wait()
	awaitNone(t, r.address, "after the watch was killed")
	r.stop(t)

	said, err := run("status").CombinedOutput()
	if err == nil || !strings.Contains(string(said), "start it with: omsgateway") {
		t.Errorf("of a gateway that is stopped: %v, %s", err, said)
	}
}

// sshTo starts a server of OpenSSH that runs one command whatever it is asked for. folder has an ssh that knows it by the address.
func sshTo(t *testing.T, dir, command string) (address, folder string) {
	t.Helper()
	server, err := exec.LookPath("/usr/sbin/sshd")
	if err != nil || os.Geteuid() != 0 {
		if os.Getenv("OMSGATEWAY_TEST_REQUIRE") != "" {
			t.Fatal("this needs openssh-server, and root")
		}
		t.Skip("this needs openssh-server, and root")
	}
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, key := range []string{"host", "user"} {
		make := exec.CommandContext(t.Context(), "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(dir, key))
		if said, err := make.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, said)
		}
	}
	public, err := os.ReadFile(filepath.Join(dir, "user.pub"))
	if err != nil {
		t.Fatal(err)
	}
	hostKey, err := os.ReadFile(filepath.Join(dir, "host.pub"))
	if err != nil {
		t.Fatal(err)
	}
	port := freePort(t)
	config := write("sshd_config", fmt.Sprintf("Port %s\nListenAddress 127.0.0.1\nHostKey %s\nPidFile none\nAuthorizedKeysFile %s\nForceCommand %s\n"+
		"StrictModes no\nUsePAM no\nPermitRootLogin yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n",
		port, filepath.Join(dir, "host"), write("authorized", string(public), 0o600), command), 0o600)
	_ = os.MkdirAll("/run/sshd", 0o755) // which its service makes elsewhere
	sshd := exec.CommandContext(t.Context(), server, "-D", "-e", "-f", config)
	var log syncBuffer
	sshd.Stderr = &log
	if err := sshd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = sshd.Process.Kill()
		_ = sshd.Wait()
		if t.Failed() {
			t.Logf("sshd: %s", log.String())
		}
	})
	known := write("known_hosts", fmt.Sprintf("[127.0.0.1]:%s %s", port, hostKey), 0o600)
	client := write("ssh_config", fmt.Sprintf("Host gw1\nHostName 127.0.0.1\nPort %s\nUser root\nIdentityFile %s\nIdentitiesOnly yes\nUserKnownHostsFile %s\n",
		port, filepath.Join(dir, "user"), known), 0o600)
	folder = filepath.Join(dir, "bin")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	write("bin/ssh", "#!/bin/sh\nexec /usr/bin/ssh -F "+client+" \"$@\"\n", 0o755)
	for deadline := time.Now().Add(patience); ; {
		conn, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			_ = conn.Close()
			return "ssh:gw1", folder
		}
		if time.Now().After(deadline) {
			t.Fatalf("sshd does not listen: %v\n%s", err, log.String())
		}
		<-time.After(20 * time.Millisecond)
	}
}

// carriers are the command lines of processes that carry bytes for the gateway at an address.
func carriers(t *testing.T, address string) (found []string) {
	t.Helper()
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range lines {
		line, _ := os.ReadFile(path) // it may have ended
		if text := strings.ReplaceAll(string(line), "\x00", " "); strings.Contains(text, address) && strings.Contains(text, "dial-stdio") {
			found = append(found, text)
		}
	}
	return found
}

func awaitNone(t *testing.T, address, when string) {
	t.Helper()
	for deadline := time.Now().Add(patience); len(carriers(t, address)) > 0; <-time.After(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s there are still %q", when, carriers(t, address))
		}
	}
}

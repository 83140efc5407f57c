package localsock_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"google.golang.org/grpc/credentials"

	"github.com/omsgateway/omsgateway/internal/localsock"
)

// Groups that every Linux has, in the place of the gateway's own, which this computer may not have.
var testRules = localsock.Rules{ChangeGroup: "daemon", ReadGroup: "bin"}

// stranger is a user id without an account.
const stranger = 54321

func TestWhoIsCalling(t *testing.T) {
	needRoot(t)
	change, read, nogroup := gid(t, testRules.ChangeGroup), gid(t, testRules.ReadGroup), gid(t, "nogroup")
	many := make([]uint32, 0, 65536) // as many as a process can have
	for id := uint32(100_000); len(many) < cap(many)-1; id++ {
		many = append(many, id)
	}
	const mayNot = "uid:54321 may not change anything; members of the group daemon may change: " +
		"run sudo usermod -aG daemon $USER and log in again"
	tests := map[string]struct {
		credential syscall.Credential
		rules      localsock.Rules
		want       string
	}{
		"root": {
			credential: syscall.Credential{},
			want:       "root by unix socket, administer",
		},
		"supplementary group that may change": {
			credential: syscall.Credential{Uid: stranger, Gid: stranger, Groups: []uint32{7, change}},
			want:       "uid:54321 by unix socket, change",
		},
		"main group that may change": {
			credential: syscall.Credential{Uid: stranger, Gid: change},
			want:       "uid:54321 by unix socket, change",
		},
		"65,536 groups, the last of which may change": {
			credential: syscall.Credential{Uid: stranger, Gid: stranger, Groups: append(many, change)},
			want:       "uid:54321 by unix socket, change",
		},
		"group that may read": {
			credential: syscall.Credential{Uid: stranger, Gid: stranger, Groups: []uint32{read}},
			want:       "uid:54321 by unix socket, read: " + mayNot,
		},
		"both groups": {
			credential: syscall.Credential{Uid: stranger, Gid: read, Groups: []uint32{change}},
			want:       "uid:54321 by unix socket, change",
		},
		"no group": {
			credential: syscall.Credential{Uid: stranger, Gid: stranger},
			want:       "uid:54321 by unix socket, none: " + mayNot,
		},
		"an account has its name": {
			credential: syscall.Credential{Uid: 65534, Gid: stranger},
			want: "nobody by unix socket, none: nobody may not change anything; members of the group daemon may change: " +
				"run sudo usermod -aG daemon nobody and log in again",
		},
		"a group that does not exist": {
			credential: syscall.Credential{Uid: stranger, Gid: change},
			rules:      localsock.Rules{ChangeGroup: "oms-no-such-group", ReadGroup: "oms-no-such-group"},
			want: "uid:54321 by unix socket, none: uid:54321 may not change anything; members of the group oms-no-such-group " +
				"may change: run sudo groupadd --system oms-no-such-group && sudo usermod -aG oms-no-such-group $USER and log in again",
		},
		"the group of ids that the kernel cannot show gives nothing": {
			credential: syscall.Credential{Uid: stranger, Gid: nogroup},
			rules:      localsock.Rules{ChangeGroup: "nogroup", ReadGroup: "nogroup"},
			want: "uid:54321 by unix socket, none: uid:54321 may not change anything; members of the group nogroup " +
				"may change: run sudo usermod -aG nogroup $USER and log in again",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			rules := test.rules
			if rules == (localsock.Rules{}) {
				rules = testRules
			}
			address := serve(t, localsock.ServerCredentials(rules), nil)
			if got := run(t, "ask", address, test.credential); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestWhoMayRead(t *testing.T) {
	needRoot(t)
	address := serve(t, localsock.ServerCredentials(testRules), nil)
	for group, want := range map[uint32]string{
		gid(t, testRules.ChangeGroup): "uid:54321 by unix socket, change",
		gid(t, testRules.ReadGroup):   "uid:54321 by unix socket, read",
		stranger: "uid:54321 by unix socket, none: uid:54321 may not read; members of the group bin may read: " +
			"run sudo usermod -aG bin $USER and log in again",
	} {
		if got := run(t, "ask-to-read", address, syscall.Credential{Uid: stranger, Gid: group}); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

// What is not a unix socket has no caller: the handshake fails, and with it the connection.
func TestNoPeerNoCaller(t *testing.T) {
	client, server := net.Pipe()
	defer client.Close()
	defer server.Close()
	if _, _, err := localsock.ServerCredentials(testRules).ServerHandshake(server); err == nil {
		t.Error("a connection in memory has a caller")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	outside, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer outside.Close()
	inside, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer inside.Close()
	if _, _, err := localsock.ServerCredentials(testRules).ServerHandshake(inside); err == nil {
		t.Error("a TCP connection has a caller")
	}
	if _, _, err := localsock.ClientCredentials().ServerHandshake(inside); err == nil {
		t.Error("client credentials serve")
	}
}

func TestGatewaysOwnAccountMayAdminister(t *testing.T) {
	needRoot(t)
	for uid, want := range map[uint32]string{
		stranger: "uid:54321 by unix socket, administer",
		65534: "nobody by unix socket, none: nobody may not change anything; members of the group daemon may change: " +
			"run sudo usermod -aG daemon nobody and log in again", // the id of every user that the kernel cannot show
	} {
		if got := run(t, "self", "", syscall.Credential{Uid: uid, Gid: stranger}); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

// serve starts a server at a socket that every user can reach, and returns its address. around may wrap the listener.
func serve(t *testing.T, creds credentials.TransportCredentials, around func(net.Listener) net.Listener) string {
	t.Helper()
	address := "unix:" + filepath.Join(sharedFolder(t), "admin.sock")
	listener, err := localsock.Listen(address)
	if err != nil {
		t.Fatal(err)
	}
	if around != nil {
		listener = around(listener)
	}
	server := newServer(creds)
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-done; err != nil {
			t.Errorf("serving: %v", err)
		}
	})
	return address
}

// sharedFolder is a folder that every user can reach; those of t.TempDir are their owner's.
func sharedFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "localsock") //nolint:usetesting // as above
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// process is this binary again, which plays part as another user. It can be run even if the user cannot reach its folder.
func process(t *testing.T, part, address string, credential syscall.Credential) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
	cmd.Env = append(os.Environ(), "LOCALSOCK_TEST_PART="+part, "LOCALSOCK_TEST_ADDRESS="+address,
		"GORACE=atexit_sleep_ms=0") // else every process under the race detector waits for a second at its end
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &credential}
	cmd.Stderr = os.Stderr
	return cmd
}

func run(t *testing.T, part, address string, credential syscall.Credential) string {
	t.Helper()
	out, err := process(t, part, address, credential).Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(bytes.TrimSpace(out))
}

// hold connects as another user and keeps the connection until the answered function is called. It returns what the server said.
func hold(t *testing.T, address string, uid uint32, groups ...uint32) (string, func()) {
	t.Helper()
	cmd := process(t, "hold", address, syscall.Credential{Uid: uid, Gid: stranger, Groups: groups})
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	ended := false
	end := func() {
		if !ended {
			ended = true
			stdin.Close()
			cmd.Wait()
		}
	}
	t.Cleanup(end)
	return strings.TrimSpace(line), end
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, to run processes as other users")
	}
}

func gid(t *testing.T, name string) uint32 {
	t.Helper()
	found, err := user.LookupGroup(name)
	if err != nil {
		t.Skip(err)
	}
	id, err := strconv.ParseUint(found.Gid, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	return uint32(id)
}

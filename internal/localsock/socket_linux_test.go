package localsock_test

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/omsgateway/omsgateway/internal/localsock"
	"github.com/omsgateway/omsgateway/internal/reason"
)

func TestAddressesThatAreNone(t *testing.T) {
	for _, address := range []string{
		"", "unix", "unix:", "npipe:", "npipe:omsgateway-admin", "/run/admin.sock", "127.0.0.1:8080", "UNIX:/run/a.sock",
		"unix:@abstract", "unix:/run/a\x00b", "unix:/" + strings.Repeat("x", 107),
	} {
		if _, err := localsock.Listen(address); reason.Of(err) != reason.AddressInvalid {
			t.Errorf("Listen(%q): %v", address, err)
		}
		if _, err := localsock.Dial(t.Context(), address); reason.Of(err) != reason.AddressInvalid {
			t.Errorf("Dial(%q): %v", address, err)
		}
	}
}

func TestLongestPath(t *testing.T) {
	dir := sharedFolder(t)
	path := filepath.Join(dir, strings.Repeat("x", 107-len(dir)-1))
	listener, err := localsock.Listen("unix:" + path)
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
}

func TestListenMakesFolderAndSocketForAll(t *testing.T) {
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	dir := filepath.Join(t.TempDir(), "run", "omsgateway")
	path := filepath.Join(dir, "admin.sock")
	listener, err := localsock.Listen("unix:" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	for name, want := range map[string]fs.FileMode{dir: fs.ModeDir | 0o755, path: fs.ModeSocket | 0o666} {
		info, err := os.Lstat(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != want {
			t.Errorf("%s has mode %v, want %v", name, info.Mode(), want)
		}
	}
}

func TestListenLeavesAFoldersModeAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	listener, err := localsock.Listen("unix:" + filepath.Join(dir, "admin.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder has mode %v (%v)", info.Mode(), err)
	}
}

func TestListenReplacesASocketThatNobodyServes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "admin.sock")
	leaveSocket(t, path)
	listener, err := localsock.Listen("unix:" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	conn, err := localsock.Dial(t.Context(), "unix:"+path)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
}

func TestListenLeavesWhatIsNotItsOwn(t *testing.T) {
	dir := t.TempDir()
	file, folder := filepath.Join(dir, "file"), filepath.Join(dir, "folder")
	link, served, full := filepath.Join(dir, "link"), filepath.Join(dir, "served"), filepath.Join(dir, "full")
	if err := os.WriteFile(file, []byte("data"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("somewhere else", link); err != nil {
		t.Fatal(err)
	}
	listener, err := localsock.Listen("unix:" + served)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	fillQueue(t, full)

	for path, want := range map[string]string{
		file:   "it is not a socket",
		folder: "it is not a socket",
		link:   "it is not a socket",
		served: "another gateway serves",
		full:   "another gateway serves",
	} {
		before, err := os.Lstat(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := localsock.Listen("unix:" + path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Listen on %s: %v, want %q", path, err, want)
		}
		if after, err := os.Lstat(path); err != nil || !os.SameFile(before, after) {
			t.Errorf("%s was removed", path)
		}
	}
}

func TestCloseRemovesOnlyItsOwnSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "admin.sock")
	first, err := localsock.Listen("unix:" + path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path, path+".old"); err != nil {
		t.Fatal(err)
	}
	second, err := localsock.Listen("unix:" + path)
	if err != nil {
		t.Fatal(err)
	}
	first.Close()
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("closing the first listener removed the second one's socket: %v", err)
	}
	second.Close()
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket is still there after Close: %v", err)
	}
}

// A socket that was deleted, or its folder too, is made again; who is connected stays so, and what has taken its place is left alone.
func TestDeletedSocketIsMadeAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	path := filepath.Join(dir, "admin.sock")
	listener, err := localsock.Listen("unix:" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	accepted := make(chan net.Conn)
	go func() {
		defer close(accepted)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			accepted <- conn
		}
	}()
	connect := func() (client, server net.Conn) {
		client, err := localsock.Dial(t.Context(), "unix:"+path)
		if err != nil {
			t.Fatal(err)
		}
		server = <-accepted
		t.Cleanup(func() { _, _ = client.Close(), server.Close() })
		return client, server
	}
	client, server := connect()
	for _, remove := range []func() error{func() error { return os.Remove(path) }, func() error { return os.RemoveAll(dir) }} {
		if err := remove(); err != nil {
			t.Fatal(err)
		}
		localsock.LookAfter(listener)
		connect()
		if info, err := os.Lstat(path); err != nil || info.Mode() != fs.ModeSocket|0o666 {
			t.Errorf("the new socket is %v, %v", info, err)
		}
	}
	if _, err := server.Write([]byte("x")); err != nil {
		t.Error(err)
	}
	if _, err := client.Read(make([]byte, 1)); err != nil {
		t.Errorf("who was connected: %v", err)
	}
	if err := errors.Join(os.Remove(path), os.WriteFile(path, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	localsock.LookAfter(listener)
	listener.Close()
	if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() {
		t.Errorf("what has taken the socket's place is %v, %v", info, err)
	}
	<-accepted
}

// Whoever may write the folder must not get the mode of another file changed.
func TestModeIsThatOfWhatWasMade(t *testing.T) {
	dir := t.TempDir()
	other, link, hard := filepath.Join(dir, "other"), filepath.Join(dir, "link"), filepath.Join(dir, "hard")
	leaveSocket(t, other)
	if err := errors.Join(os.Chmod(other, 0o600), os.Symlink(other, link), os.Link(other, hard)); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{link, hard, dir} {
		if err := localsock.Chmod(path); err == nil {
			t.Errorf("%s is opened to all users", path)
		}
	}
	if info, err := os.Lstat(other); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the other file is %v, %v", info, err)
	}
}

func TestDialTellsWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	stale, file := filepath.Join(dir, "stale"), filepath.Join(dir, "file")
	leaveSocket(t, stale)
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(dir, "absent"), filepath.Join(dir, "absent", "too"), stale, filepath.Join(file, "below")} {
		_, err := localsock.Dial(t.Context(), "unix:"+path)
		if !errors.Is(err, localsock.ErrNotListening) {
			t.Errorf("%v, want ErrNotListening", err)
		}
		if err != nil && !strings.Contains(err.Error(), path) {
			t.Errorf("%q does not name %s", err, path)
		}
	}
}

func TestDialWithoutPermission(t *testing.T) {
	needRoot(t)
	path := filepath.Join(t.TempDir(), "admin.sock")
	listener, err := localsock.Listen("unix:" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	got := run(t, "dial", "unix:"+path, syscall.Credential{Uid: stranger, Gid: stranger})
	if want := "connecting to " + path + ": permission denied (no permission)"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestDialWaitsForAPlaceInTheQueue(t *testing.T) {
	path := filepath.Join(t.TempDir(), "admin.sock")
	accept := fillQueue(t, path)

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := localsock.Dial(ctx, "unix:"+path); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("dialling a full queue: %v", err)
	}

	dialled := make(chan error, 1)
	go func() {
		conn, err := localsock.Dial(t.Context(), "unix:"+path)
		if err == nil {
			conn.Close()
		}
		dialled <- err
	}()
	accept()
	if err := <-dialled; err != nil {
		t.Error(err)
	}
}

// leaveSocket leaves a socket at path as a process that was killed does.
func leaveSocket(t *testing.T, path string) {
	t.Helper()
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	listener.SetUnlinkOnClose(false)
	listener.Close()
}

// fillQueue listens at path with a queue that is full. The answered function takes one connection out of it.
func fillQueue(t *testing.T, path string) (accept func()) {
	t.Helper()
	listener, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(listener) })
	if err := unix.Bind(listener, &unix.SockaddrUnix{Name: path}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(listener, 0); err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		client, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(client) })
		if err := unix.Connect(client, &unix.SockaddrUnix{Name: path}); errors.Is(err, unix.EAGAIN) {
			return func() {
				conn, _, err := unix.Accept4(listener, unix.SOCK_CLOEXEC)
				if err != nil {
					t.Fatal(err)
				}
				unix.Close(conn)
			}
		}
	}
	t.Fatal("the queue never fills")
	return nil
}

func TestHungUp(t *testing.T) {
	address := "unix:" + filepath.Join(t.TempDir(), "admin.sock")
	listener, err := localsock.Listen(address)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	conn, err := localsock.Dial(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	server, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := server.Write([]byte("not read yet")); err != nil {
		t.Fatal(err)
	}
	if localsock.HungUp(conn) {
		t.Error("an open connection is said to be closed")
	}
	server.Close()
	if !localsock.HungUp(conn) {
		t.Error("the other side's close is not seen behind unread bytes")
	}
	conn.Close()
	if !localsock.HungUp(conn) {
		t.Error("its own close is not seen")
	}
}

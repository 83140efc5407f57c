package localsock

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// maxPath is the longest path of a unix socket: sun_path has 108 bytes, of which the last is 0 (unix(7)).
const maxPath = 107

func systemPath(kind, name string) (string, error) {
	switch {
	case kind != "unix":
		return "", errors.New("named pipes exist only on Windows")
	case strings.HasPrefix(name, "@"):
		return "", errors.New("the socket needs a path: an abstract one has no folder that protects it")
	case len(name) > maxPath:
		return "", fmt.Errorf("the path has %d bytes, and that of a socket at most %d", len(name), maxPath)
	}
	return name, nil
}

func listen(path string) (net.Listener, error) {
	if err := makeFolder(filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("making the folder of the admin socket: %w", err)
	}
	if err := removeStale(path); err != nil {
		return nil, err
	}
	l := &socketListener{path: path, stop: make(chan struct{})}
	if err := l.bind(); err != nil {
		return nil, err
	}
	l.watching.Go(l.watch)
	return l, nil
}

// makeFolder makes dir with mode 0755 whatever the umask is. A folder that is there stays as it is.
func makeFolder(dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	err := os.Mkdir(dir, 0o755)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = chmod(dir, fs.ModeDir, 0o755)
	return err
}

// chmod gives what this account has just made at path its mode, and returns which file that is. It refuses what somebody who may write the
// folder has put in its place: another kind of file, a link, or what belongs to somebody else or has another name too.
func chmod(path string, kind, mode fs.FileMode) (fs.FileInfo, error) {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	made := os.NewFile(uintptr(fd), path)
	defer func() { _ = made.Close() }()
	info, err := made.Stat()
	if err != nil {
		return nil, err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || info.Mode().Type() != kind || int(stat.Uid) != os.Geteuid() || kind == fs.ModeSocket && stat.Nlink != 1 {
		return nil, fmt.Errorf("%s is not what was just made there: somebody else may write its folder", path)
	}
	return info, os.Chmod(fmt.Sprintf("/proc/self/fd/%d", fd), mode) // fchmod(2) takes no descriptor of O_PATH
}

// removeStale removes a socket at path that nobody serves.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking for an older admin socket: %w", err)
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("%s is in the way of the admin socket: it is not a socket; move it away or use another --address", path)
	}
	conn, err := new(net.Dialer).DialContext(context.Background(), "unix", path) // answers at once
	if err == nil {
		_ = conn.Close()
	}
	if err == nil || errors.Is(err, unix.EAGAIN) { // EAGAIN: it is served, and its queue is full
		return fmt.Errorf("another gateway serves %s; stop it first or use another --address", path)
	}
	if !errors.Is(err, unix.ECONNREFUSED) {
		return fmt.Errorf("finding out whether another gateway serves %s: %w", path, err)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("removing the admin socket of a gateway that is gone: %w", err)
	}
	return nil
}

// lookAfter is how long a socket may be gone before it is made again.
const lookAfter = time.Second

// socketListener makes its socket again when it was deleted, and keeps what is connected; Close removes it, but not one that has taken its
// place.
type socketListener struct {
	path     string
	stop     chan struct{}
	once     sync.Once
	watching sync.WaitGroup

	mu  sync.Mutex
	now *net.UnixListener
	own fs.FileInfo
}

// bind makes the socket, and lets go of the one before.
func (l *socketListener) bind() error {
	now, err := net.ListenUnix("unix", &net.UnixAddr{Name: l.path, Net: "unix"})
	if err != nil {
		return fmt.Errorf("opening the admin socket: %w", err)
	}
	now.SetUnlinkOnClose(false) // it would remove the path whatever is there by then
	own, err := chmod(l.path, fs.ModeSocket, 0o666)
	if err != nil {
		_ = now.Close()
		return fmt.Errorf("opening the admin socket to all users: %w", err)
	}
	l.mu.Lock()
	before := l.now
	l.now, l.own = now, own
	l.mu.Unlock()
	if before != nil {
		_ = before.Close()
	}
	return nil
}

// watch looks after the socket until Close.
func (l *socketListener) watch() {
	tick := time.NewTicker(lookAfter)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			l.restore()
		case <-l.stop:
			return
		}
	}
}

// restore makes the socket again if nothing is at its path. Where that is not possible, the next look tries it.
func (l *socketListener) restore() {
	if _, err := os.Lstat(l.path); !errors.Is(err, fs.ErrNotExist) {
		return
	}
	if makeFolder(filepath.Dir(l.path)) == nil {
		_ = l.bind()
	}
}

func (l *socketListener) current() (*net.UnixListener, fs.FileInfo) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now, l.own
}

func (l *socketListener) Accept() (net.Conn, error) {
	for {
		now, _ := l.current()
		conn, err := now.Accept()
		if after, _ := l.current(); err == nil || !errors.Is(err, net.ErrClosed) || after == now {
			return conn, err
		}
	}
}

func (l *socketListener) Addr() net.Addr {
	now, _ := l.current()
	return now.Addr()
}

func (l *socketListener) Close() error {
	l.once.Do(func() { close(l.stop) })
	l.watching.Wait()
	now, own := l.current()
	if there, err := os.Lstat(l.path); err == nil && os.SameFile(there, own) {
		_ = os.Remove(l.path)
	}
	return now.Close()
}

// dialPause is how long dial waits for a place in a full queue before it tries again: the kernel tells at once (EAGAIN).
const dialPause = 20 * time.Millisecond

func dial(ctx context.Context, path string) (net.Conn, error) {
	var dialer net.Dialer
	for {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("connecting to %s: %w", path, ctx.Err())
		}
		conn, err := dialer.DialContext(context.WithoutCancel(ctx), "unix", path) // answers at once
		switch {
		case err == nil:
			return conn, nil
		case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ECONNREFUSED), errors.Is(err, unix.ENOTDIR):
			return nil, fmt.Errorf("connecting to %s: %w: %w", path, ErrNotListening, cause(err))
		case !errors.Is(err, unix.EAGAIN):
			return nil, fmt.Errorf("connecting to %s: %w", path, cause(err))
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("connecting to %s: the gateway is busy: %w", path, ctx.Err())
		case <-time.After(dialPause):
		}
	}
}

// cause is err without the address that net repeats.
func cause(err error) error {
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno
	}
	return err
}

func hungUp(conn net.Conn) bool {
	socket, ok := conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return false
	}
	var polled []unix.PollFd
	err = raw.Control(func(fd uintptr) {
		polled = []unix.PollFd{{Fd: int32(fd)}} // POLLHUP need not be asked for
		_, _ = unix.Poll(polled, 0)             // on an error nothing is set
	})
	return err != nil || polled[0].Revents&unix.POLLHUP != 0 // err: conn itself is closed
}

// closable is a copy of f such that Close ends a Read that waits, which the file that os made of a standard stream cannot do, and such
// that a Write to a pipe that nobody reads is an error: package os/signal says that it ends the process on descriptors 1 and 2 only, which
// would be before a stand-in has written down what it did.
func closable(f *os.File) *os.File {
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return f
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return f
	}
	return os.NewFile(uintptr(fd), f.Name())
}

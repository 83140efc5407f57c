package socket_test

import (
	"errors"
	"net"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/omsgateway/omsgateway/internal/socket"
)

// TestKeepAliveOptions compares what Go sets on a connection with the options.
func TestKeepAliveOptions(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	dialer := net.Dialer{KeepAliveConfig: socket.KeepAlive()}
	conn, err := dialer.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	for _, option := range socket.KeepAliveOptions() {
		var got int
		var failed error
		if err := raw.Control(func(fd uintptr) {
			got, failed = unix.GetsockoptInt(int(fd), option.Level, option.Name)
		}); err != nil || failed != nil {
			t.Fatal(err, failed)
		}
		if got != int(option.Value) {
			t.Errorf("option %d of level %d is %d, want %d", option.Name, option.Level, got, option.Value)
		}
	}
}

// TestSpare has no other descriptor left, and uses the spare one twice.
func TestSpare(t *testing.T) {
	var spare socket.Spare
	spare.Keep()
	defer spare.Close()
	next, err := os.Open(os.DevNull) // whose descriptor is the lowest that is vacant
	if err != nil {
		t.Fatal(err)
	}
	vacant := uint64(next.Fd())
	_ = next.Close()
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	low := limit
	low.Cur = vacant
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &low); err != nil {
		t.Fatal(err)
	}
	_, without := os.Open(os.DevNull)
	var used [2]error
	for i := range used {
		spare.Lend(func() {
			var file *os.File
			if file, used[i] = os.Open(os.DevNull); file != nil {
				_ = file.Close()
			}
		})
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(without, unix.EMFILE) || used[0] != nil || used[1] != nil {
		t.Errorf("without the spare descriptor: %v; with it: %v", without, used)
	}
}

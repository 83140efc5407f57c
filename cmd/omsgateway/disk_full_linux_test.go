package main_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/omsgateway/omsgateway/internal/config"
	"github.com/omsgateway/omsgateway/internal/osdefaults"
	"github.com/omsgateway/omsgateway/internal/testscale"
)

// TestDiskFull leaves the disk of a gateway so little room that a change fails at each of its steps, with every number of pages from none
// on: what was acknowledged is there afterwards, what was refused is not, tunnels and reads go on, and the history is whole.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	dir := smallDisk(t)
	o := newTestOrigin(t)
	r := runGatewayIn(t, dir, "--listen", "127.0.0.1:0", "--set", "AllowLoopbackTargets=On")
	target := "localhost:" + o.port
	omsgwctl(t, r, "allowed-host", "add", target)
	tunnel, err := openTunnel(r.proxy, target)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tunnel.conn.Close() }()

	wanted := []string{target}
	made, refused := 0, 0
	for pages := range testscale.Of(24, 12) {
		for attempt := range 2 { // with inodes, and without one
			filler := fill(t, dir, pages, attempt == 1)
			host := fmt.Sprintf("h%d-%d.example.com", pages, attempt)
			add := exec.CommandContext(t.Context(), filepath.Join(binaries, "omsgwctl"), "--address", r.address, "allowed-host", "add", host)
			said, err := add.CombinedOutput()
			switch code := add.ProcessState.ExitCode(); {
			case err == nil:
				made++
				wanted = append(wanted, host)
			case code == 1 && strings.Contains(string(said), "no space left on device"):
				refused++
			default:
				t.Fatalf("with %d pages: exit code %d: %s", pages, code, said)
			}
			if err := tunnel.echo("still here"); err != nil {
				t.Fatalf("with %d pages the tunnel ends: %v\n%s", pages, err, r.log)
			}
			wantHosts(t, r, wanted)
			filler()
		}
	}
	if made == 0 || refused == 0 {
		t.Errorf("%d changes were made, %d refused", made, refused)
	}
	if report := omsgwctl(t, r, "revision", "verify"); !strings.Contains(report, "nothing is wrong") {
		t.Errorf("the history: %s", report)
	}

	// The same after the gateway was killed, and read its files again.
	if err := r.process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-r.ended
	c, err := config.Read(osdefaults.ConfigFile(dir))
	if err != nil || len(c.AllowedHosts) != len(wanted) {
		t.Errorf("the file has %d hosts, want %d; %v", len(c.AllowedHosts), len(wanted), err)
	}
	r = runGatewayIn(t, dir, "--listen", "127.0.0.1:0")
	wantHosts(t, r, wanted)
	omsgwctl(t, r, "revision", "verify")
	t.Logf("%d changes were made, %d refused", made, refused)
	r.stop(t)
}

// smallDisk is a folder with a disk of its own, for 4 MiB in 200 files.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	err := unix.Mount("omsgateway-test", dir, "tmpfs", 0, "size=4m,nr_inodes=200,mode=0755")
	if errors.Is(err, unix.EPERM) {
		t.Skip("mounting a disk needs root")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}

// fill leaves so many pages of 4 KiB free, and with noInodes not one inode; undo gives all back.
func fill(t *testing.T, dir string, pages int, noInodes bool) (undo func()) {
	t.Helper()
	fillers := filepath.Join(dir, "filler")
	if err := os.Mkdir(fillers, 0o700); err != nil {
		t.Fatal(err)
	}
	var free unix.Statfs_t
	if err := unix.Statfs(dir, &free); err != nil {
		t.Fatal(err)
	}
	file, err := os.Create(filepath.Join(fillers, "bytes"))
	if err != nil {
		t.Fatal(err)
	}
	if size := (int64(free.Bavail) - int64(pages)) * free.Bsize; size > 0 {
		if err := unix.Fallocate(int(file.Fd()), 0, 0, size); err != nil {
			t.Fatal(err)
		}
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	for i := 0; noInodes; i++ {
		f, err := os.Create(filepath.Join(fillers, fmt.Sprint(i)))
		if err != nil {
			break
		}
		_ = f.Close()
	}
	return func() {
		if err := os.RemoveAll(fillers); err != nil {
			t.Fatal(err)
		}
	}
}

func wantHosts(t *testing.T, r *running, wanted []string) {
	t.Helper()
	list := omsgwctl(t, r, "allowed-host", "list")
	var hosts []string
	for line := range strings.Lines(list) {
		if host, _, _ := strings.Cut(line, " "); host != "HOST" {
			hosts = append(hosts, host)
		}
	}
	slices.Sort(hosts)
	want := slices.Sorted(slices.Values(wanted))
	if !slices.Equal(hosts, want) {
		t.Fatalf("the list has %q, want %q", hosts, want)
	}
}

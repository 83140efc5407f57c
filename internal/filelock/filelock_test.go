package filelock_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/omsgateway/omsgateway/internal/filelock"
)

const childPath = "FILELOCK_TEST_PATH"

// TestMain makes the test binary, when it is run again with childPath set, a process that takes the lock, says so, and holds
// it until its standard input ends.
func TestMain(m *testing.M) {
	path := os.Getenv(childPath)
	if path == "" {
		os.Exit(m.Run())
	}
	if _, err := filelock.Acquire(path); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("locked")
	_, _ = io.Copy(io.Discard, os.Stdin)
}

func TestOneHolderAtATime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	wantHeld(t, path, false)
	for range 3 {
		lock, err := filelock.Acquire(path)
		if err != nil {
			t.Fatal(err)
		}
		wantHeld(t, path, true)
		if _, err := filelock.Acquire(path); !errors.Is(err, filelock.ErrHeld) {
			t.Fatalf("second Acquire: %v, want ErrHeld", err)
		}
		if err := lock.Release(); err != nil {
			t.Fatal(err)
		}
		wantHeld(t, path, false)
	}
}

func TestHolderInAnotherProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	for _, end := range []struct {
		name string
		end  func(t *testing.T, c *exec.Cmd, stdin io.Closer)
	}{
		{"ends", func(t *testing.T, c *exec.Cmd, stdin io.Closer) {
			if err := errors.Join(stdin.Close(), c.Wait()); err != nil {
				t.Error(err)
			}
		}},
		{"is killed", func(t *testing.T, c *exec.Cmd, stdin io.Closer) {
			if err := c.Process.Kill(); err != nil {
				t.Error(err)
			}
			if err := c.Wait(); err == nil {
				t.Error("it was not killed")
			}
		}},
	} {
		t.Run(end.name, func(t *testing.T) {
			child := exec.Command(os.Args[0])
			child.Env = append(os.Environ(), childPath+"="+path)
			stdin, err := child.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			stdout, err := child.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := child.Start(); err != nil {
				t.Fatal(err)
			}
			if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "locked\n" {
				t.Fatalf("the other process says %q, %v", line, err)
			}
			wantHeld(t, path, true)
			if _, err := filelock.Acquire(path); !errors.Is(err, filelock.ErrHeld) {
				t.Errorf("Acquire: %v, want ErrHeld", err)
			}
			end.end(t, child, stdin)
			wantHeld(t, path, false)
			lock, err := filelock.Acquire(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := lock.Release(); err != nil {
				t.Error(err)
			}
		})
	}
}

// A gateway that starts must not fail because a client asks at that moment whether one runs.
func TestHeldDisturbsNoAcquire(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	done := make(chan struct{})
	var probes sync.WaitGroup
	for range 2 {
		probes.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if _, err := filelock.Held(path); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for range 2000 {
		lock, err := filelock.Acquire(path)
		if err != nil {
			t.Error(err)
			break
		}
		if err := lock.Release(); err != nil {
			t.Error(err)
		}
	}
	close(done)
	probes.Wait()
}

func TestManyAcquire(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	var (
		tasks sync.WaitGroup
		mu    sync.Mutex
		locks []*filelock.Lock
	)
	for range 20 {
		tasks.Go(func() {
			lock, err := filelock.Acquire(path)
			if err != nil {
				if !errors.Is(err, filelock.ErrHeld) {
					t.Error(err)
				}
				return
			}
			mu.Lock()
			defer mu.Unlock()
			locks = append(locks, lock)
		})
	}
	tasks.Wait()
	if len(locks) != 1 {
		t.Fatalf("%d hold the lock, want 1", len(locks))
	}
	if err := locks[0].Release(); err != nil {
		t.Error(err)
	}
}

func TestNoFolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "absent", "lock")
	if _, err := filelock.Acquire(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Acquire: %v, want ErrNotExist", err)
	}
	wantHeld(t, path, false)
}

func wantHeld(t *testing.T, path string, want bool) {
	t.Helper()
	if held, err := filelock.Held(path); err != nil || held != want {
		t.Errorf("Held = %v, %v, want %v", held, err, want)
	}
}

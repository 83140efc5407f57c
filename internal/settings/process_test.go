package settings_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/omsgateway/omsgateway/internal/caller"
	"github.com/omsgateway/omsgateway/internal/config"
	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/osdefaults"
	"github.com/omsgateway/omsgateway/internal/reason"
	"github.com/omsgateway/omsgateway/internal/settings"
	"github.com/omsgateway/omsgateway/internal/testscale"
)

// childDir, in the environment, makes the test binary a process that owns the folder it names; with childTries it makes each change on
// trial first.
const (
	childDir   = "SETTINGS_TEST_DIR"
	childTries = "SETTINGS_TEST_TRIES"
)

func TestMain(m *testing.M) {
	dir := os.Getenv(childDir)
	if dir == "" {
		os.Exit(m.Run())
	}
	work := child
	if os.Getenv(childTries) != "" {
		work = tryingChild
	}
	if err := work(dir); err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
}

// child opens the folder, tells the number that it finds, then makes the next changes, up to as many as there are, and tells
// each once it is made; at the end it keeps the folder until its input ends.
func child(dir string) error {
	s, err := settings.Open(settings.Options{Dir: dir, Events: &recorder{}})
	if err != nil {
		return err
	}
	n := 0
	if hosts := s.Current().Config.AllowedHosts; len(hosts) > 0 {
		n = drainSeconds(s.Current().Settings)
	}
	fmt.Println(n)
	for n < crashChanges {
		n++
		p, err := hostname.ParsePattern(fmt.Sprintf("h%d.example.com", n))
		if err != nil {
			return err
		}
		_, _, err = s.Update(context.Background(), settings.Request{Caller: caller.Caller{Name: "child"}}, func(c *config.Config) error {
			c.AllowedHosts = nil
			c.AddHosts(config.AllowedHost{Pattern: p, AddedAt: time.Unix(int64(n), 0)})
			return errors.Join(c.Settings.Set("DrainSeconds", strconv.Itoa(n)), c.Settings.Set("ListenPort", strconv.Itoa(n)))
		})
		if err != nil {
			return err
		}
		fmt.Println(n)
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// As make kills asks for them, as .ci/run does, and else.
var (
	crashChanges = killing(1000, 200, 40)
	crashKills   = killing(1000, 50, 10)
	trialKills   = killing(200, 20, 20)
)

func killing(most, full, quick int) int {
	if os.Getenv("OMSGATEWAY_TEST_KILLS") != "" {
		return most
	}
	return testscale.Of(full, quick)
}

// tryingChild is a child that makes each change on trial, tells its number below zero, confirms it after a moment, and tells the number.
func tryingChild(dir string) error {
	s, err := settings.Open(settings.Options{Dir: dir, Events: &recorder{}})
	if err != nil {
		return err
	}
	n := drainSeconds(s.Current().Settings) - drainSeconds(config.DefaultSettings())
	fmt.Println(n)
	for {
		n++
		req := settings.Request{Caller: caller.Caller{Name: "child"}, ConfirmWithin: time.Hour}
		_, _, err := s.Update(context.Background(), req, func(c *config.Config) error {
			return c.Settings.Set("DrainSeconds", strconv.Itoa(drainSeconds(config.DefaultSettings())+n))
		})
		if err != nil {
			return err
		}
		fmt.Println(-n)
		<-time.After(rand.N(10 * time.Millisecond))
		trial, _, _ := s.Trial()
		if _, err := s.ConfirmTrial(context.Background(), settings.Request{Caller: req.Caller}, trial.ID); err != nil {
			return err
		}
		fmt.Println(n)
	}
}

// TestCrashInTrials kills a process at random moments while it makes changes on trial and confirms them: a change of which nobody was told
// that it is confirmed is there only if it was being confirmed.
func TestCrashInTrials(t *testing.T) {
	t.Setenv(childTries, "1")
	dir := t.TempDir()
	confirmed, back := 0, 0
	for range trialKills {
		c := start(t, dir)
		if first := c.next(t); first != confirmed {
			t.Fatalf("the process finds %d, want %d", first, confirmed)
		}
		<-time.After(rand.N(50 * time.Millisecond))
		if err := c.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		tried := false
		for c.lines.Scan() {
			n := number(t, c.lines.Text())
			if tried = n < 0; !tried {
				confirmed = n
			}
		}
		_ = c.cmd.Wait()
		s, err := settings.Open(settings.Options{Dir: dir, Events: &recorder{}})
		if err != nil {
			t.Fatal(err)
		}
		found := drainSeconds(s.Current().Settings) - drainSeconds(config.DefaultSettings())
		if found != confirmed && (!tried || found != confirmed+1) {
			t.Fatalf("found %d; %d was confirmed, and another one tried: %v", found, confirmed, tried)
		}
		if found == confirmed && tried {
			back++
		}
		confirmed = found
		wantRecorded(t, s)
		if _, _, ok := s.Trial(); ok {
			t.Fatal("a trial has outlived its process")
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d kills: %d changes were confirmed, %d trials went back", trialKills, confirmed, back)
}

// TestCrash kills a process at random moments while it makes changes: after each kill the configuration is whole, and that of the last
// change that was told, or of the one after it, which was being made.
func TestCrash(t *testing.T) {
	dir := t.TempDir()
	told, kills, writing, between := 0, 0, 0, 0
	for told < crashChanges || kills < crashKills {
		c := start(t, dir)
		if first := c.next(t); first != told {
			t.Fatalf("the process finds %d, want %d", first, told)
		}
		moment := 10 * time.Millisecond
		if kills*crashChanges < told*crashKills {
			moment /= 5 // there are fewer kills than there should be by now
		}
		<-time.After(rand.N(moment)) // the kill waits for nothing
		if err := c.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		kills++
		for c.lines.Scan() { // what was told before the kill
			told = number(t, c.lines.Text())
		}
		if err := c.cmd.Wait(); err == nil {
			t.Fatal("the process was not killed")
		}
		writing += temps(t, dir)

		s, err := settings.Open(settings.Options{Dir: dir, Events: &recorder{}})
		if err != nil {
			t.Fatalf("after %d changes and %d kills: %v", told, kills, err)
		}
		found := 0
		if _, err := os.Stat(osdefaults.ConfigFile(dir)); err == nil {
			found = checkNumbered(t, s.Current())
		}
		if found != told && found != told+1 {
			t.Fatalf("after kill %d the configuration is that of change %d, and %d was told", kills, found, told)
		}
		if found != told {
			between++
		}
		told = found
		wantRecorded(t, s)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if n := temps(t, dir); n > 0 {
			t.Fatalf("%d temporary files are left", n)
		}
	}
	t.Logf("%d kills in %d changes: %d with a temporary file there, %d between rename and telling", kills, told, writing, between)
}

// wantRecorded fails unless the history is whole and its last word is about the configuration in force.
func wantRecorded(t *testing.T, s *settings.Store) {
	t.Helper()
	report, err := s.History().Verify(t.Context(), "")
	if err != nil || len(report.Findings) > 0 {
		t.Fatalf("the history: %v, %+v", err, report.Findings)
	}
	last, ok := s.History().Last()
	if !ok || last.Etag != s.Current().Etag {
		t.Fatalf("the last revision is %+v, and in force is %s", last, s.Current().Etag)
	}
}

func TestOneProcessOwnsTheFolder(t *testing.T) {
	dir := t.TempDir()
	c := start(t, dir)
	for c.next(t) < crashChanges {
	}
	_, err := settings.Open(settings.Options{Dir: dir, Events: &recorder{}})
	wantError(t, err, reason.ConfigInUse, "another process uses the configuration in "+dir)

	if err := errors.Join(c.stdin.Close(), c.cmd.Wait()); err != nil {
		t.Fatal(err)
	}
	s := open(t, settings.Options{Dir: dir, Events: &recorder{}})
	if n := checkNumbered(t, s.Current()); n != crashChanges {
		t.Errorf("found %d, want %d", n, crashChanges)
	}
	second := start(t, dir)
	if !second.lines.Scan() || !strings.Contains(second.lines.Text(), "another process uses the configuration") {
		t.Errorf("the other process says %q", second.lines.Text())
	}
	if err := second.cmd.Wait(); err == nil {
		t.Error("the other process ended without an error")
	}
}

type process struct {
	cmd   *exec.Cmd
	stdin io.Closer
	lines *bufio.Scanner
}

func start(t *testing.T, dir string) process {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir)
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
	t.Cleanup(func() {
		if cmd.ProcessState == nil { // the test has failed before it waited
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
	return process{cmd, stdin, bufio.NewScanner(stdout)}
}

// next is the next number that the process tells.
func (p process) next(t *testing.T) int {
	t.Helper()
	if !p.lines.Scan() {
		t.Fatal("the process has ended")
	}
	return number(t, p.lines.Text())
}

func number(t *testing.T, line string) int {
	t.Helper()
	n, err := strconv.Atoi(line)
	if err != nil {
		t.Fatalf("the process says %q", line)
	}
	return n
}

// temps counts the temporary files in dir.
func temps(t *testing.T, dir string) int {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, ".*.tmp"))
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

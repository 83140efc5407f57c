package settings_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/omsgateway/omsgateway/internal/caller"
	"github.com/omsgateway/omsgateway/internal/config"
	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/osdefaults"
	"github.com/omsgateway/omsgateway/internal/reason"
	"github.com/omsgateway/omsgateway/internal/settings"
)

func TestUpdate(t *testing.T) {
	dir, events := t.TempDir(), &recorder{}
	s := open(t, settings.Options{Dir: dir, Events: events})
	first := s.Current()

	before, after := update(t, s, add(t, "b.example.com", "*.example.org:8443"))
	if before != first || after != s.Current() || after == before {
		t.Error("the snapshots are not the one before and the one in force")
	}
	if !allowed(t, after, "b.example.com:443") || !allowed(t, after, "x.example.org:8443") || allowed(t, before, "b.example.com:443") {
		t.Error("the policies do not follow")
	}
	if before.Etag == after.Etag || len(before.Config.AllowedHosts) != 0 {
		t.Error("the snapshot before was changed")
	}
	if got := readFile(t, osdefaults.ConfigFile(dir)); got != string(after.Config.Encode()) || config.Etag([]byte(got)) != after.Etag {
		t.Errorf("the file has %s, the etag is %s", got, after.Etag)
	}
	wantNames(t, dir, "config.json", "history", "omsgateway.lock")

	update(t, s, func(c *config.Config) error {
		c.RemoveHosts(pattern(t, "b.example.com"))
		c.AddHosts(config.AllowedHost{Pattern: pattern(t, "c.example.com")}, config.AllowedHost{Pattern: pattern(t, "a.example.com")})
		return errors.Join(c.Settings.Set("LogLevel", "Debug"), c.Settings.Set("DrainSeconds", "9"))
	})
	update(t, s, func(c *config.Config) error {
		c.SetHost(pattern(t, "a.example.com"), func(h *config.AllowedHost) { h.ClientCertificatePolicy = config.Required })
		c.AddHosts(config.AllowedHost{Pattern: pattern(t, "b.example.com"), ClientCertificatePolicy: config.Off})
		c.AddClientCertificates(certificate(t, "CN=b"), certificate(t, "agent"), certificate(t, "CN=a"))
		return nil
	})
	update(t, s, func(c *config.Config) error {
		c.SetHost(pattern(t, "a.example.com"), func(h *config.AllowedHost) { h.ClientCertificatePolicy = "" })
		c.RemoveHosts(pattern(t, "b.example.com"))
		c.RemoveClientCertificates(entry(t, "cn=B"))
		c.AddClientCertificates(certificate(t, "CN=c"))
		return nil
	})
	want := []string{
		"Allowed host b.example.com was added by test",
		"Allowed host *.example.org:8443 was added by test",
		`Setting LogLevel was changed from "Info" to "Debug" by test`,
		`Setting DrainSeconds was changed from "5" to "9" by test`,
		"Allowed host a.example.com was added by test",
		"Allowed host b.example.com was removed by test",
		"Allowed host c.example.com was added by test",
		`Client certificate policy of allowed host a.example.com was changed from "" to "Required" by test`,
		"Allowed host b.example.com was added by test",
		`Client certificate policy of allowed host b.example.com was changed from "" to "Off" by test`,
		"Allowed client certificate CN=a was added by test",
		"Allowed client certificate CN=b was added by test",
		"Allowed client certificate agent was added by test",
		`Client certificate policy of allowed host a.example.com was changed from "Required" to "" by test`,
		"Allowed host b.example.com was removed by test",
		"Allowed client certificate CN=b was removed by test",
		"Allowed client certificate CN=c was added by test",
	}
	if diff := cmp.Diff(want, events.take()); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}

	last := s.Current()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, settings.Options{Dir: dir, Events: events}).Current()
	if !again.Config.Equal(last.Config) || again.Etag != last.Etag {
		t.Errorf("after Open: %+v, want %+v", again.Config, last.Config)
	}
}

func TestUpdateThatChangesNothing(t *testing.T) {
	dir, events := t.TempDir(), &recorder{}
	s := open(t, settings.Options{Dir: dir, Events: events})
	effect := &effect{}
	s.AddEffect(effect)
	for name, change := range map[string]func(*config.Config) error{
		"nothing":  func(*config.Config) error { return nil },
		"clear":    func(c *config.Config) error { return c.Settings.Clear("ListenPort") },
		"and back": func(c *config.Config) error { c.AddHosts(host(t)); c.RemoveHosts(host(t).Pattern); return nil },
	} {
		if before, after := update(t, s, change); before != after || after != s.Current() {
			t.Errorf("%s: a new snapshot", name)
		}
	}
	wantNames(t, dir, "history", "omsgateway.lock")
	if got := events.take(); got != nil || effect.log != nil {
		t.Errorf("events %q, effects %q", got, effect.log)
	}
}

func TestEtag(t *testing.T) {
	s := open(t, settings.Options{Dir: t.TempDir(), Events: &recorder{}})
	old := s.Current().Etag
	if _, _, err := s.Update(t.Context(), settings.Request{Etag: old}, set("DrainSeconds", "9")); err != nil {
		t.Fatal(err)
	}
	now := s.Current()
	_, _, err := s.Update(t.Context(), settings.Request{Etag: old}, func(*config.Config) error {
		t.Error("the change was asked for")
		return nil
	})
	wantError(t, err, reason.EtagMismatch, fmt.Sprintf("(etag %s, now %s)", old, now.Etag))
	if s.Current() != now {
		t.Error("the snapshot was replaced")
	}
}

func TestValidateOnly(t *testing.T) {
	dir, events := t.TempDir(), &recorder{}
	s := open(t, settings.Options{Dir: dir, Events: events})
	effect := &effect{}
	s.AddEffect(effect)
	asIf := settings.Request{ValidateOnly: true}

	before, after, err := s.Update(t.Context(), asIf, add(t, "a.example.com"))
	if err != nil || before != s.Current() || !allowed(t, after, "a.example.com:443") {
		t.Errorf("Update = %+v, %+v, %v", before, after, err)
	}
	_, _, err = s.Update(t.Context(), asIf, func(c *config.Config) error { c.Settings.ListenPort = 0; return nil })
	wantError(t, err, reason.SettingOutOfRange, "ListenPort")
	_, _, err = s.Update(t.Context(), settings.Request{ValidateOnly: true, Etag: after.Etag}, add(t, "a.example.com"))
	wantError(t, err, reason.EtagMismatch, after.Etag)

	wantNames(t, dir, "history", "omsgateway.lock")
	if got := events.take(); got != nil || effect.log != nil {
		t.Errorf("events %q, effects %q", got, effect.log)
	}
	if _, real := update(t, s, add(t, "a.example.com")); real.Etag != after.Etag {
		t.Errorf("the etag is %s, and the answer as if was %s", real.Etag, after.Etag)
	}
}

func TestEffects(t *testing.T) {
	s := open(t, settings.Options{Dir: t.TempDir(), Events: &recorder{}})
	var log []string
	before := s.Current()
	for _, name := range []string{"first", "second", "third"} {
		s.AddEffect(&effect{name: name, shared: &log, onCommit: func() {
			if s.Current() == before {
				t.Error("committed before the snapshot was published")
			}
		}})
	}
	s.AddEffect(nothing{})
	update(t, s, set("ListenPort", "81"))
	want := []string{
		"first: prepare 8080 to 81", "second: prepare 8080 to 81", "third: prepare 8080 to 81",
		"first: commit", "second: commit", "third: commit",
	}
	if diff := cmp.Diff(want, log); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestFailedUpdate lets each step of a change fail, and finds everything as it was.
func TestFailedUpdate(t *testing.T) {
	type fixture struct {
		dir           string
		store         *settings.Store
		events        *recorder
		first, second *effect
	}
	rolledBack := []string{"first: prepare 8080 to 81", "second: prepare 8080 to 81", "second: roll back", "first: roll back"}
	change := set("ListenPort", "81")
	boom := errors.New("boom")
	for _, test := range []struct {
		name     string
		sabotage func(t *testing.T, f fixture)
		repair   func(t *testing.T, f fixture)
		change   func(*config.Config) error
		why      reason.Reason
		text     string
		effects  []string
	}{
		{
			name:   "change",
			change: func(c *config.Config) error { c.Settings.ListenPort = 81; return boom },
			text:   "boom",
		}, {
			name:   "value",
			change: func(c *config.Config) error { c.Settings.ListenPort = 0; return nil },
			why:    reason.SettingOutOfRange,
		}, {
			name: "size",
			change: func(c *config.Config) error {
				long := strings.Repeat(`"`, 250) // two bytes each in the file
				hosts := make([]config.AllowedHost, 31_000)
				for i := range hosts {
					hosts[i] = config.AllowedHost{Pattern: pattern(t, fmt.Sprintf("h%d.example.com", i)), AddedBy: long}
				}
				c.AddHosts(hosts...)
				return nil
			},
			why: reason.ConfigTooLarge,
		}, {
			name:     "first effect",
			sabotage: func(_ *testing.T, f fixture) { f.first.err = boom },
			repair:   func(_ *testing.T, f fixture) { f.first.err = nil },
			text:     "boom",
			effects:  []string{"first: prepare 8080 to 81"},
		}, {
			name:     "second effect",
			sabotage: func(_ *testing.T, f fixture) { f.second.err = boom },
			repair:   func(_ *testing.T, f fixture) { f.second.err = nil },
			text:     "boom",
			effects:  []string{"first: prepare 8080 to 81", "second: prepare 8080 to 81", "first: roll back"},
		}, {
			name:     "log of changes",
			sabotage: func(_ *testing.T, f fixture) { f.events.refuse = boom },
			repair:   func(_ *testing.T, f fixture) { f.events.refuse = nil },
			text:     "boom",
			effects:  rolledBack,
		}, {
			name:     "folder gone",
			sabotage: func(t *testing.T, f fixture) { rename(t, f.dir, f.dir+".away") },
			repair:   func(t *testing.T, f fixture) { rename(t, f.dir+".away", f.dir) },
			why:      reason.ChangeNotRecorded,
			text:     "making the folder of revisions",
			effects:  rolledBack,
		}, {
			name: "folder in place of the file",
			sabotage: func(t *testing.T, f fixture) {
				path := osdefaults.ConfigFile(f.dir)
				rename(t, path, filepath.Join(f.dir, "saved"))
				mkdir(t, filepath.Join(path, "not empty"))
			},
			repair: func(t *testing.T, f fixture) {
				path := osdefaults.ConfigFile(f.dir)
				remove(t, path)
				rename(t, filepath.Join(f.dir, "saved"), path)
			},
			why:     reason.ConfigNotWritten,
			text:    "put the new file in place",
			effects: rolledBack,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			if runtime.GOOS == "windows" && test.name == "folder gone" {
				t.Skip("a folder whose lock file is open cannot be moved on Windows")
			}
			events := &recorder{}
			var log []string
			f := fixture{
				dir:    filepath.Join(t.TempDir(), "state"),
				events: events,
				first:  &effect{name: "first", shared: &log},
				second: &effect{name: "second", shared: &log},
			}
			f.store = open(t, settings.Options{Dir: f.dir, Events: events})
			update(t, f.store, add(t, "a.example.com"))
			f.store.AddEffect(f.first)
			f.store.AddEffect(f.second)
			events.take()
			events.recorded = nil
			files, now := tree(t, f.dir), f.store.Current()

			if test.sabotage != nil {
				test.sabotage(t, f)
			}
			broken := change
			if test.change != nil {
				broken = test.change
			}
			before, after, err := f.store.Update(t.Context(), settings.Request{Caller: caller.Caller{Name: "test"}}, broken)
			wantError(t, err, test.why, test.text)
			if before != nil || after != nil {
				t.Error("snapshots come with the error")
			}
			if test.repair != nil {
				test.repair(t, f)
			}

			if f.store.Current() != now {
				t.Error("the snapshot was replaced")
			}
			if diff := cmp.Diff(files, tree(t, f.dir)); diff != "" {
				t.Errorf("the folder was changed (-before +after):\n%s", diff)
			}
			if diff := cmp.Diff(test.effects, log); diff != "" {
				t.Errorf("effects (-want +got):\n%s", diff)
			}
			if got := events.take(); got != nil {
				t.Errorf("events %q", got)
			}
			// Nothing is done that was not written down, and what was not done after that is written down, too.
			if recorded := len(events.recorded) > 0; recorded != (test.why == reason.ConfigNotWritten || test.name == "log of changes") {
				t.Errorf("recorded are %q", events.recorded)
			}
			if got := len(events.notMade); got != 0 != (test.why == reason.ConfigNotWritten || test.name == "log of changes") {
				t.Errorf("not made are %q", events.notMade)
			}

			if _, after := update(t, f.store, change); after.Settings.ListenPort != 81 {
				t.Error("the next change was not made")
			}
		})
	}
}

func TestPanicLeavesEverythingAsItWas(t *testing.T) {
	s := open(t, settings.Options{Dir: t.TempDir(), Events: &recorder{}})
	var log []string
	second := &effect{name: "second", shared: &log, onPrepare: func() { panic("boom") }}
	s.AddEffect(&effect{name: "first", shared: &log})
	s.AddEffect(second)
	now := s.Current()
	for _, change := range []func(*config.Config) error{set("ListenPort", "81"), func(*config.Config) error { panic("boom") }} {
		func() {
			defer func() {
				if got := recover(); got != "boom" {
					t.Errorf("the panic is %v, want boom", got)
				}
			}()
			_, _, err := s.Update(t.Context(), settings.Request{}, change)
			t.Errorf("no panic, error %v", err)
		}()
		if s.Current() != now {
			t.Error("the snapshot was replaced")
		}
	}
	if diff := cmp.Diff([]string{"first: prepare 8080 to 81", "second: prepare 8080 to 81", "first: roll back"}, log); diff != "" {
		t.Errorf("effects (-want +got):\n%s", diff)
	}
	second.onPrepare = nil
	update(t, s, set("ListenPort", "81"))
}

func TestContextBoundsTheWait(t *testing.T) {
	s := open(t, settings.Options{Dir: t.TempDir(), Events: &recorder{}})
	inside, finish, done := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		_, _, err := s.Update(context.Background(), settings.Request{}, func(*config.Config) error {
			close(inside)
			<-finish
			return nil
		})
		done <- err
	}()
	<-inside
	ctx, cancel := context.WithCancel(t.Context())
	waiting := make(chan error)
	go func() {
		_, _, err := s.Update(ctx, settings.Request{}, set("DrainSeconds", "9"))
		waiting <- err
	}()
	cancel()
	if err := <-waiting; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that of the context", err)
	}
	close(finish)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, _, err := s.Update(ctx, settings.Request{}, set("DrainSeconds", "9")); !errors.Is(err, context.Canceled) {
		t.Errorf("with nobody to wait for: error %v, want that of the context", err)
	}
}

func TestOlderFileIsKept(t *testing.T) {
	dir := t.TempDir()
	path := osdefaults.ConfigFile(dir)
	if err := settings.KeepOlder(path, 2); err != nil {
		t.Errorf("without a file: %v", err)
	}
	const file = `{"version":1,"settings":{"ListenPort":81}}`
	writeFile(t, path, file)
	if err := settings.KeepOlder(path, 1); err != nil {
		t.Fatal(err)
	}
	wantNames(t, dir, "config.json")
	if err := settings.KeepOlder(path, 2); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"config.json": file, "config.json.v1": file}, tree(t, dir)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	remove(t, path+".v1")
	mkdir(t, filepath.Join(path+".v1", "in the way"))
	wantError(t, settings.KeepOlder(path, 2), "", "keep the older file")
}

// A file of version 1 is migrated in memory, saved by the first change, and kept beside the new one.
func TestVersion1IsMigrated(t *testing.T) {
	dir := t.TempDir()
	const file = `{"version":1,"settings":{"ListenPort":81},"allowedHosts":[{"host":"a.example.com"}]}`
	writeFile(t, osdefaults.ConfigFile(dir), file)
	s := open(t, settings.Options{Dir: dir, Events: &recorder{}})
	if now := s.Current(); now.Settings.ListenPort != 81 || !now.Settings.LearnHosts || now.Config.RelayProxy.IsSet() {
		t.Errorf("migrated to %+v", now.Config)
	}
	if got := tree(t, dir)["config.json"]; got != file {
		t.Errorf("the file was changed before the configuration was: %s", got)
	}
	for _, port := range []string{"82", "83"} {
		if _, _, err := s.Update(t.Context(), settings.Request{}, set("ListenPort", port)); err != nil {
			t.Fatal(err)
		}
	}
	if got := tree(t, dir)["config.json.v1"]; got != file {
		t.Errorf("the older file is now %s", got)
	}
	saved, err := config.Read(osdefaults.ConfigFile(dir))
	if err != nil || !saved.Equal(s.Current().Config) || saved.Settings.ListenPort != 83 || len(saved.AllowedHosts) != 1 {
		t.Errorf("saved: %+v, %v", saved, err)
	}
}

// effect writes down what is done with it.
type effect struct {
	name      string
	err       error
	onPrepare func()
	onCommit  func()
	shared    *[]string // several effects may write into one log
	log       []string
}

func (e *effect) Prepare(_ context.Context, before, after *settings.Snapshot) (settings.Prepared, error) {
	e.note("prepare %d to %d", before.Settings.ListenPort, after.Settings.ListenPort)
	if e.onPrepare != nil {
		e.onPrepare()
	}
	return settings.Prepared{
		Commit: func() {
			e.note("commit")
			if e.onCommit != nil {
				e.onCommit()
			}
		},
		Rollback: func() { e.note("roll back") },
	}, e.err
}

func (e *effect) note(format string, args ...any) {
	if e.shared == nil {
		e.shared = &e.log
	}
	*e.shared = append(*e.shared, e.name+": "+fmt.Sprintf(format, args...))
}

// nothing is an effect without work.
type nothing struct{}

func (nothing) Prepare(context.Context, *settings.Snapshot, *settings.Snapshot) (settings.Prepared, error) {
	return settings.Prepared{}, nil
}

func host(t *testing.T) config.AllowedHost {
	t.Helper()
	return config.AllowedHost{Pattern: pattern(t, "a.example.com")}
}

func BenchmarkUpdate(b *testing.B) {
	for _, count := range []int{10, 1_000, 10_000} {
		b.Run(fmt.Sprintf("%d hosts", count), func(b *testing.B) {
			s, err := settings.Open(settings.Options{Dir: b.TempDir(), Events: &recorder{}})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			hosts := make([]config.AllowedHost, count)
			for i := range hosts {
				p, err := hostname.ParsePattern(fmt.Sprintf("h%d.example.com", i))
				if err != nil {
					b.Fatal(err)
				}
				hosts[i].Pattern = p
			}
			next := 0
			for b.Loop() {
				_, _, err := s.Update(b.Context(), settings.Request{}, func(c *config.Config) error {
					c.AddHosts(hosts...)
					next = 1 + next%1000
					c.Settings.DrainTimeout = time.Duration(next) * time.Second
					return nil
				})
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func certificate(t *testing.T, subject string) config.AllowedClientCertificate {
	t.Helper()
	return config.AllowedClientCertificate{Entry: entry(t, subject)}
}

package settings_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/omsgateway/omsgateway/internal/caller"
	"github.com/omsgateway/omsgateway/internal/config"
	"github.com/omsgateway/omsgateway/internal/event"
	"github.com/omsgateway/omsgateway/internal/history"
	"github.com/omsgateway/omsgateway/internal/osdefaults"
	"github.com/omsgateway/omsgateway/internal/reason"
	"github.com/omsgateway/omsgateway/internal/settings"
)

// story is what the history says, a line for each revision.
func story(t *testing.T, s *settings.Store) []string {
	t.Helper()
	var lines []string
	for _, revision := range s.History().Revisions() {
		r, err := s.History().Record(revision)
		if err != nil {
			t.Fatal(err)
		}
		line := fmt.Sprintf("%d %s by %s, %s", r.Revision, r.Result, r.Caller.Name, r.Method)
		if r.Of != 0 {
			line += fmt.Sprintf(", of %d", r.Of)
		}
		for _, c := range r.Changes {
			line += fmt.Sprintf("; %s %s %q -> %q", c.Noun, c.Key, c.Old, c.New)
		}
		for _, c := range r.Counts {
			line += fmt.Sprintf("; %s +%d -%d ~%d", c.Noun, c.Added, c.Removed, c.Changed)
		}
		lines = append(lines, line)
	}
	report, err := s.History().Verify(t.Context(), "")
	if err != nil || report.Findings != nil {
		t.Errorf("verify: %v, %+v", err, report.Findings)
	}
	return lines
}

func wantStory(t *testing.T, s *settings.Store, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, story(t, s)); diff != "" {
		t.Errorf("the history (-want +got):\n%s", diff)
	}
}

func alice(method string) settings.Request {
	return settings.Request{
		Caller: caller.Caller{Name: "alice", Via: "unix socket", Role: caller.Change},
		Client: "omsgwctl/1.0.0", Method: method, Comment: "why",
	}
}

func TestEveryChangeHasItsRevision(t *testing.T) {
	events := &recorder{}
	dir := t.TempDir()
	s := open(t, settings.Options{Dir: dir, Events: events})
	wantStory(t, s, "1 CHANGED by baseline, baseline")

	if _, _, err := s.Update(t.Context(), alice("AllowedHostService/AddAllowedHosts"), add(t, "a.example.com")); err != nil {
		t.Fatal(err)
	}
	events.recorded = nil
	_, after, err := s.Update(t.Context(), alice("SettingService/SetSetting"), func(c *config.Config) error {
		return c.Settings.Set("ListenPort", "81")
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"1 CHANGED by baseline, baseline",
		`2 CHANGED by alice, AllowedHostService/AddAllowedHosts; allowed-host a.example.com "" -> "allowed"`,
		`3 CHANGED by alice, SettingService/SetSetting; setting ListenPort "8080" -> "81"`,
	}
	wantStory(t, s, want...)
	r, err := s.History().Record(3)
	if err != nil {
		t.Fatal(err)
	}
	by := history.Caller{Name: "alice", Via: "unix socket", Role: "change"}
	if r.Etag != after.Etag || r.Comment != "why" || r.Client != "omsgwctl/1.0.0" || r.Caller != by {
		t.Errorf("the record is %+v", r)
	}
	file, err := s.History().Configuration(3)
	if err != nil || string(file) != readFile(t, osdefaults.ConfigFile(dir)) {
		t.Errorf("the configuration of revision 3 is not that of the file: %v\n%s", err, file)
	}
	if got := events.recorded; len(got) != 2 || !strings.Contains(got[0], "Revision 3 ") || !strings.Contains(got[0], r.Hash()) ||
		!strings.Contains(got[1], "ListenPort") {
		t.Errorf("the log of changes has %q", got)
	}
	told := events.events[len(events.events)-1]
	fields := []event.Field{{Name: "revision", Value: "3"}, {Name: "revision_hash", Value: r.Hash()}}
	if diff := cmp.Diff(fields, told.Fields[len(told.Fields)-2:]); diff != "" {
		t.Errorf("the event's last fields (-want +got):\n%s", diff)
	}

	// What changes nothing, is only tried, or is refused has none.
	if _, _, err := s.Update(t.Context(), alice("x"), add(t, "a.example.com")); err != nil {
		t.Fatal(err)
	}
	only := alice("x")
	only.ValidateOnly = true
	if _, _, err := s.Update(t.Context(), only, add(t, "b.example.com")); err != nil {
		t.Fatal(err)
	}
	wantStory(t, s, want...)
	s = reopen(t, s, dir, events)
	wantStory(t, s, want...)
}

func reopen(t *testing.T, s *settings.Store, dir string, events event.Changes) *settings.Store {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return open(t, settings.Options{Dir: dir, Events: events})
}

// Who edits the file while the gateway is stopped has a revision, too; but not who saves it without a difference.
func TestFileEditedByHand(t *testing.T) {
	events := &recorder{}
	dir := t.TempDir()
	s := open(t, settings.Options{Dir: dir, Events: events})
	update(t, s, add(t, "a.example.com"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	path := osdefaults.ConfigFile(dir)
	file := readFile(t, path)
	writeFile(t, path, strings.ReplaceAll(file, "  ", "\t")+"\n")
	s = open(t, settings.Options{Dir: dir, Events: events})
	if got := len(s.History().Revisions()); got != 2 {
		t.Errorf("%d revisions after the file was only laid out in another way", got)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	writeFile(t, path, strings.ReplaceAll(file, "a.example.com", "b.example.com"))
	events.take()
	s = open(t, settings.Options{Dir: dir, Events: events})
	want := story(t, s)[:2]
	wantStory(t, s, append(want, `3 CHANGED by file, file; allowed-host a.example.com "allowed" -> ""; allowed-host b.example.com "" -> "allowed"`)...)
	if got := events.take(); len(got) != 2 || !strings.Contains(got[0], "by file") {
		t.Errorf("events %q", got)
	}
}

// A gateway that ends between a record and the file says so at its next start, once.
func TestRecordWithoutItsChange(t *testing.T) {
	events := &recorder{}
	dir := t.TempDir()
	s := open(t, settings.Options{Dir: dir, Events: events})
	update(t, s, add(t, "a.example.com"))
	path := osdefaults.ConfigFile(dir)
	before := readFile(t, path)
	update(t, s, add(t, "b.example.com"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	writeFile(t, path, before) // as if the power had gone in between
	for range 2 {
		s = open(t, settings.Options{Dir: dir, Events: events})
		got := story(t, s)
		if len(got) != 4 || !strings.HasPrefix(got[3], "4 NOT_MADE") || !strings.HasSuffix(got[3], ", of 3") {
			t.Fatalf("the history is %q", got)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if len(events.notMade) != 1 {
		t.Errorf("not made are %q", events.notMade)
	}
}

func TestManyChangesHaveCounts(t *testing.T) {
	s := open(t, settings.Options{Dir: t.TempDir(), Events: &recorder{}})
	update(t, s, func(c *config.Config) error {
		for i := range 1500 {
			c.AddHosts(config.AllowedHost{Pattern: pattern(t, fmt.Sprintf("h%d.example.com", i))})
		}
		return c.Settings.Set("ListenPort", "81")
	})
	got := story(t, s)
	if !strings.HasSuffix(got[1], "; setting +0 -0 ~1; allowed-host +1500 -0 ~0") {
		t.Errorf("the history is %q", got)
	}
}

// Whether the password is another one is said, and nothing else about it.
func TestNoSecretInTheHistory(t *testing.T) {
	dir := t.TempDir()
	s := open(t, settings.Options{Dir: dir, Events: &recorder{}})
	for _, password := range []string{"geheim-1", "geheim-1", "geheim-2"} {
		update(t, s, func(c *config.Config) (err error) {
			c.RelayProxy, err = config.NewRelayProxy("http://proxy.example.com:3128", "user", password)
			return err
		})
	}
	got := story(t, s)
	if strings.Contains(got[1], "geheim") || !strings.Contains(got[1], `relay-proxy password "" -> ""`) ||
		strings.Contains(got[2], "password") || !strings.Contains(got[3], "password") {
		t.Errorf("the history is %q", got)
	}
}

// Going back again with the same password changes nothing, however often the password is sealed.
func TestPasswordGivenAgain(t *testing.T) {
	s := open(t, settings.Options{Dir: t.TempDir(), Events: &recorder{}})
	update(t, s, func(c *config.Config) (err error) {
		c.RelayProxy, err = config.NewRelayProxy("http://proxy.example.com:3128", "user", "geheim-1")
		return err
	})
	update(t, s, func(c *config.Config) error { c.RelayProxy = config.RelayProxy{}; return nil })
	for i, test := range []struct {
		password string
		changes  bool
	}{{"geheim-1", true}, {"geheim-1", false}, {"geheim-2", true}} {
		change, err := s.Restored(2, &test.password)
		if err != nil {
			t.Fatal(err)
		}
		before, after := update(t, s, change)
		if got := before != after; got != test.changes {
			t.Errorf("%d: going back with %s changes something: %v", i, test.password, got)
		}
		if got, err := after.Config.RelayProxy.Password.Open(); err != nil || got != test.password {
			t.Errorf("%d: the password is %q, %v", i, got, err)
		}
	}
}

// No revision, no change; and a history that cannot be read stops neither start nor change.
func TestHistoryThatCannotBeUsed(t *testing.T) {
	events := &recorder{}
	dir := t.TempDir()
	s := open(t, settings.Options{Dir: dir, Events: events})
	update(t, s, add(t, "a.example.com"))
	folder := osdefaults.HistoryDir(dir)
	if err := os.Rename(folder, folder+".away"); err != nil {
		t.Fatal(err)
	}
	writeFile(t, folder, "")
	_, _, err := s.Update(t.Context(), alice("x"), add(t, "b.example.com"))
	wantError(t, err, reason.ChangeNotRecorded, folder)
	s = reopen(t, s, dir, events)
	if got := events.take(); !strings.Contains(strings.Join(got, "\n"), "revisions") {
		t.Errorf("the start says %q", got)
	}
	if hosts := s.Current().Config.AllowedHosts; len(hosts) != 1 {
		t.Errorf("hosts are %v", hosts)
	}
	if err := errors.Join(os.Remove(folder), os.Rename(folder+".away", folder)); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(folder, "0000000002.revision"), "garbage")
	s = reopen(t, s, dir, events)
	update(t, s, add(t, "c.example.com"))
	if _, ok := s.History().Last(); !ok {
		t.Error("there is no history")
	}
}

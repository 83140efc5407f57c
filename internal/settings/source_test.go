package settings_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/omsgateway/omsgateway/internal/clientcert"
	"github.com/omsgateway/omsgateway/internal/config"
	"github.com/omsgateway/omsgateway/internal/policy"
	"github.com/omsgateway/omsgateway/internal/reason"
	"github.com/omsgateway/omsgateway/internal/settings"
)

func TestLearn(t *testing.T) {
	dir, events := t.TempDir(), &recorder{}
	s := open(t, settings.Options{Dir: dir, Events: events})
	update(t, s, add(t, "a.example.com"))
	events.take()
	before, files := s.Current(), tree(t, dir)

	l := learned(t, "a.example.com", "b.example.com")
	certificate := clientcert.Parse([]byte("an agent's"))
	l.ClientCertificates = []clientcert.Entry{entry(t, certificate.Subject)}
	learn(t, s, l)
	after := s.Current()
	if !allowed(t, after, "b.example.com:443") || !after.Config.Equal(before.Config) || after.Etag != before.Etag {
		t.Errorf("after Learn: %+v", after)
	}
	if allowed(t, before, "b.example.com:443") {
		t.Error("the older snapshot was changed")
	}
	if _, ok := after.Policy.TLS().Certificates.Match(certificate); !ok {
		t.Error("the learned client certificate is not allowed")
	}
	if diff := cmp.Diff(files, tree(t, dir)); diff != "" {
		t.Errorf("the folder was changed (-before +after):\n%s", diff)
	}
	if got := events.take(); got != nil {
		t.Errorf("events %q", got)
	}

	// An etag that was read before is good after, and the change keeps what was learned.
	if _, _, err := s.Update(t.Context(), settings.Request{Etag: before.Etag}, add(t, "c.example.com")); err != nil {
		t.Fatal(err)
	}
	wantSources(t, s, "a.example.com local", "a.example.com learned", "b.example.com learned", "c.example.com local")

	// The same again changes nothing.
	now := s.Current()
	again := learned(t, "a.example.com", "b.example.com")
	again.ClientCertificates = []clientcert.Entry{entry(t, certificate.Subject)}
	learn(t, s, again)
	if s.Current() != now {
		t.Error("a new snapshot of the same")
	}
	again.ClientCertificates = nil
	learn(t, s, again)
	if _, ok := s.Current().Policy.TLS().Certificates.Match(certificate); ok {
		t.Error("the client certificate that is no longer learned is still allowed")
	}

	// What is learned replaces what was.
	learn(t, s, learned(t, "d.example.com"))
	wantSources(t, s, "a.example.com local", "c.example.com local", "d.example.com learned")
	learn(t, s, settings.Slot{})
	wantSources(t, s, "a.example.com local", "c.example.com local")
}

func TestLearnHostsOff(t *testing.T) {
	s := open(t, settings.Options{Dir: t.TempDir(), Events: &recorder{}})
	certificate := clientcert.Parse([]byte("an agent's"))
	l := learned(t, "a.example.com")
	l.ClientCertificates = []clientcert.Entry{entry(t, certificate.Subject)}
	learn(t, s, l)
	update(t, s, set("LearnHosts", "Off"))
	wantSources(t, s)
	if _, ok := s.Current().Policy.TLS().Certificates.Match(certificate); ok {
		t.Error("the learned client certificate is still allowed")
	}
	learn(t, s, learned(t, "b.example.com"))
	wantSources(t, s)
	update(t, s, set("LearnHosts", "On"))
	wantSources(t, s, "b.example.com learned")

	fixed := with("LearnHosts", "Off")
	fixed.Dir, fixed.Events = t.TempDir(), &recorder{}
	s = open(t, fixed)
	learn(t, s, l)
	wantSources(t, s)
}

func TestLearnThatFails(t *testing.T) {
	s := open(t, settings.Options{Dir: t.TempDir(), Events: &recorder{}})
	learn(t, s, learned(t, "a.example.com"))
	now := s.Current()
	if err := s.Put(t.Context(), policy.Learned, settings.Slot{Entries: make([]policy.Entry, 1)}); err == nil {
		t.Error("an entry without a pattern was learned")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Put(ctx, policy.Learned, settings.Slot{}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that of the context", err)
	}
	if s.Current() != now {
		t.Error("the snapshot was replaced")
	}
	update(t, s, add(t, "b.example.com"))
	wantSources(t, s, "a.example.com learned", "b.example.com local")

	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	wantError(t, s.Put(t.Context(), policy.Learned, settings.Slot{}), reason.GatewayStopping, "")
}

// Changes and what is learned come from two sides at once, and neither loses anything of the other.
func TestLearnDuringChanges(t *testing.T) {
	const rounds = 50
	s := open(t, settings.Options{Dir: t.TempDir(), Events: &recorder{}})
	var working sync.WaitGroup
	working.Go(func() {
		for i := range rounds {
			if _, _, err := s.Update(context.Background(), settings.Request{}, numbered(t, i+1)); err != nil {
				t.Error(err)
			}
		}
	})
	working.Go(func() {
		for i := range rounds {
			if err := s.Put(context.Background(), policy.Learned, learned(t, fmt.Sprintf("l%d.example.com", i+1))); err != nil {
				t.Error(err)
			}
		}
	})
	working.Wait()
	wantSources(t, s, fmt.Sprintf("h%d.example.com local", rounds), fmt.Sprintf("l%d.example.com learned", rounds))
	if last := s.Current(); drainSeconds(last.Config.Settings) != rounds || config.Etag(last.Config.Encode()) != last.Etag {
		t.Errorf("at the end: %+v", last)
	}
}

func learned(t *testing.T, hosts ...string) (l settings.Slot) {
	t.Helper()
	for _, h := range hosts {
		l.Entries = append(l.Entries, policy.Entry{Pattern: pattern(t, h), Source: policy.Source{
			Kind: policy.Learned, Since: time.Unix(1, 0), Particulars: []policy.Particular{{Name: "agent", Value: "an agent"}},
		}})
	}
	return l
}

func learn(t *testing.T, s *settings.Store, l settings.Slot) {
	t.Helper()
	if err := s.Put(t.Context(), policy.Learned, l); err != nil {
		t.Fatal(err)
	}
}

// wantSources compares the entries of the policy, each with the kind of its source.
func wantSources(t *testing.T, s *settings.Store, want ...string) {
	t.Helper()
	var got []string
	for _, e := range s.Current().Policy.Entries() {
		got = append(got, fmt.Sprintf("%s %s", e.Pattern, e.Source.Kind))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
}

// A source behind the file says what counts where the file says nothing, and effects are asked about it.
func TestPutSettings(t *testing.T) {
	s := open(t, settings.Options{Dir: t.TempDir(), Events: &recorder{}, Overrides: []settings.Value{{Key: "LogLevel", Value: "Debug"}}})
	update(t, s, set("DrainSeconds", "7"))
	asked := &effect{name: "listener"}
	s.AddEffect(asked)
	before := s.Current()
	slot := settings.Slot{Settings: []settings.Value{
		{Key: "ListenPort", Value: "81"}, {Key: "DrainSeconds", Value: "8"}, {Key: "LogLevel", Value: "Error"},
	}}
	if err := s.Put(t.Context(), policy.Learned, slot); err != nil {
		t.Fatal(err)
	}
	now := s.Current()
	if got := []string{now.Settings.Get("ListenPort"), now.Settings.Get("DrainSeconds"), now.Settings.Get("LogLevel")}; !cmp.Equal(
		got, []string{"81", "7", "Debug"}) {
		t.Errorf("in force are %q", got)
	}
	if now.Etag != before.Etag || !now.Config.Equal(before.Config) {
		t.Error("the configuration was changed")
	}
	if diff := cmp.Diff([]string{"listener: prepare 8080 to 81", "listener: commit"}, asked.log); diff != "" {
		t.Errorf("the effect (-want +got):\n%s", diff)
	}
	// The file may say otherwise, since it stands before this source.
	update(t, s, set("ListenPort", "82"))
	if got := s.Current().Settings.ListenPort; got != 82 {
		t.Errorf("ListenPort is %d", got)
	}

	// What cannot be in force, or an effect refuses, leaves everything as it was.
	now = s.Current()
	wantError(t, s.Put(t.Context(), policy.Learned, settings.Slot{Settings: []settings.Value{{Key: "ListenPort", Value: "0"}}}),
		reason.SettingOutOfRange, "ListenPort")
	asked.err = errors.New("no")
	slot = settings.Slot{Settings: []settings.Value{{Key: "MaxConnections", Value: "9"}}}
	if err := s.Put(t.Context(), policy.Learned, slot); err == nil {
		t.Error("no error of the effect")
	}
	if s.Current() != now {
		t.Error("the snapshot was replaced")
	}
}

package setup_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/omsgateway/omsgateway/internal/caller"
	"github.com/omsgateway/omsgateway/internal/config"
	"github.com/omsgateway/omsgateway/internal/event"
	"github.com/omsgateway/omsgateway/internal/osdefaults"
	"github.com/omsgateway/omsgateway/internal/settings"
	"github.com/omsgateway/omsgateway/internal/setup"
)

// TestTakeOver starts a gateway several times, each with what the registry has then.
func TestTakeOver(t *testing.T) {
	type start struct {
		registry  setup.Values
		err       error
		change    map[string]string // what an administrator does after the start
		port      string
		level     string
		eventsSay []string
	}
	const advice = "Set-OMSGatewayConfig -Name LogLevel -Value "
	for name, starts := range map[string][]start{
		"nothing there": {{port: "8080", level: "Info"}, {port: "8080", level: "Info"}},
		"port once": {
			{registry: setup.Values{ListenPort: "9000"}, port: "9000", level: "Info", eventsSay: []string{`"9000" by the registry`}},
			{registry: setup.Values{ListenPort: "9001"}, port: "9000", level: "Info"},
		},
		"port of the default once": {
			{registry: setup.Values{ListenPort: "8080"}, port: "8080", level: "Info"},
			{registry: setup.Values{ListenPort: "9001"}, port: "8080", level: "Info"},
		},
		"no port once it is configured": {
			{change: map[string]string{"ListenPort": "8100"}, port: "8100", level: "Info"},
			{registry: setup.Values{ListenPort: "9000"}, port: "8100", level: "Info"},
		},
		"level whenever it is another one": {
			{registry: setup.Values{LogLevel: "Info"}, port: "8080", level: "Info"},
			{registry: setup.Values{LogLevel: "debug"}, port: "8080", level: "Debug", eventsSay: []string{`"Debug" by the registry`, advice + "debug"}},
			{registry: setup.Values{LogLevel: "debug"}, change: map[string]string{"LogLevel": "Error"}, port: "8080", level: "Error"},
			{registry: setup.Values{LogLevel: "debug"}, port: "8080", level: "Error"},
			{registry: setup.Values{LogLevel: "Info"}, port: "8080", level: "Info", eventsSay: []string{`"Info" by the registry`, advice + "Info"}},
		},
		"level gone and back": {
			{registry: setup.Values{LogLevel: "Debug", ListenPort: "9000"}, port: "9000", level: "Debug", eventsSay: []string{"9000", "Debug", advice}},
			{registry: setup.Values{ListenPort: "9000"}, port: "9000", level: "Debug"},
			{registry: setup.Values{LogLevel: "Error", ListenPort: "9000"}, port: "9000", level: "Error", eventsSay: []string{"Error", advice}},
		},
		"wrong port does not stop the level": {
			{
				registry: setup.Values{ListenPort: "http", LogLevel: "Debug"}, port: "8080", level: "Debug",
				eventsSay: []string{"Wrong configuration: taking ListenPort over", "Debug", advice},
			},
		},
		"wrong level is told once": {
			{registry: setup.Values{LogLevel: "Verbose"}, port: "8080", level: "Info", eventsSay: []string{"Wrong configuration: taking LogLevel over"}},
			{registry: setup.Values{LogLevel: "Verbose"}, port: "8080", level: "Info"},
		},
		"what can be read of it": {
			{
				registry: setup.Values{LogLevel: "Debug"}, err: errors.New("no access"), port: "8080", level: "Debug",
				eventsSay: []string{"no access", "Debug", advice},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for i, s := range starts {
				var told recorder
				store, err := settings.Open(settings.Options{Dir: dir, Events: &told})
				if err != nil {
					t.Fatal(err)
				}
				setup.TakeOver(t.Context(), func() (setup.Values, error) { return s.registry, s.err }, store, setup.Files{
					Config: osdefaults.ConfigFile(dir),
					Record: osdefaults.RegistryRecord(dir),
				}, &told)
				told.check(t, s.eventsSay)
				for key, value := range s.change {
					by := settings.Request{Caller: caller.Caller{Name: "alice"}}
					_, _, err := store.Update(t.Context(), by, func(c *config.Config) error {
						return c.Settings.Set(key, value)
					})
					if err != nil {
						t.Fatal(err)
					}
				}
				now := store.Current().Settings
				if diff := cmp.Diff([]string{s.port, s.level}, []string{now.Get("ListenPort"), now.Get("LogLevel")}); diff != "" {
					t.Errorf("start %d: port and level (-want +got):\n%s", i+1, diff)
				}
				if err := store.Close(); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func TestRecordThatCannotBeUsed(t *testing.T) {
	dir := t.TempDir()
	var told recorder
	store, err := settings.Open(settings.Options{Dir: dir, Events: &told})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	debug := func() (setup.Values, error) { return setup.Values{LogLevel: "Debug"}, nil }

	// A folder in its place: nothing is known of the last start, so nothing is changed.
	if err := os.Mkdir(filepath.Join(dir, "record"), 0o700); err != nil {
		t.Fatal(err)
	}
	setup.TakeOver(t.Context(), debug, store, setup.Files{
		Config: osdefaults.ConfigFile(dir), Record: filepath.Join(dir, "record"),
	}, &told)
	told.check(t, []string{"Failed to read what was taken over before"})

	// No folder for it: the change counts, and will be made again.
	setup.TakeOver(t.Context(), debug, store, setup.Files{
		Config: osdefaults.ConfigFile(dir), Record: filepath.Join(dir, "absent", "record"),
	}, &told)
	told.check(t, []string{"LogLevel", "Set-OMSGatewayConfig", "Failed to remember what was taken over"})
	if got := store.Current().Settings.Get("LogLevel"); got != "Debug" {
		t.Errorf("LogLevel is %s", got)
	}
}

// recorder keeps the texts of events.
type recorder struct {
	mu    sync.Mutex
	texts []string
}

func (r *recorder) Emit(e event.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.texts = append(r.texts, e.Text)
}

// check compares what was told since the last check: the i-th event contains the i-th part.
func (*recorder) Record(context.Context, []event.Event) error { return nil }

func (*recorder) NotMade(caller.Caller, error) {}

func (r *recorder) Made(events []event.Event) {
	for _, e := range events {
		r.Emit(e)
	}
}

func (r *recorder) check(t *testing.T, parts []string) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.texts) != len(parts) {
		t.Errorf("%d events, want %d: %q", len(r.texts), len(parts), r.texts)
		return
	}
	for i, part := range parts {
		if !strings.Contains(r.texts[i], part) {
			t.Errorf("event %q does not say %q", r.texts[i], part)
		}
	}
	r.texts = nil
}

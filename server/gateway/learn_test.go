package gateway

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/omsgateway/omsgateway/internal/config"
	"github.com/omsgateway/omsgateway/internal/event"
	"github.com/omsgateway/omsgateway/internal/osdefaults"
	"github.com/omsgateway/omsgateway/internal/settings"
)

// What is learned is in force when learn returns; the setting drops it at once, and brings it back soon.
func TestLearn(t *testing.T) {
	base := t.TempDir()
	chunk := filepath.Join(base, "agent", "1.json")
	if err := os.MkdirAll(filepath.Dir(chunk), 0o700); err != nil {
		t.Fatal(err)
	}
	const content = `{"channels":[{"protocol":"me","endpoint":"https://a.monitoring.azure.com/x"}]}`
	if err := os.WriteFile(chunk, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	hub := event.NewHub(event.Options{Level: event.Info})
	defer closeEvents(hub, newEnding())
	store, err := settings.Open(settings.Options{Dir: t.TempDir(), Events: hub})
	if err != nil {
		t.Fatal(err)
	}
	defer closeStore(store, hub, newEnding())
	learns := func() bool {
		for _, e := range store.Current().Policy.Entries() {
			if e.Pattern.String() == "a.monitoring.azure.com" {
				return true
			}
		}
		return false
	}
	set := func(value string) {
		t.Helper()
		_, _, err := store.Update(t.Context(), settings.Request{}, func(c *config.Config) error {
			return c.Settings.Set("LearnHosts", value)
		})
		if err != nil {
			t.Fatal(err)
		}
	}

	agents := []osdefaults.AgentFiles{{Kind: osdefaults.AzureMonitorChunks, Base: base, Path: "agent/*.json"}}
	watcher := learn(t.Context(), agents, store, hub)
	defer watcher.Stop()
	if !learns() {
		t.Error("the host is not in force")
	}
	set(config.Off)
	if learns() {
		t.Error("the host is in force while LearnHosts is off")
	}
	set(config.On)
	for over := time.After(30 * time.Second); !learns(); {
		select {
		case <-over:
			t.Fatal("the host does not come back")
		case <-time.After(time.Millisecond):
		}
	}
}

package setup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/omsgateway/omsgateway/internal/atomicfile"
	"github.com/omsgateway/omsgateway/internal/caller"
	"github.com/omsgateway/omsgateway/internal/config"
	"github.com/omsgateway/omsgateway/internal/event"
	"github.com/omsgateway/omsgateway/internal/settings"
)

// Values are the settings in the registry as they are written there, "" for one that is absent. The original has the names and
// nearly the values that ours have.
type Values struct {
	ListenPort string
	LogLevel   string
}

// Files are where TakeOver finds out what has happened before.
type Files struct {
	Config string // the configuration; once it is there, ListenPort has been decided
	Record string // the LogLevel that the registry had at the last start; TakeOver writes it
}

// origin is who changes settings here, for the events.
const origin = "the registry of the original"

// TakeOver changes the settings of store to what read answers: ListenPort only at the first start, before there is any
// configuration; LogLevel where it is another one than at the last start. Nothing else is done where read finds nothing. The events
// tell what was taken over, and what is wrong there, which does not stop the gateway.
func TakeOver(ctx context.Context, read func() (Values, error), store *settings.Store, files Files, events event.Sink) {
	values, err := read()
	if err != nil {
		events.Emit(event.ConfigurationWrong(fmt.Errorf("reading %s: %w", origin, err)))
	}
	if values == (Values{}) {
		return
	}
	last, err := os.ReadFile(files.Record)
	first := errors.Is(err, fs.ErrNotExist)
	if err != nil && !first {
		events.Emit(event.Failure(event.GatewayServer, "to read what was taken over before", err))
		return
	}
	if _, err := os.Lstat(files.Config); first && errors.Is(err, fs.ErrNotExist) {
		set(ctx, store, "ListenPort", values.ListenPort, events)
	}
	if values.LogLevel != string(last) && set(ctx, store, "LogLevel", values.LogLevel, events) {
		events.Emit(event.Note(event.GatewayServer, "LogLevel was changed in the registry of the original. The setting can be changed "+
			"without a restart: Set-OMSGatewayConfig -Name LogLevel -Value "+values.LogLevel))
	}
	if values.LogLevel == string(last) && !first {
		return
	}
	if err := atomicfile.Write(files.Record, []byte(values.LogLevel)); err != nil {
		events.Emit(event.Failure(event.GatewayServer, "to remember what was taken over", err))
	}
}

// set reports whether the setting has another value now. An empty value is none.
func set(ctx context.Context, store *settings.Store, key, value string, events event.Sink) bool {
	if value == "" {
		return false
	}
	request := settings.Request{Caller: caller.Caller{Name: origin}, Method: "registry"}
	before, after, err := store.Update(ctx, request, func(c *config.Config) error {
		wanted := c.Settings
		if err := wanted.Set(key, value); err != nil || wanted.Get(key) == c.Settings.Get(key) {
			return err
		}
		c.Settings = wanted
		return nil
	})
	if err != nil {
		events.Emit(event.ConfigurationWrong(fmt.Errorf("taking %s over from %s: %w", key, origin, err)))
		return false
	}
	return before != after
}

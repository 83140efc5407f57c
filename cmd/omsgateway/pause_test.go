package main_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/omsgateway/omsgateway/internal/caller"
	"github.com/omsgateway/omsgateway/internal/clock"
	"github.com/omsgateway/omsgateway/internal/config"
	"github.com/omsgateway/omsgateway/internal/event"
	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/osdefaults"
	"github.com/omsgateway/omsgateway/internal/settings"
	"github.com/omsgateway/omsgateway/internal/testpipe"
	wiring "github.com/omsgateway/omsgateway/server/gateway"
)

// TestPause pauses a gateway, as the service manager of Windows can: tunnels stay, new clients do not get in, the configuration can
// be changed, and afterwards clients get in where the settings now say.
func TestPause(t *testing.T) {
	t.Parallel()
	o := newTestOrigin(t)
	target := "localhost:" + o.port
	first, second := freePort(t), freePort(t)
	dir := t.TempDir()
	preset(t, dir, map[string]string{"ListenPort": first})
	stop, stopNow := context.WithCancel(t.Context())
	defer stopNow()
	pause, states := make(chan bool), make(chan string)
	ended := make(chan error, 1)
	go func() {
		ended <- wiring.Run(wiring.Orders{
			Stop:     stop,
			Hurry:    stop,
			Pause:    pause,
			Running:  func() { states <- "running" },
			Paused:   func() { states <- "paused" },
			Stopping: func(time.Duration) {},
		}, wiring.Options{
			Log:      noLog{},
			StateDir: dir,
			Address:  osdefaults.AddressIn(dir),
			Clock:    clock.System{},
			Set:      []string{"AllowLoopbackTargets=On", "ListenAddress=127.0.0.1"},
		})
	}()
	await := func(want string) {
		t.Helper()
		select {
		case got := <-states:
			if got != want {
				t.Fatalf("the gateway is %s, want %s", got, want)
			}
		case err := <-ended:
			t.Fatalf("the gateway ended: %v", err)
		case <-time.After(patience):
			t.Fatalf("the gateway is not %s", want)
		}
	}
	gateway := &running{address: osdefaults.AddressIn(dir)}

	await("running")
	if err := testpipe.Prime(gateway.address); err != nil {
		t.Fatal(err)
	}
	omsgwctl(t, gateway, "allowed-host", "add", target)
	tunnel, err := openTunnel("127.0.0.1:"+first, target)
	if err != nil {
		t.Fatal(err)
	}
	defer tunnel.conn.Close()

	for range 2 { // the second time it is paused already
		pause <- true
		await("paused")
	}
	if conn, err := net.DialTimeout("tcp", "127.0.0.1:"+first, patience); err == nil {
		_ = conn.Close()
		t.Error("a client gets in during the pause")
	}
	if err := tunnel.echo("during the pause"); err != nil {
		t.Errorf("the open tunnel: %v", err)
	}
	if status := omsgwctl(t, gateway, "status"); !strings.Contains(status, "paused") {
		t.Errorf("the status does not tell of the pause:\n%s", status)
	}
	omsgwctl(t, gateway, "setting", "set", "ListenPort", second)

	// While another program has the port, the gateway stays paused.
	other, err := net.Listen("tcp", "127.0.0.1:"+second)
	if err != nil {
		t.Fatal(err)
	}
	pause <- false
	await("paused")
	_ = other.Close()
	for range 2 { // the second time it is running already
		pause <- false
		await("running")
	}
	again, err := openTunnel("127.0.0.1:"+second, target)
	if err != nil {
		t.Fatalf("after the pause: %v", err)
	}
	defer again.conn.Close()
	for name, tunnel := range map[string]*heldTunnel{"old": tunnel, "new": again} {
		if err := tunnel.echo("after the pause"); err != nil {
			t.Errorf("the %s tunnel: %v", name, err)
		}
	}

	stopNow()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Error("the gateway does not stop")
	}
}

// preset makes the configuration in dir of a gateway that was told these settings and allowed hosts before.
func preset(t *testing.T, dir string, values map[string]string, hosts ...string) {
	t.Helper()
	events := event.NewHub(event.Options{})
	store, err := settings.Open(settings.Options{Dir: dir, Events: events})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := errors.Join(store.Close(), events.Close(t.Context())); err != nil {
			t.Error(err)
		}
	}()
	_, _, err = store.Update(t.Context(), settings.Request{Caller: caller.Caller{Name: "test"}}, func(c *config.Config) error {
		for key, value := range values {
			if err := c.Settings.Set(key, value); err != nil {
				return err
			}
		}
		for _, host := range hosts {
			pattern, err := hostname.ParsePattern(host)
			if err != nil {
				return err
			}
			c.AddHosts(config.AllowedHost{Pattern: pattern, AddedAt: time.Now(), AddedBy: "test"})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// noLog is an output that keeps nothing.
type noLog struct{}

func (noLog) Name() string               { return "nothing" }
func (noLog) Write([]*event.Event) error { return nil }
func (noLog) Close() error               { return nil }

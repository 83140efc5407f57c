package gateway

import (
	"bufio"
	"context"
	"net"
	"testing"
	"time"

	"github.com/omsgateway/omsgateway/internal/config"
	"github.com/omsgateway/omsgateway/internal/event"
	"github.com/omsgateway/omsgateway/internal/settings"
)

// A listener that may be switched off opens, closes and moves with its setting, and a change that fails leaves it as it was.
func TestListenerFollowsASettingThatMayBeEmpty(t *testing.T) {
	hub := event.NewHub(event.Options{Level: event.Info})
	t.Cleanup(func() { _ = hub.Close(context.Background()) })
	store, err := settings.Open(settings.Options{Dir: t.TempDir(), Events: hub})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	first, second := freeAddress(t), freeAddress(t)

	// RelayProxyBypass stands for a setting with an address, empty for off.
	places := map[string]string{"": "", "first": first, "second": second, "taken": occupied(t)}
	l := &listener{
		address: func(s config.Settings) string { return places[s.Get("RelayProxyBypass")] },
		listen:  listenForClients,
		serve:   greet,
		events:  hub,
	}
	store.AddEffect(l)
	if err := l.open(t.Context(), func() config.Settings { return store.Current().Settings }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.close)
	set := func(place string) error {
		_, _, err := store.Update(t.Context(), settings.Request{}, func(c *config.Config) error {
			return c.Settings.Set("RelayProxyBypass", place)
		})
		return err
	}
	for _, step := range []struct {
		to   string
		fail bool
		at   string // where it listens then
	}{
		{to: "first", at: first}, {to: "taken", fail: true, at: first}, {to: "second", at: second}, {to: "", at: ""},
		{to: "taken", fail: true, at: ""}, {to: "second", at: second},
	} {
		if err := set(step.to); (err != nil) != step.fail {
			t.Fatalf("to %q: %v", step.to, err)
		}
		for _, address := range []string{first, second} {
			if got := greeted(t, address); got != (address == step.at) {
				t.Errorf("to %q: somebody listens at %s: %v", step.to, address, got)
			}
		}
		if got := l.addresses(); (len(got) == 1) != (step.at != "") || len(got) == 1 && got[0] != step.at {
			t.Errorf("to %q: it says that it listens at %q", step.to, got)
		}
	}

	// While it is closed, the setting may change; it counts when it is opened again.
	l.close()
	if err := set("first"); err != nil {
		t.Fatal(err)
	}
	if greeted(t, first) || greeted(t, second) {
		t.Error("a closed listener listens")
	}
	if err := l.open(t.Context(), func() config.Settings { return store.Current().Settings }); err != nil {
		t.Fatal(err)
	}
	if !greeted(t, first) {
		t.Error("it was not opened again")
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// occupied is an address at which nobody else can listen.
func occupied(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

// greet answers each client's line with one.
func greet(_ context.Context, l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = conn.Write([]byte("hello\n"))
		_ = conn.Close()
	}
}

func greeted(t *testing.T, address string) bool {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return false
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := conn.Write([]byte("hello\n")); err != nil { // the system accepts with the first byte
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(conn).ReadString('\n')
	return line == "hello\n"
}

package gateway

import (
	"context"
	"errors"
	"net"

	"github.com/omsgateway/omsgateway/internal/clock"
	"github.com/omsgateway/omsgateway/internal/demand"
	"github.com/omsgateway/omsgateway/internal/discovery"
	"github.com/omsgateway/omsgateway/internal/event"
	"github.com/omsgateway/omsgateway/internal/localsock"
	"github.com/omsgateway/omsgateway/internal/osdefaults"
	"github.com/omsgateway/omsgateway/internal/policy"
	"github.com/omsgateway/omsgateway/internal/settings"
	"github.com/omsgateway/omsgateway/internal/tunnel"
	"github.com/omsgateway/omsgateway/internal/usage"
	"github.com/omsgateway/omsgateway/server/adminapi"
)

// ServeStdio stands in for a gateway that is stopped: it serves the admin API on the standard streams until the input ends. The
// log file tells of the changes; standard error is the caller's.
func ServeStdio(ctx context.Context, stateDir, version string) error {
	end := newEnding()
	var wall clock.System
	events := event.NewHub(event.Options{
		Level:   event.Info,
		Outputs: []event.Output{event.NewFile(osdefaults.LogFile(stateDir))},
		Changes: osdefaults.ChangesFile(stateDir),
	})
	defer closeEvents(events, end)
	store, err := settings.Open(settings.Options{Dir: stateDir, Events: events, Clock: wall})
	if err != nil {
		return err
	}
	defer closeStore(store, events, end)
	defer keep(events, osdefaults.EventsFile(stateDir), "to remember events", wall, events, end)()
	setLogLevel(events, store.Current())
	store.AddEffect(logLevel{events})
	// The agents are read once, since this process lives for one command. The gateway itself tells of problems.
	reading := &discovery.Reading{At: wall.Now()}
	if store.Current().Settings.LearnHosts {
		reading = discovery.NewReader(osdefaults.Agents(), wall.Now).Read()
	}
	if err := store.Put(ctx, policy.Learned, learned(reading)); err != nil {
		return err
	}

	used, asked := usage.New(), demand.New()
	defer keep(used, osdefaults.UsageFile(stateDir), "to remember use counts and refused hosts", wall, events, end)()
	defer keep(asked, osdefaults.DemandFile(stateDir), "to remember what clients asked for", wall, events, end)()

	admin := adminapi.NewServer(adminapi.Gateway{
		Store:     store,
		Events:    events,
		Tunnels:   tunnel.NewTable(),
		Counters:  &tunnel.Counters{},
		Usage:     used,
		Demand:    asked,
		Clock:     wall,
		Discovery: func() *discovery.Reading { return reading },
		Firewall:  firewallFor(stateDir),
		Status: adminapi.Status{
			Version:    version,
			Started:    wall.Now(),
			ConfigFile: osdefaults.ConfigFile(stateDir),
			State:      func() adminapi.State { return adminapi.Stopped },
			Addresses:  func() []string { return nil },
		},
	}, localsock.StdioCredentials())
	defer stopAdmin(admin, events)
	if err := admin.Serve(localsock.StdioListener()); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil // the input has ended
}

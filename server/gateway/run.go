// Package gateway is the gateway itself, from its start to its end: what it wires, and the wiring. The commands of omsgateway and the
// Windows service (package winservice) run it.
package gateway

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/omsgateway/omsgateway/internal/caller"
	"github.com/omsgateway/omsgateway/internal/clock"
	"github.com/omsgateway/omsgateway/internal/config"
	"github.com/omsgateway/omsgateway/internal/demand"
	"github.com/omsgateway/omsgateway/internal/event"
	"github.com/omsgateway/omsgateway/internal/localsock"
	"github.com/omsgateway/omsgateway/internal/osdefaults"
	"github.com/omsgateway/omsgateway/internal/ownaddr"
	"github.com/omsgateway/omsgateway/internal/policy"
	"github.com/omsgateway/omsgateway/internal/resumption"
	"github.com/omsgateway/omsgateway/internal/settings"
	"github.com/omsgateway/omsgateway/internal/setup"
	"github.com/omsgateway/omsgateway/internal/socket"
	"github.com/omsgateway/omsgateway/internal/splice"
	"github.com/omsgateway/omsgateway/internal/statefolder"
	"github.com/omsgateway/omsgateway/internal/tunnel"
	"github.com/omsgateway/omsgateway/internal/upstream"
	"github.com/omsgateway/omsgateway/internal/usage"
	"github.com/omsgateway/omsgateway/server/adminapi"
	"github.com/omsgateway/omsgateway/server/forward"
)

// Bounds on the connections of the admin API; how often memories are saved; how long the start waits for the state folder.
const (
	adminConnections        = 64
	adminConnectionsPerUser = 8
	memorySaveTime          = 5 * time.Minute
	folderWaitTime          = 3 * time.Second // an omsgwctl that has stood in for a stopped gateway gives its folder back in a moment
)

// Options are what a gateway is started with.
type Options struct {
	Version  string                       // of the program
	Log      event.Output                 // where events go besides the log file
	Registry func() (setup.Values, error) // of the original gateway; nil if it means nothing
	Clock    clock.Clock                  // of all that the gateway decides by the time, or shows; nil is the system's

	StateDir string   // the folder of the configuration, its lock and the log; "" is the system's
	Address  string   // where the admin API listens, unix:PATH or npipe:NAME; "" is the system's, or in a StateDir of one's own
	Listen   string   // where clients connect, HOST:PORT, for this run only; "" is what the settings say
	Set      []string // settings for this run only, KEY=VALUE
}

// Complete fills in the system's defaults. A state folder of one's own brings an admin address of its own, so that a second gateway
// does not get into the way of the first.
func (o *Options) Complete() error {
	own := o.StateDir != ""
	if !own {
		o.StateDir = osdefaults.StateDir()
	}
	dir, err := filepath.Abs(o.StateDir)
	if err != nil {
		return fmt.Errorf("finding the state folder: %w", err)
	}
	o.StateDir = dir
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	switch {
	case o.Address != "":
	case own:
		o.Address = osdefaults.AddressIn(dir)
	default:
		o.Address = osdefaults.AdminAddress()
	}
	return nil
}

// Run is the gateway, from its start to its end: all wiring, top to bottom. The options are complete.
func Run(orders Orders, o Options) (err error) {
	ctx := orders.Stop
	end := newEnding()

	// The folder comes before its first log line, so that it is closed to others; what is wrong with it, the store tells.
	_ = statefolder.Make(o.StateDir)

	// Events come first, so that everything else can tell what happens to it.
	events := event.NewHub(event.Options{
		Level:   event.Info,
		Outputs: []event.Output{o.Log, event.NewFile(osdefaults.LogFile(o.StateDir))},
		Changes: osdefaults.ChangesFile(o.StateDir),
		Clock:   o.Clock,
	})
	defer closeEvents(events, end)

	overrides, err := o.overrides()
	if err != nil {
		events.Emit(event.ConfigurationWrong(err))
		return err
	}
	store, err := settings.OpenWithin(ctx, folderWaitTime, settings.Options{
		Dir: o.StateDir, Overrides: overrides, Events: events, Clock: o.Clock, Descriptors: socket.Descriptors(),
	})
	if err != nil {
		events.Emit(event.ConfigurationWrong(err))
		return err
	}
	defer closeStore(store, events, end)
	defer keep(events, osdefaults.EventsFile(o.StateDir), "to remember events", o.Clock, events, end)()
	setLogLevel(events, store.Current())
	memoryLimit{events}.set(store.Current())
	agents := learn(ctx, osdefaults.Agents(), store, events)
	defer func() { _ = end.wait(func() error { agents.Stop(); return nil }) }()

	// The data path.
	engine, err := splice.New()
	if err != nil {
		events.Emit(event.Failure(event.GatewayServer, "to start the engine of tunnels", err))
		return err
	}
	sessions, used, asked := resumption.New(o.Clock.Now), usage.New(), demand.New()
	defer keep(sessions, osdefaults.SessionsFile(o.StateDir), "to remember TLS sessions", o.Clock, events, end)()
	defer keep(used, osdefaults.UsageFile(o.StateDir), "to remember use counts and refused hosts", o.Clock, events, end)()
	defer keep(asked, osdefaults.DemandFile(o.StateDir), "to remember what clients asked for", o.Clock, events, end)()
	tunnels, counters := tunnel.NewTable(), &tunnel.Counters{}
	own := ownaddr.Watch(func(err error) {
		events.Emit(event.Failure(event.GatewayServer, "to keep what addresses this computer has", err))
	})
	defer own.Close()
	dialer := &upstream.Cached{Dialer: upstream.Dialer{
		Name: "oms-gateway-" + rand.Text(), Own: own.Has, History: &upstream.History{},
	}}
	proxy := forward.New(forward.Options{
		Policy:   func() *policy.Policy { return store.Current().Policy },
		Dialer:   dialer,
		Engine:   engine,
		Sessions: sessions,
		Usage:    used,
		Demand:   asked,
		Clock:    o.Clock,
		Events:   events,
		Tunnels:  tunnels,
		Counters: counters,
	})
	clients := &listener{
		address: clientAddress,
		listen:  listenForClients,
		serve: func(ctx context.Context, l net.Listener) {
			if err := proxy.Serve(ctx, l); err != nil {
				events.Emit(event.Failure(event.GatewayServer, "to accept connections", err))
			}
		},
		events: events,
	}
	store.AddEffect(clients)
	store.AddEffect(logLevel{events})
	store.AddEffect(fewerConnections{events})
	store.AddEffect(memoryLimit{events})
	if o.Registry != nil {
		setup.TakeOver(ctx, o.Registry, store, setup.Files{
			Config: osdefaults.ConfigFile(o.StateDir),
			Record: osdefaults.RegistryRecord(o.StateDir),
		}, events)
	}

	store.StartExpiries()

	// The admin API. Its socket opens before the proxy port, since whoever sees the port open may administer at once.
	local, err := localsock.Listen(o.Address)
	if err != nil {
		events.Emit(event.Failure(event.GatewayServer, "to open the admin API", err))
		return err
	}
	var state atomic.Int32
	state.Store(int32(adminapi.Running))
	checkFirewall := firewallFor(o.StateDir)
	admin := adminapi.NewServer(adminapi.Gateway{
		Store:     store,
		Events:    events,
		Tunnels:   tunnels,
		Counters:  counters,
		Dialer:    dialer.Dialer,
		Usage:     used,
		Demand:    asked,
		Clock:     o.Clock,
		Discovery: agents.Current,
		Firewall:  checkFirewall,
		Status: adminapi.Status{
			Version:    o.Version,
			Started:    o.Clock.Now(),
			ConfigFile: osdefaults.ConfigFile(o.StateDir),
			State:      func() adminapi.State { return adminapi.State(state.Load()) },
			Addresses:  clients.addresses,
		},
	}, localsock.ServerCredentials(localsock.Rules{ChangeGroup: osdefaults.AdminGroup, ReadGroup: osdefaults.ReadGroup}))
	go func() {
		if err := admin.Serve(caller.Limit(local, adminConnections, adminConnectionsPerUser)); err != nil {
			events.Emit(event.Failure(event.GatewayServer, "to serve the admin API", err))
		}
	}()
	defer stopAdmin(admin, events)

	if err := clients.open(ctx, func() config.Settings { return store.Current().Settings }); err != nil {
		events.Emit(event.ConfigurationWrong(err))
		return err
	}
	events.Emit(event.Started(o.Version, clients.addresses()))
	if err := checkFirewall(store.Current().Settings); err != nil {
		events.Emit(event.Advice(event.GatewayServer, err))
	}
	adviseOnConnections(store.Current(), events)
	orders.Running()
	defer attendWatchdog(orders, func() {
		engine.GoRound()
		_, _, _ = store.Current(), tunnels.Len(), counters.Snapshot()
	})()

	attend(orders, clients, store, &state, events)

	// The end: no new client, then the tunnels, then the admin API, so that status can be asked while tunnels drain.
	state.Store(int32(adminapi.Draining))
	drain := store.Current().Policy.Limits().DrainTimeout
	orders.Stopping(drain)
	clients.close()
	draining, cancel := context.WithTimeout(orders.Hurry, drain)
	defer cancel()
	proxy.Shutdown(draining)
	events.Emit(event.Stopped())
	return nil
}

// overrides are the settings that the command line fixes for this run.
func (o Options) overrides() ([]settings.Value, error) {
	var list []settings.Value
	if o.Listen != "" {
		host, port, err := net.SplitHostPort(o.Listen)
		if err != nil {
			return nil, fmt.Errorf("reading --listen %q: it is HOST:PORT, for example 127.0.0.1:8080: %w", o.Listen, err)
		}
		list = append(list, settings.Value{Key: "ListenAddress", Value: host}, settings.Value{Key: "ListenPort", Value: port})
	}
	for _, pair := range o.Set {
		key, value, found := strings.Cut(pair, "=")
		if !found {
			return nil, fmt.Errorf("reading --set %q: it is KEY=VALUE, for example LogLevel=Debug", pair)
		}
		list = append(list, settings.Value{Key: key, Value: value})
	}
	return list, nil
}

// memory is what the gateway remembers over a restart.
type memory interface {
	Load(file string) error
	Save(file string) error
}

// keep reads a memory, and saves what changes every few minutes until stop, which saves it for the last time. A file that cannot be
// read is an event, and the memory begins anew. Doing completes the sentence "Failed ...".
func keep(m memory, file, doing string, c clock.Clock, events event.Sink, end ending) (stop func()) {
	tell := func(err error) {
		if err != nil {
			events.Emit(event.Failure(event.GatewayServer, doing, err))
		}
	}
	tell(m.Load(file))
	stopSaving := clock.Every(c, memorySaveTime, func() { tell(m.Save(file)) })
	return func() {
		tell(end.wait(func() error {
			stopSaving()
			return m.Save(file)
		}))
	}
}

// logLevel makes a change of the setting LogLevel take effect.
type logLevel struct{ events *event.Hub }

func (l logLevel) Prepare(_ context.Context, _, after *settings.Snapshot) (settings.Prepared, error) {
	return settings.Prepared{Commit: func() { setLogLevel(l.events, after) }}, nil
}

func setLogLevel(events *event.Hub, s *settings.Snapshot) {
	events.SetLevel(event.Level(s.Settings.LogLevel))
}

// fewerConnections tells that a change of MaxConnections asks for more than there can be.
type fewerConnections struct{ events event.Sink }

func (f fewerConnections) Prepare(_ context.Context, before, after *settings.Snapshot) (settings.Prepared, error) {
	if before.Settings.MaxConnections == after.Settings.MaxConnections {
		return settings.Prepared{}, nil
	}
	return settings.Prepared{Commit: func() { adviseOnConnections(after, f.events) }}, nil
}

func adviseOnConnections(s *settings.Snapshot, events event.Sink) {
	if err := s.FewerConnections(); err != nil {
		events.Emit(event.Advice(event.GatewayServer, err))
	}
}

func closeStore(store *settings.Store, events event.Sink, end ending) {
	if err := end.wait(store.Close); err != nil {
		events.Emit(event.Failure(event.GatewayServer, "to give the state folder back", err))
	}
}

// stopAdmin ends the admin API: watches at once, other calls when they are done.
func stopAdmin(admin *adminapi.Server, events *event.Hub) {
	events.EndWatches()
	ctx, cancel := context.WithTimeout(context.Background(), adminStopTime)
	defer cancel()
	admin.Stop(ctx)
}

func closeEvents(events *event.Hub, end ending) {
	ctx, cancel := end.forLogs()
	defer cancel()
	_ = events.Close(ctx)
}

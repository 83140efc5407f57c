package gateway

import (
	"context"

	"github.com/omsgateway/omsgateway/internal/clientcert"
	"github.com/omsgateway/omsgateway/internal/discovery"
	"github.com/omsgateway/omsgateway/internal/event"
	"github.com/omsgateway/omsgateway/internal/osdefaults"
	"github.com/omsgateway/omsgateway/internal/policy"
	"github.com/omsgateway/omsgateway/internal/settings"
)

// learn keeps what monitoring agents are configured to reach in force until the Watcher is stopped. It adds an effect to the store.
func learn(ctx context.Context, agents []osdefaults.AgentFiles, store *settings.Store, events event.Sink) *discovery.Watcher {
	watcher := discovery.Watch(ctx, discovery.Options{
		Agents: agents,
		Events: events,
		On:     func() bool { return store.Current().Settings.LearnHosts },
		Apply: func(ctx context.Context, r *discovery.Reading) error {
			return store.Put(ctx, policy.Learned, learned(r))
		},
	})
	store.AddEffect(learning{watcher})
	return watcher
}

// learning makes a change of the setting LearnHosts take effect: the store drops what was learned at once, and the agents are read
// again soon.
type learning struct{ watcher *discovery.Watcher }

func (l learning) Prepare(_ context.Context, before, after *settings.Snapshot) (settings.Prepared, error) {
	if before.Settings.LearnHosts == after.Settings.LearnHosts {
		return settings.Prepared{}, nil
	}
	return settings.Prepared{Commit: l.watcher.Recheck}, nil
}

// learned is a Reading as a source for the store.
func learned(r *discovery.Reading) settings.Slot {
	l := settings.Slot{Entries: r.Entries}
	l.ClientCertificates = make([]clientcert.Entry, len(r.ClientCertificates))
	for i, c := range r.ClientCertificates {
		l.ClientCertificates[i] = c.Entry
	}
	return l
}

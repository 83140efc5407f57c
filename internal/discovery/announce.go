package discovery

import (
	"fmt"

	"github.com/omsgateway/omsgateway/internal/event"
	"github.com/omsgateway/omsgateway/internal/policy"
	"github.com/omsgateway/omsgateway/internal/reason"
)

// maxNews bounds the events of one kind for one Reading; the rest is counted in one more event.
const maxNews = 50

// announce emits events for what is new in a Reading, and remembers it. What lasts is told once.
func (w *Watcher) announce(now *Reading) {
	before := w.announced
	if before == nil {
		before = &Reading{}
	}
	w.announced = now
	if !now.On {
		return // the change of the setting has an event of its own
	}
	events := w.options.Events
	if !now.AgentFound() && (!before.On || before.AgentFound()) {
		events.Emit(event.AgentMissing())
	}
	tell(events, before.problems(), now.problems(), error.Error, func(err error) event.Event {
		if reason.Of(err) == reason.AgentTooOld {
			return event.Advice(event.GatewayServer, err)
		}
		return event.Failure(event.GatewayServer, "to learn hosts from a monitoring agent", err)
	})
	tell(events, before.Entries, now.Entries, entryKey, func(e policy.Entry) event.Event {
		return event.HostLearned(e.Pattern.String(), e.Source.Particular(Agent), e.Source.Particular(PlaceRead))
	})
	tell(events, now.Entries, before.Entries, entryKey, func(e policy.Entry) event.Event {
		return event.HostForgotten(e.Pattern.String(), e.Source.Particular(Agent), e.Source.Particular(PlaceRead))
	})
	tell(events, before.ClientCertificates, now.ClientCertificates, certificateKey, func(c ClientCertificate) event.Event {
		return event.CertificateLearned(c.Entry.String(), c.Source.Particular(Agent), c.Source.Particular(PlaceRead))
	})
	tell(events, now.ClientCertificates, before.ClientCertificates, certificateKey, func(c ClientCertificate) event.Event {
		return event.CertificateForgotten(c.Entry.String(), c.Source.Particular(Agent), c.Source.Particular(PlaceRead))
	})
}

// problems are the places that could not be read, and what was ignored.
func (r *Reading) problems() []error {
	var all []error
	for _, p := range r.Places {
		if p.Err != nil {
			all = append(all, p.Err)
		}
	}
	return append(all, r.Ignored...)
}

func entryKey(e policy.Entry) string {
	return e.Pattern.String() + " " + e.Source.Particular(Workspace) + " " + e.Source.Particular(Agent)
}

func certificateKey(c ClientCertificate) string {
	return c.Entry.String() + " " + c.Source.Particular(Workspace) + " " + c.Source.Particular(Agent)
}

// tell emits an event for each item of now that is not in before.
func tell[T any](events event.Sink, before, now []T, key func(T) string, news func(T) event.Event) {
	old := make(map[string]bool, len(before))
	for _, item := range before {
		old[key(item)] = true
	}
	told := 0
	for _, item := range now {
		if old[key(item)] {
			continue
		}
		if told++; told <= maxNews {
			events.Emit(news(item))
		}
	}
	if told > maxNews {
		events.Emit(event.Note(event.GatewayServer,
			fmt.Sprintf("%d more events of this kind are left out: omsgwctl discovery show tells all", told-maxNews)))
	}
}

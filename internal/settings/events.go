package settings

import (
	"strings"

	"github.com/omsgateway/omsgateway/internal/caller"
	"github.com/omsgateway/omsgateway/internal/config"
	"github.com/omsgateway/omsgateway/internal/event"
)

// manyItems is how many hosts, or client certificates, of one change have events of their own.
const manyItems = 100

// eventsOf are the events of a change: the lines that are recorded, one for each difference, and what is told of it, in which one event
// stands for many.
func eventsOf(who caller.Caller, before, after config.Config) (lines, told []event.Event) {
	for _, row := range config.Table() {
		if old, now := settingTexts(before.Settings, after.Settings, row.Key); old != now {
			lines = append(lines, event.SettingChanged(who, row.Key, old, now))
		}
	}
	if old, now := before.RelayProxy, after.RelayProxy; old != now {
		lines = append(lines, event.RelayProxyChanged(
			who, old.Address.String(), old.Username, now.Address.String(), now.Username, old.Password != now.Password))
	}
	told = append(told, lines...)

	hosts, counts := hostEvents(who, before.AllowedHosts, after.AllowedHosts)
	lines = append(lines, hosts...)
	if counts.Added+counts.Removed+counts.OtherPolicy+counts.OtherAccount > manyItems {
		hosts = []event.Event{event.HostsChanged(who, counts)}
	}
	told = append(told, hosts...)

	certificates, added, removed := certificateEvents(who, before.AllowedClientCertificates, after.AllowedClientCertificates)
	lines = append(lines, certificates...)
	if added+removed > manyItems {
		certificates = []event.Event{event.ClientCertificatesChanged(who, added, removed)}
	}
	return lines, append(told, certificates...)
}

// settingTexts are what a setting was and is. Where only whether it was set is different, they say that.
func settingTexts(before, after config.Settings, key string) (old, now string) {
	old, now = before.Get(key), after.Get(key)
	if old == now && before.IsSet(key) != after.IsSet(key) {
		return old + setText[before.IsSet(key)], now + setText[after.IsSet(key)]
	}
	return old, now
}

var setText = map[bool]string{false: " (not set)", true: " (set)"}

func hostEvents(who caller.Caller, before, after []config.AllowedHost) (events []event.Event, counts event.HostCounts) {
	difference(before, after, comparePatterns, func(old, now *config.AllowedHost) {
		switch {
		case now == nil:
			counts.Removed++
			events = append(events, event.HostRemoved(who, old.Pattern.String()))
			return
		case old == nil:
			counts.Added++
			events = append(events, event.HostAdded(who, now.Pattern.String()))
			old = &config.AllowedHost{}
		case old.ClientCertificatePolicy != now.ClientCertificatePolicy:
			counts.OtherPolicy++
		case old.Account != now.Account:
			counts.OtherAccount++
		}
		if old.ClientCertificatePolicy != now.ClientCertificatePolicy {
			events = append(events, event.HostPolicyChanged(
				who, now.Pattern.String(), string(old.ClientCertificatePolicy), string(now.ClientCertificatePolicy)))
		}
		if old.Account != now.Account {
			events = append(events, event.HostAccountChanged(
				who, now.Pattern.String(), accountText(old.Account), accountText(now.Account)))
		}
	})
	return events, counts
}

func certificateEvents(who caller.Caller, before, after []config.AllowedClientCertificate) (events []event.Event, added, removed int) {
	difference(before, after, compareSubjects, func(old, now *config.AllowedClientCertificate) {
		switch {
		case now == nil:
			removed++
			events = append(events, event.ClientCertificateRemoved(who, old.Entry.String()))
		case old == nil:
			added++
			events = append(events, event.ClientCertificateAdded(who, now.Entry.String()))
		}
	})
	return events, added, removed
}

func comparePatterns(a, b config.AllowedHost) int { return a.Pattern.Compare(b.Pattern) }

func compareSubjects(a, b config.AllowedClientCertificate) int {
	return strings.Compare(a.Entry.String(), b.Entry.String())
}

// difference calls each for every item of two sorted lists, in their order: old is nil if it is not in before, now if it is not in
// after.
func difference[T any](before, after []T, compare func(a, b T) int, each func(old, now *T)) {
	for len(before) > 0 || len(after) > 0 {
		var order int
		switch {
		case len(after) == 0:
			order = -1
		case len(before) == 0:
			order = 1
		default:
			order = compare(before[0], after[0])
		}
		var old, now *T
		if order <= 0 {
			old, before = &before[0], before[1:]
		}
		if order >= 0 {
			now, after = &after[0], after[1:]
		}
		each(old, now)
	}
}

package settings

import (
	"context"
	"maps"
	"slices"

	"github.com/omsgateway/omsgateway/internal/clientcert"
	"github.com/omsgateway/omsgateway/internal/config"
	"github.com/omsgateway/omsgateway/internal/policy"
)

// Slot is what one source brings besides the configuration file.
type Slot struct {
	Entries            []policy.Entry // read only; Compile gives their sources the kind, and what the kind may
	ClientCertificates []clientcert.Entry
	Settings           []Value
}

// Slots are what the sources bring, by kind; read only.
type Slots map[policy.SourceKind]Slot

// source is a row of the table of sources.
type source struct {
	kind    policy.SourceKind
	loosens bool                       // its entries may ask less of client certificates than a wildcard above them
	judges  bool                       // its client certificates count for the policy Automatic: they make others refused
	on      func(config.Settings) bool // whether its entries and client certificates count; nil if they always do
}

// table returns the sources, the one that decides first: about a setting, and about a host that several of them have. Settings of what
// stands before the file are fixed, and those of what stands behind it count where the file says nothing. A new source takes a row here,
// a kind in package policy and in the admin API, and somebody who calls [Store.Put].
func table() []source {
	return []source{
		{kind: policy.CommandLine},
		{kind: policy.Local, loosens: true, judges: true}, // the file
		{kind: policy.Learned, on: func(s config.Settings) bool { return s.LearnHosts }},
	}
}

// Put puts what a source brings in force, in place of what it brought before: when it returns, readers see a new snapshot. The
// configuration, its file and its etag stay, and changes made by Update afterwards keep it. Effects are asked if settings in force change
// by it. What is in force already makes no new snapshot.
//
// An error leaves everything as it was: GATEWAY_STOPPING, those of [Compile] and of the effects, and that of ctx, which bounds the wait
// for changes.
func (s *Store) Put(ctx context.Context, kind policy.SourceKind, slot Slot) error {
	if err := s.lockWriter(ctx); err != nil {
		return err
	}
	defer func() { <-s.writer }()

	if slot.equal(s.slots[kind]) {
		return nil
	}
	slots := maps.Clone(s.slots)
	slots[kind] = slot
	before := s.Current()
	after, err := Compile(before.Config, slots, s.files, s.calendar.Now())
	if err != nil {
		return err
	}
	publish := func() error {
		s.slots = slots
		s.current.Store(after)
		return nil
	}
	if after.Settings.Equal(before.Settings) {
		return publish()
	}
	return s.withEffects(ctx, before, after, publish)
}

func (s Slot) equal(t Slot) bool {
	return slices.EqualFunc(s.Entries, t.Entries, policy.Entry.Equal) && slices.Equal(s.Settings, t.Settings) &&
		slices.EqualFunc(s.ClientCertificates, t.ClientCertificates, func(a, b clientcert.Entry) bool {
			return a.String() == b.String()
		})
}

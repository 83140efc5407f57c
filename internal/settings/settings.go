// Package settings keeps the configuration that is in force. A Store owns the folder of its file, gives snapshots to any number
// of readers, and is the only one that changes anything.
package settings

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/omsgateway/omsgateway/internal/atomicfile"
	"github.com/omsgateway/omsgateway/internal/calendar"
	"github.com/omsgateway/omsgateway/internal/clock"
	"github.com/omsgateway/omsgateway/internal/config"
	"github.com/omsgateway/omsgateway/internal/event"
	"github.com/omsgateway/omsgateway/internal/filelock"
	"github.com/omsgateway/omsgateway/internal/history"
	"github.com/omsgateway/omsgateway/internal/osdefaults"
	"github.com/omsgateway/omsgateway/internal/policy"
	"github.com/omsgateway/omsgateway/internal/reason"
	"github.com/omsgateway/omsgateway/internal/statefolder"
)

// Options are what a Store is made from.
type Options struct {
	Dir       string        // the state folder; made by package statefolder if absent
	Overrides []Value       // settings of the command line, fixed for the life of the Store
	Events    event.Changes // records each change before it is made, and gets its events
	Clock     clock.Clock   // what says when a change was made; nil is the system's

	// Descriptors are how many this process may have; 0 sets no limit. With fewer than MaxConnections needs, fewer connections are in
	// force.
	Descriptors int
}

// Snapshot is the whole configuration at one moment. It is never changed.
type Snapshot struct {
	Config   config.Config                // as it is stored
	Settings config.Settings              // in force: those of all sources, by their precedence
	Layers   map[string]policy.SourceKind // by key: the source that says so; without those that have their default since nobody set them
	Etag     string                       // of Config
	Policy   *policy.Policy
	Date     time.Time // by which allowed hosts have expired, and are not in Policy

	file []byte // what Config is encoded to
}

// Fixed reports whether a source before the file has given a setting, so that it cannot be changed there.
func (s *Snapshot) Fixed(key string) bool { return isFixed(s.Layers[key]) }

// Store is the configuration in force and its file. It is safe for concurrent use.
type Store struct {
	path       string
	clock      clock.Clock
	historyDir string
	history    *history.History
	events     event.Changes
	lock       *filelock.Lock
	files      int // Options.Descriptors
	current    atomic.Pointer[Snapshot]

	writer  chan struct{} // holds one element while a change is made; it guards what follows
	effects []Effect
	slots   Slots // never changed, but replaced
	saved   bool  // the file is known to have today's version
	owed    owed
	closed  bool

	calendar  *calendar.Calendar
	dateFile  string
	follows   bool        // the date, by StartExpiries
	told      time.Time   // until when it was told what expires
	doubtTold bool        // that the date is in doubt
	expiry    clock.Timer // when the date is followed next; nil if it is not

	onTrial atomic.Pointer[trial] // written by the writer alone; nil without a trial
}

// Open takes the state folder for this process and reads its file; without a file the defaults are in force. An error leaves
// everything as it is: CONFIG_IN_USE if another process has the folder, CONFIG_FOLDER_DENIED, CONFIG_FOLDER_OPEN, those of config.Read, and
// for a wrong override SETTING_UNKNOWN, what is wrong with its value, or SETTING_CONFLICT.
func Open(o Options) (*Store, error) { return OpenWithin(context.Background(), 0, o) }

// OpenWithin is [Open], but a folder that is in use is waited for as long as wait, or until ctx is done.
func OpenWithin(ctx context.Context, wait time.Duration, o Options) (*Store, error) {
	overrides, err := fromCommandLine(o.Overrides)
	if err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("finding the state folder: %w", err)
	}
	lock, err := takeFolder(ctx, dir, wait, o.Events)
	if err != nil {
		return nil, err
	}
	s := &Store{
		path:       osdefaults.ConfigFile(dir),
		clock:      cmp.Or(o.Clock, clock.Clock(clock.System{})),
		historyDir: osdefaults.HistoryDir(dir),
		events:     o.Events,
		lock:       lock,
		files:      o.Descriptors,
		dateFile:   osdefaults.DateFile(dir),
		writer:     make(chan struct{}, 1),
		slots:      Slots{policy.CommandLine: {Settings: overrides}},
	}
	if s.calendar, err = calendar.Open(s.dateFile, s.clock); err != nil {
		s.events.Emit(event.Failure(event.GatewayServer, "to find out until when the gateway last ran", err))
	}
	s.told = s.calendar.Last()
	if err := s.load(); err != nil {
		return nil, errors.Join(err, lock.Release())
	}
	if s.history, err = history.Open(s.historyDir, history.DefaultLimits); err != nil {
		s.events.Emit(event.Failure(event.GatewayServer, "to read the revisions", err))
	}
	s.catchUp()
	return s, nil
}

// Current is the configuration in force, never nil.
func (s *Store) Current() *Snapshot { return s.current.Load() }

// Close waits for a change that is being made and gives the folder back. Current still answers. A trial goes back with the next Open.
func (s *Store) Close() error {
	s.writer <- struct{}{}
	defer func() { <-s.writer }()
	if s.closed {
		return nil
	}
	s.closed = true
	if t := s.onTrial.Load(); t != nil {
		t.timer.Stop()
		s.events.Emit(event.TrialLeft(t.ID, t.Author.Name))
	}
	if s.owed.timer != nil {
		s.owed.timer.Stop()
	}
	if s.expiry != nil {
		s.followDate()
		s.expiry.Stop()
	}
	return s.lock.Release()
}

func takeFolder(ctx context.Context, dir string, wait time.Duration, events event.Sink) (*filelock.Lock, error) {
	if err := statefolder.Make(dir); err != nil {
		return nil, reason.Wrap(err, reason.ConfigFolderDenied, "folder", dir)
	}
	mended, err := statefolder.Shut(dir)
	for _, path := range mended {
		events.Emit(event.Advice(event.GatewayServer, reason.New(reason.ConfigFolderShut, "path", path)))
	}
	switch {
	case reason.Of(err) == reason.ConfigFolderOpen:
		return nil, err
	case err != nil:
		return nil, reason.Wrap(err, reason.ConfigFolderDenied, "folder", dir)
	}
	lock, err := filelock.AcquireWithin(ctx, osdefaults.LockFile(dir), wait)
	switch {
	case errors.Is(err, filelock.ErrHeld):
		return nil, reason.New(reason.ConfigInUse, "folder", dir)
	case err != nil:
		return nil, reason.Wrap(err, reason.ConfigFolderDenied, "folder", dir)
	}
	return lock, nil
}

func (s *Store) load() error {
	c, err := config.Read(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		c, err = config.Default(), nil
	}
	if err != nil {
		return err
	}
	snapshot, err := Compile(c, s.slots, s.files, s.calendar.Now())
	if err != nil {
		return err
	}
	if err := atomicfile.RemoveTemps(s.path); err != nil {
		return reason.Wrap(err, reason.ConfigFolderDenied, "folder", filepath.Dir(s.path))
	}
	s.current.Store(snapshot)
	return nil
}

// Compile makes the snapshot of a valid configuration and of what the other sources bring, without putting it in force; descriptors are as
// in Options, and at date allowed hosts have expired or not. Errors are what is wrong with the value of a setting, SETTING_CONFLICT, and a
// pattern that policy.Compile refuses.
func Compile(c config.Config, slots Slots, descriptors int, date time.Time) (*Snapshot, error) {
	inForce, layers, err := layered(c.Settings, slots)
	if err != nil {
		return nil, err
	}
	input := policyInput(inForce, c, slots, date)
	input.Limits = within(input.Limits, descriptors)
	compiled, err := policy.Compile(input)
	if err != nil {
		return nil, fmt.Errorf("compiling the policy: %w", err)
	}
	file := c.Encode()
	return &Snapshot{
		Config:   c,
		Settings: inForce,
		Layers:   layers,
		Etag:     config.Etag(file),
		Policy:   compiled,
		Date:     date,
		file:     file,
	}, nil
}

package settings

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"time"

	"github.com/omsgateway/omsgateway/internal/atomicfile"
	"github.com/omsgateway/omsgateway/internal/caller"
	"github.com/omsgateway/omsgateway/internal/config"
	"github.com/omsgateway/omsgateway/internal/event"
	"github.com/omsgateway/omsgateway/internal/folder"
	"github.com/omsgateway/omsgateway/internal/history"
	"github.com/omsgateway/omsgateway/internal/reason"
)

// Request is how a change is to be made.
type Request struct {
	Etag         string        // of the configuration that the change was made for; empty for whichever is in force
	ValidateOnly bool          // answer as if, change nothing
	Caller       caller.Caller // who changes, for the events and the revision
	Client       string        // the program by which the caller calls, such as omsgwctl/1.4.0
	Method       string        // the method of the API that is called, without its package; or what else changes the configuration
	Comment      string        // of the caller, at most history.MaxComment characters

	// ConfirmWithin makes the change a Trial of this length, unless it is zero.
	ConfirmWithin time.Duration
	// Trial is the id of the trial that the change is to be a part of, with its time, or with ConfirmWithin as its time from now on.
	Trial string
}

// Effect is a part of the program that a change touches beyond the snapshot, such as the listener.
type Effect interface {
	// Prepare does all that can fail. After an error nothing may be left of it.
	Prepare(ctx context.Context, before, after *Snapshot) (Prepared, error)
}

// Prepared is an effect between its preparation and its end: either Commit or Rollback is called, once. Both may be nil.
type Prepared struct{ Commit, Rollback func() }

// AddEffect adds an effect to every change; they are prepared and committed in the order in which they were added. It belongs
// to the wiring, before the first Update.
func (s *Store) AddEffect(e Effect) {
	s.writer <- struct{}{}
	defer func() { <-s.writer }()
	s.effects = append(s.effects, e)
}

// Update lets change work on a copy of the configuration and puts the result in force: when it returns, the file is written,
// readers see the new snapshot, effects are committed and the events are emitted. One change is made at a time, in the order of
// their events. A change that changes nothing writes nothing and returns the same snapshot twice.
//
// An error leaves file, snapshot and effects as they were: ETAG_MISMATCH, SETTING_FIXED, CONFIG_TOO_LARGE, CONFIG_NOT_WRITTEN,
// CHANGE_NOT_RECORDED, CHANGE_ON_TRIAL, TRIAL_NOT_FOUND, TRIAL_TIME_INVALID, those of change, of Config.Validate and of the effects, and
// that of ctx, which bounds the wait for other changes. That the folder could not be synced once the file was replaced is no error, but an
// event 400.
func (s *Store) Update(
	ctx context.Context, req Request, change func(*config.Config) error,
) (before, after *Snapshot, err error) {
	if req.ConfirmWithin != 0 {
		if err := checkTrialTime(req.ConfirmWithin); err != nil {
			return nil, nil, err
		}
	}
	if err := s.lockWriter(ctx); err != nil {
		return nil, nil, err
	}
	defer func() { <-s.writer }()

	before = s.Current()
	if req.Etag != "" && req.Etag != before.Etag {
		return nil, nil, reason.New(reason.EtagMismatch, "etag", req.Etag, "current", before.Etag)
	}
	if err := s.mayChange(req, change); err != nil {
		return nil, nil, err
	}
	changed := before.Config.Clone()
	if err := change(&changed); err != nil {
		return nil, nil, err
	}
	if changed.Equal(before.Config) {
		return before, before, nil
	}
	if after, err = s.check(before, changed); err != nil {
		return nil, nil, err
	}
	if req.ValidateOnly {
		return before, after, nil
	}
	unsynced, err := s.apply(ctx, before, after, req)
	if err != nil {
		return nil, nil, err
	}
	s.tellUnsynced(unsynced)
	return before, after, nil
}

func (s *Store) tellUnsynced(unsynced *atomicfile.SyncError) {
	if unsynced != nil {
		s.events.Emit(event.Failure(event.GatewayServer, "to make sure that the configuration outlives a power cut", unsynced))
	}
}

func (s *Store) lockWriter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case s.writer <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	if s.closed {
		<-s.writer
		return reason.New(reason.GatewayStopping)
	}
	return nil
}

// check makes the snapshot of a change that may be made.
func (s *Store) check(before *Snapshot, changed config.Config) (*Snapshot, error) {
	if err := changed.Validate(); err != nil {
		return nil, err
	}
	for _, row := range config.Table() {
		if before.Fixed(row.Key) && changed.Settings.Get(row.Key) != before.Config.Settings.Get(row.Key) {
			return nil, reason.New(reason.SettingFixed, "key", row.Key)
		}
	}
	after, err := Compile(changed, s.slots, s.files, s.calendar.Now())
	if err != nil {
		return nil, err
	}
	if len(after.file) > config.MaxFileSize {
		return nil, reason.New(reason.ConfigTooLarge, "file", s.path, "limit", strconv.Itoa(config.MaxFileSize))
	}
	return after, nil
}

// apply prepares the effects, makes the revision, writes the log of changes and, if it is no trial, the file, publishes the snapshot and
// commits the effects; or does nothing of it, save for a record that says so.
func (s *Store) apply(ctx context.Context, before, after *Snapshot, req Request) (unsynced *atomicfile.SyncError, err error) {
	if s.follows {
		s.tellExpiries(after.Date) // what is due of what was before
	}
	lines, told := eventsOf(req.Caller, before.Config, after.Config)
	t := s.begun(req, before)
	var revision history.Record
	err = s.withEffects(ctx, before, after, func() error {
		if revision, err = s.record(req, t, before, after); err != nil {
			return err
		}
		of := event.Revision{Number: revision.Revision, Hash: revision.Hash()}
		lines, told = of.Of(lines), of.Of(told)
		if err := s.events.Record(ctx, append([]event.Event{event.RevisionRecorded(req.Caller, of)}, lines...)); err != nil {
			s.notMade(revision, req.Caller, err)
			return err
		}
		if t == nil {
			if unsynced, err = s.save(after.file); err != nil {
				s.notMade(revision, req.Caller, err)
				return err
			}
		}
		s.current.Store(after)
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.events.Made(told)
	s.scheduleExpiry()
	s.keep(t, req, revision.Revision)
	if err := s.history.Prune(s.clock.Now()); err != nil {
		s.events.Emit(event.Failure(event.GatewayServer, "to remove old revisions", err))
	}
	return unsynced, nil
}

// withEffects prepares the effects, makes a change and commits the effects; or does nothing of it, also when an effect panics.
func (s *Store) withEffects(ctx context.Context, before, after *Snapshot, change func() error) error {
	var prepared []Prepared
	stillOwed := map[int]*Snapshot{}
	made := false
	defer func() {
		if made {
			return
		}
		for _, p := range slices.Backward(prepared) {
			if p.Rollback != nil {
				p.Rollback()
			}
		}
	}()
	for i, e := range s.effects {
		p, err := e.Prepare(ctx, s.standing(i, before), after)
		switch {
		case err == nil:
			prepared = append(prepared, p)
		case s.owed.effects[i] != nil && before.Settings.Equal(after.Settings):
			stillOwed[i] = s.owed.effects[i] // this change is about something else
		default:
			return err
		}
	}
	if err := change(); err != nil {
		return err
	}
	made = true
	s.owed.effects = stillOwed
	for _, p := range prepared {
		if p.Commit != nil {
			p.Commit()
		}
	}
	return nil
}

// save writes the file; unsynced is not nil if it is in place, but its folder was not synced.
func (s *Store) save(file []byte) (unsynced *atomicfile.SyncError, err error) {
	if !s.saved {
		if err := keepOlder(s.path, config.Version); err != nil {
			return nil, reason.Wrap(err, reason.ConfigNotWritten, "file", s.path)
		}
	}
	err = atomicfile.Write(s.path, file)
	unsynced, ok := errors.AsType[*atomicfile.SyncError](err)
	if err != nil && !ok {
		return nil, reason.Wrap(err, reason.ConfigNotWritten, "file", s.path)
	}
	s.saved = true
	return unsynced, nil
}

// keepOlder copies the file at path to path.vN if its version N is below current, so that who goes back to the older program
// finds it.
func keepOlder(path string, current int) error {
	file, err := folder.ReadFile(path, config.MaxFileSize+1)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the older file: %w", err)
	}
	version, err := config.FileVersion(path, file)
	if err != nil {
		return err
	}
	if version == current {
		return nil
	}
	if err := atomicfile.Write(fmt.Sprintf("%s.v%d", path, version), file); err != nil {
		return fmt.Errorf("keep the older file: %w", err)
	}
	return nil
}

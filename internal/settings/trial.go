package settings

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/omsgateway/omsgateway/internal/caller"
	"github.com/omsgateway/omsgateway/internal/clock"
	"github.com/omsgateway/omsgateway/internal/config"
	"github.com/omsgateway/omsgateway/internal/event"
	"github.com/omsgateway/omsgateway/internal/history"
	"github.com/omsgateway/omsgateway/internal/reason"
)

// Bounds of a trial.
const (
	MinTrial = 10 * time.Second
	MaxTrial = 24 * time.Hour
)

// methodTrial is the method of a revision that no call of the API made: a trial that went back by itself.
const methodTrial = "trial"

// Trial is a change that is in force and not in the file. Unless it is confirmed, what was in force before is in force again at its end,
// and after a restart of the gateway or a crash.
type Trial struct {
	ID       string
	Author   caller.Caller // who alone may add to it
	Client   string        // the program by which the author called
	Comment  string
	Revision uint64    // the first of the trial
	Began    time.Time // by the clock of the computer
	Ends     time.Time // as it is by the clock of the computer; what counts is the time that has passed
}

// trial is the one that runs.
type trial struct {
	Trial
	former config.Config // what the file has
	etag   string        // of former
	end    time.Duration // since boot
	timer  clock.Timer
}

// Trial returns the trial that runs, and how long it has left.
func (s *Store) Trial() (t Trial, left time.Duration, ok bool) {
	runs := s.onTrial.Load()
	if runs == nil {
		return Trial{}, 0, false
	}
	return runs.Trial, max(runs.end-s.clock.SinceBoot(), 0), true
}

// ConfirmTrial ends a trial by writing what is in force into the file. The errors are TRIAL_NOT_FOUND, and those of Update for what
// cannot be written; the trial goes on then.
func (s *Store) ConfirmTrial(ctx context.Context, req Request, id string) (*Snapshot, error) {
	t, done, err := s.lockTrial(ctx, id)
	if err != nil {
		return nil, err
	}
	defer done()
	current := s.Current()
	r := recordOf(req, t.former, current.Config)
	r.Result, r.Of, r.Trial = history.Confirmed, t.Revision, t.ID
	if r, err = s.append(r, t.etag, current); err != nil {
		return nil, err
	}
	told := event.Revision{Number: r.Revision, Hash: r.Hash()}.Of([]event.Event{event.TrialConfirmed(req.Caller, t.ID, t.Author.Name)})
	if err := s.events.Record(ctx, told); err != nil {
		s.notMade(r, req.Caller, err)
		return nil, err
	}
	unsynced, err := s.save(current.file)
	if err != nil {
		s.notMade(r, req.Caller, err)
		return nil, err
	}
	t.timer.Stop()
	s.onTrial.Store(nil)
	s.events.Made(told)
	s.tellUnsynced(unsynced)
	return current, nil
}

// CancelTrial ends a trial by putting in force again what was before. The error is TRIAL_NOT_FOUND.
func (s *Store) CancelTrial(ctx context.Context, req Request, id string) (*Snapshot, error) {
	t, done, err := s.lockTrial(ctx, id)
	if err != nil {
		return nil, err
	}
	defer done()
	s.goBack(t, req)
	return s.Current(), nil
}

// ExtendTrial gives a trial another time, from now on. The errors are TRIAL_NOT_FOUND and TRIAL_TIME_INVALID.
func (s *Store) ExtendTrial(ctx context.Context, req Request, id string, within time.Duration) error {
	if err := checkTrialTime(within); err != nil {
		return err
	}
	t, done, err := s.lockTrial(ctx, id)
	if err != nil {
		return err
	}
	defer done()
	t.timer.Stop()
	s.onTrial.Store(s.timed(*t, within))
	s.events.Emit(event.TrialExtended(req.Caller, t.ID, s.onTrial.Load().Ends))
	return nil
}

func checkTrialTime(within time.Duration) error {
	if within < MinTrial || within > MaxTrial {
		return reason.New(reason.TrialTimeInvalid, "value", within.String())
	}
	return nil
}

// lockTrial waits for the writer's turn, which done gives back, and returns the trial with this id.
func (s *Store) lockTrial(ctx context.Context, id string) (t *trial, done func(), err error) {
	if err := s.lockWriter(ctx); err != nil {
		return nil, nil, err
	}
	if t = s.onTrial.Load(); t == nil || t.ID != id {
		<-s.writer
		return nil, nil, reason.New(reason.TrialNotFound, "trial", id)
	}
	return t, func() { <-s.writer }, nil
}

// mayChange says whether a change may be made while there may be a trial. A change that changes nothing in what is in force, nor in what
// the file has, hurts nobody.
func (s *Store) mayChange(req Request, change func(*config.Config) error) error {
	t := s.onTrial.Load()
	switch {
	case req.Trial != "" && (t == nil || t.ID != req.Trial):
		return reason.New(reason.TrialNotFound, "trial", req.Trial)
	case t == nil, req.Trial != "" && isSame(t.Author, req.Caller):
		return nil
	}
	file := t.former.Clone()
	if err := change(&file); err == nil && file.Equal(t.former) {
		current := s.Current().Config
		changed := current.Clone()
		if err := change(&changed); err == nil && changed.Equal(current) {
			return nil
		}
	}
	left := max(t.end-s.clock.SinceBoot(), 0).Round(time.Second)
	return reason.New(reason.ChangeOnTrial, "caller", t.Author.Name, "trial", t.ID, "left", left.String())
}

// isSame reports whether two callers are the same by their way and their identity.
func isSame(a, b caller.Caller) bool { return a.Name == b.Name && a.Via == b.Via }

// begun is the trial that a change makes, or adds to; nil if it is none.
func (s *Store) begun(req Request, before *Snapshot) *trial {
	if t := s.onTrial.Load(); t != nil {
		return t
	}
	if req.ConfirmWithin == 0 {
		return nil
	}
	var id [4]byte
	_, _ = rand.Read(id[:]) // never fails
	return &trial{
		Trial: Trial{
			ID: hex.EncodeToString(id[:]), Author: req.Caller, Client: req.Client, Comment: req.Comment, Began: s.clock.Now(),
		},
		former: before.Config,
		etag:   before.Etag,
	}
}

// keep sees to the end of the trial, if it is one, to which a revision was added.
func (s *Store) keep(t *trial, req Request, revision uint64) {
	if t == nil {
		return
	}
	isNew := t.timer == nil
	if isNew {
		t.Revision = revision
	}
	if req.ConfirmWithin == 0 {
		return
	}
	if !isNew {
		t.timer.Stop()
	}
	t = s.timed(*t, req.ConfirmWithin)
	s.onTrial.Store(t)
	s.events.Emit(event.TrialBegun(req.Caller, t.ID, t.Ends))
}

// timed is a trial that ends after this time.
func (s *Store) timed(t trial, within time.Duration) *trial {
	t.end, t.Ends = s.clock.SinceBoot()+within, s.clock.Now().Add(within)
	t.timer = s.clock.AfterFunc(within, func() { s.overdue(t.ID) })
	return &t
}

// overdue ends the trial with this id, unless that has more time by now.
func (s *Store) overdue(id string) {
	s.writer <- struct{}{}
	defer func() { <-s.writer }()
	t := s.onTrial.Load()
	if s.closed || t == nil || t.ID != id || t.end > s.clock.SinceBoot() {
		return
	}
	s.goBack(t, Request{Caller: caller.Caller{Name: methodTrial}, Method: methodTrial})
}

// goBack puts in force what was before a trial, at once. What cannot be had at once is tried again: an effect, such as a listener whose
// port is taken by now, the record and the lines of the log of changes.
func (s *Store) goBack(t *trial, req Request) {
	before := s.Current()
	after, err := Compile(t.former, s.slots, s.files, s.calendar.Now())
	if err != nil { // what a source has brought meanwhile does not go with it
		s.events.Emit(event.Failure(event.GatewayServer, "to end a trial, which is tried again", err))
		s.onTrial.Store(s.timed(*t, retryTime))
		return
	}
	t.timer.Stop()
	s.backWithEffects(before, after)
	s.current.Store(after)
	s.onTrial.Store(nil)
	s.scheduleExpiry()
	r := recordOf(req, before.Config, after.Config)
	r.Time, r.Result, r.Of, r.Trial = s.clock.Now(), history.RolledBack, t.Revision, t.ID
	r.EtagBefore, r.Etag = before.Etag, after.Etag
	lines, told := eventsOf(req.Caller, before.Config, after.Config)
	first := event.TrialRolledBack(req.Caller, t.ID, t.Author.Name)
	s.owed.records = append(s.owed.records, owedRecord{r, append([]event.Event{first}, lines...)})
	s.events.Made(append([]event.Event{first}, told...))
	s.payOwed()
}

// retryTime is how long what a way back owes is left alone before it is tried again.
const retryTime = 10 * time.Second

// owed is what ways back from trials could not do yet.
type owed struct {
	effects map[int]*Snapshot // by the number of the effect: what it is still at
	records []owedRecord
	timer   clock.Timer // of the next try; nil if nothing is owed
}

type owedRecord struct {
	history.Record
	lines []event.Event
}

// standing is what an effect is at.
func (s *Store) standing(effect int, before *Snapshot) *Snapshot {
	if at := s.owed.effects[effect]; at != nil {
		return at
	}
	return before
}

// backWithEffects makes each effect follow from before to after, as far as it can.
func (s *Store) backWithEffects(before, after *Snapshot) {
	for i, e := range s.effects {
		at := s.standing(i, before)
		p, err := e.Prepare(context.Background(), at, after)
		if err != nil {
			s.events.Emit(event.Failure(event.GatewayServer,
				fmt.Sprintf("to put everything back, which is tried again every %s", retryTime), err))
			if s.owed.effects == nil {
				s.owed.effects = map[int]*Snapshot{}
			}
			s.owed.effects[i] = at
			continue
		}
		if p.Commit != nil {
			p.Commit()
		}
		delete(s.owed.effects, i)
	}
}

// payOwed does what is owed, as far as it can be done, and sees to it that the rest is tried again. No effect may be prepared.
func (s *Store) payOwed() {
	if len(s.owed.effects) > 0 {
		current := s.Current()
		s.backWithEffects(current, current)
	}
	_ = s.payRecords() // it has told
	if s.owed.timer != nil {
		s.owed.timer.Stop()
		s.owed.timer = nil
	}
	if len(s.owed.effects)+len(s.owed.records) > 0 {
		s.owed.timer = s.clock.AfterFunc(retryTime, func() {
			s.writer <- struct{}{}
			defer func() { <-s.writer }()
			if !s.closed {
				s.payOwed()
			}
		})
	}
}

// payRecords writes the records that are owed, and their lines. The error is also an event.
func (s *Store) payRecords() error {
	for len(s.owed.records) > 0 {
		if err := s.payRecord(&s.owed.records[0]); err != nil {
			s.events.Emit(event.Failure(event.GatewayServer,
				fmt.Sprintf("to record that a trial is over, which is tried again every %s", retryTime), err))
			return err
		}
		s.owed.records = s.owed.records[1:]
	}
	return nil
}

func (s *Store) payRecord(o *owedRecord) error {
	if o.Hash() == "" {
		r, err := s.appendOrTell(o.Record, nil)
		if err != nil {
			return err
		}
		o.Record = r
	}
	ctx, cancel := context.WithTimeout(context.Background(), retryTime)
	defer cancel()
	of := event.Revision{Number: o.Revision, Hash: o.Hash()}
	return s.events.Record(ctx, append([]event.Event{event.RevisionRecorded(caller.Caller{Name: o.Caller.Name}, of)}, of.Of(o.lines)...))
}

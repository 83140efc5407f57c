package settings

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/omsgateway/omsgateway/internal/atomicfile"
	"github.com/omsgateway/omsgateway/internal/caller"
	"github.com/omsgateway/omsgateway/internal/config"
	"github.com/omsgateway/omsgateway/internal/event"
	"github.com/omsgateway/omsgateway/internal/history"
	"github.com/omsgateway/omsgateway/internal/reason"
	"github.com/omsgateway/omsgateway/internal/secret"
)

// Methods of revisions that no call of the API made.
const (
	methodBaseline = "baseline" // the first start with a history
	methodFile     = "file"     // the file was edited while the gateway was stopped
)

// History returns the revisions of the configuration.
func (s *Store) History() *history.History { return s.history }

// record makes the revision of a change that is about to be made, as a part of a trial unless that is nil. No revision, no change:
// CHANGE_NOT_RECORDED.
func (s *Store) record(req Request, t *trial, before, after *Snapshot) (history.Record, error) {
	r := recordOf(req, before.Config, after.Config)
	if t != nil {
		r.Result, r.Trial = history.Tried, t.ID
	}
	return s.append(r, before.Etag, after)
}

// append makes a revision that leads from an etag to a snapshot, after what is owed to the history. The error is CHANGE_NOT_RECORDED.
func (s *Store) append(r history.Record, etagBefore string, after *Snapshot) (history.Record, error) {
	if err := s.payRecords(); err != nil {
		return r, reason.Wrap(err, reason.ChangeNotRecorded, "file", s.historyDir)
	}
	r.Time, r.EtagBefore, r.Etag = s.clock.Now(), etagBefore, after.Etag
	r, err := s.appendOrTell(r, withoutSecrets(after))
	if err != nil {
		return r, reason.Wrap(err, reason.ChangeNotRecorded, "file", s.historyDir)
	}
	return r, nil
}

// appendOrTell makes a revision. That it may not outlive a power cut is an event.
func (s *Store) appendOrTell(r history.Record, configuration []byte) (history.Record, error) {
	r, err := s.history.Append(r, configuration)
	if unsynced, ok := errors.AsType[*atomicfile.SyncError](err); ok {
		s.events.Emit(event.Failure(event.GatewayServer, "to make sure that a revision outlives a power cut", unsynced))
		err = nil
	}
	return r, err
}

// notMade adds to the history, and to the log of changes, that nothing came of a revision.
func (s *Store) notMade(of history.Record, who caller.Caller, why error) {
	_, err := s.history.Append(history.Record{
		Time: s.clock.Now(), Result: history.NotMade, Of: of.Revision, EtagBefore: of.EtagBefore, Etag: of.EtagBefore,
		Caller: of.Caller, Client: of.Client, Method: of.Method, Problem: why.Error(),
	}, nil)
	if err != nil {
		s.events.Emit(event.Failure(event.GatewayServer, "to record that a change was not made", err))
	}
	s.events.NotMade(who, why)
}

// catchUp brings the history to what the file has, before anybody can change anything: the first revision of all, what became of a
// change during which the gateway ended, and what was changed in the file by hand. What fails stops nothing and is an event.
func (s *Store) catchUp() {
	if err := s.catchUpOrFail(); err != nil {
		s.events.Emit(event.Failure(event.GatewayServer, "to bring the revisions up to the configuration", err))
	}
}

func (s *Store) catchUpOrFail() error {
	current := s.Current()
	found := s.lastOf()
	if !found.ok {
		req := Request{Caller: caller.Caller{Name: methodBaseline}, Method: methodBaseline}
		r := recordOf(req, current.Config, current.Config)
		r.Time, r.EtagBefore, r.Etag = s.clock.Now(), current.Etag, current.Etag
		_, err := s.history.Append(r, withoutSecrets(current))
		return err
	}
	err := s.catchUpWith(found.inForce, current)
	if t := found.onTrial; t.Trial != "" {
		return errors.Join(err, s.wentBack(t, current))
	}
	return err
}

// catchUpWith makes the history follow from the revision whose configuration the file should have to what it has.
func (s *Store) catchUpWith(last history.Record, current *Snapshot) error {
	if last.Etag == current.Etag {
		return nil
	}
	if last.EtagBefore == current.Etag {
		who := caller.Caller{Name: last.Caller.Name, Via: last.Caller.Via, Address: last.Caller.Address}
		s.notMade(last, who, errors.New("the gateway ended before the configuration was written"))
		return nil
	}
	before, err := s.configurationOf(last)
	if err == nil && sameButSecrets(before, current.Config) {
		return nil // only the encoding is another one, as after an update, or a secret was sealed again
	}
	req := Request{Caller: caller.Caller{Name: methodFile}, Method: methodFile}
	r := recordOf(req, before, current.Config)
	r.Time, r.EtagBefore, r.Etag = s.clock.Now(), last.Etag, current.Etag
	if err != nil {
		r.Changes, r.Counts, r.Problem = nil, nil, "what was different before cannot be told: "+err.Error()
	}
	r, err = s.history.Append(r, withoutSecrets(current))
	if err != nil {
		return err
	}
	lines, told := eventsOf(req.Caller, before, current.Config)
	if r.Problem != "" {
		lines, told = nil, nil
	}
	if err := s.events.Record(context.Background(), lines); err != nil {
		return err
	}
	s.events.Made(told)
	return nil
}

// wentBack adds to the history that a trial is over, since the gateway was started anew during it.
func (s *Store) wentBack(t history.Record, current *Snapshot) error {
	who := caller.Caller{Name: methodTrial}
	r := recordOf(Request{Caller: who, Method: methodTrial}, current.Config, current.Config)
	r.Time, r.Result, r.Of, r.Trial = s.clock.Now(), history.RolledBack, t.Revision, t.Trial
	r.EtagBefore, r.Etag = t.Etag, current.Etag
	r, err := s.history.Append(r, nil)
	if err != nil {
		return err
	}
	told := event.Revision{Number: r.Revision, Hash: r.Hash()}.Of([]event.Event{event.TrialRolledBack(who, t.Trial, t.Caller.Name)})
	if err := s.events.Record(context.Background(), told); err != nil {
		return err
	}
	s.events.Made(told)
	return nil
}

// lastOf is what the history says was last.
type lastOf struct {
	inForce history.Record // the revision whose configuration the file should have
	onTrial history.Record // the last change of a trial that has not come to its end; without Trial if there is none
	ok      bool           // there is an inForce
}

func (s *Store) lastOf() (last lastOf) {
	revoked, over := map[uint64]bool{}, map[string]bool{}
	for _, revision := range slices.Backward(s.history.Revisions()) {
		r, err := s.history.Record(revision)
		if err != nil {
			continue
		}
		switch r.Result {
		case history.NotMade:
			revoked[r.Of] = true
		case history.RolledBack:
			over[r.Trial] = true
		case history.Tried:
			if !over[r.Trial] && last.onTrial.Trial == "" {
				last.onTrial = r
			}
		case history.Confirmed, history.Changed:
			if revoked[r.Revision] {
				continue
			}
			last.inForce, last.ok = r, true
			return last
		}
	}
	return last
}

func (s *Store) configurationOf(r history.Record) (config.Config, error) {
	file, err := s.history.Configuration(r.Revision)
	if err != nil {
		return config.Config{}, err
	}
	return config.Decode(s.path, file)
}

// withoutSecrets is the file of a snapshot as the history keeps it.
func withoutSecrets(of *Snapshot) []byte {
	if of.Config.RelayProxy.Password == (secret.Sealed{}) {
		return of.file
	}
	c := of.Config
	c.RelayProxy.Password = secret.Sealed{}
	return c.Encode()
}

func sameButSecrets(a, b config.Config) bool {
	a.RelayProxy.Password = b.RelayProxy.Password
	return a.Equal(b)
}

// recordOf is what a change makes different, and who made it.
func recordOf(req Request, before, after config.Config) history.Record {
	r := history.Record{
		Result: history.Changed, Client: req.Client, Method: req.Method, Comment: req.Comment,
		Caller: history.Caller{Name: req.Caller.Name, Via: req.Caller.Via, Address: req.Caller.Address},
	}
	if req.Caller.Role != caller.None {
		r.Caller.Role = req.Caller.Role.String()
	}
	r.Changes = changesOf(before, after)
	if len(r.Changes) > history.MaxChanges {
		r.Changes, r.Counts = nil, history.CountsOf(r.Changes)
	}
	return r
}

// The nouns of changes, as omsgwctl has them.
const (
	nounSetting           = "setting"
	nounRelayProxy        = "relay-proxy"
	NounHost              = "allowed-host"
	NounClientCertificate = "allowed-client-certificate"
)

func changesOf(before, after config.Config) []history.Change {
	var changes []history.Change
	add := func(noun, key, old, now string) {
		if old != now {
			changes = append(changes, history.Change{Noun: noun, Key: key, Old: old, New: now})
		}
	}
	for _, row := range config.Table() {
		old, now := settingTexts(before.Settings, after.Settings, row.Key)
		add(nounSetting, row.Key, old, now)
	}
	add(nounRelayProxy, "address", before.RelayProxy.Address.String(), after.RelayProxy.Address.String())
	add(nounRelayProxy, "username", before.RelayProxy.Username, after.RelayProxy.Username)
	if before.RelayProxy.Password != after.RelayProxy.Password && !before.RelayProxy.Same(after.RelayProxy) {
		changes = append(changes, history.Change{Noun: nounRelayProxy, Key: "password"})
	}
	difference(before.AllowedHosts, after.AllowedHosts, comparePatterns, func(old, now *config.AllowedHost) {
		add(NounHost, hostKey(old, now), hostText(old), hostText(now))
	})
	difference(before.AllowedClientCertificates, after.AllowedClientCertificates, compareSubjects,
		func(old, now *config.AllowedClientCertificate) {
			switch {
			case old == nil:
				add(NounClientCertificate, now.Entry.String(), "", present)
			case now == nil:
				add(NounClientCertificate, old.Entry.String(), present, "")
			}
		})
	return changes
}

// present is the value of an entry that has no more to say than that it is there.
const present = "allowed"

func hostKey(old, now *config.AllowedHost) string {
	if now != nil {
		return now.Pattern.String()
	}
	return old.Pattern.String()
}

func hostText(h *config.AllowedHost) string {
	if h == nil {
		return ""
	}
	text := present
	if h.ClientCertificatePolicy != "" {
		text += ", client certificates " + string(h.ClientCertificatePolicy)
	}
	if account := accountText(h.Account); account != "" {
		text += ", " + account
	}
	return text
}

// accountText is an account on one line, in which two different ones differ; empty for one that says nothing.
func accountText(a config.Account) string {
	var parts []string
	for _, part := range []struct{ name, text string }{{"owner", a.Owner}, {"ticket", a.Ticket}, {"note", a.Note}} {
		if part.text != "" {
			parts = append(parts, part.name+" "+strconv.Quote(part.text))
		}
	}
	if !a.Expires.IsZero() {
		parts = append(parts, "expires "+a.Expires.Format(time.RFC3339))
	}
	return strings.Join(parts, ", ")
}

package settings_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/omsgateway/omsgateway/internal/caller"
	"github.com/omsgateway/omsgateway/internal/clock"
	"github.com/omsgateway/omsgateway/internal/config"
	"github.com/omsgateway/omsgateway/internal/osdefaults"
	"github.com/omsgateway/omsgateway/internal/reason"
	"github.com/omsgateway/omsgateway/internal/settings"
)

// trialRig is a store with a clock by hand and one allowed host, a.example.com, at port 8080.
type trialRig struct {
	*settings.Store
	t      *testing.T
	dir    string
	clock  *clock.Hand
	events *recorder
	effect *effect
}

func startTrials(t *testing.T) *trialRig {
	t.Helper()
	r := &trialRig{
		t: t, dir: t.TempDir(), events: &recorder{}, effect: &effect{name: "listener"},
		clock: clock.NewHand(time.Date(2026, 12, 4, 18, 0, 0, 0, time.UTC)),
	}
	r.open()
	update(t, r.Store, add(t, "a.example.com"))
	r.events.take()
	r.effect.log = nil
	return r
}

func (r *trialRig) open() {
	r.t.Helper()
	r.Store = open(r.t, settings.Options{Dir: r.dir, Events: r.events, Clock: r.clock})
	r.AddEffect(r.effect)
}

// try makes a change on trial as alice, and returns the id of the trial.
func (r *trialRig) try(within time.Duration, change func(*config.Config) error) string {
	r.t.Helper()
	req := alice("x")
	req.ConfirmWithin = within
	if _, _, err := r.Update(r.t.Context(), req, change); err != nil {
		r.t.Fatal(err)
	}
	trial, left, ok := r.Trial()
	if !ok || left != within || trial.Author.Name != "alice" || !trial.Ends.Equal(r.clock.Now().Add(within)) {
		r.t.Fatalf("the trial is %+v, %v, %v", trial, left, ok)
	}
	return trial.ID
}

// want compares the listen port in force and in the file, and whether a trial runs.
func (r *trialRig) want(inForce, inFile uint16, runs bool) {
	r.t.Helper()
	saved, err := config.Read(osdefaults.ConfigFile(r.dir))
	if err != nil {
		r.t.Fatal(err)
	}
	_, _, ok := r.Trial()
	if got := r.Current().Settings.ListenPort; got != inForce || saved.Settings.ListenPort != inFile || ok != runs {
		r.t.Errorf("in force %d, in the file %d, on trial: %v; want %d, %d, %v", got, saved.Settings.ListenPort, ok, inForce, inFile, runs)
	}
}

// pass lets time pass, and waits until the store has done what is due.
func (r *trialRig) pass(d time.Duration) {
	r.t.Helper()
	r.clock.Advance(d)
	if _, _, err := r.Update(r.t.Context(), settings.Request{ValidateOnly: true}, add(r.t, "a.example.com")); err != nil {
		r.t.Fatal(err)
	}
}

func TestTrialGoesBack(t *testing.T) {
	r := startTrials(t)
	id := r.try(time.Minute, set("ListenPort", "81"))
	r.want(81, 8080, true)
	r.pass(59 * time.Second)
	r.want(81, 8080, true)
	r.events.take()
	r.pass(time.Second)
	r.want(8080, 8080, false)
	want := []string{"listener: prepare 8080 to 81", "listener: commit", "listener: prepare 81 to 8080", "listener: commit"}
	if diff := cmp.Diff(want, r.effect.log); diff != "" {
		t.Errorf("effects (-want +got):\n%s", diff)
	}
	wantStory(t, r.Store,
		"1 CHANGED by baseline, baseline",
		`2 CHANGED by test, ; allowed-host a.example.com "" -> "allowed"`,
		`3 TRIED by alice, x; setting ListenPort "8080" -> "81"`,
		`4 ROLLED_BACK by trial, trial, of 3; setting ListenPort "81" -> "8080"`)
	told := strings.Join(r.events.take(), "\n")
	for _, part := range []string{
		"Trial " + id + " of a change by alice was not confirmed", `ListenPort was changed from "81" to "8080" by trial`,
	} {
		if !strings.Contains(told, part) {
			t.Errorf("the events do not say %q:\n%s", part, told)
		}
	}
	if _, err := r.ConfirmTrial(t.Context(), alice("confirm"), id); reason.Of(err) != reason.TrialNotFound {
		t.Errorf("confirmed too late: %v", err)
	}
}

func TestTrialIsConfirmed(t *testing.T) {
	r := startTrials(t)
	id := r.try(time.Minute, set("ListenPort", "81"))
	r.pass(59 * time.Second)
	bob := settings.Request{Caller: caller.Caller{Name: "bob"}, Method: "confirm"}
	if _, err := r.ConfirmTrial(t.Context(), bob, "0"); reason.Of(err) != reason.TrialNotFound {
		t.Errorf("another id: %v", err)
	}
	if _, err := r.ConfirmTrial(t.Context(), bob, id); err != nil {
		t.Fatal(err)
	}
	r.want(81, 81, false)
	r.pass(time.Hour)
	r.want(81, 81, false)
	want := []string{
		"1 CHANGED by baseline, baseline",
		`2 CHANGED by test, ; allowed-host a.example.com "" -> "allowed"`,
		`3 TRIED by alice, x; setting ListenPort "8080" -> "81"`,
		`4 CONFIRMED by bob, confirm, of 3; setting ListenPort "8080" -> "81"`,
	}
	wantStory(t, r.Store, want...)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	r.open()
	wantStory(t, r.Store, want...)
	r.want(81, 81, false)
}

// Only its author adds to a trial, by its id; all of it stands or falls together. Nobody else's change is undone by it.
func TestTrialOfSeveralChanges(t *testing.T) {
	r := startTrials(t)
	id := r.try(time.Minute, set("ListenPort", "81"))
	more := alice("y")
	refused := func(req settings.Request, change func(*config.Config) error, why reason.Reason) {
		t.Helper()
		if _, _, err := r.Update(t.Context(), req, change); reason.Of(err) != why {
			t.Errorf("%+v: %v, want %s", req, err, why)
		}
	}
	refused(more, add(t, "b.example.com"), reason.ChangeOnTrial) // does not name the trial
	more.ConfirmWithin = time.Minute
	refused(more, add(t, "b.example.com"), reason.ChangeOnTrial)
	more.ConfirmWithin, more.Trial = 0, "0"
	refused(more, add(t, "b.example.com"), reason.TrialNotFound)
	more.Trial = id
	other := more
	other.Caller = caller.Caller{Name: "bob", Via: "unix socket"}
	refused(other, add(t, "b.example.com"), reason.ChangeOnTrial)
	refused(settings.Request{}, set("ListenPort", "8080"), reason.ChangeOnTrial) // no change in the file, but in what is in force
	refused(settings.Request{}, set("ListenPort", "81"), reason.ChangeOnTrial)   // and the other way round
	if _, _, err := r.Update(t.Context(), settings.Request{}, add(t, "a.example.com")); err != nil {
		t.Errorf("what changes nothing in either: %v", err)
	}
	r.pass(30 * time.Second)
	if _, _, err := r.Update(t.Context(), more, add(t, "b.example.com")); err != nil {
		t.Fatal(err)
	}
	if _, left, _ := r.Trial(); left != 30*time.Second {
		t.Errorf("what is added gives %v", left)
	}
	more.ConfirmWithin = time.Hour
	if _, _, err := r.Update(t.Context(), more, set("DrainSeconds", "9")); err != nil {
		t.Fatal(err)
	}
	r.pass(59 * time.Minute)
	r.want(81, 8080, true)
	r.pass(time.Minute)
	r.want(8080, 8080, false)
	if s := r.Current(); len(s.Config.AllowedHosts) != 1 || drainSeconds(s.Settings) != 5 {
		t.Errorf("what is left of the trial: %v, %v", s.Config.AllowedHosts, s.Settings.DrainTimeout)
	}
	update(t, r.Store, add(t, "b.example.com"))
}

func TestTrialIsCancelledAndExtended(t *testing.T) {
	r := startTrials(t)
	id := r.try(time.Minute, set("ListenPort", "81"))
	for _, within := range []time.Duration{0, 9 * time.Second, 25 * time.Hour} {
		if err := r.ExtendTrial(t.Context(), alice("extend"), id, within); reason.Of(err) != reason.TrialTimeInvalid {
			t.Errorf("%v: %v", within, err)
		}
	}
	if err := r.ExtendTrial(t.Context(), alice("extend"), id, time.Hour); err != nil {
		t.Fatal(err)
	}
	r.pass(59 * time.Minute)
	r.want(81, 8080, true)
	if _, err := r.CancelTrial(t.Context(), alice("cancel"), id); err != nil {
		t.Fatal(err)
	}
	r.want(8080, 8080, false)
	got := story(t, r.Store)
	if want := `4 ROLLED_BACK by alice, cancel, of 3; setting ListenPort "81" -> "8080"`; got[3] != want {
		t.Errorf("the last revision is %s", got[3])
	}
	update(t, r.Store, set("ListenPort", "82"))
	r.want(82, 82, false)
}

// A restart and a crash go back: the file never had the trial.
func TestTrialEndsWithTheGateway(t *testing.T) {
	for name, end := range map[string]func(*trialRig){
		"stop":  func(r *trialRig) { _ = r.Close() },
		"crash": func(r *trialRig) { r.dir = copied(r.t, r.dir) },
	} {
		t.Run(name, func(t *testing.T) {
			r := startTrials(t)
			r.try(time.Hour, set("ListenPort", "81"))
			end(r)
			if told := strings.Join(r.events.take(), "\n"); name == "stop" && !strings.Contains(told, "before the gateway stopped") {
				t.Errorf("the stop says %s", told)
			}
			r.open()
			r.want(8080, 8080, false)
			want := []string{
				"1 CHANGED by baseline, baseline",
				`2 CHANGED by test, ; allowed-host a.example.com "" -> "allowed"`,
				`3 TRIED by alice, x; setting ListenPort "8080" -> "81"`,
				"4 ROLLED_BACK by trial, trial, of 3",
			}
			wantStory(t, r.Store, want...)
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
			r.open()
			wantStory(t, r.Store, want...)
		})
	}
}

// copied is a folder with the content of dir, as a crash leaves it.
func copied(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

// The way back waits for nothing: neither for a port that is taken, nor for the disk.
func TestWayBackThatIsNotOpen(t *testing.T) {
	r := startTrials(t)
	r.try(time.Minute, func(c *config.Config) error {
		return errors.Join(set("ListenPort", "81")(c), add(t, "b.example.com")(c))
	})
	r.effect.err = errors.New("the port is taken")
	r.events.refuse = errors.New("the disk is full")
	r.pass(time.Minute)
	r.want(8080, 8080, false)
	if allowed(t, r.Current(), "b.example.com:443") {
		t.Error("the host is still allowed")
	}
	told := strings.Join(r.events.take(), "\n")
	if !strings.Contains(told, "tried again every 10s: ") || !strings.Contains(told, "the disk is full") {
		t.Errorf("the events say %s", told)
	}
	if got := story(t, r.Store); len(got) != 4 || !strings.HasPrefix(got[3], "4 ROLLED_BACK") {
		t.Errorf("the history is %q", got)
	}
	// Nothing new is recorded before what is owed; and a change of something else need not wait for the port.
	if _, _, err := r.Update(t.Context(), settings.Request{}, add(t, "c.example.com")); reason.Of(err) != reason.ChangeNotRecorded {
		t.Errorf("a change is made over what is owed: %v", err)
	}
	r.events.refuse, r.events.recorded = nil, nil
	update(t, r.Store, add(t, "c.example.com"))
	r.pass(10 * time.Second)
	if recorded := strings.Join(r.events.recorded, "\n"); !strings.Contains(recorded, "was not confirmed") {
		t.Errorf("the log of changes says %s", recorded)
	}
	r.effect.err, r.effect.log = nil, nil
	r.pass(10 * time.Second)
	if got := r.effect.log; len(got) < 2 || got[0] != "listener: prepare 81 to 8080" || got[1] != "listener: commit" {
		t.Errorf("the listener: %q", got)
	}
	r.effect.log = nil
	r.pass(10 * time.Second)
	update(t, r.Store, set("ListenPort", "83"))
	if diff := cmp.Diff([]string{"listener: prepare 8080 to 83", "listener: commit"}, r.effect.log); diff != "" {
		t.Errorf("the listener afterwards (-want +got):\n%s", diff)
	}
}

// A change made while a listener is owed begins where that listener is.
func TestChangeWhileAListenerIsOwed(t *testing.T) {
	r := startTrials(t)
	id := r.try(time.Minute, set("ListenPort", "81"))
	r.effect.err = errors.New("taken")
	if _, err := r.CancelTrial(t.Context(), alice("cancel"), id); err != nil {
		t.Fatal(err)
	}
	r.effect.err, r.effect.log = nil, nil
	update(t, r.Store, set("ListenPort", "83"))
	r.pass(time.Minute)
	want := []string{"listener: prepare 81 to 83", "listener: commit"}
	if diff := cmp.Diff(want, r.effect.log[:2]); diff != "" {
		t.Errorf("the listener (-want +got):\n%s", diff)
	}
}

// What a source brings during a trial stays when it goes back.
func TestSourceDuringATrial(t *testing.T) {
	r := startTrials(t)
	r.try(time.Minute, add(t, "b.example.com"))
	learn(t, r.Store, learned(t, "l.example.com"))
	r.pass(time.Minute)
	for host, want := range map[string]bool{"a.example.com:443": true, "b.example.com:443": false, "l.example.com:443": true} {
		if got := allowed(t, r.Current(), host); got != want {
			t.Errorf("%s is allowed: %v", host, got)
		}
	}
}

func TestTrialThatCannotBeConfirmed(t *testing.T) {
	r := startTrials(t)
	id := r.try(time.Minute, set("ListenPort", "81"))
	r.events.refuse = errors.New("the disk is full")
	if _, err := r.ConfirmTrial(context.Background(), alice("confirm"), id); err == nil {
		t.Error("confirmed without its line")
	}
	r.want(81, 8080, true)
	r.events.refuse = nil
	r.pass(time.Minute)
	r.want(8080, 8080, false)
	r.dir = copied(t, r.dir)
	r.open()
	r.want(8080, 8080, false)
	if _, ok := r.History().Last(); !ok {
		t.Error("no history")
	}
}

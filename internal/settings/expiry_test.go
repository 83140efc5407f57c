package settings_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/omsgateway/omsgateway/internal/caller"
	"github.com/omsgateway/omsgateway/internal/clock"
	"github.com/omsgateway/omsgateway/internal/config"
	"github.com/omsgateway/omsgateway/internal/osdefaults"
	"github.com/omsgateway/omsgateway/internal/policy"
	"github.com/omsgateway/omsgateway/internal/reason"
	"github.com/omsgateway/omsgateway/internal/settings"
)

// expiryRig is a store that follows the date by a clock by hand.
type expiryRig struct {
	*settings.Store
	t      *testing.T
	dir    string
	clock  *clock.Hand
	events *recorder
}

func startExpiries(t *testing.T) *expiryRig {
	t.Helper()
	r := &expiryRig{
		t: t, dir: t.TempDir(), events: &recorder{}, clock: clock.NewHand(time.Date(2026, 12, 4, 18, 0, 0, 0, time.UTC)),
	}
	r.open()
	return r
}

func (r *expiryRig) open() {
	r.t.Helper()
	r.Store = open(r.t, settings.Options{Dir: r.dir, Events: r.events, Clock: r.clock})
	r.StartExpiries()
}

func (r *expiryRig) close() {
	r.t.Helper()
	if err := r.Close(); err != nil {
		r.t.Fatal(err)
	}
}

// add allows a host for so long from now on.
func (r *expiryRig) add(host string, within time.Duration) {
	r.t.Helper()
	update(r.t, r.Store, func(c *config.Config) error {
		c.AddHosts(config.AllowedHost{
			Pattern: pattern(r.t, host), Account: config.Account{Owner: "ops", Ticket: "CHG-7", Expires: r.clock.Now().Add(within)},
		})
		return nil
	})
	r.events.take()
}

func (r *expiryRig) want(host string, want bool) {
	r.t.Helper()
	if got := allowed(r.t, r.Current(), host+":443"); got != want {
		r.t.Errorf("%s at %v: allowed %v, want %v", host, r.clock.Now(), got, want)
	}
}

// told returns the notices among the events, each as how far away the expiry is, "expired" when it has come.
func (r *expiryRig) told() (notices []string) {
	for _, text := range r.events.take() {
		switch {
		case strings.Contains(text, "has expired at"), strings.Contains(text, "have expired"):
			notices = append(notices, "expired")
		case strings.Contains(text, " expires in "):
			_, in, _ := strings.Cut(text, " expires ")
			in, _, _ = strings.Cut(in, ",")
			notices = append(notices, in)
		default:
			notices = append(notices, text)
		}
	}
	return notices
}

func TestHostExpires(t *testing.T) {
	r := startExpiries(t)
	r.add("a.example.com", 14*24*time.Hour)
	etag := r.Current().Etag
	for _, step := range []struct {
		pass time.Duration
		told []string
	}{
		{7*24*time.Hour - time.Second, nil},
		{time.Second, []string{"in a week"}},
		{6*24*time.Hour - time.Second, nil},
		{time.Second, []string{"in a day"}},
		{23 * time.Hour, []string{"in an hour"}},
		{time.Hour - time.Second, nil},
	} {
		r.clock.Advance(step.pass)
		if diff := cmp.Diff(step.told, r.told()); diff != "" {
			t.Errorf("at %v (-want +got):\n%s", r.clock.Now(), diff)
		}
		r.want("a.example.com", true)
	}
	r.clock.Advance(time.Second)
	r.want("a.example.com", false)
	texts := r.events.take()
	if len(texts) != 1 || !strings.Contains(texts[0], "Allowed host a.example.com has expired at 2026-12-18T18:00:00Z") ||
		!strings.Contains(texts[0], "owner is ops") || !strings.Contains(texts[0], "ticket is CHG-7") {
		t.Errorf("told %q", texts)
	}
	now := r.Current()
	if len(now.Config.AllowedHosts) != 1 || !now.HasExpired(now.Config.AllowedHosts[0]) || now.Etag != etag {
		t.Errorf("the list has %+v, with etag %s, want the host still, with %s", now.Config.AllowedHosts, now.Etag, etag)
	}

	// It is allowed again once it has more time.
	update(t, r.Store, func(c *config.Config) error {
		c.SetHost(pattern(t, "a.example.com"), func(h *config.AllowedHost) { h.Account.Expires = r.clock.Now().Add(time.Minute) })
		return nil
	})
	r.want("a.example.com", true)
	r.clock.Advance(time.Minute)
	r.want("a.example.com", false)
}

func TestExpiredHostDeniesNothing(t *testing.T) {
	r := startExpiries(t)
	r.add("a.example.com", time.Minute)
	r.add("b.example.org", time.Minute)
	update(t, r.Store, add(t, "*.example.com"))
	learned := settings.Slot{Entries: []policy.Entry{{Pattern: pattern(t, "b.example.org")}}}
	if err := r.Put(t.Context(), policy.Learned, learned); err != nil {
		t.Fatal(err)
	}
	r.clock.Advance(time.Minute)
	r.want("a.example.com", true)
	r.want("b.example.org", true)
}

// What ended while the gateway was stopped is told once when it runs again, and of several notices only the last.
func TestExpiryWhileStopped(t *testing.T) {
	r := startExpiries(t)
	r.add("a.example.com", 14*24*time.Hour)
	r.add("b.example.com", 15*24*time.Hour+time.Minute)
	r.close()
	r.clock.Advance(14*24*time.Hour + time.Minute)
	r.open()
	if diff := cmp.Diff([]string{"in a day", "expired"}, r.told()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	r.want("a.example.com", false)
	r.want("b.example.com", true)
	r.close()
	r.open()
	if told := r.told(); len(told) > 0 {
		t.Errorf("told again: %q", told)
	}
}

func TestManyHostsExpireWithOneEvent(t *testing.T) {
	r := startExpiries(t)
	update(t, r.Store, func(c *config.Config) error {
		for i := range 101 {
			c.AddHosts(config.AllowedHost{
				Pattern: pattern(t, fmt.Sprintf("a%d.example.com", i)), Account: config.Account{Expires: r.clock.Now().Add(time.Minute)},
			})
		}
		return nil
	})
	r.events.take()
	r.clock.Advance(time.Minute)
	if texts := r.events.take(); len(texts) != 1 || !strings.HasPrefix(texts[0], "101 allowed hosts have expired") {
		t.Errorf("told %q", texts)
	}
}

// A clock that somebody sets makes nothing expire, nor live longer.
func TestExpiryFollowsTheTimeThatPasses(t *testing.T) {
	for _, jump := range []time.Duration{365 * 24 * time.Hour, -365 * 24 * time.Hour} {
		r := startExpiries(t)
		r.add("a.example.com", time.Hour+time.Minute)
		r.clock.Set(r.clock.Now().Add(jump))
		r.clock.Advance(time.Hour)
		r.want("a.example.com", true)
		r.close()
		r.open()
		r.want("a.example.com", true)
		r.clock.Advance(time.Minute)
		r.want("a.example.com", false)
	}
}

func TestExpiryWaitsWhileTheClockIsInDoubt(t *testing.T) {
	for name, end := range map[string]func(r *expiryRig){
		"until it is synchronised": func(r *expiryRig) {
			r.clock.SetSynchronised(true)
			r.clock.Advance(time.Minute)
		},
		"until somebody says that it is right": func(r *expiryRig) {
			date, err := r.TrustClock(r.t.Context(), caller.Caller{Name: "alice"})
			if err != nil || !date.Equal(r.clock.Now()) {
				r.t.Errorf("TrustClock = %v, %v", date, err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := startExpiries(t)
			r.add("a.example.com", time.Hour)
			r.add("b.example.com", 365*24*time.Hour)
			r.close()
			r.clock.Reboot(31 * 24 * time.Hour)
			r.open()
			r.clock.Advance(24 * time.Hour)
			r.want("a.example.com", true)
			if reason.Of(r.DateInDoubt()) != reason.ClockInDoubt {
				t.Errorf("DateInDoubt = %v", r.DateInDoubt())
			}
			texts := r.events.take()
			if len(texts) != 1 || !strings.HasPrefix(texts[0], "Failed to tell whether allowed hosts have expired: the clock") {
				t.Errorf("told %q, want it once", texts)
			}
			r.close()
			r.open()
			r.want("a.example.com", true)
			r.events.take()

			end(r)
			r.want("a.example.com", false)
			r.want("b.example.com", true)
			if r.DateInDoubt() != nil {
				t.Errorf("DateInDoubt = %v", r.DateInDoubt())
			}
			if told := r.told(); len(told) != 2 || told[1] != "expired" {
				t.Errorf("told %q, want that the doubt is over and that the host has expired", told)
			}
		})
	}
}

// Without a host that expires, nobody needs the date.
func TestNoDoubtWithoutExpiries(t *testing.T) {
	r := startExpiries(t)
	update(t, r.Store, add(t, "a.example.com"))
	r.close()
	r.clock.Reboot(-time.Hour)
	r.events.take()
	r.open()
	r.clock.Advance(time.Hour - time.Minute)
	if told := r.events.take(); len(told) > 0 || r.DateInDoubt() != nil {
		t.Errorf("told %q, in doubt: %v", told, r.DateInDoubt())
	}
	r.add("b.example.com", time.Hour)
	r.clock.Advance(time.Minute)
	if told := r.events.take(); len(told) != 1 || !strings.Contains(told[0], "omsgwctl clock trust") {
		t.Errorf("told %q, want the doubt", told)
	}
	r.want("b.example.com", true)
}

func TestTrialAndExpiry(t *testing.T) {
	r := startExpiries(t)
	r.add("a.example.com", time.Hour)
	req := settings.Request{Caller: caller.Caller{Name: "alice"}, ConfirmWithin: 2 * time.Hour}
	if _, _, err := r.Update(t.Context(), req, add(t, "b.example.com")); err != nil {
		t.Fatal(err)
	}
	r.clock.Advance(time.Hour)
	r.want("a.example.com", false)
	r.want("b.example.com", true)
	r.clock.Advance(time.Hour)
	r.want("a.example.com", false)
	r.want("b.example.com", false)
}

func TestDateThatCannotBeWritten(t *testing.T) {
	r := startExpiries(t)
	r.add("a.example.com", time.Hour)
	file := osdefaults.DateFile(r.dir)
	if err := errors.Join(os.Remove(file), os.MkdirAll(filepath.Join(file, "not empty"), 0o700)); err != nil {
		t.Fatal(err)
	}
	r.clock.Advance(time.Hour)
	r.want("a.example.com", false)
	if texts := strings.Join(r.events.take(), "\n"); !strings.Contains(texts, "Failed to keep the date for the next start") {
		t.Errorf("told %s", texts)
	}
}
